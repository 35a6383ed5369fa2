"""What the comparisons of operations, layers and optimizers have in common."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch

import minitorch
from tests.conformance.compare import Different
from tests.conformance.translate import Missing


@dataclass
class Report:
    """What came of an operation.  ``failures`` maps ``"float64 3 gradient"`` to what was different."""

    name: str
    passed: int = 0
    total: int = 0
    second_passed: int = 0
    second_total: int = 0
    errors_passed: int = 0
    errors_total: int = 0
    out_of_scope: int = 0
    failures: dict[str, str] = field(default_factory=dict)


def seed() -> None:
    # torch.manual_seed would note the stack for each kind of device: half of the time.
    torch.default_generator.manual_seed(0)
    minitorch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)


def seeded(items: Iterable) -> Iterator:
    """The items, each made from the same state of the generators, whatever was made before."""
    items = iter(items)
    while True:
        seed()
        try:
            yield next(items)
        except StopIteration:
            return


#: how many samples are made for one that is run: most of a short run would be spent making those of pooling
MADE = 12


def spread(items: Iterable, count: int | None) -> list[tuple[int, Any]]:
    """``count`` of them (``None``: all) with their positions, from the whole range if that is not too long."""
    if count is None:
        return list(enumerate(items))
    numbered = list(islice(enumerate(items), MADE * count))
    if len(numbered) <= count:
        return numbered
    return [numbered[i * (len(numbered) - 1) // (count - 1)] for i in range(count)]


def describe(error: Exception) -> str:
    """One line that says what went wrong."""
    if isinstance(error, Different):
        return str(error)
    if isinstance(error, Missing):
        return f"missing: {error}"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def flat(result: Any) -> list:
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in flat(part)]
    return [result]


class loud(warnings.catch_warnings):
    """NumPy's warnings are errors: users must not see them."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("error", RuntimeWarning)


def expect_same_class(raised: BaseException, call: Callable) -> None:
    """``call`` raises the class of ``raised``, or one derived from it.

    Raises:
        Different: it raises another, or returns.
    """
    try:
        call()
    except Exception as error:
        names = {c.__name__ for c in type(error).__mro__}
        expected = type(raised).__name__.strip("_")
        if isinstance(error, type(raised)) or expected in names:
            return
        raise Different(f"raises {describe(error)}, PyTorch {describe(raised)}") from error  # type: ignore[arg-type]
    raise Different(f"returns, PyTorch raises {describe(raised)}")  # type: ignore[arg-type]
