"""``Distribution``: what all distributions have in common."""

from __future__ import annotations

from typing import Any

from minitorch.core.dtype import default_dtype
from minitorch.core.grad_mode import no_grad
from minitorch.core.size import Size
from minitorch.core.tensor import Tensor
from minitorch.creation import tensor
from minitorch.distributions.constraints import Constraint, is_dependent
from minitorch.ops.shape import broadcast_tensors


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Tensors and numbers as tensors of one shape; numbers take the type and device of the first tensor.

    Raises:
        ValueError: neither a number nor a tensor.
    """
    first = next((value for value in values if isinstance(value, Tensor)), None)
    made = []
    for value in values:
        if isinstance(value, Tensor):
            made.append(value)
        elif isinstance(value, (int, float)):
            kind = default_dtype() if first is None or not first.is_floating_point() else first.dtype
            made.append(tensor(value, dtype=kind, device=None if first is None else first.device))
        else:
            raise ValueError(f"a parameter of a distribution is a number or a Tensor, not {type(value).__name__}")
    return tuple(broadcast_tensors(*made))


def size_of(shape: Any) -> Size:
    """A shape given as a size, a sequence or a number."""
    return Size((shape,) if isinstance(shape, int) else shape)


class Distribution:
    """Base of distributions: a batch of independent ones (``batch_shape``), each of events of ``event_shape``.

    Args:
        validate_args: whether parameters and the values given to :meth:`log_prob` are checked.  By default they are,
            unless Python runs with ``-O``.
    """

    has_rsample = False
    has_enumerate_support = False
    #: parameters by name, each with its constraint
    arg_constraints: dict[str, Any] = {}
    #: what values satisfy
    support: Any = None
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions check their arguments if they are not told.

        Raises:
            ValueError: neither True nor False.
        """
        if value not in (True, False):
            raise ValueError(f"validate_args is True or False, not {value!r}")
        Distribution._validate_args = value

    def __init__(self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _check_parameters(self) -> None:
        for name, constraint in type(self).arg_constraints.items():
            if name not in self.__dict__ or is_dependent(constraint):
                continue
            value = self.__dict__[name]
            if not bool(constraint.check(value).all()):
                raise ValueError(
                    f"Expected parameter {name} (Tensor of shape {tuple(value.shape)}) of {type(self).__name__} "
                    f"to satisfy {constraint}, but found invalid values:\n{value}"
                )

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distribution with ``batch_shape``; parameters are expanded, not copied."""
        batch_shape = size_of(batch_shape)
        other = object.__new__(type(self))
        for name, constraint in self.arg_constraints.items():
            if name in self.__dict__:
                value, events = self.__dict__[name], constraint.event_dim if isinstance(constraint, Constraint) else 0
                other.__dict__[name] = value.expand(*batch_shape, *value.shape[value.ndim - events :])
        other._batch_shape, other._event_shape = batch_shape, self._event_shape
        other._validate_args = self._validate_args
        return other

    @property
    def batch_shape(self) -> Size:
        """The shape of the parameters: one distribution an element."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one value of one distribution."""
        return self._event_shape

    @property
    def mean(self) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no mean")

    @property
    def mode(self) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} does not implement mode")

    @property
    def variance(self) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    @property
    def stddev(self) -> Tensor:
        """The root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Numbers drawn, in the shape ``sample_shape + batch_shape + event_shape``, without a gradient."""
        with no_grad():
            return self.rsample(sample_shape).detach()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Numbers drawn so that gradients flow to the parameters."""
        raise NotImplementedError(f"{type(self).__name__} draws without gradients: use sample()")

    def sample_n(self, n: int) -> Tensor:
        """``sample((n,))``."""
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density (or probability) at ``value``, for each distribution."""
        raise NotImplementedError(f"{type(self).__name__} does not implement log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values up to ``value``."""
        raise NotImplementedError(f"{type(self).__name__} does not implement cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The value up to which there is the probability ``value``."""
        raise NotImplementedError(f"{type(self).__name__} does not implement icdf")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values that a discrete distribution has, along a new first dimension."""
        raise NotImplementedError(f"{type(self).__name__} does not implement enumerate_support")

    def entropy(self) -> Tensor:
        """The expected value of ``-log_prob``, in nats."""
        raise NotImplementedError(f"{type(self).__name__} does not implement entropy")

    def perplexity(self) -> Tensor:
        """``exp`` of the entropy."""
        return self.entropy().exp()

    def _extended_shape(self, sample_shape: Any = ()) -> Size:
        return Size((*size_of(sample_shape), *self._batch_shape, *self._event_shape))

    def _validate_sample(self, value: Any) -> None:
        """Refuses values that cannot be this distribution's.

        Raises:
            ValueError: no tensor, of a shape that does not fit, or outside the support.
        """
        name = type(self).__name__
        if not isinstance(value, Tensor):
            raise ValueError(f"{name}: the value argument to log_prob must be a Tensor, not {type(value).__name__}")
        events = len(self._event_shape)
        if value.ndim < events or tuple(value.shape[value.ndim - events :]) != tuple(self._event_shape):
            raise ValueError(
                f"{name}: the last dimensions of the value must be the event shape {list(self._event_shape)}, "
                f"got {list(value.shape)}"
            )
        expected = (*self._batch_shape, *self._event_shape)
        for theirs, own in zip(reversed(value.shape), reversed(expected)):
            if theirs != 1 and own != 1 and theirs != own:
                raise ValueError(
                    f"{name}: a value of shape {list(value.shape)} does not broadcast with batch shape + event shape, "
                    f"{list(expected)}"
                )
        if self.support is not None and not bool(self.support.check(value).all()):
            raise ValueError(
                f"Expected value argument (Tensor of shape {tuple(value.shape)}) to be within the support "
                f"({self.support}) of {name}, but found invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        known = [(name, self.__dict__[name]) for name in self.arg_constraints if name in self.__dict__]
        shown = ", ".join(f"{name}: {v if v.numel() == 1 else v.size()}" for name, v in known)
        return f"{type(self).__name__}({shown})"
