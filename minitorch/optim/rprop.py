"""Rprop, for gradients of the whole data set: it looks at their signs alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.optim_steps import rprop_step
from minitorch.core.tensor import Tensor, wrap
from minitorch.optim.per_parameter import PerParameter, advance, refuse_below_zero


class Rprop(PerParameter):
    """Each element has a step size that grows while its gradient keeps its sign and shrinks when it turns.

    Args:
        params: what to optimize; see :class:`Optimizer`.
        lr: the step size of every element in the first step.
        etas: (η₋, η₊), by which step sizes shrink and grow.
        step_sizes: the least and the greatest step size.
        maximize: climb instead of descending.
        foreach: how PyTorch runs it; the results are the same, and so it makes no difference here.
        capturable, differentiable: not supported.

    Raises:
        ValueError: an option is out of range.
        NotImplementedError: ``capturable`` or ``differentiable`` is set.

    Source: Riedmiller, Braun, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm",
    1993.

    >>> import minitorch as torch
    >>> w = torch.tensor([1., -2.], requires_grad=True)
    >>> optimizer = torch.optim.Rprop([w], lr=0.1)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (w ** 2).sum().backward()
    ...     optimizer.step()
    >>> w
    tensor([ 0.7800, -1.7800], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        refuse_below_zero({"learning rate": lr})
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("prev", "step_size")

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = super()._start(param, group)
        state["step_size"] = wrap(array_module(param._data).full_like(param._data, group["lr"]))
        return state

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        advance(state)
        eta_minus, eta_plus = group["etas"]
        smallest, largest = group["step_sizes"]
        rprop_step(
            param,
            grad,
            state["prev"]._data,
            state["step_size"]._data,
            eta_minus,
            eta_plus,
            smallest,
            largest,
            group["maximize"],
        )
