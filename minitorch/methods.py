"""The table that binds operations to ``Tensor``: methods, operators, in-place variants."""

from __future__ import annotations

from minitorch import creation, sampling
from minitorch.core.inplace import inplace
from minitorch.core.tensor import Tensor
from minitorch.ops import conversion, elementwise, linalg, reduction, shape, softmax

METHODS = {
    elementwise: "add sub mul neg pow exp relu tanh gt",
    reduction: "sum",
    shape: "reshape expand permute transpose",
    linalg: "mm",
    conversion: "clone to",
    softmax: "softmax log_softmax",
    creation: "new new_tensor new_zeros new_ones new_empty new_full",
    sampling: "bernoulli multinomial uniform_ normal_ random_ bernoulli_ exponential_",
}
INPLACE = {elementwise: "add sub mul neg pow exp relu tanh"}
OPERATORS = {
    "__add__": elementwise.add,
    "__radd__": elementwise.add,
    "__sub__": elementwise.sub,
    "__rsub__": lambda self, other: elementwise.sub(other, self),
    "__mul__": elementwise.mul,
    "__rmul__": elementwise.mul,
    "__neg__": elementwise.neg,
    "__gt__": elementwise.gt,
}

for _module, _names in METHODS.items():
    for _name in _names.split():
        setattr(Tensor, _name, getattr(_module, _name))
for _module, _names in INPLACE.items():
    for _name in _names.split():
        setattr(Tensor, _name + "_", inplace(getattr(_module, _name)))
for _name, _function in OPERATORS.items():
    setattr(Tensor, _name, _function)
