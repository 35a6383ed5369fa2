"""Array in, array out: the operations that NumPy and CuPy do badly or differently.  No Tensor in sight.

Each has a portable version in array calls alone; :mod:`.registry` says how a backend replaces one by something faster.
"""

from minitorch.backend.primitives.conv import conv_forward, conv_input_grad, conv_output_shape, conv_weight_grad
from minitorch.backend.primitives.registry import forget_replacements, primitive
from minitorch.backend.primitives.workspace import release_scratch

__all__ = [
    "conv_forward",
    "conv_input_grad",
    "conv_output_shape",
    "conv_weight_grad",
    "forget_replacements",
    "primitive",
    "release_scratch",
]
