"""minitorch: PyTorch's names and behaviour on NumPy and CuPy, small enough to read.

import minitorch as torch
"""

from __future__ import annotations

import gc as _gc

# Importing makes many objects and no garbage: collections in between would take a tenth of the time.
_collects = _gc.isenabled()
_gc.disable()

from importlib import import_module
from math import e, inf, nan, pi
from typing import TYPE_CHECKING

# fmt: off
from minitorch import amp, autograd, cuda, linalg, methods, nn, return_types
from minitorch.amp import (
    autocast, clear_autocast_cache, get_autocast_dtype, is_autocast_cache_enabled, is_autocast_enabled,
    set_autocast_cache_enabled, set_autocast_dtype, set_autocast_enabled,
)
from minitorch.autograd import (
    enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled,
)
from minitorch.core.device import Device as device
from minitorch.core.device import get_default_device, set_default_device
from minitorch.core.dtype import DType as dtype
from minitorch.core.dtype import (
    bfloat16, bool_, complex64, complex128, finfo, float16, float32, float64, get_default_dtype, iinfo, int8, int16,
    int32, int64, set_default_dtype, uint8,
)
from minitorch.core.layout import Layout as layout
from minitorch.core.layout import MemoryFormat as memory_format
from minitorch.core.layout import channels_last, channels_last_3d, contiguous_format, preserve_format, strided
from minitorch.core.out_of_memory import OutOfMemoryError
from minitorch.core.printing import get_printoptions, set_printoptions
from minitorch.core.promotion import promote_types
from minitorch.core.size import Size
from minitorch.core.tensor import Tensor
from minitorch.creation import (
    arange, as_tensor, asarray, empty, empty_like, eye, from_dlpack, from_numpy, frombuffer, full, full_like,
    is_tensor, linspace, logspace, ones, ones_like, scalar_tensor, tensor, zeros, zeros_like,
)
from minitorch.legacy import (
    BFloat16Tensor, BoolTensor, ByteTensor, CharTensor, DoubleTensor, FloatTensor, HalfTensor, IntTensor, LongTensor,
    ShortTensor, set_default_tensor_type,
)
from minitorch.nn.functional import (
    adaptive_avg_pool1d, avg_pool1d, bilinear, celu, celu_, channel_shuffle, conv1d, conv2d, conv3d,
    conv_transpose1d, conv_transpose2d, conv_transpose3d, cosine_similarity, group_norm, hardshrink, layer_norm,
    max_pool1d, max_pool1d_with_indices, max_pool2d, max_pool3d, pairwise_distance, pdist, pixel_shuffle,
    pixel_unshuffle, prelu, relu_, rms_norm, rrelu, rrelu_, selu, selu_, threshold, threshold_,
)
from minitorch.nn.functional import adaptive_max_pool1d_with_indices as adaptive_max_pool1d
from minitorch.ops.axes import adjoint, moveaxis, movedim, permute, swapaxes, swapdims, t, transpose
from minitorch.ops.bounds import clamp, clamp_max, clamp_min, clip, fmax, fmin, maximum, minimum, nan_to_num, relu
from minitorch.ops.comparison import (
    allclose, eq, equal, ge, greater, greater_equal, gt, isclose, isfinite, isinf, isnan, isneginf, isposinf,
    isreal, le, less, less_equal, lt, ne, not_equal, signbit,
)
from minitorch.ops.conversion import clone, fill, fill_, zero_
from minitorch.ops.cumulative import (
    cummax, cummin, cumprod, cumsum, cumulative_trapezoid, diff, logcumsumexp, trapezoid, trapz,
)
from minitorch.ops.decompositions import cholesky, qr, svd
from minitorch.ops.diagonals import diag, diag_embed, diagflat, diagonal, trace, tril, tril_indices, triu, triu_indices
from minitorch.ops.division import div, divide, floor_divide, fmod, gcd, lcm, reciprocal, remainder, true_divide
from minitorch.ops.einsum import einsum, tensordot
from minitorch.ops.elementwise import (
    add, addcdiv, addcmul, float_power, lerp, mul, multiply, neg, negative, positive, pow, rsub, square, sub,
    subtract,
)
from minitorch.ops.extrema import amax, amin, aminmax, argmax, argmin, max, min
from minitorch.ops.functions import (
    acos, acosh, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, asin, asinh, atan, atan2, atanh, cos,
    cosh, deg2rad, exp, exp2, expm1, hypot, log, log1p, log2, log10, logaddexp, logaddexp2, rad2deg, rsqrt, sigmoid,
    sin, sinh, sqrt, tan, tanh,
)
from minitorch.ops.gathering import gather, scatter, scatter_add, take_along_dim
from minitorch.ops.index_slices import index_add, index_copy, index_fill, index_select, put, take
from minitorch.ops.indexing import index_put, index_put_
from minitorch.ops.joining import (
    block_diag, cat, column_stack, concat, concatenate, dstack, hstack, row_stack, stack, vstack,
)
from minitorch.ops.least_squares import pinverse
from minitorch.ops.linalg import addbmm, addmm, addmv, addr, baddbmm, bmm, dot, ger, matmul, mm, mv, outer, vdot
from minitorch.ops.logic import (
    bitwise_and, bitwise_left_shift, bitwise_not, bitwise_or, bitwise_right_shift, bitwise_xor, logical_and,
    logical_not, logical_or, logical_xor,
)
from minitorch.ops.masking import argwhere, masked_fill, masked_scatter, masked_select, nonzero, where
from minitorch.ops.norms import dist, norm, renorm
from minitorch.ops.pieces import (
    as_strided, chunk, dsplit, hsplit, narrow, select, split, split_with_sizes, tensor_split, unbind, vsplit,
)
from minitorch.ops.products import cdist, chain_matmul, cross, inner, kron, vander
from minitorch.ops.properties import (
    can_cast, conj, conj_physical, detach, get_device, imag, is_complex, is_floating_point, is_nonzero,
    is_same_size, is_signed, numel, real, resolve_conj, resolve_neg, result_type, typename,
)
from minitorch.ops.quantiles import kthvalue, median, mode, nanmedian, nanquantile, quantile
from minitorch.ops.rearranging import (
    cartesian_prod, combinations, flip, fliplr, flipud, meshgrid, repeat_interleave, roll, rot90, tile,
)
from minitorch.ops.reduction import all, any, count_nonzero, mean, nanmean, nansum, prod, sum
from minitorch.ops.replacing import diagonal_scatter, select_scatter, slice_scatter
from minitorch.ops.rounding import (
    abs, absolute, ceil, copysign, fix, floor, frac, frexp, heaviside, ldexp, nextafter, round, sgn, sign, trunc,
)
from minitorch.ops.scatter_reduce import index_reduce, scatter_reduce
from minitorch.ops.searching import (
    bincount, bucketize, histc, isin, searchsorted, unique, unique_consecutive, unravel_index,
)
from minitorch.ops.shape import (
    atleast_1d, atleast_2d, atleast_3d, broadcast_shapes, broadcast_tensors, broadcast_to, flatten, ravel, reshape,
    squeeze, unflatten, unsqueeze,
)
from minitorch.ops.softmax import log_softmax, logsumexp, softmax
from minitorch.ops.solving import (
    cholesky_inverse, cholesky_solve, det, inverse, logdet, matrix_exp, matrix_power, slogdet,
)
from minitorch.ops.sorting import argsort, msort, sort, topk
from minitorch.ops.special_functions import digamma, erf, erfc, erfinv, lgamma, logit, mvlgamma, polygamma, sinc, xlogy
from minitorch.ops.variance import corrcoef, cov, std, std_mean, var, var_mean
from minitorch.random import Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from minitorch.runtime import (
    are_deterministic_algorithms_enabled, compile, get_float32_matmul_precision, get_num_interop_threads,
    get_num_threads, set_float32_matmul_precision, set_num_interop_threads, set_num_threads,
    use_deterministic_algorithms,
)
from minitorch.sampling import (
    bernoulli, multinomial, normal, poisson, rand, rand_like, randint, randint_like, randn, randn_like, randperm,
)
from minitorch.serialization import load, save
from minitorch.version import __version__
# fmt: on

if _collects:
    _gc.enable()

# Python's names for the types, as PyTorch has them
bool, float, double, half = bool_, float32, float64, float16
short, int, long = int16, int32, int64

#: in an index, a new dimension
newaxis = None

_MODULES = ("accelerator", "backends", "distributions", "func", "optim", "special", "testing")
#: functions whose modules are not imported before they are asked for
_SELDOM = {
    "coverage": "covered",
    "gradient": "ops.differences",
    "histogram": "ops.histograms",
    "histogramdd": "ops.histograms",
    "lu": "ops.lu",
    "lu_solve": "ops.lu",
    "lu_unpack": "ops.lu",
    "vmap": "func",
}

if TYPE_CHECKING:
    from minitorch import accelerator, backends, distributions, func, optim, special, testing
else:

    def __getattr__(name):
        """What few programs need, when it is asked for; the reason, where there is no such name."""
        if name in _MODULES:
            return import_module(f"{__name__}.{name}")
        if name in _SELDOM:
            return getattr(import_module(f"{__name__}.{_SELDOM[name]}"), name)
        from minitorch.missing import explain

        raise explain(__name__, name)
