"""``LRScheduler``: counts steps and sets the learning rates of an optimizer's groups by a subclass's formula.

A learning rate that is a tensor is filled, so that whoever holds it sees the change; a number is replaced.
"""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from minitorch.core.grad_mode import no_grad
from minitorch.core.tensor import Tensor
from minitorch.optim.optimizer import Optimizer

_EPOCH_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler; with an epoch the closed form is used where there is one."
)


class LRScheduler:
    """Base class of schedulers; a subclass defines ``get_lr`` from ``last_epoch``, ``base_lrs`` and the groups.

    Args:
        optimizer: whose groups' "lr" is set; each group gets "initial_lr" as well.
        last_epoch: -1 to begin, or the number of the last step of a run that goes on.

    Raises:
        TypeError: ``optimizer`` is none.
        KeyError: the run goes on and a group has no "initial_lr".

    >>> import minitorch as torch
    >>> class Halving(torch.optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [lr / 2 ** self.last_epoch for lr in self.base_lrs]
    >>> optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = Halving(optimizer)
    >>> for _ in range(2):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    optimizer: Any
    base_lrs: list[Any]
    last_epoch: Any
    _step_count: int
    _last_lr: list[Any]
    _get_lr_called_within_step = False
    _is_initial = False
    #: attributes that ``state_dict`` leaves out
    _not_saved: tuple[str, ...] = ("optimizer",)

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked_optimizer(optimizer)
        for index, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{index}] when resuming scheduler with "
                    "last_epoch >= 0: load the optimizer's state_dict first, or begin with last_epoch=-1"
                )
        self.base_lrs = group_values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        optimizer.__dict__.setdefault("_opt_called", False)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> list[Any]:
        """The learning rates of the groups at ``last_epoch``, for ``step``; read them by ``get_last_lr``."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr()")

    def get_last_lr(self) -> list[Any]:
        """The learning rates that the last ``step`` set, one a group."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Goes on by one and sets the learning rates; call it after the optimizer's step."""
        if self._step_count == 1:
            self._warn_of_order()
        self._step_count += 1
        if epoch is not None:
            warnings.warn(_EPOCH_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _warn_of_order(self) -> None:
        advice = "call `optimizer.step()` before `lr_scheduler.step()`, or the first value of the schedule is skipped."
        if "step" in self.optimizer.__dict__:
            warnings.warn(
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. "
                f"Please make sure to {advice}",
                UserWarning,
                stacklevel=3,
            )
        elif not self.optimizer.__dict__.get("_opt_called", False):
            warnings.warn(
                f"Detected call of `lr_scheduler.step()` before `optimizer.step()`: {advice}", UserWarning, stacklevel=3
            )

    def _update_lr(self, epoch: int | None = None) -> None:
        with self._within_step():
            if epoch is None:
                self.last_epoch += 1
                values = self.get_lr()
            else:
                self.last_epoch = epoch
                closed_form = getattr(self, "_get_closed_form_lr", self.get_lr)
                values = closed_form()
        self._set(values)

    def _set(self, values: list[Any]) -> None:
        for group, lr in zip(self.optimizer.param_groups, values):
            set_option(group, "lr", lr)
        self._last_lr = group_values(self.optimizer, "lr")

    @contextmanager
    def _within_step(self) -> Iterator[None]:
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    def _group_lrs(self) -> list[Any]:
        return group_values(self.optimizer, "lr")

    def state_dict(self) -> dict[str, Any]:
        """All that the scheduler knows but the optimizer; functions are left out, objects that are called are not."""
        return {key: value for key, value in self.__dict__.items() if key not in self._not_saved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what ``state_dict`` returned."""
        self.__dict__.update(state_dict)


def checked_optimizer(optimizer: Any) -> Any:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


def copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def group_values(optimizer: Any, key: str) -> list[Any]:
    """The option ``key`` of each group, tensors copied."""
    return [copied(group[key]) for group in optimizer.param_groups]


def one_per_group(name: str, optimizer: Any, value: Any) -> list[Any]:
    """A list with a value for each group from one, or from a list of the right length.

    Raises:
        ValueError: the list has another length.
    """
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        value = [value] * groups
    elif len(value) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
            f"param_groups has {groups}."
        )
    return [copied(item) for item in value]


def set_option(group: dict[str, Any], key: str, value: Any) -> None:
    """Sets an option of a group; one that is a tensor is filled."""
    held = group[key]
    if isinstance(held, Tensor):
        with no_grad():
            held.fill_(value.item() if isinstance(value, Tensor) else value)
    else:
        group[key] = value


def saved_function(function: Any) -> dict[str, Any] | None:
    """What ``state_dict`` keeps of a function of the user: the attributes of an object that is called, else nothing."""
    return None if function is None or isinstance(function, types.FunctionType) else function.__dict__.copy()


def functions_per_group(name: str, optimizer: Any, functions: Any) -> list[Callable]:
    groups = len(optimizer.param_groups)
    if not isinstance(functions, (list, tuple)):
        return [functions] * groups
    if len(functions) != groups:
        raise ValueError(f"Expected {groups} {name}, but got {len(functions)}")
    return list(functions)
