"""The table that binds operations to ``Tensor``: methods, operators, in-place variants."""

from __future__ import annotations

from minitorch import creation, sampling
from minitorch.core.inplace import inplace, reshaped_inplace
from minitorch.core.tensor import Tensor
from minitorch.ops import (
    axes,
    comparison,
    conversion,
    cumulative,
    decompositions,
    diagonals,
    elementwise,
    extrema,
    functions,
    gathering,
    index_slices,
    indexing,
    linalg,
    masking,
    norms,
    pieces,
    products,
    properties,
    quantiles,
    rearranging,
    reduction,
    scatter_reduce,
    searching,
    shape,
    softmax,
    solving,
    sorting,
    variance,
)

METHODS = {
    elementwise: "add sub mul div divide floor_divide remainder fmod neg negative positive pow square float_power "
    "maximum minimum fmax fmin clamp clip clamp_min clamp_max lerp addcmul addcdiv nan_to_num relu",
    functions: "exp exp2 expm1 log log2 log10 log1p sqrt rsqrt reciprocal sin cos tan asin acos atan sinh cosh tanh "
    "asinh acosh atanh arcsin arccos arctan arcsinh arccosh arctanh erf erfc erfinv lgamma digamma sinc sigmoid logit "
    "sign sgn abs absolute ceil floor trunc fix round frac deg2rad rad2deg atan2 arctan2 hypot logaddexp logaddexp2 "
    "copysign xlogy heaviside",
    comparison: "eq ne lt le gt ge less less_equal greater greater_equal not_equal equal isclose allclose isnan isinf "
    "isfinite isposinf isneginf isreal signbit logical_not logical_and logical_or logical_xor bitwise_not bitwise_and "
    "bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift",
    reduction: "sum mean prod nansum nanmean all any count_nonzero logsumexp",
    variance: "var std cov corrcoef",
    products: "kron inner cross",
    solving: "inverse det slogdet logdet matrix_power matrix_exp cholesky_solve cholesky_inverse",
    decompositions: "cholesky qr svd pinverse",
    norms: "norm dist",
    extrema: "max min amax amin aminmax argmax argmin",
    quantiles: "median nanmedian mode kthvalue quantile nanquantile",
    cumulative: "cumsum cumsum_ cumprod cumprod_ cummax cummin logcumsumexp diff",
    sorting: "sort argsort msort topk",
    searching: "unique unique_consecutive bincount histc",
    shape: "reshape view view_as reshape_as ravel flatten unflatten squeeze unsqueeze expand expand_as broadcast_to",
    axes: "permute transpose swapaxes swapdims t movedim moveaxis",
    pieces: "narrow select split split_with_sizes chunk tensor_split hsplit vsplit dsplit unbind unfold as_strided",
    diagonals: "diagonal diag_embed diag diagflat trace tril triu tril_ triu_",
    rearranging: "flip fliplr flipud rot90 roll repeat tile repeat_interleave",
    indexing: "index_put index_put_",
    gathering: "gather take_along_dim scatter scatter_ scatter_add scatter_add_",
    scatter_reduce: "scatter_reduce scatter_reduce_",
    index_slices: "index_select index_add index_add_ index_copy index_copy_ index_fill index_fill_ take put put_",
    properties: "size dim ndimension numel nelement element_size get_device is_floating_point is_complex is_signed "
    "is_same_size is_nonzero is_pinned is_shared is_contiguous contiguous stride storage_offset data_ptr "
    "detach_ _is_view",
    masking: "masked_fill masked_fill_ masked_select masked_scatter masked_scatter_ nonzero argwhere",
    linalg: "mm bmm mv dot vdot outer ger matmul addmm addmv addr baddbmm addbmm addmm_ addmv_ addr_ baddbmm_ addbmm_",
    conversion: "clone to double half long short char byte type type_as cpu cuda pin_memory zero_ fill_ copy_",
    softmax: "softmax log_softmax",
    creation: "new new_tensor new_zeros new_ones new_empty new_full",
    sampling: "bernoulli multinomial uniform_ normal_ random_ bernoulli_ exponential_",
}
INPLACE = {
    elementwise: "add sub mul div divide floor_divide remainder fmod neg negative pow square clamp clip clamp_min "
    "clamp_max lerp addcmul addcdiv nan_to_num relu",
    functions: "exp exp2 expm1 log log2 log10 log1p sqrt rsqrt reciprocal sin cos tan asin acos atan sinh cosh tanh "
    "asinh acosh atanh erf erfc erfinv lgamma digamma sinc sigmoid logit sign sgn abs ceil floor trunc fix round frac "
    "deg2rad rad2deg atan2 hypot copysign xlogy heaviside",
    comparison: "eq ne lt le gt ge logical_not logical_and logical_or logical_xor bitwise_not bitwise_and bitwise_or "
    "bitwise_xor",
}
#: view operations that can change the shape of the tensor itself
RESHAPED = {shape: "squeeze unsqueeze", axes: "t transpose swapaxes swapdims"}
PROPERTIES = {
    "T": axes.reversed_axes,
    "mT": axes.matrix_transposed,
    "H": axes.hermitian_transposed,
    "mH": axes.matrix_transposed,
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
    "__add__": elementwise.add,
    "__radd__": elementwise.add,
    "__sub__": elementwise.sub,
    "__rsub__": lambda self, other: elementwise.sub(other, self),
    "__mul__": elementwise.mul,
    "__rmul__": elementwise.mul,
    "__neg__": elementwise.neg,
    "__pos__": elementwise.positive,
    "__abs__": functions.abs,
    "__floordiv__": elementwise.floor_divide,
    "__rfloordiv__": lambda self, other: elementwise.floor_divide(other, self),
    "__mod__": elementwise.remainder,
    "__rmod__": lambda self, other: elementwise.remainder(other, self),
    "__invert__": comparison.bitwise_not,
    "__and__": comparison.bitwise_and,
    "__rand__": comparison.bitwise_and,
    "__or__": comparison.bitwise_or,
    "__ror__": comparison.bitwise_or,
    "__xor__": comparison.bitwise_xor,
    "__rxor__": comparison.bitwise_xor,
    "__lshift__": comparison.bitwise_left_shift,
    "__rshift__": comparison.bitwise_right_shift,
    "__iadd__": inplace(elementwise.add, "add_"),
    "__isub__": inplace(elementwise.sub, "sub_"),
    "__imul__": inplace(elementwise.mul, "mul_"),
    "__itruediv__": inplace(elementwise.div, "div_"),
    "__ifloordiv__": inplace(elementwise.floor_divide, "floor_divide_"),
    "__imod__": inplace(elementwise.remainder, "remainder_"),
    "__ipow__": inplace(elementwise.pow, "pow_"),
    "__iand__": inplace(comparison.bitwise_and, "bitwise_and_"),
    "__ior__": inplace(comparison.bitwise_or, "bitwise_or_"),
    "__ixor__": inplace(comparison.bitwise_xor, "bitwise_xor_"),
    "__gt__": comparison.gt,
    "__lt__": comparison.lt,
    "__le__": comparison.le,
    "__ge__": comparison.ge,
    "__eq__": comparison.eq,
    "__ne__": comparison.ne,
    "__truediv__": elementwise.div,
    "__rtruediv__": lambda self, other: elementwise.div(other, self),
    "__pow__": elementwise.pow,
    "__rpow__": lambda self, other: elementwise.pow(other, self),
}

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
for _name, _function in PROPERTIES.items():
    setattr(Tensor, _name, property(_function))
