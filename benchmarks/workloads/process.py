"""What a whole process costs: the import, and the memory that a training step takes at its peak."""

from __future__ import annotations

from . import add
from .models import lenet, resnet20
from .training import momentum, training

add("import/cold", "import in a fresh process", None, kind="import", headline=True)
for _net, _title, _batch in ((lenet, "LeNet", 256), (resnet20, "ResNet-20", 32)):
    for _suffix, _kind, _of in (("process", "memory", "of the process"), ("step", "memory-step", "above the import")):
        add(
            f"memory/{_net.__name__}/batch-{_batch}/{_suffix}",
            f"peak memory {_of}, {_title} training, batch {_batch}",
            training(_net, momentum, _batch, (3, 32, 32)),
            kind=_kind,
            headline=_net is lenet,
        )
