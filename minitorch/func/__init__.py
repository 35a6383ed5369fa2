"""Functions of functions: derivatives, batches, and modules called with parameters from outside."""

from minitorch.func.derivatives import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp
from minitorch.func.modules import functional_call, stack_module_state
from minitorch.func.vmap import vmap

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "stack_module_state",
    "vjp",
    "vmap",
]
