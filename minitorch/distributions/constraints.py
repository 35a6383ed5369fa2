"""What the parameters of distributions and their values must satisfy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitorch.core.tensor import Tensor


class Constraint:
    """A test of tensors.

    Args:
        text: how it reads in errors.
        test: gives a tensor of truth values, an element for each event.
        event_dim: how many of the last dimensions are one event.
        is_discrete: whether what passes is countable.
    """

    def __init__(self, text: str, test: Callable[[Any], Any], event_dim: int = 0, is_discrete: bool = False) -> None:
        self.text, self.check, self.event_dim, self.is_discrete = text, test, event_dim, is_discrete

    def __repr__(self) -> str:
        return self.text


def is_dependent(constraint: Any) -> bool:
    """Whether the constraint can only be told by a distribution at hand: it is a property then."""
    return isinstance(constraint, property)


def _of_vectors(base: Constraint, text: str) -> Constraint:
    return independent(base, 1, text)


def independent(base: Constraint, reinterpreted_batch_ndims: int, text: str = "") -> Constraint:
    """``base`` with so many further dimensions counted as one event, all of which must pass."""

    def test(value: Tensor) -> Tensor:
        passed = base.check(value)
        if passed.ndim < reinterpreted_batch_ndims:
            raise ValueError(f"expected at least {base.event_dim + reinterpreted_batch_ndims} dimensions")
        kept = passed.shape[: passed.ndim - reinterpreted_batch_ndims]
        return passed.reshape(*kept, -1).all(-1)

    text = text or f"IndependentConstraint({base}, {reinterpreted_batch_ndims})"
    return Constraint(text, test, base.event_dim + reinterpreted_batch_ndims, base.is_discrete)


def greater_than(lower_bound: Any) -> Constraint:
    return Constraint(f"GreaterThan(lower_bound={lower_bound})", lambda value: value > lower_bound)


def greater_than_eq(lower_bound: Any) -> Constraint:
    return Constraint(f"GreaterThanEq(lower_bound={lower_bound})", lambda value: value >= lower_bound)


def less_than(upper_bound: Any) -> Constraint:
    return Constraint(f"LessThan(upper_bound={upper_bound})", lambda value: value < upper_bound)


def interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    return Constraint(
        f"Interval(lower_bound={lower_bound}, upper_bound={upper_bound})",
        lambda value: (value >= lower_bound) & (value <= upper_bound),
    )


def _is_whole(value: Any) -> Any:
    return value % 1 == 0 if value.is_floating_point() else True


def integer_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    return Constraint(
        f"IntegerInterval(lower_bound={lower_bound}, upper_bound={upper_bound})",
        lambda value: (value >= lower_bound) & (value <= upper_bound) & _is_whole(value),
        is_discrete=True,
    )


def _is_lower_cholesky(value: Tensor) -> Tensor:
    matrices = value.flatten(-2)
    return (value.tril().flatten(-2) == matrices).all(-1) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


def _is_positive_definite(value: Tensor) -> Tensor:
    from minitorch.ops.comparison import isclose
    from minitorch.ops.decompositions import eigvalsh

    symmetric = isclose(value, value.mT, atol=1e-6).flatten(-2).all(-1)
    return symmetric & (eigvalsh(value.detach()) > 0).all(-1)


real = Constraint("Real()", lambda value: value == value)
positive = greater_than(0.0)
nonnegative = greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
boolean = Constraint("Boolean()", lambda value: (value == 0) | (value == 1), is_discrete=True)
nonnegative_integer = Constraint("IntegerGreaterThan(lower_bound=0)", lambda v: (v >= 0) & _is_whole(v), 0, True)
real_vector = _of_vectors(real, "IndependentConstraint(Real(), 1)")
simplex = Constraint("Simplex()", lambda v: (v >= 0).all(-1) & ((v.sum(-1) - 1).abs() < 1e-6), 1)
one_hot = Constraint("OneHot()", lambda v: ((v == 0) | (v == 1)).all(-1) & (v.sum(-1) == 1), 1, True)
lower_cholesky = Constraint("LowerCholesky()", _is_lower_cholesky, 2)
positive_definite = Constraint("PositiveDefinite()", _is_positive_definite, 2)
