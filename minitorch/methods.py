"""The table that binds operations to ``Tensor``: methods, operators, in-place variants."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from minitorch import creation, legacy, sampling, storage
from minitorch.core.binding import operator_of, swapped
from minitorch.core.inplace import inplace, reshaped_inplace
from minitorch.core.tensor import Tensor
from minitorch.ops import (
    axes,
    bounds,
    comparison,
    conversion,
    cumulative,
    decompositions,
    diagonals,
    division,
    elementwise,
    extrema,
    functions,
    gathering,
    index_slices,
    indexing,
    least_squares,
    linalg,
    logic,
    masking,
    norms,
    pieces,
    products,
    properties,
    quantiles,
    rearranging,
    reduction,
    replacing,
    rounding,
    scatter_reduce,
    searching,
    shape,
    softmax,
    solving,
    sorting,
    special_functions,
    variance,
)

METHODS = {
    elementwise: "add sub subtract mul multiply neg negative positive pow square float_power float_power_ lerp "
    "addcmul addcdiv",
    division: "div divide true_divide floor_divide remainder fmod reciprocal gcd lcm",
    bounds: "maximum minimum fmax fmin clamp clip clamp_min clamp_max nan_to_num relu",
    rounding: "abs absolute sign sgn ceil floor trunc fix round frac copysign heaviside nextafter ldexp frexp",
    functions: "exp exp2 expm1 log log2 log10 log1p logaddexp logaddexp2 sigmoid tanh sqrt rsqrt hypot sin cos tan "
    "asin acos atan sinh cosh asinh acosh atanh arcsin arccos arctan arcsinh arccosh arctanh atan2 arctan2 deg2rad "
    "rad2deg",
    special_functions: "erf erfc erfinv lgamma digamma mvlgamma sinc logit xlogy",
    comparison: "eq ne lt le gt ge less less_equal greater greater_equal not_equal equal isclose allclose isnan isinf "
    "isfinite isposinf isneginf isreal signbit",
    logic: "logical_not logical_and logical_or logical_xor bitwise_not bitwise_and bitwise_or bitwise_xor "
    "bitwise_left_shift bitwise_right_shift",
    reduction: "sum sum_to_size mean prod nansum nanmean all any count_nonzero",
    variance: "var std cov corrcoef",
    products: "kron inner cross",
    solving: "inverse det slogdet logdet matrix_power matrix_exp cholesky_solve cholesky_inverse",
    decompositions: "cholesky qr svd",
    least_squares: "pinverse",
    norms: "norm renorm dist",
    extrema: "max min amax amin aminmax argmax argmin",
    quantiles: "median nanmedian mode kthvalue quantile nanquantile",
    cumulative: "cumsum cumsum_ cumprod cumprod_ cummax cummin logcumsumexp diff",
    sorting: "sort argsort msort topk",
    searching: "unique unique_consecutive bincount histc",
    shape: "reshape view view_as reshape_as ravel flatten unflatten squeeze unsqueeze expand expand_as broadcast_to",
    axes: "permute transpose swapaxes swapdims t movedim moveaxis adjoint",
    pieces: "narrow select split split_with_sizes chunk tensor_split hsplit vsplit dsplit unbind unfold as_strided",
    diagonals: "diagonal diag_embed diag diagflat trace tril triu tril_ triu_",
    replacing: "select_scatter slice_scatter diagonal_scatter fill_diagonal_",
    rearranging: "flip fliplr flipud rot90 roll repeat tile repeat_interleave",
    indexing: "index_put index_put_",
    gathering: "gather take_along_dim scatter scatter_ scatter_add scatter_add_",
    scatter_reduce: "index_reduce index_reduce_ scatter_reduce scatter_reduce_",
    index_slices: "index_select index_add index_add_ index_copy index_copy_ index_fill index_fill_ take put put_",
    properties: "size dim ndimension numel nelement element_size get_device is_floating_point is_complex is_signed "
    "is_same_size is_nonzero is_pinned is_shared is_contiguous contiguous stride storage_offset data_ptr "
    "detach_ _is_view conj conj_physical resolve_conj resolve_neg",
    masking: "masked_fill masked_fill_ masked_select masked_scatter masked_scatter_ nonzero argwhere",
    linalg: "mm bmm mv dot vdot outer ger matmul addmm addmv addr baddbmm addbmm addmm_ addmv_ addr_ baddbmm_ addbmm_",
    conversion: "clone to double half bfloat16 long short char byte type type_as cpu cuda pin_memory zero_ fill_ copy_ "
    "apply_ map_",
    storage: "storage untyped_storage",
    softmax: "softmax log_softmax logsumexp",
    legacy: "new",
    creation: "new_tensor new_zeros new_ones new_empty new_full",
    sampling: "bernoulli multinomial uniform_ normal_ random_ bernoulli_ exponential_ log_normal_ cauchy_ geometric_",
}
#: their in-place variants have an underscore
INPLACE = {
    elementwise: "add sub subtract mul multiply neg negative pow square lerp addcmul addcdiv",
    division: "div divide true_divide floor_divide remainder fmod reciprocal gcd lcm",
    bounds: "clamp clip clamp_min clamp_max nan_to_num relu",
    rounding: "abs absolute sign sgn ceil floor trunc fix round frac copysign heaviside nextafter ldexp",
    functions: "exp exp2 expm1 log log2 log10 log1p sigmoid tanh sqrt rsqrt hypot sin cos tan asin acos atan sinh cosh "
    "asinh acosh atanh arcsin arccos arctan arcsinh arccosh arctanh atan2 arctan2 deg2rad rad2deg",
    special_functions: "erf erfc erfinv lgamma digamma mvlgamma sinc logit xlogy",
    norms: "renorm",
    properties: "conj_physical",
    comparison: "eq ne lt le gt ge less less_equal greater greater_equal not_equal",
    logic: "logical_not logical_and logical_or logical_xor bitwise_not bitwise_and bitwise_or bitwise_xor "
    "bitwise_left_shift bitwise_right_shift",
}
#: view operations that can change the shape of the tensor itself
RESHAPED = {shape: "squeeze unsqueeze", axes: "t transpose swapaxes swapdims", pieces: "as_strided"}


def _seldom(module: str, name: str) -> Any:
    """A method whose module is not imported before it is called."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        return getattr(import_module(f"minitorch.ops.{module}"), name)(self, *args, **kwargs)

    method.__name__ = name
    return method


PROPERTIES = {
    "T": axes.reversed_axes,
    "mT": axes.matrix_transposed,
    "H": axes.hermitian_transposed,
    "mH": axes.matrix_transposed,
    "real": properties.real,
    "imag": properties.imag,
}
#: methods whose names mean something else in Python, and operators
OPERATORS = {
    "float": conversion.float_,
    "int": conversion.int_,
    "bool": conversion.bool_,
    "where": masking.where_method,
    "__getitem__": indexing.getitem,
    "__setitem__": indexing.setitem,
    "__matmul__": linalg.matmul,
    "histogram": _seldom("histograms", "histogram"),
    "lu": _seldom("lu", "lu"),
    "lu_solve": _seldom("lu", "lu_solve"),
    "polygamma": special_functions.polygamma_method,
    "polygamma_": inplace(special_functions.polygamma_method, "polygamma_"),
    "__neg__": elementwise.neg,
    "__pos__": elementwise.positive,
    "__abs__": rounding.abs,
    "__invert__": logic.invert,
}
#: operators of two operands: what ``a + b`` calls, and the method for ``a += b``
BINARY = {
    "add": (elementwise.add, "add_"),
    "sub": (elementwise.sub, "sub_"),
    "mul": (elementwise.mul, "mul_"),
    "truediv": (division.true_divide, "div_"),
    "floordiv": (division.floor_divide, "floor_divide_"),
    "mod": (division.remainder, "remainder_"),
    "pow": (elementwise.pow, "pow_"),
    "matmul": (linalg.matmul, None),
    "and": (logic.bitwise_and, "bitwise_and_"),
    "or": (logic.bitwise_or, "bitwise_or_"),
    "xor": (logic.bitwise_xor, "bitwise_xor_"),
    "lshift": (logic.bitwise_left_shift, "bitwise_left_shift_"),
    "rshift": (logic.bitwise_right_shift, "bitwise_right_shift_"),
}
#: with the tensor on the right, where there is more to do than to swap the operands: ``1 - a`` has a node of its own
REFLECTED = {
    "add": elementwise.add,
    "mul": elementwise.mul,
    "sub": elementwise.rsub,
    "truediv": division.divided_into,
}
COMPARISONS = "eq ne lt le gt ge"

for _module, _names in METHODS.items():
    for _name in _names.split():
        setattr(Tensor, _name, getattr(_module, _name))
for _module, _names in INPLACE.items():
    for _name in _names.split():
        setattr(Tensor, _name + "_", inplace(getattr(_module, _name)))
for _module, _names in RESHAPED.items():
    for _name in _names.split():
        setattr(Tensor, _name + "_", reshaped_inplace(getattr(_module, _name)))
for _name, _function in OPERATORS.items():
    setattr(Tensor, _name, _function)
for _name, (_function, _method) in BINARY.items():
    setattr(Tensor, f"__{_name}__", operator_of(_function))
    setattr(Tensor, f"__r{_name}__", operator_of(REFLECTED.get(_name) or swapped(_function)))
    if _method is not None:
        setattr(Tensor, f"__i{_name}__", getattr(Tensor, _method))
for _name in COMPARISONS.split():
    setattr(Tensor, f"__{_name}__", operator_of(getattr(comparison, _name)))
for _name, _function in PROPERTIES.items():
    setattr(Tensor, _name, property(_function))
