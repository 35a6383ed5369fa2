"""Writes the checkpoints beside this file with PyTorch (2.13 when they were made).

    python tests/data/checkpoints/make_checkpoints.py

The tests read them without PyTorch; what they expect in them is the arithmetic below.
"""

from collections import OrderedDict
from pathlib import Path


def main() -> None:
    import torch

    here = Path(__file__).parent

    base = torch.arange(12.0)
    floats = torch.tensor([0.5, -1.25, 3.0])
    tensors = {
        **{str(d)[6:]: floats.to(d) for d in (torch.float16, torch.bfloat16, torch.float32, torch.float64)},
        **{str(d)[6:]: torch.tensor([0, 1, 100], dtype=d) for d in (torch.int8, torch.int16, torch.int32, torch.int64)},
        "uint8": torch.tensor([0, 1, 200], dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
        "base": base,
        "rows": base.view(3, 4),
        "column": base.view(3, 4)[:, 1],
        "transposed": base.view(3, 4).T,
        "expanded": torch.tensor([[7.0]]).expand(2, 3),
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(2.5),
        "leaf": torch.tensor([1.0], requires_grad=True),
        "parameter": torch.nn.Parameter(torch.tensor([2.0])),
        "frozen": torch.nn.Parameter(torch.tensor([3.0]), requires_grad=False),
    }
    torch.save(tensors, here / "tensors.pt")
    torch.save(tensors, here / "legacy.pt", _use_new_zipfile_serialization=False)

    torch.manual_seed(0)
    model = torch.nn.Sequential(OrderedDict(linear=torch.nn.Linear(2, 3), norm=torch.nn.BatchNorm1d(3)))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.25)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 3, 3], gamma=0.5)
    for _ in range(2):
        model(torch.ones(4, 2) * torch.arange(4.0)[:, None]).square().mean().backward()
        optimizer.step()
        scheduler.step()
    training = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "epoch": 2,
        "history": [(0.5, 1e300), (float("inf"), -(10**30))],
        "classes": {"cat", "dog"},
        "name": "naïve ☃",
        "raw": b"\x00\xff",
        "nothing": None,
        "shape": torch.Size([2, 3]),
        "dtype": torch.float64,
        "device": torch.device("cpu"),
        "flags": (True, False),
        "z": 1 + 2j,
    }
    torch.save(training, here / "training.pt")

    tag, torch.serialization.location_tag = torch.serialization.location_tag, lambda storage: "cuda:1"
    torch.save({"weight": torch.arange(3.0)}, here / "cuda.pt")
    torch.serialization.location_tag = tag
    torch.save({"z": torch.ones(2, dtype=torch.complex64)}, here / "complex.pt")
    torch.save({"model": torch.nn.ReLU()}, here / "module.pt")
    print(*(f"{path.name}: {path.stat().st_size} bytes" for path in sorted(here.glob("*.pt"))), sep="\n")


if __name__ == "__main__":
    main()
