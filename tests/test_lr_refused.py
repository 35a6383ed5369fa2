"""What schedules refuse, beside PyTorch's: arguments out of range, and optimizers that do not fit."""

import pytest
from test_lr_scheduler import optimizer_of, schedulers, stepped

import minitorch as torch

REFUSED = [
    ("StepLR", (3,), {"optimizer": 3}),
    ("ReduceLROnPlateau", (), {"optimizer": 3}),
    ("OneCycleLR", (0.1, 5), {"optimizer": 3}),
    ("CyclicLR", (0.1, 0.2), {"optimizer": 3}),
    ("LambdaLR", ([abs],), {}),
    ("MultiplicativeLR", ([abs, abs, abs],), {}),
    ("MultiplicativeLR", ([3, 4],), {}),
    ("ConstantLR", (1.5,), {}),
    ("LinearLR", (0.0,), {}),
    ("LinearLR", (0.5, 2.0), {}),
    ("CosineAnnealingWarmRestarts", (0,), {}),
    ("CosineAnnealingWarmRestarts", (2, 1.5), {}),
    ("CosineAnnealingWarmRestarts", (2, 1, "x"), {}),
    ("CyclicLR", (0.1, 0.2), {"mode": "square"}),
    ("CyclicLR", ([0.1], 0.2), {}),
    ("OneCycleLR", (0.1,), {}),
    ("OneCycleLR", (0.1,), {"total_steps": 0}),
    ("OneCycleLR", (0.1,), {"epochs": 2, "steps_per_epoch": -1}),
    ("OneCycleLR", (0.1,), {"epochs": 2.5, "steps_per_epoch": 1}),
    ("OneCycleLR", (0.1, 5), {"pct_start": 2.0}),
    ("OneCycleLR", (0.1, 5), {"anneal_strategy": "wave"}),
    ("OneCycleLR", ([0.1], 5), {}),
    ("ReduceLROnPlateau", (), {"factor": 1.0}),
    ("ReduceLROnPlateau", (), {"mode": "best"}),
    ("ReduceLROnPlateau", (), {"threshold_mode": "none"}),
    ("ReduceLROnPlateau", (), {"min_lr": [0.1]}),
    ("SequentialLR", ([], []), {}),
]


@pytest.mark.parametrize(("name", "arguments", "options"), REFUSED)
def test_what_pytorch_refuses_too(name, arguments, options):
    reference = pytest.importorskip("torch")
    errors = []
    for library in (torch, reference):
        optimizer = options.get("optimizer", optimizer_of(library))
        before = [dict(g) for g in getattr(optimizer, "param_groups", [])]
        rest = {key: value for key, value in options.items() if key != "optimizer"}
        with pytest.raises((ValueError, TypeError)) as error:
            getattr(schedulers(library), name)(optimizer, *arguments, **rest)
        errors.append((error.type, str(error.value)))
        if library is torch:
            assert [g["lr"] for g in before] == [g["lr"] for g in getattr(optimizer, "param_groups", [])]
    assert errors[0] == errors[1]


def test_compositions_that_are_refused():
    for library in [torch, pytest.importorskip("torch")]:
        s = schedulers(library)
        optimizer, other = optimizer_of(library), optimizer_of(library)
        fine, plateau = s.StepLR(optimizer, 1), s.ReduceLROnPlateau(optimizer)
        for make in (
            lambda parts, s=s, o=optimizer: s.SequentialLR(o, parts, [2]),
            lambda parts, s=s, o=optimizer: s.ChainedScheduler(parts, o),
        ):
            with pytest.raises(ValueError, match="does not support `ReduceLROnPlateau`"):
                make([fine, plateau])
            with pytest.raises(ValueError, match="belong to the same optimizer"):
                make([fine, s.StepLR(other, 1)])
            with pytest.raises(TypeError, match="at index 1 should have `optimizer`"):
                make([fine, 3])
        with pytest.raises(ValueError, match="one more than the number of milestone"):
            s.SequentialLR(optimizer, [fine], [2])
        with pytest.raises(ValueError, match="at least one scheduler to be chained"):
            s.ChainedScheduler([])


def test_momentum_that_is_not_there_cannot_cycle():
    w = torch.ones(1, requires_grad=True)
    optimizer = torch.optim.Adagrad([w], lr=0.1)
    for make in (
        lambda **o: schedulers(torch).CyclicLR(optimizer, 0.1, 0.2, **o),
        lambda **o: schedulers(torch).OneCycleLR(optimizer, 0.1, 10, **o),
    ):
        with pytest.raises(ValueError, match="must support momentum or beta1"):
            make()
        assert optimizer.param_groups[0]["lr"] == 0.1
    schedulers(torch).CyclicLR(optimizer, 0.3, 0.4, cycle_momentum=False)
    assert optimizer.param_groups[0]["lr"] == 0.3


def test_one_cycle_ends():
    optimizer = optimizer_of(torch)
    scheduler = schedulers(torch).OneCycleLR(optimizer, 0.1, 3)
    stepped(optimizer, scheduler, 3)
    optimizer.step()
    with pytest.raises(ValueError, match=r"Tried to step 4 times\. The specified number of total steps is 3"):
        scheduler.step()
