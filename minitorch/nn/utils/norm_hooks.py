"""Weight and spectral normalisation as forward pre-hooks: the older way.

The newer one is :mod:`minitorch.nn.utils.parametrizations`.
"""

from __future__ import annotations

import warnings
from typing import Any

from minitorch.core.grad_mode import no_grad
from minitorch.core.tensor import Tensor
from minitorch.nn.parameter import Parameter
from minitorch.nn.utils import norms


class _Hook:
    """Sets a weight of a module before each call."""

    kind: str
    name: str

    def compute(self, module: Any) -> Tensor:
        raise NotImplementedError

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.compute(module))


def _find(module: Any, kind: type[_Hook], name: str) -> tuple[int, Any] | None:
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, kind) and hook.name == name:
            return key, hook
    return None


def _attach(module: Any, hook: _Hook) -> Parameter:
    """Takes the weight out of the parameters and returns it; the hook will set it from now on.

    Raises:
        RuntimeError: there is such a hook already.
        ValueError: no such parameter.
    """
    if _find(module, type(hook), hook.name) is not None:
        raise RuntimeError(f"Cannot register two {hook.kind} hooks on the same parameter {hook.name}")
    weight = module._parameters.get(hook.name)
    if weight is None:
        raise ValueError(f"{hook.kind}: {type(module).__name__} has no parameter {hook.name!r}")
    del module._parameters[hook.name]
    return weight


def _detach(module: Any, kind: type[_Hook], name: str) -> Any:
    found = _find(module, kind, name)
    if found is None:
        raise ValueError(f"{kind.kind} of '{name}' not found in {module}")
    key, hook = found
    del module._forward_pre_hooks[key]
    module._look_for_hooks()
    module.__dict__.pop(name, None)
    return hook


class WeightNorm(_Hook):
    kind = "weight_norm"

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, dim

    def compute(self, module: Any) -> Tensor:
        return norms.weight_of(getattr(module, f"{self.name}_g"), getattr(module, f"{self.name}_v"), self.dim)


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Computes a weight from its norms ``<name>_g`` and its direction ``<name>_v`` before each call.

    Deprecated, as in PyTorch: use :func:`minitorch.nn.utils.parametrizations.weight_norm`.
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    hook = WeightNorm(name, dim)
    weight = _attach(module, hook)
    module.register_parameter(f"{name}_g", Parameter(norms.norm_except_dim(weight, dim).detach()))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    hook(module, None)
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """Undoes :func:`weight_norm`: the weight is a parameter again.

    Raises:
        ValueError: it is not normalised.
    """
    hook = _detach(module, WeightNorm, name)
    weight = hook.compute(module).detach()
    del module._parameters[f"{name}_g"], module._parameters[f"{name}_v"]
    module.register_parameter(name, Parameter(weight))
    return module


class SpectralNorm(_Hook):
    kind = "spectral_norm"

    def __init__(self, name: str, times: int, eps: float, dim: int) -> None:
        self.name, self.times, self.eps, self.dim = name, times, eps, dim

    def compute(self, module: Any, iterate: bool | None = None) -> Tensor:
        weight = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        matrix = norms.as_matrix(weight, self.dim)
        if module.training if iterate is None else iterate:
            # v before u, as in PyTorch: another order would be another sequence of estimates
            with no_grad():
                for _ in range(self.times):
                    v.copy_(norms.normalize(matrix.mT.mv(u), dim=0, eps=self.eps))
                    u.copy_(norms.normalize(matrix.mv(v), dim=0, eps=self.eps))
        return weight / norms.largest_singular_value(matrix, u, v)


def spectral_norm(
    module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Any:
    """Divides a weight by an estimate of its largest singular value before each call.

    :func:`minitorch.nn.utils.parametrizations.spectral_norm` is the newer way.

    Raises:
        ValueError: ``n_power_iterations`` is not positive.
    """
    if n_power_iterations <= 0:
        raise ValueError(f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}")
    hook = SpectralNorm(name, n_power_iterations, eps, norms.output_dim(module) if dim is None else dim)
    weight = _attach(module, hook)
    u, v = norms.unit_vectors(norms.as_matrix(weight.detach(), hook.dim), eps)
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.detach())
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: Any, name: str = "weight") -> Any:
    """Undoes :func:`spectral_norm`: the normalised weight is a parameter again.

    Raises:
        ValueError: it is not normalised.
    """
    hook = _detach(module, SpectralNorm, name)
    weight = hook.compute(module, iterate=False).detach()
    del module._parameters[f"{name}_orig"], module._buffers[f"{name}_u"], module._buffers[f"{name}_v"]
    module.register_parameter(name, Parameter(weight))
    return module
