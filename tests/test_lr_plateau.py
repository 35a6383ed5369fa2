"""ReduceLROnPlateau beside PyTorch's: when it reduces, files, groups that come later."""

import math

import numpy as np
import pytest
from test_lr_scheduler import optimizer_of, rates, schedulers

import minitorch as torch

PLATEAUS = [
    {},
    {"patience": 1, "cooldown": 2, "factor": 0.5},
    {"mode": "max", "patience": 0, "threshold": 0.2},
    {"threshold_mode": "abs", "threshold": 0.05, "patience": 1},
    {"mode": "max", "threshold_mode": "abs", "patience": 1, "min_lr": [0.05, 0.0]},
    {"patience": 0, "factor": 0.9, "min_lr": 0.08, "eps": 0.01},
]


@pytest.mark.parametrize("options", PLATEAUS)
def test_plateaus_are_pytorchs(options, tmp_path):
    reference = pytest.importorskip("torch")
    losses = np.random.default_rng(3).random(40) + np.linspace(1, 0, 40)
    losses[20] = math.nan
    results = []
    for library in (torch, reference):
        optimizer = optimizer_of(library)
        scheduler = schedulers(library).ReduceLROnPlateau(optimizer, **options)
        seen = []
        for k, loss in enumerate(losses.tolist()):
            scheduler.step(library.tensor(loss, dtype=library.float64) if k % 2 else loss)
            seen.append([*rates(optimizer, scheduler), scheduler.num_bad_epochs, scheduler.best, scheduler.in_cooldown])
        results.append((seen, scheduler))
    (ours, mine), (theirs, other) = results
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    assert mine.state_dict() == other.state_dict()
    fresh = schedulers(torch).ReduceLROnPlateau(optimizer_of(torch))
    torch.save(mine.state_dict(), tmp_path / "plateau.pt")
    fresh.load_state_dict(reference.load(tmp_path / "plateau.pt"))
    assert fresh.state_dict() == mine.state_dict()


def test_plateaus_and_groups_that_come_later():
    optimizer = optimizer_of(torch)
    scheduler = schedulers(torch).ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
    strict = schedulers(torch).ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.0, 0.0])
    optimizer.add_param_group({"params": [torch.ones(1, requires_grad=True)], "lr": 4.0})
    scheduler.step(1.0)
    scheduler.step(1.0)
    assert scheduler.get_last_lr()[2] == 2.0
    strict.step(1.0)
    with pytest.raises(RuntimeError, match=r"number of param groups in the `optimizer` \(3\)"):
        strict.step(1.0)
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(1.0, epoch=7)
    assert scheduler.last_epoch == 7
