"""Shapes, axes, pieces, joining, rearranging, diagonals: against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_numerically, check_refused, floats

X = floats(2, 3, 4)
M = floats(3, 4)
V = floats(5)
S = np.array(1.5)
INTS = np.arange(12).reshape(3, 4)
EMPTY = np.zeros((0, 3))

ROWS = {
    # the same elements in another shape
    "reshape": (lambda t, x: x.reshape(4, -1), X),
    "reshape size": (lambda t, x: t.reshape(x, (6, 4)), X),
    "reshape of a transposed": (lambda t, x: x.transpose(0, 2).reshape(-1), X),
    "reshape to 0-d": (lambda t, x: x[:1].reshape(()), V),
    "reshape of nothing": (lambda t, x: x.reshape(3, 0, 2), EMPTY),
    "view": (lambda t, x: x.view(6, 4), X),
    "view of a slice": (lambda t, x: x[1].view(2, 6), X),
    "view of a split dimension": (lambda t, x: x.transpose(0, 1).view(3, 2, 2, 2), X),
    "view_as": (lambda t, x, y: x.view_as(y), X, floats(4, 6)),
    "view dtype": (lambda t, x: x.view(t.int64), M),
    "view narrower dtype": (lambda t, x: x.float().view(t.int16) * 1, M),
    "reshape_as": (lambda t, x, y: x.reshape_as(y), X, floats(4, 6)),
    "ravel": (lambda t, x: (x.ravel(), t.ravel(x.mT)), X),
    "flatten": (lambda t, x: (x.flatten(), x.flatten(1), t.flatten(x, 0, 1), x.flatten(-2, -1)), X),
    "flatten 0-d": (lambda t, x: x.flatten(), S),
    "unflatten": (lambda t, x: (x.unflatten(2, (2, -1)), t.unflatten(x, 1, (3, 1))), X),
    "squeeze": (
        lambda t, x: (x.squeeze(), x.squeeze(0), x.squeeze(1), x.squeeze((0, 2)), x.squeeze(-1)),
        floats(1, 3, 1),
    ),
    "unsqueeze": (lambda t, x: (x.unsqueeze(0), x.unsqueeze(-1), t.unsqueeze(x, 1)), M),
    "unsqueeze 0-d": (lambda t, x: x.unsqueeze(0), S),
    "expand": (
        lambda t, x: (x.expand(2, 3, 4), x.expand(-1, 4), x.expand((3, 2))),
        floats(3, 1)[:, :1].repeat(1, 1)[:1],
    ),
    "expand column": (lambda t, x: x.expand(2, 3, 4), floats(3, 1)),
    "expand_as": (lambda t, x, y: x.expand_as(y), floats(1, 4), M),
    "expand of a view": (lambda t, x: x[::2].t().unsqueeze(-1).expand(4, 2, 3), M),
    "expand 0-d": (lambda t, x: x.expand(2, 2), S),
    "broadcast_to": (lambda t, x: t.broadcast_to(x, (2, 3, 4)), M),
    "broadcast_tensors": (lambda t, x, y: t.broadcast_tensors(x, y), floats(3, 1), floats(4)),
    "broadcast_shapes": (lambda t: tuple(t.broadcast_shapes((2, 1), (3,), (1, 1, 1), 3)),),
    "atleast": (lambda t, x: (t.atleast_1d(x), t.atleast_2d(x), t.atleast_3d(x)), S),
    "atleast vector": (lambda t, x, y: (t.atleast_3d(x, y), t.atleast_2d((x, y))), V, M),
    # dimensions in another order
    "permute": (lambda t, x: (x.permute(2, 0, 1), t.permute(x, (0, -1, 1)), x.permute(dims=(1, 0, 2))), X),
    "transpose": (lambda t, x: (x.transpose(0, 2), t.transpose(x, -1, 1), x.swapaxes(0, 1), x.swapdims(1, 2)), X),
    "t": (lambda t, x, v: (x.t(), t.t(v), x.T, x.mT, x.H), M, V),
    "mT": (lambda t, x: (x.mT, x.mH, x.adjoint(), t.adjoint(x)), X),
    "movedim": (lambda t, x: (x.movedim(0, -1), t.movedim(x, (0, 1), (1, 2)), t.moveaxis(x, 2, 0)), X),
    # pieces
    "narrow": (lambda t, x: (x.narrow(1, 1, 2), t.narrow(x, -1, -3, 2), x.narrow(0, 2, 0)), X),
    "select": (lambda t, x: (x.select(1, 2), t.select(x, -1, -1)), X),
    "split": (lambda t, x: (x.split(3, -1), x.split([1, 2], 1), t.split(x, 5)), X),
    "split_with_sizes": (lambda t, x: x.split_with_sizes([0, 3, 1], 2), X),
    "split one used": (lambda t, x: x.split(2, 2)[1], X),
    "chunk": (lambda t, x: (x.chunk(3, 2), t.chunk(x, 5), x.chunk(2, 1)), X),
    "chunk of nothing": (lambda t, x: x.chunk(2), EMPTY),
    "tensor_split": (lambda t, x: (x.tensor_split(3, 2), t.tensor_split(x, (1, 3), -1), x.tensor_split((3, 1), 2)), X),
    "hsplit": (lambda t, x, v: (x.hsplit(3), t.vsplit(x, 2), t.dsplit(x, (1,)), v.hsplit(5)), X, V),
    "unbind": (lambda t, x: (x.unbind(), t.unbind(x, -1)), X),
    "unbind some used": (lambda t, x: x.unbind(1)[1], X),
    "iteration": (lambda t, x: [row * i for i, row in enumerate(x)], M),
    "unfold": (lambda t, x: (x.unfold(0, 3, 1), x.unfold(-1, 2, 2)), floats(6, 5)),
    "unfold of a view": (lambda t, x: x.t()[1:].unfold(1, 2, 3), floats(5, 6)),
    "as_strided": (lambda t, x: (x.as_strided((2, 2), (1, 3), 2), t.as_strided(x, (3, 3), (1, 1))), M),
    "as_strided of a view": (lambda t, x: x.t()[1:].as_strided((2, 3), (4, 1)), M),
    # joining
    "cat": (
        lambda t, x, y: (t.cat([x, y]), t.cat((x, y, x), dim=0), t.concat([x, x], 1), t.concatenate([x], -1)),
        M, floats(2, 4),
    ),
    "cat types": (lambda t, x, i: t.cat([x.float(), i, x, i.bool()]), M, INTS),
    "cat with an empty vector": (lambda t, x: t.cat([t.zeros(0, dtype=x.dtype), x]), M),
    "stack": (lambda t, x, y: (t.stack([x, y]), t.stack((x, y), 1), t.stack([x, y, x], -1)), V, floats(5) * 2),
    "stack scalars": (lambda t, x, i: t.stack([x, i.double(), x]), S, np.array(3)),
    "hstack": (
        lambda t, x, y: (t.hstack([x, y]), t.vstack([x, y]), t.dstack([x, y]), t.column_stack([x, y])),
        V, V * 2,
    ),
    "hstack matrices": (
        lambda t, x: (t.hstack([x, x]), t.row_stack([x, x]), t.dstack([x, x]), t.column_stack([x, x[:, 0]])),
        M,
    ),
    "block_diag": (lambda t, x, v, s: t.block_diag(x, v, s), M, V, S),
    # rearranging
    "flip": (lambda t, x: (x.flip(0), t.flip(x, (0, 2)), x.flip(-1, 1), x.flip(dims=(1,))), X),
    "fliplr": (lambda t, x: (t.fliplr(x), x.flipud()), M),
    "rot90": (lambda t, x: (x.rot90(), x.rot90(2), x.rot90(-1, (1, 0)), t.rot90(x, 4)), M),
    "roll": (lambda t, x: (x.roll(1), x.roll(-2, 1), t.roll(x, (1, 2), (0, -1))), M),
    "repeat": (lambda t, x: (x.repeat(2, 1), x.repeat(2, 1, 3), x.repeat((1, 0)), x.repeat(1, 1)), M),
    "repeat 0-d": (lambda t, x: x.repeat(3), S),
    "tile": (lambda t, x: (x.tile(2), t.tile(x, (2, 1, 2)), x.tile(())), M),
    "repeat_interleave": (
        lambda t, x: (
            x.repeat_interleave(2), x.repeat_interleave(2, 1), x.repeat_interleave(t.tensor([0, 2, 1]), dim=0),
        ),
        M,
    ),
    "repeat_interleave numbers": (lambda t: t.repeat_interleave(t.tensor([2, 0, 1])),),
    "meshgrid": (lambda t, x, y: (t.meshgrid(x, y, indexing="ij"), t.meshgrid([x, y, x], indexing="xy")), V, floats(2)),
    "cartesian_prod": (lambda t, x, y: t.cartesian_prod(x, y), V, floats(2)),
    "combinations": (
        lambda t, x: (
            t.combinations(x), t.combinations(x, 3), t.combinations(x, with_replacement=True), t.combinations(x, 0),
        ),
        V,
    ),
    # diagonals
    "diagonal": (lambda t, x: (x.diagonal(), x.diagonal(1), x.diagonal(-2), t.diagonal(x, 9)), M),
    "diagonal of a batch": (lambda t, x: (x.diagonal(1, 1, 2), x.diagonal(0, -1, 0)), X),
    "diag": (lambda t, x, v: (x.diag(), t.diag(v), v.diag(2), x.diag(-1), t.diagflat(x[0], -1)), M, V),
    "diag_embed": (lambda t, x: (x.diag_embed(), x.diag_embed(-1, 0, 2)), M),
    "trace": (lambda t, x: x.trace(), M),
    "tril": (lambda t, x: (x.tril(), x.triu(), t.tril(x, 1), t.triu(x, -1)), X),
    "tril_indices": (
        lambda t: (
            t.tril_indices(3, 4), t.tril_indices(3, 4, -1), t.triu_indices(4, 3, 1),
            t.triu_indices(2, 2, dtype=t.int32),
        ),
    ),
    # copies with a part replaced
    "select_scatter": (lambda t, x, v: (t.select_scatter(x, v, 0, 1), x.select_scatter(x[:, 0], 1, -1)), M, floats(4)),
    "slice_scatter": (
        lambda t, x, y: (
            t.slice_scatter(x, y, 1, 1, 3), x.slice_scatter(x[:2], start=1), x.slice_scatter(y, 1, 0, 9, 2),
        ),
        M, floats(3, 2),
    ),
    "diagonal_scatter": (
        lambda t, x, v: (t.diagonal_scatter(x, v), x.diagonal_scatter(v, 1), x.diagonal_scatter(v[:2], -1)),
        M, floats(3),
    ),
    "fill_diagonal_": (
        lambda t, x: (
            (x * 1).fill_diagonal_(5), (x.t() * 1).fill_diagonal_(2), x.new_zeros(7, 3).fill_diagonal_(1, True),
            x.new_zeros(2, 2, 2).fill_diagonal_(3),
        ),
        M,
    ),
    # memory
    "contiguous": (lambda t, x: (x.contiguous(), x.t().contiguous(), x.t().is_contiguous(), x.is_contiguous()), M),
    "stride": (
        lambda t, x: (
            x.stride(), x.stride(1), x.permute(2, 0, 1).stride(), x[:, 1:].storage_offset(), x[1, ::2].stride(),
        ),
        X,
    ),
    "sizes": (
        lambda t, x: (
            x.size(1), tuple(x.size()), x.dim(), x.ndimension(), x.numel(), x.nelement(), t.numel(x),
            x.element_size(), x.itemsize, x.nbytes,
        ),
        X,
    ),
    "questions": (
        lambda t, x, i: (
            x.is_floating_point(), t.is_floating_point(i), i.is_signed(), x.is_same_size(i), t.is_tensor(x),
            x.is_complex(),
        ),
        M, INTS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(function, *inputs, second=False)


@pytest.mark.parametrize("name", [name for name in ROWS if name not in ("cat types", "view narrower dtype")])
def test_gradients(name):
    function, *inputs = ROWS[name]
    check_numerically(function, *inputs)


REFUSED = {
    "reshape": (lambda t, x: x.reshape(5, 5), X),
    "reshape two unknown": (lambda t, x: x.reshape(-1, -1), X),
    "reshape remainder": (lambda t, x: x.reshape(-1, 5), X),
    "reshape negative": (lambda t, x: x.reshape(-2, 12), X),
    "reshape ambiguous": (lambda t, x: x.reshape(0, -1), EMPTY),
    "view strides": (lambda t, x: x.transpose(0, 1).view(-1), X),
    "flatten": (lambda t, x: x.flatten(2, 1), X),
    "flatten range": (lambda t, x: x.flatten(-5, 1), X),
    "unflatten": (lambda t, x: x.unflatten(1, (2, 2)), X),
    "squeeze": (lambda t, x: x.squeeze(3), X),
    "unsqueeze": (lambda t, x: x.unsqueeze(5), X),
    "expand": (lambda t, x: x.expand(3, 3, 4), X),
    "expand fewer": (lambda t, x: x.expand(3, 4), X),
    "expand new -1": (lambda t, x: x.expand(-1, 2, 3, 4), X),
    "broadcast_shapes": (lambda t: t.broadcast_shapes((2,), (3,)),),
    "permute fewer": (lambda t, x: x.permute(0, 1), X),
    "permute twice": (lambda t, x: x.permute(0, 1, 1), X),
    "transpose": (lambda t, x: x.transpose(0, 3), X),
    "t": (lambda t, x: x.t(), X),
    "mT": (lambda t, x: x.mT, V),
    "movedim": (lambda t, x: x.movedim((0, 1), (0,)), X),
    "narrow": (lambda t, x: x.narrow(0, 1, 3), X),
    "narrow start": (lambda t, x: x.narrow(0, 3, 1), X),
    "select": (lambda t, x: x.select(0, 3), X),
    "split": (lambda t, x: x.split(-1), X),
    "split 0": (lambda t, x: x.split(0), X),
    "split sum": (lambda t, x: x.split([1, 3]), X),
    "chunk": (lambda t, x: x.chunk(0), X),
    "unbind": (lambda t, x: x.unbind(), S),
    "unfold": (lambda t, x: x.unfold(0, 3, 1), X),
    "unfold step": (lambda t, x: x.unfold(0, 2, 0), X),
    "as_strided": (lambda t, x: x.as_strided((5,), (10,)), X),
    "cat none": (lambda t: t.cat([]),),
    "cat ndim": (lambda t, x: t.cat([x, x[0]]), X),
    "cat size": (lambda t, x: t.cat([x, x[:, :2]]), X),
    "cat tensor": (lambda t, x: t.cat(x), X),
    "cat number": (lambda t, x: t.cat([x, 3]), X),
    "cat 0-d": (lambda t, x: t.cat([x, x]), S),
    "stack": (lambda t, x: t.stack([x, x[0]]), X),
    "stack none": (lambda t: t.stack([]),),
    "flip": (lambda t, x: x.flip(0, 0), X),
    "flip range": (lambda t, x: x.flip(3), X),
    "rot90": (lambda t, x: x.rot90(1, (0, 0)), M),
    "roll": (lambda t, x: x.roll((1, 2), (0,)), M),
    "repeat": (lambda t, x: x.repeat(2), M),
    "repeat_interleave": (lambda t, x: x.repeat_interleave(t.tensor([1, 2]), 0), M),
    "repeat_interleave negative": (lambda t, x: x.repeat_interleave(t.tensor([1, -2, 1]), 0), M),
    "meshgrid": (lambda t, x, v: t.meshgrid(v, x, indexing="ij"), M, V),
    "cartesian_prod": (lambda t, x: t.cartesian_prod(x), M),
    "diagonal": (lambda t, x: x.diagonal(0, 1, 1), M),
    "diag": (lambda t, x: x.diag(), X),
    "trace": (lambda t, x: x.trace(), V),
    "tril": (lambda t, x: x.tril(), V),
    "size": (lambda t, x: x.size(3), X),
    "adjoint": (lambda t, x: x.adjoint(), V),
    "select_scatter": (lambda t, x: x.select_scatter(x[0, :2], 0, 1), M),
    "slice_scatter": (lambda t, x: x.slice_scatter(x, start=1), M),
    "diagonal_scatter": (lambda t, x: x.diagonal_scatter(x[0]), M),
    "fill_diagonal_ vector": (lambda t, x: x.fill_diagonal_(1), V),
    "fill_diagonal_ sizes": (lambda t, x: x.fill_diagonal_(1), X),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


def test_joining_promotes_and_gradients_keep_each_type():
    x = minitorch.ones(2, dtype=minitorch.float32, requires_grad=True)
    y = minitorch.ones(2, dtype=minitorch.float64, requires_grad=True)
    for joined in (minitorch.cat([x, y]), minitorch.stack([x, y]), minitorch.block_diag(x, y)):
        assert joined.dtype is minitorch.float64
        joined.sum().backward()
        assert x.grad.dtype is minitorch.float32
        assert y.grad.dtype is minitorch.float64


def test_node_names():
    x = minitorch.ones(2, 3, requires_grad=True)
    names = {
        "ViewBackward0": x.view(3, 2),
        "TBackward0": x.t(),
        "PermuteBackward0": x.permute(1, 0),
        "TransposeBackward0": x.transpose(0, 1),
        "UnsqueezeBackward0": x[None],
        "SelectBackward0": x[0],
        "SliceBackward0": x[:, 1:],
        "IndexBackward0": x[[0]],
        "ExpandBackward0": x[:1].expand(4, 3),
        "CatBackward0": minitorch.cat([x, x]),
        "StackBackward0": minitorch.stack([x, x]),
        "UnbindBackward0": x.unbind()[1],
        "SplitBackward0": x.split(1)[0],
        "MmBackward0": x @ x.t(),
        "CloneBackward0": x.clone(),
    }
    for name, result in names.items():
        assert result.grad_fn.name() == name


def test_shape_of_the_tensor_itself():
    x = minitorch.ones(2, 3, 1)
    assert x.squeeze_(-1) is x
    assert x.t_().shape == (3, 2)
    assert x.unsqueeze_(0).shape == (1, 3, 2)
    assert x.transpose_(0, 2).shape == (2, 3, 1)
