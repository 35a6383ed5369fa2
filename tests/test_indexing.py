"""Indexing, gather, scatter and masks against PyTorch."""

from __future__ import annotations

import random

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_numerically, check_refused, floats, same, tensors

X = floats(2, 3, 4)
M = floats(3, 4)
V = floats(5)
S = np.array(1.5)
MASK = floats(3, 4) > 0
I = np.array([[0, 2, 1, 1], [2, 2, 0, 1]])

KEYS = {
    "int": 1,
    "negative int": -1,
    "slice": slice(1, None),
    "steps": (slice(None, None, 2), slice(-2, None)),
    "none": (None, 0, None),
    "ellipsis": (Ellipsis, 1),
    "two ellipses": (Ellipsis, 0, Ellipsis),
    "past the end": slice(1, 100),
    "empty slice": slice(3, 1),
    "empty tuple": (),
    "list": [1, 0, 1],
    "nested list": [[0, 1], [1, 1]],
    "list in tuple": (0, [2, 0]),
    "separated by a slice": ([0, 1], slice(None), [1, 2]),
    "int and list": (1, slice(None), [1, 2]),
    "list and int": ([1, 0], slice(None), 2),
    "list after none": (None, [0, 1], slice(None), None, 1),
    "broadcast lists": ([[0], [1]], [0, 2]),
    "true": True,
    "false": False,
    "true and list": (True, [0, 1]),
    "negative in list": ([-1, 0], [-3, 2]),
    "empty list": [],
    "range": range(2),
}


LEGACY_LISTS = pytest.mark.filterwarnings("ignore:(Using a non-tuple|indexing with a list of) sequence")


@pytest.mark.parametrize("name", KEYS)
@LEGACY_LISTS
def test_reading(name):
    check(lambda t, x: x[KEYS[name]], X, second=False)


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("kind", ["number", "tensor"])
@LEGACY_LISTS
def test_writing(name, kind):
    def write(t, x, value):
        y = x * 1
        place = y[KEYS[name]]
        y[KEYS[name]] = 7 if kind == "number" else value.expand(place.shape)
        return y

    if (
        name not in ("nested list", "list", "broadcast lists", "separated by a slice", "negative in list")
        or kind == "number"
    ):
        check(write, X, S, second=False)


ROWS = {
    "mask": (lambda t, x, m: x[m], M, MASK),
    "mask of rows": (lambda t, x, m: (x[m[:, 0]], x[:, m[0]]), M, MASK),
    "mask and int": (lambda t, x, m: (x[0][m], x[1, m], x[:, m, ], x[m.t()[None].expand(2, 4, 3).mT]), X, MASK),
    "mask and list": (lambda t, x, m: x[m[:, 0], [1]], M, MASK),
    "integer tensor": (lambda t, x, i: (x[i], x[:, i], x[i, i], x[..., i, :]), floats(3, 3, 2), I),
    "0-d tensor": (lambda t, x, i: (x[i], x[:, i], x[i, i]), M, np.array(1)),
    "int32 tensor": (lambda t, x, i: x[i], M, I.astype(np.int32)),
    "numpy array": (lambda t, x: x[np.array([0, 2])], M),
    "numpy int": (lambda t, x: x[np.int64(2)], M),
    "tensor in list": (lambda t, x: x[[t.tensor(1), t.tensor(0)]], M),
    "0-d mask": (lambda t, x: (x[t.tensor(True)], x[t.tensor(False)], x[None]), S),
    "repeats": (lambda t, x: x[t.tensor([0, 0, 2, 0])], M),
    "write mask": (lambda t, x, m: _write(x, m, 3.5), M, MASK),
    "write mask tensor": (lambda t, x, m, v: _write(x, m, v[: int(m.sum())]), M, MASK, floats(12)),
    "write 0-d": (lambda t, x, v: _write(x, (0, 1), v), M, S),
    "write row": (lambda t, x, v: _write(x, (slice(None), 1), v), M, floats(3)),
    "write more ones": (lambda t, x, v: _write(x, 0, v), M, floats(1, 1, 4)),
    "write casts": (lambda t, x, v: _write(x, 0, v), M.astype(np.float32), floats(4)),
    "write column of indices": (lambda t, x, v: _write(x, (slice(None), t.tensor([3, 0])), v), M, floats(3, 2)),
    "write behind a view": (lambda t, x, v: _write(x, (slice(1, None), t.tensor([3, 0])), v), M, floats(2, 2)),
    "write int tensor": (lambda t, x: _write(x, slice(1, 2), 7), np.arange(5)),
    "index_put": (
        lambda t, x, v: (
            x.index_put((t.tensor([0, 2]),), v), t.index_put(x, (t.tensor([0, 2]), t.tensor([1, 1])), v[0, :2]),
        ),
        M, floats(2, 4),
    ),
    "index_put adds": (lambda t, x, v: x.index_put((t.tensor([0, 2, 0]),), v, accumulate=True), M, floats(3, 4)),
    "index_put mask": (lambda t, x, m: x.index_put((m,), t.tensor(1.0, dtype=x.dtype), True), M, MASK),
    "index_put_": (lambda t, x, v: (x * 1).index_put_((t.tensor([1]),), v), M, floats(1, 4)),
    # one dimension
    "gather": (lambda t, x, i: (x.gather(0, i), t.gather(x, 1, i)), M, I),
    "gather smaller": (lambda t, x, i: x.gather(1, i[:1, :2]), M, I),
    "gather int32": (lambda t, x, i: x.gather(1, i), M, I.astype(np.int32)),
    "gather 0-d": (lambda t, x, i: x.gather(0, i), S, np.array(0)),
    "take_along_dim": (
        lambda t, x, i: (
            t.take_along_dim(x, i[:1], 0), x.take_along_dim(i[:, :1].t()[:, :1], 1), x.take_along_dim(i.reshape(-1)),
        ),
        M, I,
    ),
    "scatter": (
        lambda t, x, i, v: (
            x.scatter(0, i[:1], v[:1]), x.scatter(1, i[:, :1], 2.5), t.scatter(x, 0, i[:1, :2], v[:1, :2]),
        ),
        M, I, floats(3, 4),
    ),
    "scatter larger src": (
        lambda t, x, i, v: (x.detach().scatter(0, i[:1, :2], v.detach()), x.detach().scatter_add(0, i, v.detach())),
        M, I, floats(3, 4),
    ),
    "scatter_": (lambda t, x, i, v: (x * 1).scatter_(0, i[:1], v[:1]), M, I, floats(3, 4)),
    "scatter_ number": (lambda t, x, i: (x * 1).scatter_(1, i[:, :2], 1.0), M, I),
    "scatter_add": (lambda t, x, i, v: (x.scatter_add(0, i, v), t.scatter_add(x, 1, i, v)), M, I, floats(2, 4)),
    "scatter_add_": (lambda t, x, i, v: (x * 1).scatter_add_(1, i, v), M, I, floats(2, 4)),
    "scatter reduce=": (lambda t, x, i, v: x.detach().scatter(0, i, v.detach(), reduce="multiply"), M, I, floats(3, 4)),
    "scatter add number": (lambda t, x, i: x.detach().scatter(0, i, 2.0, reduce="add"), M, I),
    "index_select": (
        lambda t, x, i: (x.index_select(0, i), t.index_select(x, 2, i)),
        floats(3, 2, 3), np.array([2, 0, 2]),
    ),
    "index_select scalar": (lambda t, x, i: x.index_select(0, i), M, np.array(1)),
    "index_add": (
        lambda t, x, v: (x.index_add(0, t.tensor([0, 2, 0]), v), x.index_add(0, t.tensor([2, 1, 0]), v, alpha=-2)),
        M, floats(3, 4),
    ),
    "index_add columns": (lambda t, x, v: (x * 1).index_add_(1, t.tensor([3, 3]), v), M, floats(3, 2)),
    "index_copy": (
        lambda t, x, v: (x.index_copy(1, t.tensor([3, 0]), v), (x * 1).index_copy_(1, t.tensor([1, 0]), v)),
        M, floats(3, 2),
    ),
    "index_fill": (
        lambda t, x, v: (
            x.index_fill(1, t.tensor([3, 0]), 9), x.detach().index_fill(0, t.tensor([-1]), 2),
            x.index_fill(0, t.tensor([2]), v), (x * 1).index_fill_(0, t.tensor([1]), 0),
        ),
        M, S,
    ),
    "take": (lambda t, x, i: (x.take(i), t.take(x, t.tensor([-1, 11]))), M, I),
    "put": (
        lambda t, x, v: (x.put(t.tensor([[11], [0]]), v), (x * 1).put_(t.tensor([[1], [1]]), v, accumulate=True)),
        M, floats(2, 1),
    ),
    # masks
    "masked_fill": (lambda t, x, m: (x.masked_fill(m, 2), t.masked_fill(x, m[0], -1), x[0].masked_fill(m, 0)), M, MASK),
    "masked_fill tensor": (lambda t, x, m, v: x.masked_fill(m, v), M, MASK, S),
    "masked_fill_": (lambda t, x, m, v: ((x * 1).masked_fill_(m[0], 1), (x * 1).masked_fill_(m, v)), M, MASK, S),
    "masked_fill int": (lambda t, x, m: x.masked_fill(m[0], 1.5), np.arange(4), MASK),
    "masked_select": (lambda t, x, m: (x.masked_select(m), t.masked_select(x[0], m)), M, MASK),
    "masked_scatter": (
        lambda t, x, m, v: (x.masked_scatter(m, v), (x * 1).masked_scatter_(m[0], v)),
        M, MASK, floats(3, 5),
    ),
    "where": (
        lambda t, x, m, y: (
            t.where(m, x, y), x.where(m, y[:1]), t.where(m, x, 0.0), t.where(m, 1, x), t.where(m[0], x, y),
        ),
        M, MASK, floats(3, 4) * 2,
    ),
    "where numbers": (lambda t, m: (t.where(m, 1, 0), t.where(m, 1.0, 0)), MASK),
    "where promotes": (lambda t, m, x, y: t.where(m, x, y), MASK, M.astype(np.float32), M),
    "where places": (lambda t, m: t.where(m), MASK),
    "nonzero": (
        lambda t, m, x: (m.nonzero(), t.nonzero(x), x.nonzero(as_tuple=True), t.argwhere(m)),
        MASK, np.array([0, 1, 0, 2]),
    ),
    "nonzero 0-d": (lambda t, x: (x.nonzero(), x.nonzero(as_tuple=True), (x * 0).nonzero()), S),
    # overwriting
    "fill_": (lambda t, x, v: ((x * 1).fill_(3), (x * 1).fill_(v), (x * 1).zero_()), M, S),
    "copy_": (lambda t, x, v: ((x * 1).copy_(v), (x * 1)[1].copy_(v)), M, floats(4)),
    "copy_ casts": (lambda t, x, v: ((x * 1).copy_(v), (v * 1).copy_(x)), M.astype(np.float32), M),
}  # fmt: skip


def _write(x, key, value):
    y = x * 1
    y[key] = value
    return y


@pytest.mark.parametrize("name", ROWS)
@LEGACY_LISTS
@pytest.mark.filterwarnings("ignore:The reduce argument of torch.scatter")
def test_as_torch(name):
    function, *inputs = ROWS[name]
    single = any(x.dtype == np.float32 for x in inputs)
    check(function, *inputs, second=False, tolerance=1e-6 if single else 1e-12)


#: differences of float32 say nothing
DOUBLE = [name for name, (_, *inputs) in ROWS.items() if all(x.dtype != np.float32 for x in inputs)]


@pytest.mark.parametrize("name", DOUBLE)
@LEGACY_LISTS
def test_gradients(name):
    function, *inputs = ROWS[name]
    check_numerically(function, *inputs)


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_scatter_reduce(reduce, include_self):
    def function(t, x, i, v):
        return x.scatter_reduce(0, i, v, reduce, include_self=include_self)

    check(function, M, I, floats(2, 4), second=False)
    check_numerically(function, M, I, floats(2, 4))
    check(function, np.arange(12).reshape(3, 4), I, np.arange(12).reshape(3, 4) * 2)


@pytest.mark.parametrize("reduce", ["prod", "amax", "amin"])
def test_scatter_reduce_with_zeros_and_ties(reduce):
    x = np.array([1.0, 0.0, 2.0, 0.0])
    v = np.array([0.0, 3.0, 2.0, 0.0, 0.0, 2.0])
    i = np.array([0, 0, 2, 1, 3, 2])
    check(lambda t, x, i, v: x.scatter_reduce(0, i, v, reduce), x, i, v, second=False)


REFUSED = {
    "int": (lambda t, x: x[5], X),
    "negative int": (lambda t, x: x[-3], X),
    "int in second": (lambda t, x: x[:, 3], X),
    "too many": (lambda t, x: x[0, 0, 0, 0], X),
    "0-d": (lambda t, x: x[0], S),
    "step": (lambda t, x: x[::-1], X),
    "step 0": (lambda t, x: x[::0], X),
    "float": (lambda t, x: x[1.5], X),
    "float tensor": (lambda t, x: x[t.tensor([1.0])], X),
    "index tensor": (lambda t, x: x[t.tensor([0, 5])], X),
    "negative index tensor": (lambda t, x: x[:, t.tensor([-4])], X),
    "mask shape": (lambda t, x: x[t.tensor([True, False, True])], X),
    "indices do not broadcast": (lambda t, x: x[[0, 1], [0, 1, 2]], X),
    "write int": (lambda t, x: x.__setitem__((0, 4), 1.0), X),
    "write step": (lambda t, x: x.__setitem__(slice(None, None, -1), 1.0), X),
    "write shape": (lambda t, x: x.__setitem__(0, t.ones(3)), X),
    "write shape at indices": (lambda t, x: x.__setitem__(t.tensor([0, 1]), t.ones(3, dtype=x.dtype)), X),
    "write mask shape": (lambda t, x: x.__setitem__(x > 0, t.ones(7, dtype=x.dtype)), X),
    "write dtype at indices": (lambda t, x: x.__setitem__(t.tensor([0, 1]), t.ones(4, dtype=t.float32)), X),
    "write list": (lambda t, x: x.__setitem__(0, [1, 2, 3, 4]), X),
    "gather range": (lambda t, x: x.gather(0, t.tensor([[3]])), M),
    "gather negative": (lambda t, x: x.gather(0, t.tensor([[-1]])), M),
    "gather ndim": (lambda t, x: x.gather(0, t.tensor([0])), M),
    "gather float": (lambda t, x: x.gather(0, t.tensor([[0.0]])), M),
    "gather size": (lambda t, x: x.gather(0, t.zeros(1, 5, dtype=t.int64)), M),
    "scatter range": (lambda t, x: x.scatter(0, t.tensor([[3]]), 1.0), M),
    "scatter size": (lambda t, x: x.scatter(0, t.tensor([[0, 1]]), t.ones(1, 1, dtype=x.dtype)), M),
    "scatter dtype": (lambda t, x: x.scatter(0, t.tensor([[0]]), t.ones(1, 1, dtype=t.float32)), M),
    "scatter_add range": (lambda t, x: x.scatter_add(0, t.tensor([[7]]), t.ones(1, 1, dtype=x.dtype)), M),
    "scatter reduce": (lambda t, x: x.scatter(0, t.tensor([[0]]), 1.0, reduce="foo"), M),
    "scatter_reduce": (lambda t, x: x.scatter_reduce(0, t.tensor([[0]]), x, reduce="foo"), M),
    "index_select range": (lambda t, x: x.index_select(0, t.tensor([3])), M),
    "index_select negative": (lambda t, x: x.index_select(0, t.tensor([-1])), M),
    "index_select float": (lambda t, x: x.index_select(0, t.tensor([0.0])), M),
    "index_select matrix": (lambda t, x: x.index_select(0, t.tensor([[0]])), M),
    "index_add range": (lambda t, x: x.index_add(0, t.tensor([3]), x[:1]), M),
    "index_add count": (lambda t, x: x.index_add(0, t.tensor([0]), x[:2]), M),
    "index_add dtype": (lambda t, x: x.index_add(0, t.tensor([0]), x[:1].float()), M),
    "index_copy range": (lambda t, x: x.index_copy(0, t.tensor([5]), x[:1]), M),
    "index_fill range": (lambda t, x: x.index_fill(0, t.tensor([5]), 1.0), M),
    "take range": (lambda t, x: x.take(t.tensor([12])), M),
    "take float": (lambda t, x: x.take(t.tensor([0.0])), M),
    "put range": (lambda t, x: x.put(t.tensor([12]), x[0, :1]), M),
    "put count": (lambda t, x: x.put(t.tensor([0, 1]), x[0, :1]), M),
    "index_put range": (lambda t, x: x.index_put((t.tensor([5]),), x[0]), M),
    "index_put dtype": (lambda t, x: x.index_put((t.tensor([0]),), x[0].float()), M),
    "masked_fill mask": (lambda t, x: x.masked_fill(x, 0), M),
    "masked_fill value": (lambda t, x: x.masked_fill(x > 0, x[0]), M),
    "masked_scatter": (lambda t, x: x.masked_scatter(x < 9, x[0]), M),
    "where condition": (lambda t, x: t.where(x, x, x), M),
    "where shapes": (lambda t, x: t.where(x[:, :2] > 0, x, x), M),
    "fill_": (lambda t, x: x.fill_(x[0]), M),
    "copy_": (lambda t, x: x.copy_(t.ones(5)), M),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


def test_a_failed_write_writes_nothing():
    """PyTorch has written what came before the index that is out of range."""
    x = minitorch.zeros(2, 3)
    with pytest.raises(IndexError, match="index 5 is out of bounds"):
        x[minitorch.tensor([0, 5])] = 1.0
    assert not x.any()


def test_index_errors_name_index_dimension_and_size():
    x = minitorch.zeros(2, 3)
    with pytest.raises(IndexError, match="index 7 is out of bounds for dimension 1 with size 3"):
        x[:, minitorch.tensor([0, 7])]
    with pytest.raises(IndexError, match="index -4 is out of bounds for dimension 1 with size 3"):
        x[0, -4]
    with pytest.raises(RuntimeError, match=r"gather\(\): index 9 is out of bounds for dimension 0 with size 2"):
        x.gather(0, minitorch.tensor([[9]]))
    # PyTorch reads past the end here, or wraps around
    with pytest.raises(IndexError, match="index 9 is out of bounds for dimension 0 with size 2"):
        x.take_along_dim(minitorch.tensor([[9]]), 0)


def test_byte_masks_are_deprecated():
    with pytest.warns(UserWarning, match="uint8 is deprecated"):
        x = minitorch.arange(3)[minitorch.tensor([1, 0, 1], dtype=minitorch.uint8)]
    assert x.tolist() == [0, 2]


def test_changing_an_index_tensor_later_does_not_spoil_the_gradient():
    x = minitorch.zeros(3, requires_grad=True)
    index = minitorch.tensor([0, 2])
    y = x[index]
    index[0] = 1
    y.sum().backward()
    assert x.grad.tolist() == [1, 0, 1]
    y = x.index_select(0, index)
    index[0] = 0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def _random_key(rng: random.Random, library, shape: tuple):
    """A key for a tensor of this shape, the same for equal random states."""
    key, axis = [], 0
    while axis < len(shape) and rng.random() < 0.85:
        n = shape[axis]
        kind = rng.choice(["int", "slice", "none", "index", "mask", "ellipsis", "masks"])
        if kind == "int" and n:
            key.append(rng.randrange(-n, n))
        elif kind == "slice":
            key.append(slice(rng.choice([None, 0, 1, -2]), rng.choice([None, 2, -1, 9]), rng.choice([None, 1, 2])))
        elif kind == "index" and n:
            size = rng.choice([(2,), (2, 1), (1,), (2, 2)])
            key.append(library.tensor([rng.randrange(-n, n) for _ in range(int(np.prod(size)))]).reshape(size))
        elif kind == "mask" and n > 1:
            bits = [False] * n
            for place in rng.sample(range(n), 2):
                bits[place] = True
            key.append(library.tensor(bits))
        elif kind == "ellipsis" and Ellipsis not in [k for k in key if isinstance(k, type(...))]:
            key.append(Ellipsis)
            break
        else:
            key.append(None)
            axis -= 1
        axis += 1
    return tuple(key)


@pytest.mark.parametrize("seed", range(4))
def test_random_keys(seed):
    torch = pytest.importorskip("torch")
    array = floats(3, 2, 4, 3)
    for trial in range(60):
        (mine,), (theirs,) = tensors(minitorch, (array,), True), tensors(torch, (array,), True)
        state = f"{seed} {trial}"
        keys = [_random_key(random.Random(state), library, array.shape) for library in (minitorch, torch)]
        results = [x[key] for x, key in zip((mine, theirs), keys)]
        same(*results)
        for result, library in zip(results, (minitorch, torch)):
            (
                result * library.tensor(floats(*result.shape).tolist(), dtype=library.float64).reshape(result.shape)
            ).sum().backward()
        same(mine.grad, theirs.grad)
        # the same places written: where indices repeat, what stays is not defined
        values = [floats(*results[0].shape[-1:])[:1].item(), None]
        copies = [mine * 1, theirs * 1]
        for copy, key in zip(copies, keys):
            copy[key] = values[0]
        same(*copies)
        for copy in copies:
            copy.sum().backward()
        same(mine.grad, theirs.grad)
