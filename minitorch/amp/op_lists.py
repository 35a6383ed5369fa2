"""Which functions :class:`autocast` has compute in which precision: PyTorch's lists, which differ by device.

For CUDA they are those of PyTorch's documentation ("Automatic mixed precision package", CUDA op reference); for the CPU
they were found by calling PyTorch 2.13 under autocast with inputs of both precisions, which the tests repeat.
Functions that are made of listed ones are not named: their parts are cast.

Recurrent layers are one function here and compute in 16 bits throughout.  PyTorch does so on CUDA; on a CPU its GRU and
its cells keep float32 where the state that they start from has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from types import FunctionType
from typing import Any

LOWER, FLOAT32, WIDEST, MIXED, REFUSED, OFF = "lower", "float32", "widest", "mixed", "refused", "off"

_CONVOLUTIONS = "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution transposed"
_PRODUCTS = (
    "linear matmul __matmul__ __rmatmul__ mm bmm addmm baddbmm addbmm einsum chain_matmul multi_dot vecdot prelu "
    "scaled_dot_product_attention attention"
)
_RECURRENT = "layers step"
_LOSSES = (
    "mse_loss l1_loss smooth_l1_loss huber_loss kl_div nll_loss cross_entropy poisson_nll_loss cosine_embedding_loss "
    "hinge_embedding_loss margin_ranking_loss multi_margin_loss multilabel_margin_loss soft_margin_loss "
    "triplet_margin_loss binary_cross_entropy_with_logits"
)
#: take 16-bit inputs with float32 weights and return the type of the inputs
_NORMS = "batch_norm instance_norm rms_norm"

LISTS: dict[str, dict[str, str]] = {
    "cpu": {
        LOWER: f"{_CONVOLUTIONS} {_PRODUCTS} {_RECURRENT} inner tensordot matrix_power",
        FLOAT32: f"{_LOSSES} binary_cross_entropy ctc_loss prod trace quantile nanquantile cdist grid_sample "
        "local_response_norm max_unpool max_unpool1d max_unpool2d max_unpool3d avg_pool3d max_pool3d "
        "max_pool3d_with_indices adaptive_avg_pool3d adaptive_max_pool3d adaptive_max_pool3d_with_indices cholesky "
        "cholesky_ex cholesky_inverse cholesky_solve inverse inv inv_ex pinverse pinv svd svdvals eigh eigvalsh qr "
        "solve solve_ex lstsq lu_solve cond matrix_rank",
        WIDEST: "cat concat concatenate stack index_copy",
        MIXED: f"{_NORMS} layer_norm group_norm",
    },
    "cuda": {
        LOWER: f"{_CONVOLUTIONS} {_PRODUCTS} {_RECURRENT} mv addmv addr",
        FLOAT32: f"{_LOSSES} acos asin cosh erfinv exp expm1 log log10 log1p log2 reciprocal rsqrt sinh "
        "tan pow __pow__ __rpow__ __rtruediv__ softplus layer_norm group_norm norm vector_norm matrix_norm "
        "cosine_similarity normalize dist pdist cdist renorm logsumexp interpolate upsample upsample_nearest "
        "upsample_bilinear prod sum nansum cumsum cumprod softmax log_softmax softmin",
        WIDEST: "addcdiv addcmul atan2 bilinear cross dot vdot grid_sample index_put tensordot inner "
        "scatter_add cat concat concatenate stack",
        MIXED: _NORMS,
        REFUSED: "binary_cross_entropy",
    },
}
#: float32 where the first argument says three dimensions: what layers call for any number of them
IN_3D = {"cpu": ("avg_pool", "max_pool", "adaptive_avg_pool", "adaptive_max_pool")}
#: the backward pass casts nothing anew: gradients have the types of the forward pass
_ENGINE = ("backward", "grad")

_PLACES = ("", ".nn.functional", ".linalg")
_INNER = {
    "attention": ("attention",),
    "conv": ("convolution",),
    "conv_transpose": ("transposed",),
    "recurrent": ("layers", "step"),
    "pooling": ("avg_pool", "max_pool"),
    "adaptive_pooling": ("adaptive_avg_pool", "adaptive_max_pool"),
    "unpooling": ("max_unpool",),
}


def policies() -> dict[str, dict[str, str]]:
    """By name of a function, what to do on which type of device."""
    found: dict[str, dict[str, str]] = {}
    for device, lists in LISTS.items():
        for policy, names in lists.items():
            for name in names.split():
                found.setdefault(name, {})[device] = policy
    for device, inner in IN_3D.items():
        for name in inner:
            found.setdefault(name, {})[device] = FLOAT32
    found.setdefault("pad", {})["cpu"] = FLOAT32
    return found


def functions() -> Iterator[tuple[Any, str, dict[str, str]]]:
    """Each function object once, with its name and policies."""
    from minitorch.core import engine
    from minitorch.core.tensor import Tensor

    named = policies()
    places: list[Any] = [import_module("minitorch" + place) for place in _PLACES]
    found = [(name, vars(place).get(name)) for place in (*places, Tensor) for name in named]
    for module, names in _INNER.items():
        inner = import_module(f"minitorch.nn.functional.{module}")
        found += [(name, getattr(inner, name)) for name in names]
    seen = set()
    for name, function in found:
        if type(function) is FunctionType and function not in seen:
            seen.add(function)
            yield function, name, named[name]
    for name in _ENGINE:
        yield getattr(engine, name), name, {"cpu": OFF, "cuda": OFF}
