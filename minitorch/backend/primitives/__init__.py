"""Array in, array out: the operations that NumPy and CuPy do badly or differently.  No Tensor in sight.

Each has a portable version in array calls alone; :mod:`.registry` says how a backend replaces one by something faster.
"""

from minitorch.backend.primitives.adaptive_pooling import (
    adaptive_avg_pool_backward,
    adaptive_avg_pool_forward,
    adaptive_max_pool_forward,
)
from minitorch.backend.primitives.class_loss import class_loss_backward, class_loss_forward
from minitorch.backend.primitives.conv import (
    conv_bias_grad,
    conv_forward,
    conv_input_grad,
    conv_output_shape,
    conv_weight_grad,
)
from minitorch.backend.primitives.index_check import flag_outside
from minitorch.backend.primitives.pointwise import where_nonzero, zero_where_zero
from minitorch.backend.primitives.pooling import (
    avg_pool_backward,
    avg_pool_forward,
    max_pool_backward,
    max_pool_forward,
    max_pool_gather,
    max_pool_indices,
    pool_output_shape,
)
from minitorch.backend.primitives.random import (
    dropout,
    fill_bernoulli,
    fill_integers,
    fill_normal,
    fill_uniform,
    scale_kept,
)
from minitorch.backend.primitives.registry import forget_replacements, primitive
from minitorch.backend.primitives.scatter import add_rows_in_order, index_put_add, index_put_reduce, segment_add
from minitorch.backend.primitives.softmax import (
    log_softmax_backward,
    log_softmax_forward,
    masked_softmax,
    softmax_backward,
    softmax_forward,
)
from minitorch.backend.primitives.special import digamma, erf, erfc, erfinv, lgamma, polygamma
from minitorch.backend.primitives.workspace import release_scratch

__all__ = [
    "adaptive_avg_pool_backward",
    "add_rows_in_order",
    "adaptive_avg_pool_forward",
    "adaptive_max_pool_forward",
    "avg_pool_backward",
    "avg_pool_forward",
    "class_loss_backward",
    "class_loss_forward",
    "conv_bias_grad",
    "conv_forward",
    "conv_input_grad",
    "conv_output_shape",
    "conv_weight_grad",
    "digamma",
    "dropout",
    "erf",
    "erfc",
    "erfinv",
    "fill_bernoulli",
    "fill_integers",
    "fill_normal",
    "fill_uniform",
    "flag_outside",
    "forget_replacements",
    "index_put_add",
    "index_put_reduce",
    "lgamma",
    "log_softmax_backward",
    "log_softmax_forward",
    "masked_softmax",
    "max_pool_backward",
    "max_pool_forward",
    "max_pool_gather",
    "max_pool_indices",
    "polygamma",
    "pool_output_shape",
    "primitive",
    "release_scratch",
    "scale_kept",
    "segment_add",
    "softmax_backward",
    "softmax_forward",
    "where_nonzero",
    "zero_where_zero",
]
