"""Recurrent layers and cells, against PyTorch where it is installed and against differences everywhere."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import minitorch
from minitorch import nn

F64 = minitorch.float64
LAYERS = {
    "RNN": {},
    "RNN relu": {"nonlinearity": "relu"},
    "LSTM": {},
    "LSTM projected": {"proj_size": 2},
    "GRU": {},
}
OPTIONS = [
    {},
    {"num_layers": 2},
    {"bias": False},
    {"batch_first": True},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "batch_first": True},
]


def make(library, kind, **options):
    name = kind.split()[0]
    return getattr(library.nn, name)(3, 4, dtype=library.float64, **LAYERS[kind], **options)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def states_of(layer, batch, library):
    """Random states for ``layer``."""
    directions = layer.num_layers * (2 if layer.bidirectional else 1)
    h = library.tensor(numbers(directions, batch, layer.proj_size or 4, seed=1).tolist(), dtype=library.float64)
    if type(layer).__name__ != "LSTM":
        return h
    return h, library.tensor(numbers(directions, batch, 4, seed=2).tolist(), dtype=library.float64)


def flat(result):
    if isinstance(result, (tuple, list)):
        return [t for part in result for t in flat(part)]
    return [] if result is None else [result]


def assert_same(ours, theirs):
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-11)


def weights_over(torch, source, target):
    """Copies the weights of a minitorch layer into PyTorch's of the same kind."""
    target.load_state_dict({k: torch.tensor(v.numpy()) for k, v in source.state_dict().items()})


def total(library, result):
    return sum((t * (i + 1)).sin().sum() for i, t in enumerate(flat(result)) if t.dtype is library.float64)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", LAYERS)
def test_layers_are_pytorchs(kind, options):
    torch = pytest.importorskip("torch")
    ours, theirs = make(minitorch, kind, **options), make(torch, kind, **options)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    weights_over(torch, ours, theirs)
    shape = (2, 5, 3) if options.get("batch_first") else (5, 2, 3)
    for with_states in (False, True):
        results, gradients = [], []
        for library, layer in ((minitorch, ours), (torch, theirs)):
            layer.zero_grad()
            x = library.tensor(numbers(*shape).tolist(), dtype=library.float64, requires_grad=True)
            hx = states_of(layer, 2, library) if with_states else None
            leaves = [t.requires_grad_() for t in flat(hx)]
            result = layer(x, hx)
            total(library, result).backward()
            results.append(result)
            gradients.append([x.grad, *(t.grad for t in leaves), *(p.grad for p in layer.parameters())])
        assert_same(*results)
        assert_same(*gradients)


@pytest.mark.parametrize("kind", LAYERS)
def test_weights_come_back(kind):
    torch = pytest.importorskip("torch")
    theirs = make(torch, kind, num_layers=2)
    ours = make(minitorch, kind, num_layers=2)
    ours.load_state_dict({k: minitorch.tensor(v.tolist(), dtype=F64) for k, v in theirs.state_dict().items()})
    x = numbers(4, 2, 3)
    assert_same(ours(minitorch.tensor(x)), theirs(torch.tensor(x)))
    assert [[w.shape for w in ws] for ws in ours.all_weights] == [[w.shape for w in ws] for ws in theirs.all_weights]
    assert ours._flat_weights_names == theirs._flat_weights_names


@pytest.mark.parametrize("kind", LAYERS)
def test_without_a_batch(kind):
    layer = make(minitorch, kind, bidirectional=True)
    x = minitorch.tensor(numbers(5, 3))
    hx = states_of(layer, 1, minitorch)
    single = layer(x, tuple(s[:, 0] for s in hx) if isinstance(hx, tuple) else hx[:, 0])
    batch = layer(x.unsqueeze(1), hx)
    assert_same(single, [t.squeeze(1) for t in flat(batch)])


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
@pytest.mark.parametrize("kind", LAYERS)
def test_packed_sequences_are_each_by_itself(kind, options):
    layer = make(minitorch, kind, **options)
    lengths = [2, 5, 1, 5]
    sequences = [minitorch.tensor(numbers(n, 3, seed=n)) for n in lengths]
    hx = states_of(layer, 4, minitorch)
    packed = nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False)
    out, last = layer(packed, hx)
    assert isinstance(out, nn.utils.rnn.PackedSequence)
    for k, (sequence, row) in enumerate(zip(sequences, nn.utils.rnn.unpack_sequence(out))):
        part = tuple(s[:, k] for s in hx) if isinstance(hx, tuple) else hx[:, k]
        alone, ends = layer(sequence, part)
        assert_same(row, alone)
        assert_same([s[:, k] for s in flat(last)], flat(ends))


@pytest.mark.parametrize("kind", LAYERS)
def test_packed_sequences_are_pytorchs(kind):
    torch = pytest.importorskip("torch")
    ours, theirs = make(minitorch, kind, bidirectional=True), make(torch, kind, bidirectional=True)
    weights_over(torch, ours, theirs)
    results, gradients = [], []
    for library, layer in ((minitorch, ours), (torch, theirs)):
        x = library.tensor(numbers(5, 3, 3).tolist(), dtype=library.float64, requires_grad=True)
        packed = library.nn.utils.rnn.pack_padded_sequence(x, library.tensor([2, 5, 3]), enforce_sorted=False)
        out, last = layer(packed)
        padded, lengths = library.nn.utils.rnn.pad_packed_sequence(out, padding_value=0.5, total_length=6)
        total(library, (padded, last)).backward()
        results.append((out, padded, lengths, last))
        gradients.append([x.grad, *(p.grad for p in layer.parameters())])
    assert_same(*results)
    assert_same(*gradients)


@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_of_two_orders(kind):
    """By input, states and weights, over steps of which the later ones have fewer examples."""
    layer = make(minitorch, kind, bidirectional=True)
    names = [name for name, _ in layer.named_parameters() if name.endswith("_l0")]
    x = minitorch.tensor(numbers(5, 3), requires_grad=True)
    hx = [s.requires_grad_() for s in flat(states_of(layer, 3, minitorch))]
    sizes = minitorch.tensor([3, 2])

    def run(x, *rest):
        states, weights = rest[: len(hx)], rest[len(hx) :]
        packed = nn.utils.rnn.PackedSequence(x, sizes)
        replaced = dict(zip(names, weights))
        kept = dict(layer._parameters)
        layer._parameters.update(replaced)
        try:
            out, last = layer(packed, states if len(states) > 1 else states[0])
        finally:
            layer._parameters.update(kept)
        return (out.data, *flat(last))

    weights = [dict(layer.named_parameters())[name] for name in names]
    assert minitorch.autograd.gradcheck(run, (x, *hx, *weights))
    layer = make(minitorch, kind)
    names = names[:2]
    assert minitorch.autograd.gradgradcheck(run, (x, *(h[:1].detach().requires_grad_() for h in hx), *weights[:2]))


def test_a_state_computed_from_a_weight():
    """Where one input of the operation depends on another, each gets its own part of the second derivative."""
    layer = nn.RNN(2, 2, dtype=F64)
    x = minitorch.tensor(numbers(3, 1, 2), requires_grad=True)

    def run(x, w):
        layer._parameters["weight_hh_l0"] = w
        return layer(x, (w * w)[:1].unsqueeze(0))[0]

    assert minitorch.autograd.gradgradcheck(run, (x, layer.weight_hh_l0))


@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("bias", [True, False])
def test_cells(name, bias):
    torch = pytest.importorskip("torch")
    ours = getattr(minitorch.nn, name)(3, 4, bias=bias, dtype=F64)
    theirs = getattr(torch.nn, name)(3, 4, bias=bias, dtype=torch.float64)
    weights_over(torch, ours, theirs)
    assert repr(ours) == repr(theirs)
    for shape in ((2, 3), (3,)):
        results, gradients = [], []
        for library, cell in ((minitorch, ours), (torch, theirs)):
            cell.zero_grad()
            x = library.tensor(numbers(*shape).tolist(), dtype=library.float64, requires_grad=True)
            states = cell(x)
            states = cell(x * 2, states)
            total(library, states).backward()
            results.append(states)
            gradients.append([x.grad, *(p.grad for p in cell.parameters())])
        assert_same(*results)
        assert_same(*gradients)


def test_relu_cell():
    cell = nn.RNNCell(3, 4, nonlinearity="relu")
    assert repr(cell) == "RNNCell(3, 4, nonlinearity=relu)"
    assert (cell(minitorch.randn(5, 3)) >= 0).all()


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_layer_repeats_its_cell(kind):
    layer = make(minitorch, kind)
    cell = getattr(nn, kind + "Cell")(3, 4, dtype=F64)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x = minitorch.tensor(numbers(4, 2, 3))
    out, last = layer(x)
    state, rows = None, []
    for row in x:
        state = cell(row, state)
        rows.append(state[0] if isinstance(state, tuple) else state)
    assert_same(out, minitorch.stack(rows))
    assert_same([s[0] for s in flat(last)], state)


def test_initial_weights_are_uniform():
    minitorch.manual_seed(0)
    layer = nn.GRU(30, 25)
    values = np.concatenate([p.detach().numpy().ravel() for p in layer.parameters()])
    assert abs(values).max() <= 0.2
    np.testing.assert_allclose([values.mean(), values.var()], [0, 0.2**2 / 3], atol=7e-3)  # four times the scatter


def test_dropout_is_between_layers_in_training_only():
    minitorch.manual_seed(0)
    layer = nn.LSTM(3, 4, num_layers=2, dropout=1.0)
    x = minitorch.randn(5, 2, 3)
    zeros = nn.LSTM(4, 4)
    zeros.load_state_dict({k.replace("l1", "l0"): v for k, v in layer.state_dict().items() if "l1" in k})
    assert_same(layer(x)[0], zeros(minitorch.zeros(5, 2, 4))[0])
    layer.eval()
    assert not minitorch.allclose(layer(x)[0], zeros(minitorch.zeros(5, 2, 4))[0])
    assert_same(layer(x), layer(x))


def test_without_gradients_nothing_is_recorded():
    layer = nn.LSTM(3, 4)
    with minitorch.no_grad():
        out, (h, c) = layer(minitorch.randn(5, 2, 3))
    assert not (out.requires_grad or h.requires_grad or c.requires_grad)


def test_half_precision_is_summed_in_single():
    layer = nn.GRU(3, 4).half()
    out, _ = layer(minitorch.randn(5, 2, 3).half())
    assert out.dtype is minitorch.float16
    out.sum().backward()
    assert layer.weight_hh_l0.grad.dtype is minitorch.float16


def test_large_sums_saturate():
    layer = nn.LSTM(1, 1)
    out, (_, c) = layer(minitorch.full((3, 1, 1), 1e30))
    assert minitorch.isfinite(out).all() and minitorch.isfinite(c).all()


def test_a_changed_state_is_noticed():
    layer = nn.RNN(3, 4)
    h = minitorch.zeros(1, 2, 4)
    out, _ = layer(minitorch.randn(5, 2, 3), h)
    h.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_copies_and_saves_like_any_module():
    layer = nn.LSTM(3, 4, num_layers=2)
    twin = copy.deepcopy(layer)
    x = minitorch.randn(5, 2, 3)
    assert_same(layer(x), twin(x))
    assert layer.flatten_parameters() is None
    assert layer.double()(x.double())[0].dtype is F64


def test_an_empty_batch():
    out, h = nn.GRU(3, 4)(minitorch.zeros(5, 0, 3))
    assert out.shape == (5, 0, 4) and h.shape == (1, 0, 4)


X = minitorch.zeros(5, 2, 3)
BAD_INPUT = [
    (lambda m: m.nn.LSTM(3, 4), lambda m, layer: layer(m.zeros(3)), "Expected input to be 2D or 3D, got 1D"),
    (lambda m: m.nn.LSTM(3, 4), lambda m, layer: layer(m.zeros(5, 2, 4)), "Expected 3, got 4"),
    (lambda m: m.nn.LSTM(3, 4), lambda m, layer: layer(m.zeros(5, 2, 3).double()), "does not match weight dtype"),
    (lambda m: m.nn.LSTM(3, 4), lambda m, layer: layer(m.zeros(0, 2, 3)), "larger than 0"),
    (
        lambda m: m.nn.LSTM(3, 4),
        lambda m, layer: layer(m.zeros(5, 2, 3), (m.zeros(1, 3, 4), m.zeros(1, 2, 4))),
        r"Expected hidden\[0\] size \(1, 2, 4\), got \[1, 3, 4\]",
    ),
    (lambda m: m.nn.GRU(3, 4), lambda m, layer: layer(m.zeros(5, 2, 3), m.zeros(2, 4)), "should also be 3-D"),
    (lambda m: m.nn.GRU(3, 4), lambda m, layer: layer(m.zeros(5, 3), m.zeros(1, 1, 4)), "should also be 2-D"),
    (lambda m: m.nn.GRU(3, 4), lambda m, layer: layer(m.zeros(5, 2, 3), m.zeros(1, 2, 3)), "Expected hidden size"),
    (
        lambda m: m.nn.GRU(3, 4),
        lambda m, layer: layer(m.zeros(5, 2, 3), m.zeros(1, 2, 4).double()),
        "float32.*float64",
    ),
    (lambda m: m.nn.LSTMCell(3, 4), lambda m, cell: cell(m.zeros(2, 2, 3)), "Expected input to be 1D or 2D"),
    (lambda m: m.nn.LSTMCell(3, 4), lambda m, cell: cell(m.zeros(2, 4)), "got 4 expected 3"),
    (lambda m: m.nn.LSTMCell(3, 4), lambda m, cell: cell(m.zeros(2, 3), m.zeros(2, 4)), "tuple of two Tensors"),
    (lambda m: m.nn.GRUCell(3, 4), lambda m, cell: cell(m.zeros(2, 3), m.zeros(3, 4)), r"hidden0 of shape \(2, 4\)"),
    (lambda m: m.nn.RNNCell(3, 4), lambda m, cell: cell(m.zeros(2, 3), m.zeros(2, 5)), r"got \(2, 5\)"),
    (
        lambda m: m.nn.RNNCell(3, 4),
        lambda m, cell: cell(m.zeros(2, 3), m.zeros(2, 1, 1, 4)),
        "Expected hidden0 to be 1D or 2D, got 4D",
    ),
]


@pytest.mark.parametrize(("make", "call", "match"), BAD_INPUT)
def test_bad_input(make, call, match):
    layer = make(minitorch)
    with pytest.raises(Exception, match=match) as ours:
        call(minitorch, layer)
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs:
        call(torch, make(torch))
    assert ours.type is theirs.type


BAD_ARGUMENTS = [
    ("LSTM", (3, 4), {"num_layers": 0}),
    ("LSTM", (3, 4), {"dropout": 2}),
    ("LSTM", (3, 4), {"proj_size": 4}),
    ("LSTM", (3, 4), {"proj_size": -1}),
    ("LSTM", (3, 4.0), {}),
    ("LSTM", (3, 0), {}),
    ("RNN", (0, 4), {}),
    ("GRU", (-1, 4), {}),
    ("RNN", (3, 4), {"nonlinearity": "sine"}),
    ("GRU", (3, 4), {"unheard_of": 1}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), BAD_ARGUMENTS)
def test_bad_arguments(name, args, kwargs):
    with pytest.raises((TypeError, ValueError)) as ours:
        getattr(nn, name)(*args, **kwargs)
    torch = pytest.importorskip("torch")
    with pytest.raises((TypeError, ValueError)) as theirs:
        getattr(torch.nn, name)(*args, **kwargs)
    assert ours.type is theirs.type


def test_dropout_without_a_second_layer_warns():
    with pytest.warns(UserWarning, match="num_layers greater than 1"):
        nn.GRU(3, 4, dropout=0.5)


def test_the_error_names_the_layers_path():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.GRU(3, 4)

        def forward(self, x):
            return self.encoder(x)

    with pytest.raises(RuntimeError, match=r"^Net\.encoder: GRU\(3, 4\)"):
        Net()(minitorch.zeros(5, 2, 2))
