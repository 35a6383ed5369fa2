"""Neural networks: layers (``nn.modules``), their mathematics (``nn.functional``), initialisation (``nn.init``)."""

from minitorch.nn import functional, init, modules, parallel, parameter, utils
from minitorch.nn.modules import *  # noqa: F403  (the table of layers is there)
from minitorch.nn.parallel import DataParallel
from minitorch.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
