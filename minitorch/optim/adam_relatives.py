"""Adamax, NAdam and RAdam: Adam with another norm, another momentum, another start."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minitorch.backend.primitives.optim_steps import adamax_step, nadam_step, radam_step
from minitorch.core.tensor import Tensor
from minitorch.optim.per_parameter import PerParameter, advance, count, refuse_below_zero, refuse_betas


def _refuse(lr: Any, eps: Any, betas: Any, weight_decay: Any) -> None:
    refuse_below_zero({"learning rate": lr, "epsilon value": eps})
    refuse_betas(betas)
    refuse_below_zero({"weight_decay value": weight_decay})


class Adamax(PerParameter):
    """Adam with the maximum norm: u = max(β₂ u, |g| + ε), θ = θ - γ / (1 - β₁ᵗ) m / u.

    Arguments as for :class:`Adam`.

    Source: Kingma, Ba, "Adam: a method for stochastic optimization", 2014, section 7.1, arXiv:1412.6980.

    >>> import minitorch as torch
    >>> w = torch.tensor([1., -2.], requires_grad=True)
    >>> optimizer = torch.optim.Adamax([w], lr=0.1)
    >>> (w ** 2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        _refuse(lr, eps, betas, weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_inf")

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        adamax_step(
            param,
            grad,
            state["exp_avg"]._data,
            state["exp_inf"]._data,
            advance(state),
            group["lr"],
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            group["maximize"],
        )


class NAdam(PerParameter):
    """Adam with Nesterov's momentum: μₜ = β₁ (1 - 0.96^(t ψ) / 2) blends the gradient and its mean.

    θ = θ - γ (μₜ₊₁ m / (1 - μ₁…μₜ₊₁) + (1 - μₜ) g / (1 - μ₁…μₜ)) / (√v̂ + ε).

    Args:
        momentum_decay: ψ.
        decoupled_weight_decay: as :class:`AdamW` does it.

    The others are as for :class:`Adam`.

    Source: Dozat, "Incorporating Nesterov momentum into Adam", 2016.

    >>> import minitorch as torch
    >>> w = torch.tensor([1., -2.], requires_grad=True)
    >>> optimizer = torch.optim.NAdam([w], lr=0.1)
    >>> (w ** 2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.8944, -1.8944], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        _refuse(lr, eps, betas, weight_decay)
        refuse_below_zero({"momentum_decay value": momentum_decay})
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        # In PyTorch's order: the product of the momenta comes second.
        return {"step": count(), "mu_product": count(1.0), **super()._start(param, group)}

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        step, (beta1, beta2), lr = advance(state), group["betas"], group["lr"]
        mu = beta1 * (1 - 0.5 * 0.96 ** (step * group["momentum_decay"]))
        mu_next = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * group["momentum_decay"]))
        product = state["mu_product"]._data
        product *= mu
        so_far = product.item()
        nadam_step(
            param,
            grad,
            state["exp_avg"]._data,
            state["exp_avg_sq"]._data,
            step,
            lr * (1 - mu) / (1 - so_far),
            lr * mu_next / (1 - so_far * mu_next),
            lr,
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            group["decoupled_weight_decay"],
            group["maximize"],
        )


class RAdam(PerParameter):
    """Adam that first steps by the mean alone, and by the quotient from where the variance of 1/√v̂ is tractable.

    ρ∞ = 2 / (1 - β₂) - 1, ρ = ρ∞ - 2 t β₂ᵗ / (1 - β₂ᵗ).  While ρ ≤ 5: θ = θ - γ m̂.  Then θ = θ - γ r m̂ / (√v̂ + ε̂) with
    r² = (ρ - 4)(ρ - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρ).

    Args:
        decoupled_weight_decay: as :class:`AdamW` does it.

    The others are as for :class:`Adam`.

    Source: Liu et al., "On the variance of the adaptive learning rate and beyond", 2019, arXiv:1908.03265.

    >>> import minitorch as torch
    >>> w = torch.tensor([1., -2.], requires_grad=True)
    >>> optimizer = torch.optim.RAdam([w], lr=0.1)
    >>> (w ** 2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.8000, -1.6000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        _refuse(lr, eps, betas, weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        step, (beta1, beta2) = advance(state), group["betas"]
        most = 2 / (1 - beta2) - 1
        now = most - 2 * step * beta2**step / (1 - beta2**step)
        rectification = None
        if now > 5.0:
            rectification = ((now - 4) * (now - 2) * most / ((most - 4) * (most - 2) * now)) ** 0.5
        radam_step(
            param,
            grad,
            state["exp_avg"]._data,
            state["exp_avg_sq"]._data,
            step,
            rectification,
            group["lr"],
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            group["decoupled_weight_decay"],
            group["maximize"],
        )
