"""Modules that learn the sizes of their parameters from their first input."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from minitorch.nn.parameter import is_lazy


class LazyModuleMixin:
    """Base, beside a usual module, of one that allocates its parameters when it is first called.

    A subclass puts ``UninitializedParameter`` and ``UninitializedBuffer`` where its tensors will be and overrides
    ``initialize_parameters``, which gets the arguments of the first call and materializes them.  After that call the
    module's class is ``cls_to_become``.

    >>> import minitorch as torch
    >>> layer = torch.nn.LazyLinear(3)
    >>> layer.weight
    <UninitializedParameter>
    >>> _ = layer(torch.zeros(2, 5))
    >>> layer
    Linear(in_features=5, out_features=3, bias=True)
    """

    cls_to_become: type | None = None

    if TYPE_CHECKING:  # what the module beside it has

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[safe-super]
        self.register_forward_pre_hook(_initialize, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materializes the parameters for the arguments of the first call."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer of this module has no shape yet."""
        members = itertools.chain(self._parameters.values(), self._buffers.values())
        return any(is_lazy(value) for value in members)


def _initialize(module: Any, args: tuple, kwargs: dict) -> None:
    """The hook before the first forward."""
    module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        raise RuntimeError(f"module {type(module).__name__} has not been fully initialized")
    # The hook is found by itself, not by a handle: a copy of the module has a copy of it.
    hooks = module._forward_pre_hooks
    for key in [key for key, hook in hooks.items() if hook is _initialize]:
        del hooks[key]
    module._look_for_hooks()
    if module.cls_to_become is not None:
        module.__class__ = module.cls_to_become
