"""``GradScaler``: keeps small gradients from becoming zero in 16 bits by scaling the loss up and the gradients down."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from minitorch.backend.array_module import why_no_cupy
from minitorch.backend.primitives.finite import scale_and_check
from minitorch.core.dtype import float16, float32
from minitorch.core.grad_mode import no_grad
from minitorch.core.node import bump_version
from minitorch.core.tensor import Tensor
from minitorch.creation import full

_FIX = "This may indicate your script did not use scaler.scale(loss or outputs) earlier in the iteration."


class GradScaler:
    """Scales the loss, unscales the gradients, leaves out steps with infinite gradients, and finds a fitting scale.

    Args:
        device: the type of device that the loss lives on.
        init_scale: the scale to begin with.
        growth_factor: by what it grows after ``growth_interval`` steps without infinite gradients.
        backoff_factor: by what it falls after one with them.
        growth_interval: see there.
        enabled: ``False``: everything is passed through.

    Raises:
        AssertionError: ``growth_factor`` is not above or ``backoff_factor`` not below 1; ``unscale_``, ``step`` or
            ``update`` comes before ``scale``.
        RuntimeError: gradients are unscaled twice, or stepped on twice, before ``update``.

    Source: Micikevicius et al., "Mixed precision training", 2017, arXiv:1710.03740.

    >>> import minitorch as torch
    >>> w = torch.ones(1, requires_grad=True)
    >>> optimizer = torch.optim.SGD([w], lr=0.5)
    >>> scaler = torch.amp.GradScaler("cpu")
    >>> scaler.scale((w * 3).sum()).backward()
    >>> w.grad
    tensor([196608.])
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> w
    tensor([-0.5000], requires_grad=True)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        self._enabled = enabled
        if device == "cuda" and enabled and why_no_cupy() is not None:
            warnings.warn(
                "GradScaler is enabled for 'cuda', but CUDA is not available.  Disabling.", UserWarning, stacklevel=2
            )
            self._enabled = False
        if not self._enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale = init_scale
        self._scale: Tensor | None = None
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = 0
        #: by id of the optimizer: what was done since the last update, and the 0-d arrays that tell of infinities
        self._progress: dict[int, tuple[str, list[Any]]] = {}

    def scale(self, outputs: Any) -> Any:
        """``outputs``, a tensor or (nested) iterables of them, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._scale = full((), self._init_scale, dtype=float32, device=outputs.device)
            return outputs * self._scale.to(outputs.device)
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(item) for item in outputs)
        if isinstance(outputs, Iterable):
            return map(self.scale, outputs)
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def _checked_scale(self, name: str) -> Tensor:
        if self._scale is None:
            raise AssertionError(f"Attempted {name} but _scale is None.  {_FIX}")
        return self._scale

    def unscale_(self, optimizer: Any) -> None:
        """Divides the gradients of an optimizer's parameters by the scale: for clipping before :meth:`step`.

        Raises:
            ValueError: a gradient is float16; scaling is for the gradients of parameters that are kept in float32.
        """
        if not self._enabled:
            return
        scale = self._checked_scale("unscale_")
        stage, _ = self._progress.get(id(optimizer), ("ready", []))
        if stage == "unscaled":
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if stage == "stepped":
            raise RuntimeError("unscale_() is being called after step().")
        params = [p for group in optimizer.param_groups for p in group["params"] if p._grad is not None]
        for param in params:
            if param._grad.dtype is float16:
                raise ValueError("Attempting to unscale FP16 gradients.")
        inverse = 1.0 / scale.item()
        found = []
        for param in params:
            found.append(scale_and_check(param._grad._data, inverse))
            bump_version(param._grad)
        self._progress[id(optimizer)] = ("unscaled", found)

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Unscales the gradients, if that is still to do, and makes the optimizer's step unless one is infinite or NaN.

        Returns:
            What the step returned; ``None`` where there was none.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._checked_scale("step")
        stage, _ = self._progress.get(id(optimizer), ("ready", []))
        if stage == "stepped":
            raise RuntimeError("step() has already been called since the last update().")
        if stage == "ready":
            self.unscale_(optimizer)
        _, found = self._progress[id(optimizer)]
        if not found:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        result = None
        if not any(map(bool, found)):
            result = optimizer.step(*args, **kwargs)
        self._progress[id(optimizer)] = ("stepped", found)
        return result

    @no_grad()
    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Sets the scale for the next iteration: ``new_scale``, or by whether there were infinite gradients."""
        if not self._enabled:
            return
        scale = self._checked_scale("update")
        if isinstance(new_scale, Tensor):
            if new_scale.numel() != 1 or new_scale.requires_grad:
                raise AssertionError("new_scale should be a float or a 1-element FloatTensor with requires_grad=False.")
            scale.fill_(new_scale.item())
        elif new_scale is not None:
            scale.fill_(new_scale)
        else:
            found = [flag for _, flags in self._progress.values() for flag in flags]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            if any(map(bool, found)):
                scale.mul_(self._backoff_factor)
                self._growth_tracker = 0
            else:
                self._growth_tracker += 1
                if self._growth_tracker == self._growth_interval:
                    grown = scale * self._growth_factor
                    if grown.item() < float("inf"):
                        scale.copy_(grown)
                    self._growth_tracker = 0
        self._progress = {}

    def get_scale(self) -> float:
        """The scale; 1.0 when disabled.  Waits for the GPU."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else self._scale.item()

    def get_growth_factor(self) -> float:
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether it scales at all."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """Scale, factors and the count of steps without infinities; ``{}`` when disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    @no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what ``state_dict`` returned; nothing when disabled.

        Raises:
            RuntimeError: it comes from a disabled scaler.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            self._scale.fill_(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self._enabled:
            if self._progress:
                raise AssertionError(
                    "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after "
                    "scaler.update()."
                )
            state["_init_scale"], state["_scale"] = self.get_scale(), None
        return state
