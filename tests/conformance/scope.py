"""Which operations of PyTorch's database this library means to have, and why the others are left out."""

from __future__ import annotations

import fnmatch
from typing import Any

#: patterns of names, by the reason
OUT_OF_SCOPE = {
    "complex numbers": "complex polar view_as_real view_as_complex cdouble cfloat chalf nn.functional.silu.complex "
    "linalg.eig linalg.eigvals angle fft.* stft istft imag",
    "sparse tensors": "sparse.* to_sparse",
    "types of 8 and 16 bits (bfloat16 has tests of its own)": "bfloat16 torch._scaled_mm*",
    "private to PyTorch": "_* torch.ops.* jiterator_* native_* *_backward bmm.triton_optimized alias_copy "
    "as_strided_copy diagonal_copy expand_copy narrow_copy permute_copy split_with_sizes_copy squeeze_copy t_copy "
    "transpose_copy unbind_copy unfold_copy unsqueeze_copy view_copy unsafe_chunk unsafe_split hash_tensor "
    "grid_sampler_2d grid_sampler_3d empty_permuted constant_pad_nd max_pool2d_with_indices_backward nonzero_static "
    "nn.functional.linear_cross_entropy* as_strided_scatter",
    "special functions of physics and statistics": "special.* i0 igamma igammac",
    "windows of signal processing": "signal.*",
    "masked tensors": "masked.*",
    "factorisations kept as products of reflections, or of low rank": "geqrf ormqr linalg.householder_product "
    "linalg.ldl_* svd_lowrank pca_lowrank triangular_solve",
    "rarely used by scripts": "slice",
    "memory that changes its size or has strides of its own": "resize_ resize_as_ empty_strided new_empty_strided",
    "not in Python 3": "__rdiv__",
}
#: names that begin with an underscore and are operators of Python
OPERATORS = ("__radd__", "__rmul__", "__rand__", "__ror__", "__rxor__", "__rmatmul__", "__rmod__", "__rpow__",
             "__rsub__", "__getitem__")  # fmt: skip
#: results are random (or not initialised): shape, dtype and device are compared, values by the tests of each family
_RANDOM = (
    "bernoulli cauchy exponential geometric log_normal normal uniform multinomial rand_like randint randint_like randn "
    "randn_like empty empty_like new_empty nn.functional.rrelu nn.functional.dropout nn.functional.dropout2d "
    "nn.functional.dropout3d nn.functional.alpha_dropout nn.functional.feature_alpha_dropout "
    "nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d"
)
RANDOM = frozenset(_RANDOM.split())
#: vectors are determined but for their signs: what the database keeps of them for gradients is compared
FREE_SIGNS = frozenset(("linalg.eigh", "linalg.svd", "svd", "linalg.qr", "qr"))
#: which of equal elements comes first is not determined: values are compared, and what indices point to
FREE_ORDER = frozenset(("sort", "argsort", "topk", "kthvalue", "mode", "median", "nanmedian"))


def reason(name: str, variant: str = "") -> str | None:
    """Why an operation is left out, ``None`` if it is in scope."""
    if name in OPERATORS:
        return None
    for why, patterns in OUT_OF_SCOPE.items():
        for pattern in patterns.split():
            if fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(f"{name}.{variant}", pattern):
                return why
    return None


def ops_in_scope(info: Any) -> bool:
    return reason(info.name, info.variant_test_name) is None
