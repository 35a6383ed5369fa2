"""What a whole process costs: the import, the first step, and the memory that training takes at its peak."""

from __future__ import annotations

from . import WORKLOADS, add
from .training import lenet_64

add("import/cold", "import in a fresh process", None, kind="import", headline=True)
for _name, _kind, _with in (("warm", "first", "kernels kept"), ("cold", "first-cold", "kernels compiled")):
    add(
        f"start/lenet/{_name}",
        f"first LeNet step after the import, batch 64, {_with}",
        lenet_64,
        kind=_kind,
        headline=True,
    )
for _workload in [w for w in WORKLOADS.values() if w.name.startswith("train/")]:
    for _suffix, _kind, _of in (
        ("process", "memory", "of the process"),
        ("step", "memory-step", "above the loaded library"),
    ):
        add(
            f"memory/{_workload.name.removeprefix('train/')}/{_suffix}",
            f"peak memory {_of}: {_workload.title}",
            _workload.build,
            kind=_kind,
            headline=_suffix == "step" and _workload.name == "train/lenet/batch-256",
        )
