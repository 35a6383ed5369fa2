"""How a training step of LeNet grows with the batch, on one thread and on two."""

from __future__ import annotations

from . import add
from .models import lenet
from .training import momentum, training

BATCHES = (1, 4, 16, 64, 256, 512)

for _threads in (1, 2):
    for _batch in BATCHES:
        add(
            f"scaling/lenet/threads-{_threads}/batch-{_batch}",
            f"LeNet 3x32x32, SGD with momentum, batch {_batch}, {_threads} thread{'s' * (_threads > 1)}",
            training(lenet, momentum, _batch, (3, 32, 32)),
            items=_batch,
            threads=_threads,
        )
