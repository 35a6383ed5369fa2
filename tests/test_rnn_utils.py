"""Padding and packing sequences."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from minitorch.nn.utils import rnn

ROWS = [
    ("pack", lambda u, xs, n: u.pack_padded_sequence(xs, n)),
    ("batch first", lambda u, xs, n: u.pack_padded_sequence(xs.transpose(0, 1), n, batch_first=True)),
    ("unsorted", lambda u, xs, n: u.pack_padded_sequence(xs, n.flip(0), enforce_sorted=False)),
    ("there and back", lambda u, xs, n: u.pad_packed_sequence(u.pack_padded_sequence(xs, n))),
    (
        "there and back, unsorted",
        lambda u, xs, n: u.pad_packed_sequence(
            u.pack_padded_sequence(xs, n.flip(0), enforce_sorted=False), True, -1.0, total_length=7
        ),
    ),
    ("pad", lambda u, xs, n: u.pad_sequence([x[:k] for x, k in zip(xs.unbind(1), n.tolist())])),
    ("pad, left", lambda u, xs, n: u.pad_sequence([xs[:2, 0], xs[:4, 1]], True, 3.0, "left")),
    ("unpad", lambda u, xs, n: u.unpad_sequence(xs * 1, n)),
    ("pack a list", lambda u, xs, n: u.pack_sequence([xs[:2, 0], xs[:4, 1]], enforce_sorted=False)),
    ("unpack", lambda u, xs, n: u.unpack_sequence(u.pack_sequence([xs[:2, 0], xs[:4, 1]], enforce_sorted=False))),
]
VALUES = np.random.default_rng(0).normal(size=(5, 3, 2))
LENGTHS = [5, 3, 3]


@pytest.mark.parametrize("function", [row[1] for row in ROWS], ids=[row[0] for row in ROWS])
def test_values_and_gradients_are_pytorchs(function):
    torch = pytest.importorskip("torch")
    results = []
    for library in (minitorch, torch):
        x = library.tensor(VALUES.tolist(), dtype=library.float64, requires_grad=True)
        out = function(library.nn.utils.rnn, x, library.tensor(LENGTHS))
        parts = [t for t in (out if isinstance(out, (tuple, list)) else [out]) if t is not None]
        total = sum(((t + 1) ** 2).sum() for t in parts if t.is_floating_point())
        total.backward()
        results.append([*parts, x.grad])
    for ours, theirs in zip(*results, strict=True):
        assert repr(ours.dtype) == repr(theirs.dtype)
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("function", [row[1] for row in ROWS], ids=[row[0] for row in ROWS])
def test_gradients_of_two_orders(function):
    x = minitorch.tensor(VALUES, requires_grad=True)

    def run(x):
        out = function(rnn, x, minitorch.tensor(LENGTHS))
        parts = out if isinstance(out, (tuple, list)) else [out]
        return tuple(t for t in parts if t is not None and t.requires_grad)

    assert minitorch.autograd.gradcheck(run, x)
    assert minitorch.autograd.gradgradcheck(lambda x: tuple(t**2 for t in run(x)), x)


def test_a_packed_sequence_is_a_tuple_of_four():
    packed = rnn.pack_padded_sequence(minitorch.tensor(VALUES), [3, 5, 1], enforce_sorted=False)
    assert packed._fields == ("data", "batch_sizes", "sorted_indices", "unsorted_indices")
    assert packed.batch_sizes.tolist() == [3, 2, 2, 1, 1]
    assert packed.sorted_indices.tolist() == [1, 0, 2] and packed.unsorted_indices.tolist() == [1, 0, 2]
    assert repr(packed).startswith("PackedSequence(data=tensor([[")
    assert packed.data.requires_grad is False
    changed = packed.float()
    assert changed.data.dtype is minitorch.float32 and changed.batch_sizes is packed.batch_sizes
    assert packed.to(minitorch.float64) is packed and packed.cpu() is packed
    assert not packed.is_cuda
    for name in ("double", "half", "long", "int", "short", "char", "byte"):
        assert repr(getattr(packed, name)().data.dtype) == repr(getattr(packed.data, name)().dtype)


def test_names_the_graph_node():
    x = minitorch.tensor(VALUES, requires_grad=True)
    assert rnn.pack_padded_sequence(x, LENGTHS).data.grad_fn.name() == "PackPaddedSequenceBackward0"


REFUSED = [
    (RuntimeError, "greater than 0", lambda u, x: u.pack_padded_sequence(x, [5, 3, 0])),
    (RuntimeError, "sorted in decreasing order", lambda u, x: u.pack_padded_sequence(x, [3, 5, 1])),
    (RuntimeError, "equal to batch_size", lambda u, x: u.pack_padded_sequence(x, [3, 2])),
    (RuntimeError, "empty", lambda u, x: u.pack_padded_sequence(x[:, :0], [])),
    (RuntimeError, "empty list", lambda u, x: u.pad_sequence([])),
    (RuntimeError, "empty list", lambda u, x: u.pack_sequence([])),
    (RuntimeError, "left or right", lambda u, x: u.pad_sequence([x], padding_side="top")),
    (RuntimeError, "first dimension only", lambda u, x: u.pad_sequence([x, x[:, :2]])),
    (RuntimeError, "iterable", lambda u, x: u.pad_sequence(3)),
    (ValueError, "max sequence length", lambda u, x: u.pad_packed_sequence(u.pack_sequence([x[:, 0]]), total_length=4)),
]


@pytest.mark.parametrize(("error", "match", "call"), REFUSED)
def test_refused(error, match, call):
    with pytest.raises(error, match=match):
        call(rnn, minitorch.tensor(VALUES))
    torch = pytest.importorskip("torch")
    with pytest.raises(error):
        call(torch.nn.utils.rnn, torch.tensor(VALUES))


def test_a_length_beyond_the_input_is_refused():
    with pytest.raises(RuntimeError, match="a length of 6 is beyond the input's, 5"):
        rnn.pack_padded_sequence(minitorch.tensor(VALUES), [6, 3, 3])
