"""Stochastic gradient descent."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from operator import is_
from typing import Any

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.optim_groups import sgd_steps
from minitorch.core.tensor import Tensor, wrap
from minitorch.optim.per_parameter import PerParameter, alike, arrays_of, grads_of, refuse_several


class SGD(PerParameter):
    """Stochastic gradient descent, with momentum if you like.

    b = μ b + (1 - τ) g (in the first step b = g), θ = θ - γ b; with ``nesterov`` θ = θ - γ (g + μ b).

    Args:
        params: what to optimize; see :class:`Optimizer`.
        lr: learning rate γ.
        momentum: μ; 0 keeps no state.
        dampening: τ.
        weight_decay: λ; λ θ is added to the gradient (the L2 penalty).
        nesterov: look ahead along the momentum.
        maximize: climb instead of descending.
        foreach, fused: how PyTorch runs it; the results are the same, and so they make no difference here.
        differentiable: not supported.

    Raises:
        ValueError: an option is out of range.
        NotImplementedError: ``differentiable`` is set.

    Source: Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in deep learning", 2013.

    >>> import minitorch as torch
    >>> w = torch.tensor([1., 2.], requires_grad=True)
    >>> optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (w ** 2).sum().backward()
    ...     optimizer.step()
    >>> w
    tensor([0.4600, 0.9200], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        for name, value in (("learning rate", lr), ("momentum value", momentum), ("weight_decay value", weight_decay)):
            refuse_several(name, value)
            if value < 0.0:
                raise ValueError(f"Invalid {name}: {value}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",)

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {}

    def _update_all(self, params: list[Any], states: list[Any], group: dict[str, Any]) -> None:
        arrays, grads, names = arrays_of(params), grads_of(params), ("lr", "momentum", "dampening", "weight_decay")
        options = [*map(group.__getitem__, names), group["nesterov"], group["maximize"]]
        if group["momentum"] == 0:
            sgd_steps(arrays, grads, None, False, *options)
            return
        buffers = [state.get("momentum_buffer") for state in states]
        new = list(map(is_, buffers, itertools.repeat(None)))
        for i in itertools.compress(range(len(new)), new):
            buffers[i] = states[i]["momentum_buffer"] = wrap(array_module(arrays[i]).empty_like(arrays[i]))
        for first, *lists in alike(new, arrays, grads, arrays_of(buffers)):
            sgd_steps(*lists, first, *options)
