"""Optimizers: change parameters along their gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitorch.optim import lr_scheduler, swa_utils
from minitorch.optim.adam import Adam, AdamW
from minitorch.optim.adam_relatives import Adamax, NAdam, RAdam
from minitorch.optim.adaptive import Adadelta, Adagrad
from minitorch.optim.asgd import ASGD
from minitorch.optim.lbfgs import LBFGS
from minitorch.optim.optimizer import Optimizer
from minitorch.optim.rmsprop import RMSprop
from minitorch.optim.rprop import Rprop
from minitorch.optim.sgd import SGD

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
]

if not TYPE_CHECKING:

    def __getattr__(name):
        from minitorch.missing import explain

        raise explain(__name__, name)
