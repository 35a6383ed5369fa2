"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minitorch.backend.primitives.optim_groups import adam_steps
from minitorch.core.tensor import Tensor
from minitorch.optim.per_parameter import (
    PerParameter,
    advance,
    alike,
    arrays_of,
    grads_of,
    refuse_below_zero,
    refuse_betas,
)


class Adam(PerParameter):
    """Steps by the running mean of the gradient over the root of the running mean of its square.

    m = β₁ m + (1 - β₁) g, v = β₂ v + (1 - β₂) g², θ = θ - γ m̂ / (√v̂ + ε) with m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ).

    Args:
        params: what to optimize; see :class:`Optimizer`.
        lr: learning rate γ.
        betas: (β₁, β₂), how slowly the means forget.
        eps: ε, keeps the quotient finite.
        weight_decay: λ; λ θ is added to the gradient (the L2 penalty).
        amsgrad: divide by the root of the largest v̂ so far.
        maximize: climb instead of descending.
        decoupled_weight_decay: as :class:`AdamW` does it.
        foreach, fused: how PyTorch runs it; the results are the same, and so they make no difference here.
        capturable, differentiable: not supported.

    Raises:
        ValueError: an option is out of range.
        NotImplementedError: ``capturable`` or ``differentiable`` is set.

    Source: Kingma, Ba, "Adam: a method for stochastic optimization", 2014, arXiv:1412.6980; ``amsgrad``: Reddi, Kale,
    Kumar, "On the convergence of Adam and beyond", 2018, arXiv:1904.09237.

    >>> import minitorch as torch
    >>> w = torch.tensor([1., -2.], requires_grad=True)
    >>> optimizer = torch.optim.Adam([w], lr=0.1)
    >>> (w ** 2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if foreach and not capturable:
            for name, value in (("lr", lr), ("betas[0]", betas[0]), ("betas[1]", betas[1])):
                if isinstance(value, Tensor):
                    raise ValueError(f"{name} as a Tensor is not supported for capturable=False and foreach=True")
        refuse_below_zero({"learning rate": lr, "epsilon value": eps})
        refuse_betas(betas)
        refuse_below_zero({"weight_decay value": weight_decay})
        if not any(all(isinstance(beta, kind) for beta in betas) for kind in (float, Tensor)):
            raise ValueError("betas must be either both floats or both Tensors")
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")

    def _update_all(self, params: list[Any], states: list[Any], group: dict[str, Any]) -> None:
        means, squares = ([state[name]._data for state in states] for name in ("exp_avg", "exp_avg_sq"))
        peaks = [state["max_exp_avg_sq"]._data for state in states] if group["amsgrad"] else None
        counts = list(map(advance, states))
        for step, *lists in alike(counts, arrays_of(params), grads_of(params), means, squares, peaks):
            adam_steps(
                *lists,
                step,
                group["lr"],
                *group["betas"],
                group["eps"],
                group["weight_decay"],
                group["decoupled_weight_decay"],
                group["maximize"],
            )


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameters themselves: θ = θ - γ λ θ before the step.

    Arguments as for :class:`Adam`; ``weight_decay`` is 0.01 where not given.

    Source: Loshchilov, Hutter, "Decoupled weight decay regularization", 2017, arXiv:1711.05101.

    >>> import minitorch as torch
    >>> w = torch.tensor([1.], requires_grad=True)
    >>> optimizer = torch.optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w ** 2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8500], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # a checkpoint of an older AdamW does not say so
            group["decoupled_weight_decay"] = True
