"""Averages of models along their training, and what goes with them: stochastic weight averaging, moving averages."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

from minitorch.core.dtype import int64
from minitorch.core.grad_mode import no_grad
from minitorch.core.tensor import Tensor
from minitorch.creation import tensor
from minitorch.nn.modules.batchnorm import _BatchNorm
from minitorch.nn.modules.module import Module
from minitorch.optim.lr_scheduler.base import LRScheduler, one_per_group
from minitorch.optim.optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_avg_fn(decay: float = 0.999) -> Callable:
    """A function ``(average, current, count)`` for a moving average: decay · average + (1 - decay) · current.

    Raises:
        ValueError: ``decay`` is not between 0 and 1.
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> Callable:
    """A function ``(average, current, count)`` for the mean of all: average + (current - average) / (count + 1)."""

    @no_grad()
    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable:
    """:func:`get_ema_avg_fn` for lists of parameters, in place.

    >>> import minitorch as torch
    >>> ema = torch.optim.swa_utils.get_ema_multi_avg_fn(0.75)
    >>> average = torch.tensor([1., 2.])
    >>> ema([average], [torch.tensor([5., 2.])], 1)
    >>> average
    tensor([2., 2.])
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param_list: list[Tensor], current_param_list: list[Tensor], _: Any) -> None:
        for average, current in zip(ema_param_list, current_param_list):
            _go_towards(average, current, 1 - decay)

    return ema_update


def get_swa_multi_avg_fn() -> Callable:
    """:func:`get_swa_avg_fn` for lists of parameters, in place."""

    @no_grad()
    def swa_update(averaged_param_list: list[Tensor], current_param_list: list[Tensor], num_averaged: Any) -> None:
        weight = 1 / (float(num_averaged) + 1)
        for average, current in zip(averaged_param_list, current_param_list):
            _go_towards(average, current, weight)

    return swa_update


def _go_towards(average: Tensor, current: Tensor, weight: float) -> None:
    """average += weight (current - average), in place."""
    change = (current - average) * weight
    average.copy_(average + change) if not average.is_floating_point() else average.add_(change)


class AveragedModel(Module):
    """A copy of a model whose parameters are the average of the model's at each ``update_parameters``.

    Args:
        model: what is averaged; it is deep-copied.
        device: where the copy lives.
        avg_fn: ``(average, current, count) -> average`` of one parameter; by default the mean of all.
        multi_avg_fn: ``(averages, currents, count)`` in place on lists of parameters of one dtype, instead.
        use_buffers: average the buffers as well; else they are copied at each update.

    Raises:
        AssertionError: both functions are given.

    Source: Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018,
    arXiv:1803.05407.

    >>> import minitorch as torch
    >>> net = torch.nn.Linear(1, 1, bias=False)
    >>> average = torch.optim.swa_utils.AveragedModel(net)
    >>> for value in [1., 3.]:
    ...     _ = net.weight.data.fill_(value)
    ...     average.update_parameters(net)
    >>> average.module.weight.item()
    2.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable | None = None,
        multi_avg_fn: Callable | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The averaged model's forward."""
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Takes the parameters of ``model`` into the average."""
        averages, currents = self._members(self.module), self._members(model)
        pairs = [
            (average.detach(), current.detach().to(average.device)) for average, current in zip(averages, currents)
        ]
        number = int(self.n_averaged)
        if number == 0:
            for average, current in pairs:
                average.copy_(current)
        elif self.avg_fn is not None:
            for average, current in pairs:
                average.copy_(self.avg_fn(average, current, self.n_averaged.to(average.device)))
        else:
            update = self.multi_avg_fn or get_swa_multi_avg_fn()
            by_kind: dict[Any, list] = {}
            for average, current in pairs:
                by_kind.setdefault((average.device, average.dtype), []).append((average, current))
            for (device, _), group in by_kind.items():
                update([pair[0] for pair in group], [pair[1] for pair in group], self.n_averaged.to(device))
        if not self.use_buffers:
            for mine, theirs in zip(self.module.buffers(), model.buffers()):
                mine.detach().copy_(theirs.detach().to(mine.device))
        self.n_averaged.add_(1)

    def _members(self, model: Module) -> Iterable[Any]:
        return itertools.chain(model.parameters(), model.buffers() if self.use_buffers else ())


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Computes the running statistics of all batch norm layers anew: those of an average of models fit none of them.

    Args:
        loader: batches; of a list or tuple the first entry is the input.
        model: goes through training mode, and back.
        device: where the inputs are moved.
    """
    momenta = {module: module.momentum for module in model.modules() if isinstance(module, _BatchNorm)}
    if not momenta:
        return
    was_training = model.training
    try:
        model.train()
        for module in momenta:
            module.reset_running_stats()
            module.momentum = None  # the plain mean of all batches
        for batch in loader:
            inputs = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(inputs if device is None else inputs.to(device))
    finally:
        for module, momentum in momenta.items():
            module.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """From where the learning rate is to ``swa_lr`` in ``anneal_epochs``, then constant.

    Args:
        optimizer: whose learning rates are set.
        swa_lr: the end, one for all groups or one each.
        anneal_epochs: how long it takes.
        anneal_strategy: along a cosine ("cos") or a line ("linear").
        last_epoch: see :class:`~minitorch.optim.lr_scheduler.LRScheduler`.

    Raises:
        ValueError: ``anneal_strategy`` is unknown or ``anneal_epochs`` no number of epochs.

    >>> import minitorch as torch
    >>> optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> for _ in range(2):
    ...     optimizer.step()
    ...     scheduler.step()
    ...     print(scheduler.get_last_lr())
    [0.75]
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        for group, lr in zip(optimizer.param_groups, one_per_group("swa_lr", optimizer, swa_lr)):
            group["swa_lr"] = lr
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """How much of the way is behind after ``step`` steps."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        lrs = []
        for group in self.optimizer.param_groups:
            end = group["swa_lr"]
            start = end if before == 1 else (group["lr"] - before * end) / (1 - before)
            lrs.append(end * now + start * (1 - now))
        return lrs
