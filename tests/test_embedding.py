"""Look-up tables, bags of their rows, one-hot vectors."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from minitorch import nn
from tests.rows import check, check_refused, floats

INDEX, TABLE = np.array([[1, 4, 1], [0, 2, 5]]), floats(6, 3)
FLAT, STARTS = np.array([5, 0, 1, 1, 4, 2, 3]), np.array([0, 3, 3, 6])
ROWS = {
    "matrix": (lambda f, i, w: f.embedding(i, w), INDEX, TABLE),
    "int32": (lambda f, i, w: f.embedding(i, w), INDEX.astype(np.int32), TABLE),
    "one number": (lambda f, i, w: f.embedding(i[0, 1], w), INDEX, TABLE),
    "none": (lambda f, i, w: f.embedding(i[:0], w), INDEX, TABLE),
    "strided": (lambda f, i, w: f.embedding(i.T, w[::2].flip(1)), INDEX % 3, TABLE),
    "padding": (lambda f, i, w: f.embedding(i, w, padding_idx=1), INDEX, TABLE),
    "padding from the end": (lambda f, i, w: f.embedding(i, w, padding_idx=-1), INDEX, TABLE),
    "by use": (lambda f, i, w: f.embedding(i, w, scale_grad_by_freq=True), INDEX, TABLE),
    "by use, padding": (lambda f, i, w: f.embedding(i, w, 4, scale_grad_by_freq=True), INDEX, TABLE),
    "bag": (lambda f, i, w: f.embedding_bag(i, w), INDEX, TABLE),
    "bag, sum": (lambda f, i, w: f.embedding_bag(i, w, mode="sum"), INDEX, TABLE),
    "bag, max": (lambda f, i, w: f.embedding_bag(i, w, mode="max"), INDEX, TABLE),
    "bags": (lambda f, i, o, w: f.embedding_bag(i, w, o), FLAT, STARTS, TABLE),
    "bags, int32": (
        lambda f, i, o, w: f.embedding_bag(i, w, o),
        FLAT.astype(np.int32),
        STARTS.astype(np.int32),
        TABLE,
    ),
    "bags, sum": (lambda f, i, o, w: f.embedding_bag(i, w, o, mode="sum"), FLAT, STARTS, TABLE),
    "bags, max": (lambda f, i, o, w: f.embedding_bag(i, w, o, mode="max"), FLAT, STARTS, TABLE),
    "bags, all empty": (lambda f, i, o, w: f.embedding_bag(i[:0], w, o * 0, mode="max"), FLAT, STARTS, TABLE),
    "bags, last offset": (
        lambda f, i, o, w: f.embedding_bag(i, w, o, include_last_offset=True, mode="sum"),
        FLAT,
        np.array([0, 2, 7]),
        TABLE,
    ),
    "bags, padding": (lambda f, i, o, w: f.embedding_bag(i, w, o, padding_idx=1), FLAT, STARTS, TABLE),
    "bags, padding, max": (
        lambda f, i, o, w: f.embedding_bag(i, w, o, mode="max", padding_idx=-2),
        FLAT,
        STARTS,
        TABLE,
    ),
    "bags, weighted": (
        lambda f, i, o, w, s: f.embedding_bag(i, w, o, mode="sum", per_sample_weights=s),
        FLAT,
        STARTS,
        TABLE,
        floats(7),
    ),
    "bags, weighted, padding": (
        lambda f, i, w, s: f.embedding_bag(i, w, mode="sum", per_sample_weights=s, padding_idx=1),
        INDEX,
        TABLE,
        floats(2, 3),
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_values_and_gradients(name):
    function, *inputs = ROWS[name]
    scaled = name.startswith("by use")  # the gradient is not that of the value
    check(lambda m, *xs: function(m.nn.functional, *xs), *inputs, second=not scaled)


@pytest.mark.parametrize("name", [n for n in ROWS if not n.startswith(("by use", "padding", "none"))])
def test_gradients_without_pytorch(name):
    function, *inputs = ROWS[name]
    made = [minitorch.tensor(x) for x in inputs]
    leaves = [t.requires_grad_() if t.is_floating_point() else t for t in made]
    assert minitorch.autograd.gradcheck(lambda *xs: function(nn.functional, *xs), leaves)


@pytest.mark.parametrize("norm_type", [1.0, 2.0, float("inf")])
def test_long_rows_are_shortened_in_place(norm_type):
    torch = pytest.importorskip("torch")
    results = []
    for m in (minitorch, torch):
        table = m.tensor(TABLE.tolist())
        version = table._version
        index = m.tensor(INDEX.tolist())
        out = m.nn.functional.embedding(index, table, max_norm=1.0, norm_type=norm_type)
        bag = m.nn.functional.embedding_bag(index[:, :1] + 1, table, max_norm=0.5, norm_type=norm_type)
        assert table._version > version
        results.append((out.numpy(), bag.numpy(), table.numpy()))
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert (np.abs(results[0][2]) != np.abs(TABLE)).any()


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_no_bags(mode):
    w = minitorch.tensor(TABLE, requires_grad=True)
    out = minitorch.nn.functional.embedding_bag(minitorch.tensor(FLAT), w, minitorch.tensor(STARTS)[:0], mode=mode)
    assert out.shape == (0, 3)
    out.sum().backward()
    assert not w.grad.any()


def test_gradient_by_use_for_bags():
    """Each row's gradient divided by how often it is named (PyTorch 2.13 takes the number of another row for some)."""
    w = minitorch.tensor(TABLE, requires_grad=True)
    f, factors = minitorch.nn.functional, minitorch.tensor([[1.0], [10.0]], dtype=minitorch.float64)
    (f.embedding_bag(minitorch.tensor(INDEX), w, mode="sum", scale_grad_by_freq=True) * factors).sum().backward()
    np.testing.assert_allclose(w.grad[:, 0].numpy(), [10, 1, 10, 0, 1, 10])


def test_many_lookups_of_few_rows():
    index = np.random.default_rng(0).integers(0, 7, 10_000)
    w = minitorch.zeros(7, 300, requires_grad=True)
    minitorch.nn.functional.embedding(minitorch.tensor(index), w).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), np.bincount(index)[:, None].repeat(300, 1))


def test_node_names():
    torch = pytest.importorskip("torch")

    def names(m):
        f, w, i = m.nn.functional, m.ones(4, 2, requires_grad=True), m.tensor([[0, 3]])
        return [type(out.grad_fn).__name__ for out in (f.embedding(i, w), f.embedding_bag(i, w))]

    assert names(minitorch) == names(torch)


LAYERS = [
    lambda m: m.nn.Embedding(6, 3),
    lambda m: m.nn.Embedding(6, 3, padding_idx=2, max_norm=1.0, norm_type=1.0, scale_grad_by_freq=True),
    lambda m: m.nn.Embedding(6, 3, padding_idx=-1),
    lambda m: m.nn.EmbeddingBag(6, 3),
    lambda m: m.nn.EmbeddingBag(6, 3, mode="sum", padding_idx=0, max_norm=1.0, norm_type=3.0),
    lambda m: m.nn.EmbeddingBag(6, 3, mode="max"),
]


@pytest.mark.parametrize("make", LAYERS)
def test_layers_are_pytorchs(make):
    torch = pytest.importorskip("torch")
    ours, theirs = make(minitorch).double(), make(torch).double()
    assert repr(ours) == repr(theirs) and ours.padding_idx == theirs.padding_idx
    assert list(ours.state_dict()) == list(theirs.state_dict())
    if ours.padding_idx is not None:
        assert not ours.weight[ours.padding_idx].any()
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    results = []
    for m, layer in ((minitorch, ours), (torch, theirs)):
        out = layer(m.tensor(INDEX.tolist()))
        (out * out).sum().backward()
        results.append((out.detach().numpy(), layer.weight.grad.numpy(), layer.weight.detach().numpy()))
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_bags_with_offsets_and_weights():
    layer = nn.EmbeddingBag(6, 3, mode="sum", include_last_offset=True)
    out = layer(minitorch.tensor(FLAT), minitorch.tensor([0, 2, 7]), per_sample_weights=minitorch.full((7,), 2.0))
    by_hand = [2 * layer.weight.detach().numpy()[FLAT[a:b]].sum(0) for a, b in ((0, 2), (2, 7))]
    np.testing.assert_allclose(out.detach().numpy(), by_hand, rtol=1e-5, atol=1e-6)


def test_initial_rows_are_standard_normal():
    minitorch.manual_seed(0)
    values = nn.Embedding(300, 100).weight
    assert abs(values.mean().item()) < 0.02 and abs(values.std().item() - 1) < 0.02


@pytest.mark.parametrize("name", ["Embedding", "EmbeddingBag"])
def test_from_pretrained(name):
    table = minitorch.tensor(TABLE)
    frozen = getattr(nn, name).from_pretrained(table)
    assert not frozen.weight.requires_grad
    assert np.shares_memory(frozen.weight.numpy(), table.numpy())
    assert getattr(nn, name).from_pretrained(table, freeze=False, padding_idx=2).weight.requires_grad
    assert (frozen.num_embeddings, frozen.embedding_dim) == (6, 3)
    with pytest.raises(AssertionError, match="2-dimensional"):
        getattr(nn, name).from_pretrained(table[0])


def test_one_hot():
    check(lambda m, i: m.nn.functional.one_hot(i), INDEX, second=False)
    check(lambda m, i: m.nn.functional.one_hot(i, 8), INDEX, second=False)
    check(lambda m, i: m.nn.functional.one_hot(i[:0], 4), INDEX, second=False)
    check(lambda m, i: m.nn.functional.one_hot(i[1, 1]), INDEX, second=False)


REFUSED = [
    (lambda f, i, w: f.embedding(i + 1, w), "index out of range: 6; the table has 6 rows"),
    (lambda f, i, w: f.embedding(i - 1, w), "index out of range: -1"),
    (lambda f, i, w: f.embedding(i.double(), w), r"\.long\(\)"),
    (lambda f, i, w: f.embedding(i.short(), w), r"\.long\(\)"),
    (lambda f, i, w: f.embedding(i, w[0]), "2-D"),
    (lambda f, i, w: f.embedding([1], w), "must be Tensor"),
    (lambda f, i, w: f.embedding(i, w, padding_idx=6), "Padding_idx"),
    (lambda f, i, w: f.embedding(i, w, padding_idx=-7), "Padding_idx"),
    (lambda f, i, w: f.embedding_bag(i[0], w), "offsets has to be a 1D Tensor"),
    (lambda f, i, w: f.embedding_bag(i[None], w), "1D or 2D"),
    (lambda f, i, w: f.embedding_bag(i, w, i[0]), "offsets has to be None"),
    (lambda f, i, w: f.embedding_bag(i[0], w, i[0]), r"offsets\[0\] has to be 0"),
    (lambda f, i, w: f.embedding_bag(i[0], w, i[1] * 2), r"offsets\[-1\] can not be greater"),
    (lambda f, i, w: f.embedding_bag(i[0], w, i), "offsets has to be a 1D Tensor"),
    (lambda f, i, w: f.embedding_bag(i[0], w, i[0].double()), "offsets of type Long or Int"),
    (lambda f, i, w: f.embedding_bag(i[0], w, i[0][:0], include_last_offset=True), "at least 1"),
    (lambda f, i, w: f.embedding_bag(i, w, mode="middle"), "sum, mean or max"),
    (lambda f, i, w: f.embedding_bag(i, w, per_sample_weights=w[:2]), "mode='sum'"),
    (lambda f, i, w: f.embedding_bag(i, w, mode="sum", per_sample_weights=w), "same shape"),
    (lambda f, i, w: f.embedding_bag(i, w, mode="sum", per_sample_weights=w[:2].float()), "float64.*float32"),
    (lambda f, i, w: f.embedding_bag(i, w, mode="max", scale_grad_by_freq=True), "max mode"),
    (lambda f, i, w: f.embedding_bag(i, w, padding_idx=7), "-6 through 5"),
    (lambda f, i, w: f.one_hot(i, 5), "smaller than num_classes"),
    (lambda f, i, w: f.one_hot(i - 1), "non-negative"),
    (lambda f, i, w: f.one_hot(i[:0]), "empty tensor"),
    (lambda f, i, w: f.one_hot(i.int()), "LongTensor"),
]


@pytest.mark.parametrize(("function", "match"), REFUSED)
def test_refused(function, match):
    check_refused(lambda m, i, w: function(m.nn.functional, i, w), INDEX, TABLE, match=match)


def test_offsets_that_fall_are_refused():
    with pytest.raises(RuntimeError, match="offsets must not fall"):
        nn.functional.embedding_bag(minitorch.tensor(FLAT), minitorch.tensor(TABLE), minitorch.tensor([0, 4, 2]))
    with pytest.raises(IndexError, match="index out of range: 9"):
        nn.functional.embedding_bag(minitorch.tensor([[9]]), minitorch.tensor(TABLE))


def test_sparse_gradients_are_refused_with_the_remedy():
    for call in (
        lambda: nn.Embedding(3, 2, sparse=True),
        lambda: nn.EmbeddingBag(3, 2, sparse=True),
        lambda: nn.functional.embedding(minitorch.tensor([0]), minitorch.ones(1, 1), sparse=True),
    ):
        with pytest.raises(NotImplementedError, match=r"sparse=True is not supported.*the values are the same"):
            call()


def test_a_refused_index_shortens_no_row():
    table = minitorch.tensor(TABLE * 10)
    with pytest.raises(IndexError):
        nn.functional.embedding(minitorch.tensor([0, 6]), table, max_norm=1.0)
    np.testing.assert_array_equal(table.numpy(), TABLE * 10)


def test_a_table_of_another_shape_is_refused():
    with pytest.raises(AssertionError, match="Shape of weight"):
        nn.Embedding(5, 3, _weight=minitorch.tensor(TABLE))
