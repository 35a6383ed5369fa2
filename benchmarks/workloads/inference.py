"""Forward passes alone, under ``no_grad`` and in evaluation mode."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from . import Build, Step, add
from .models import fill, images, lenet, resnet20


def inference(net: Callable[[ModuleType], Any], batch: int) -> Build:
    def build(torch: ModuleType, device: str) -> Step:
        model = fill(torch, net(torch)).to(device)
        model.eval()
        x = torch.from_numpy(images(batch)).to(device)

        def step() -> Any:
            with torch.no_grad():
                return model(x).sum()

        return step

    return build


for _batch in (1, 256):
    add(
        f"infer/lenet/batch-{_batch}",
        f"LeNet 3x32x32, inference, batch {_batch}",
        inference(lenet, _batch),
        headline=True,
        items=_batch,
    )
add("infer/resnet20/batch-32", "ResNet-20 3x32x32, inference, batch 32", inference(resnet20, 32), items=32)
