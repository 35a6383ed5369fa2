"""Neural networks: layers (``nn.modules``), their mathematics (``nn.functional``), initialisation (``nn.init``)."""

import importlib as _importlib
import typing as _typing

from minitorch.nn import functional, init, modules, parallel, parameter, utils
from minitorch.nn.modules import *  # noqa: F403  (the table of layers is there)
from minitorch.nn.parallel import DataParallel
from minitorch.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

#: layers whose modules are not imported before they are asked for
_SELDOM = {
    "AdaptiveLogSoftmaxWithLoss": "adaptive",
    "FractionalMaxPool2d": "fractional_pooling",
    "FractionalMaxPool3d": "fractional_pooling",
}

if not _typing.TYPE_CHECKING:

    def __getattr__(name):
        """What few programs need, when it is asked for; the reason, where there is no such name."""
        if name in _SELDOM:
            return getattr(_importlib.import_module(f"minitorch.nn.modules.{_SELDOM[name]}"), name)
        if name == "attention":
            return _importlib.import_module("minitorch.nn.attention")
        from minitorch.missing import explain

        raise explain(__name__, name)
