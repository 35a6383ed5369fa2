"""Calls for the tests of mixed precision: what to do with a library and with tensors of some dtype.

A row is a function of the library and of tensors with the values of the arrays that follow it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_rng = np.random.default_rng(0)


def _normal(*shape: int) -> np.ndarray:
    return _rng.standard_normal(shape).astype(np.float32)


A, B, M, SQUARE = _normal(4, 6), _normal(4, 6), _normal(6, 5), _normal(4, 4)
POSITIVE = np.abs(A) + np.float32(0.1)
SIGNAL, IMAGES, VOLUMES = _normal(2, 4, 9), _normal(2, 4, 8, 8), _normal(2, 3, 5, 5, 5)
KERNEL, KERNEL_3D = _normal(3, 4, 3, 3), _normal(2, 3, 2, 2, 2)
TURNED = np.ascontiguousarray(KERNEL.transpose(1, 0, 2, 3))
FOUR, SIX = POSITIVE[0, :4], POSITIVE[0]

Row = tuple[Callable, tuple[np.ndarray, ...]]
ROWS: dict[str, Row] = {}


def row(name: str, function: Callable, *arrays: np.ndarray) -> None:
    assert name not in ROWS, name
    ROWS[name] = (function, arrays)


def _named(name: str, *further: Any) -> Callable:
    return lambda t, *x: getattr(t, name)(*x, *further)


def _functional(name: str, *further: Any, **keywords: Any) -> Callable:
    return lambda t, *x: getattr(t.nn.functional, name)(*x, *further, **keywords)


def _linalg(name: str, *further: Any) -> Callable:
    return lambda t, *x: getattr(t.linalg, name)(*x, *further)


def rows(make: Callable, names: str, *arrays: np.ndarray, further: tuple = (), prefix: str = "") -> None:
    for name in names.split():
        row(prefix + name, make(name, *further), *arrays)


# ---- element by element

rows(
    _named,
    "abs neg exp exp2 expm1 log log2 log10 log1p sqrt rsqrt reciprocal sigmoid tanh erf sin cos floor ceil round trunc "
    "sign frac square relu positive nan_to_num lgamma digamma sinc deg2rad isnan isfinite",
    POSITIVE,
)
row("erfinv", _named("erfinv"), POSITIVE / 10)
rows(
    _named,
    "add sub mul div pow maximum minimum fmax fmin atan2 hypot logaddexp remainder fmod copysign eq lt ge",
    POSITIVE,
    np.abs(B) + np.float32(0.1),
)
rows(
    _functional,
    "relu gelu silu elu selu celu leaky_relu hardtanh hardswish hardsigmoid mish softplus softsign logsigmoid "
    "tanhshrink softshrink hardshrink relu6 glu",
    A,
    prefix="F.",
)
row("number * x", lambda t, x: x * 2.1, A)
row("number - x", lambda t, x: 1 - x, A)
row("number / x", lambda t, x: 1 / x, POSITIVE)
row("number ** x", lambda t, x: 2**x, A)
row("x == number", lambda t, x: x == x.flatten()[0].item(), A)
row("integers + x", lambda t, x: t.arange(6) + x, A)
row("float32 + x", lambda t, x: t.ones(6) + x, A)
row("float16 + x", lambda t, x: t.ones(6, dtype=t.float16) + x, A)
row("0-d float32 * x", lambda t, x: t.tensor(2.5) * x, A)
row("0-d x * float32", lambda t, x: x[0, 0] * t.ones(3), A)
row("clamp", _named("clamp", -0.5, 0.5), A)
row("lerp", _named("lerp", 0.3), A, B)
row("addcmul", lambda t, x, y: t.addcmul(x, x, y, value=0.5), A, B)
row("addcdiv", lambda t, x, y: t.addcdiv(x, x, y), A, POSITIVE)
row("where", lambda t, x, y: t.where(x > 0, x, y), A, B)
row("where with a number", lambda t, x: t.where(x > 0, x, 0.0), A)
row("long", lambda t, x: (x * 10).long(), A)
row("half", lambda t, x: x.half(), A)
row("double", lambda t, x: x.double(), A)
row("to bool", lambda t, x: x.bool(), A)
row("item", lambda t, x: t.tensor(x[0, 0].item()), A)
row("tolist", lambda t, x: t.tensor(x.tolist()), A)

# ---- reductions

rows(
    _named,
    "sum mean prod max min amax amin argmax argmin std var any all median nansum nanmean norm sort argsort unbind diff",
    A,
)
rows(_named, "logsumexp softmax log_softmax cumsum cumprod cummax logcumsumexp", A, further=(1,))
row("sum along", lambda t, x: x.sum(1, keepdim=True), A)
row("sum as float32", lambda t, x: x.sum(dtype=t.float32), A)
row("topk", _named("topk", 2), A)
row("trace", _named("trace"), SQUARE)
rows(_named, "quantile nanquantile", A, further=(0.5,))
row("dist", lambda t, x: t.dist(x, x + 1), SQUARE)
row("renorm", _named("renorm", 2, 0, 1.0), SQUARE)
row("softmin", _functional("softmin", 1), A)

# ---- products

row("x @ y", lambda t, x, y: x @ y, A, M)
row("matrix @ vector", lambda t, x, y: x @ y[:, 0], A, M)
row("vector @ vector", lambda t, x: x[0] @ x[1], A)
row("einsum", lambda t, x, y: t.einsum("ij,jk->ik", x, y), A, M)
rows(_named, "mm chain_matmul", A, M)
row("tensordot", _named("tensordot", 1), A, M)
row("inner", lambda t, x: t.inner(x, x), A)
row("kron", lambda t, x: t.kron(x, x), A)
row("outer", lambda t, x: t.outer(x[0], x[1]), A)
row("mv", lambda t, x, y: t.mv(x, y[:, 0]), A, M)
rows(lambda name: lambda t, x: getattr(t, name)(x[0], x[1]), "dot vdot", A)
row("bmm", lambda t, x: t.bmm(x, x.transpose(1, 2)), SIGNAL)
row("addmm", lambda t, x, y: t.addmm(t.ones(4, 5, dtype=x.dtype), x, y), A, M)
row("addmv", lambda t, x, y: t.addmv(x[:, 0], x, y[:, 0]), A, M)
row("addr", lambda t, x: t.addr(x, x[:, 0], x[0]), A)
row("baddbmm", lambda t, x: t.baddbmm(x[:, :, :4], x, x.transpose(1, 2)), SIGNAL)
row("addbmm", lambda t, x: t.addbmm(x[0, :, :4], x, x.transpose(1, 2)), SIGNAL)
row("multi_dot", lambda t, x, y: t.linalg.multi_dot([x, y]), A, M)
row("vecdot", _linalg("vecdot"), A, B)
row("matrix_power", _linalg("matrix_power", 2), SQUARE)
row("linear", lambda t, x, y: t.nn.functional.linear(x, y.T), A, M)
row("bilinear", lambda t, x: t.nn.functional.bilinear(x, x, t.ones(3, 6, 6, dtype=x.dtype)), A)
row("prelu", lambda t, x: t.nn.functional.prelu(x, t.tensor([0.2], dtype=x.dtype)), A)
row("attention", lambda t, x: t.nn.functional.scaled_dot_product_attention(x, x, x), SIGNAL)
row("cross", lambda t, x: t.cross(x[:, :3], x[:, 3:], 1), A)

# ---- linear algebra, which PyTorch does not have in 16 bits: under autocast alone

rows(_named, "inverse pinverse", SQUARE, prefix="float32 ")
rows(_linalg, "inv svdvals cond", SQUARE, prefix="float32 ")
row("float32 qr", lambda t, x: t.linalg.qr(x)[1].abs(), SQUARE)
row("float32 eigvalsh", lambda t, x: t.linalg.eigvalsh(x + x.T), SQUARE)
row("float32 solve", lambda t, x: t.linalg.solve(x, x), SQUARE)
row("float32 cholesky", lambda t, x: t.linalg.cholesky(x @ x.T + 10 * t.eye(4, dtype=x.dtype)), SQUARE)
row("float32 cdist", lambda t, x, y: t.cdist(x, y), A, B)

# ---- layers

row("conv1d", _functional("conv1d"), SIGNAL, KERNEL[:, :, 0])
row("conv2d", _functional("conv2d"), IMAGES, KERNEL)
row("conv2d with stride", _functional("conv2d", None, 2, 1), IMAGES, KERNEL)
row("conv3d", _functional("conv3d"), VOLUMES, KERNEL_3D)
row("conv_transpose2d", _functional("conv_transpose2d"), IMAGES, TURNED)
row("max_pool2d", _functional("max_pool2d", 2), IMAGES)
row("avg_pool2d", _functional("avg_pool2d", 2), IMAGES)
row("lp_pool2d", _functional("lp_pool2d", 2.0, 2), np.abs(IMAGES))
row("adaptive_avg_pool2d", _functional("adaptive_avg_pool2d", 3), IMAGES)
row("adaptive_max_pool2d", _functional("adaptive_max_pool2d", 3), IMAGES)
row("max_pool3d", _functional("max_pool3d", 2), VOLUMES)
row("avg_pool3d", _functional("avg_pool3d", 2), VOLUMES)
row("MaxPool3d", lambda t, x: t.nn.MaxPool3d(2)(x), VOLUMES)
row("AdaptiveAvgPool3d", lambda t, x: t.nn.AdaptiveAvgPool3d(2)(x), VOLUMES)
row("AvgPool2d", lambda t, x: t.nn.AvgPool2d(2)(x), IMAGES)
row("batch_norm", lambda t, x, w: t.nn.functional.batch_norm(x, None, None, w, w, True), IMAGES, FOUR)
row("layer_norm", lambda t, x, w: t.nn.functional.layer_norm(x, (6,), w, w), A, SIX)
row("group_norm", _functional("group_norm", 2), IMAGES)
row("instance_norm", _functional("instance_norm"), IMAGES)
row("rms_norm", _functional("rms_norm", (6,)), A)
row("local_response_norm", _functional("local_response_norm", 2), IMAGES)
row("batch_norm by float32", lambda t, x: t.nn.functional.batch_norm(x, t.ones(4), t.ones(4), t.ones(4)), IMAGES)
row("layer_norm by float32", lambda t, x: t.nn.functional.layer_norm(x, (6,), t.ones(6), t.ones(6)), A)
row("group_norm by float32", lambda t, x: t.nn.functional.group_norm(x, 2, t.ones(4), t.ones(4)), IMAGES)
row("normalize", _functional("normalize"), A)
row("embedding", lambda t, x: t.nn.functional.embedding(t.tensor([0, 2, 2]), x), A)
row("embedding_bag", lambda t, x: t.nn.functional.embedding_bag(t.tensor([[0, 1]]), x), A)
row("interpolate", _functional("interpolate", scale_factor=2.0, mode="bilinear"), IMAGES)
row("nearest", _functional("interpolate", scale_factor=2), IMAGES)
row("pixel_shuffle", _functional("pixel_shuffle", 2), IMAGES)
row("unfold", _functional("unfold", 2), IMAGES)
row("pad", _functional("pad", (1, 1)), IMAGES)
row("pad by reflection", _functional("pad", (1, 1, 1, 1), "reflect"), IMAGES)
row("pad by replication", _functional("pad", (1, 1, 1, 1), mode="replicate"), IMAGES)
row("pad around", _functional("pad", (1, 1, 1, 1), mode="circular"), IMAGES)
row("dropout that keeps all", _functional("dropout", 0.5, False), A)
row("cosine_similarity", _functional("cosine_similarity"), A, B)
row("pairwise_distance", _functional("pairwise_distance"), A, B)

# ---- losses

rows(
    _functional,
    "mse_loss l1_loss smooth_l1_loss huber_loss kl_div soft_margin_loss binary_cross_entropy_with_logits "
    "poisson_nll_loss",
    A,
    np.abs(B),
)
rows(
    lambda name: lambda t, x: getattr(t.nn.functional, name)(x, t.tensor([0, 1, 2, 3])),
    "cross_entropy nll_loss multi_margin_loss",
    A,
)
row("binary_cross_entropy", lambda t, x, y: t.nn.functional.binary_cross_entropy(x.sigmoid(), y.sigmoid()), A, B)
row("hinge_embedding_loss", lambda t, x: t.nn.functional.hinge_embedding_loss(x, t.ones(4, 6, dtype=x.dtype)), A)
row("triplet_margin_loss", lambda t, x, y: t.nn.functional.triplet_margin_loss(x, y, x + y), A, B)
row("multilabel_margin_loss", lambda t, x: t.nn.functional.multilabel_margin_loss(x, t.zeros(4, 6).long()), A)

# ---- shapes, places, memory

row("cat", lambda t, x, y: t.cat([x, y]), A, B)
row("stack", lambda t, x, y: t.stack([x, y]), A, B)
row("flip", _named("flip", [1]), A)
row("roll", _named("roll", 1, 0), A)
row("tril", _named("tril"), A)
row("masked_fill", lambda t, x: x.masked_fill(x > 0, 1.0), A)
row("gather", lambda t, x: x.gather(1, t.tensor([[0, 1]] * 4)), A)
row("scatter_add", lambda t, x, y: x.scatter_add(0, t.tensor([[0, 1, 0, 0, 1, 1]]), y[:1]), A, B)
row("index_select", lambda t, x: x.index_select(0, t.tensor([1, 1])), A)
row("index_add", lambda t, x, y: x.index_add(0, t.tensor([0, 0, 1, 1]), y), A, B)
row("index_put", lambda t, x: t.index_put(x, (t.tensor([0]),), x[1]), A)
row("index_copy", lambda t, x: x.index_copy(0, t.tensor([0]), x[:1]), A)
row("x[places]", lambda t, x: x[t.tensor([0, 0, 2])], A)
row("x[slices]", lambda t, x: x[1:3, ::2], A)
row("x[mask]", lambda t, x: x[x > 0], A)
row("x.T", lambda t, x: x.T, A)
row("select", _named("select", 0, 1), A)
row("split", _named("split", 2), A)
row("chunk", _named("chunk", 3, 1), A)
row("expand", lambda t, x: x[:1].expand(3, 6), A)
row("reshape", lambda t, x: x.reshape(-1), A)
row("squeeze", lambda t, x: x[:1].squeeze(0), A)
row("as_strided", lambda t, x: x.as_strided((2, 2), (1, 2)), A)
row("windows", lambda t, x: x.unfold(1, 2, 1), A)
row("diagonal", _named("diagonal"), A)
row("repeat", lambda t, x: x.repeat(2, 1), A)


def leaves(result: Any) -> list:
    """The tensors of a result, which may be a tuple of them."""
    return [result] if hasattr(result, "dtype") else [leaf for part in result for leaf in leaves(part)]
