"""``functional_call`` under its former name."""

from minitorch.func.modules import functional_call

__all__ = ["functional_call"]
