"""``torch.special``: the mathematical functions under the names that SciPy gives them."""

from __future__ import annotations

import math

from minitorch.core.tensor import Tensor
from minitorch.ops.functions import exp2, expm1, log1p
from minitorch.ops.functions import sigmoid as expit
from minitorch.ops.masking import where
from minitorch.ops.rounding import round
from minitorch.ops.softmax import log_softmax, logsumexp, softmax
from minitorch.ops.special_functions import digamma, erf, erfc, erfinv, logit, polygamma, sinc, xlogy
from minitorch.ops.special_functions import lgamma as gammaln
from minitorch.ops.special_functions import mvlgamma as multigammaln

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfinv", "exp2", "expit", "expm1", "gammaln", "log1p", "log_softmax", "logit",
    "logsumexp", "multigammaln", "ndtr", "polygamma", "psi", "round", "sinc", "softmax", "xlogy",
]  # fmt: skip

psi = digamma


def entr(input: Tensor) -> Tensor:
    """``-x log(x)``: 0 at 0, minus infinity below.

    >>> import minitorch as torch
    >>> torch.special.entr(torch.tensor([0., 0.5, -1.]))
    tensor([0.0000, 0.3466,   -inf])
    """
    return where(input < 0, -math.inf, 0 - xlogy(input, input.clamp(min=0)))


def ndtr(input: Tensor) -> Tensor:
    """The standard normal distribution function, exact also where it is tiny."""
    return erfc(input * -math.sqrt(0.5)) * 0.5
