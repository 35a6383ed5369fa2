"""Learning-rate schedules: the same numbers as PyTorch's, files in both directions, warnings."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import minitorch as torch

# A chain inside a sequence begins anew when its parts have begun already; both libraries then warn.
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step:UserWarning")


class Halving:
    """A function with state, which state dicts keep."""

    def __init__(self, base):
        self.base = base

    def __call__(self, epoch):
        return self.base**epoch


def schedulers(library):
    return library.optim.lr_scheduler


def swa_lr(library, *args, **kwargs):
    return library.optim.swa_utils.SWALR(*args, **kwargs)


def sequence(library, optimizer):
    s = schedulers(library)
    parts = [
        s.LinearLR(optimizer, 0.1, total_iters=4),
        s.CosineAnnealingLR(optimizer, 8),
        s.ExponentialLR(optimizer, 0.5),
    ]
    return s.SequentialLR(optimizer, parts, [4, 12])


def sequence_of_chains(library, optimizer):
    s = schedulers(library)
    chain = s.ChainedScheduler([s.LinearLR(optimizer, 0.1, total_iters=4), s.ExponentialLR(optimizer, 0.9)])
    return s.SequentialLR(optimizer, [chain, s.StepLR(optimizer, 2, 0.5)], [5])


ROWS = {
    "lambda": lambda t, o: schedulers(t).LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (e + 1)]),
    "object": lambda t, o: schedulers(t).LambdaLR(o, Halving(0.5)),
    "multiplicative": lambda t, o: schedulers(t).MultiplicativeLR(o, lambda e: 0.9 + 0.01 * e),
    "step": lambda t, o: schedulers(t).StepLR(o, 3, 0.3),
    "multistep": lambda t, o: schedulers(t).MultiStepLR(o, [2, 5, 5, 9], 0.3),
    "constant": lambda t, o: schedulers(t).ConstantLR(o, 0.3, 4),
    "linear": lambda t, o: schedulers(t).LinearLR(o, 0.2, 0.7, 6),
    "exponential": lambda t, o: schedulers(t).ExponentialLR(o, 0.83),
    "polynomial": lambda t, o: schedulers(t).PolynomialLR(o, 7, 1.7),
    "cosine": lambda t, o: schedulers(t).CosineAnnealingLR(o, 5, 0.01),
    "restarts": lambda t, o: schedulers(t).CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
    "equal restarts": lambda t, o: schedulers(t).CosineAnnealingWarmRestarts(o, 4),
    "triangular": lambda t, o: schedulers(t).CyclicLR(o, 0.01, [0.1, 0.3], 3, 5),
    "triangular2": lambda t, o: schedulers(t).CyclicLR(o, 0.01, 0.1, 3, mode="triangular2", cycle_momentum=False),
    "exp_range": lambda t, o: schedulers(t).CyclicLR(o, 0.01, 0.1, 3, mode="exp_range", gamma=0.9),
    "scale_fn": lambda t, o: schedulers(t).CyclicLR(
        o, 0.01, 0.1, 3, scale_fn=lambda x: 0.5**x, scale_mode="iterations"
    ),
    "scale object": lambda t, o: schedulers(t).CyclicLR(o, 0.01, 0.1, 3, scale_fn=Halving(0.7)),
    "one cycle": lambda t, o: schedulers(t).OneCycleLR(o, [0.3, 0.5], total_steps=25),
    "three phases": lambda t, o: schedulers(t).OneCycleLR(
        o, 0.3, epochs=5, steps_per_epoch=5, three_phase=True, anneal_strategy="linear", pct_start=0.35
    ),
    "no momentum": lambda t, o: schedulers(t).OneCycleLR(o, 0.3, total_steps=25, cycle_momentum=False),
    "sequence": sequence,
    "chain": lambda t, o: schedulers(t).ChainedScheduler(
        [schedulers(t).ConstantLR(o, 0.1, 3), schedulers(t).ExponentialLR(o, 0.9)], o
    ),
    "sequence of chains": sequence_of_chains,
    "swa": lambda t, o: swa_lr(t, o, [0.05, 0.01], anneal_epochs=6),
    "swa at once": lambda t, o: swa_lr(t, o, 0.05, anneal_epochs=0, anneal_strategy="linear"),
}
OPTIMIZERS = {"SGD": {"momentum": 0.9}, "Adam": {}}


def optimizer_of(library, name="SGD", lr=0.1, **options):
    a, b = library.ones(1, requires_grad=True), library.ones(2, requires_grad=True)
    kind = getattr(library.optim, name)
    return kind([{"params": [a]}, {"params": [b], "lr": 0.37}], lr=lr, **{**OPTIMIZERS[name], **options})


def rates(optimizer, scheduler):
    groups = optimizer.param_groups
    momenta = [float(g["momentum"] if "momentum" in g else g["betas"][0]) for g in groups]
    return [float(x) for x in scheduler.get_last_lr()] + [float(g["lr"]) for g in groups] + momenta


def stepped(optimizer, scheduler, steps):
    """The rates before each of the steps."""
    seen = []
    for _ in range(steps):
        seen.append(rates(optimizer, scheduler))
        optimizer.step()
        scheduler.step()
    return seen


def test_every_scheduler_is_in_the_table():
    used = {type(make(torch, optimizer_of(torch))).__name__ for make in ROWS.values()}
    assert used >= set(torch.optim.lr_scheduler.__all__) - {"LRScheduler", "ReduceLROnPlateau"}


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_numbers_are_pytorchs(row, name):
    reference = pytest.importorskip("torch")
    results = []
    for library in (torch, reference):
        optimizer = optimizer_of(library, name)
        scheduler = ROWS[row](library, optimizer)
        results.append((stepped(optimizer, scheduler, 25), scheduler, optimizer))
    (ours, mine, optimizer), (theirs, other, expected) = results
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)
    assert mine.last_epoch == other.last_epoch if hasattr(other, "last_epoch") else True
    assert set(mine.state_dict()) == set(other.state_dict())
    assert optimizer.state_dict()["param_groups"] == expected.state_dict()["param_groups"]


@pytest.mark.parametrize("row", ROWS)
def test_a_tensor_as_learning_rate_is_filled(row):
    rate = torch.tensor(0.1, dtype=torch.float64)
    optimizer = optimizer_of(torch, "SGD", lr=rate)
    plain = optimizer_of(torch, "SGD")
    scheduler, other = ROWS[row](torch, optimizer), ROWS[row](torch, plain)
    np.testing.assert_allclose(stepped(optimizer, scheduler, 12), stepped(plain, other, 12), rtol=1e-12, atol=1e-15)
    assert optimizer.param_groups[0]["lr"] is rate
    assert scheduler.get_last_lr()[0] is not rate


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("to_ours", [True, False])
def test_schedules_go_on_in_the_other_library(row, to_ours, tmp_path):
    reference = pytest.importorskip("torch")
    source, target = (reference, torch) if to_ours else (torch, reference)
    optimizer = optimizer_of(source)
    scheduler = ROWS[row](source, optimizer)
    stepped(optimizer, scheduler, 7)
    path = tmp_path / "schedule.pt"
    source.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, path)
    loaded = target.load(path)
    moved = optimizer_of(target)
    other = ROWS[row](target, moved)
    before = copy.deepcopy(loaded)
    other.load_state_dict(loaded["scheduler"])
    moved.load_state_dict(loaded["optimizer"])
    assert loaded == before or not to_ours  # PyTorch takes some of it out
    moved.step()
    np.testing.assert_allclose(stepped(moved, other, 12), stepped(optimizer, scheduler, 12), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("row", ["object", "scale object", "sequence", "cosine"])
def test_pickles_and_copies(row):
    optimizer = optimizer_of(torch)
    scheduler = ROWS[row](torch, optimizer)
    stepped(optimizer, scheduler, 3)
    copies = [copy.deepcopy((optimizer, scheduler)), pickle.loads(pickle.dumps((optimizer, scheduler)))]
    expected = stepped(optimizer, scheduler, 5)
    for twin in copies:
        assert stepped(*twin, 5) == expected


def test_attributes_of_functions_are_saved():
    optimizer = optimizer_of(torch)
    saved = schedulers(torch).LambdaLR(optimizer, [Halving(0.25), lambda e: 1.0]).state_dict()
    assert saved["lr_lambdas"] == [{"base": 0.25}, None]
    other = schedulers(torch).LambdaLR(optimizer_of(torch), [Halving(0.5), lambda e: 1.0])
    other.load_state_dict(saved)
    assert other.lr_lambdas[0].base == 0.25
    cyclic = schedulers(torch).CyclicLR(optimizer, 0.1, 0.2, scale_fn=Halving(0.25))
    other = schedulers(torch).CyclicLR(optimizer_of(torch), 0.1, 0.2, scale_fn=Halving(0.5))
    other.load_state_dict(cyclic.state_dict())
    assert other.scale_fn(1) == 0.25


@pytest.mark.parametrize("row", [row for row in ROWS if "swa" not in row])
def test_a_run_goes_on_with_last_epoch(row):
    reference = pytest.importorskip("torch")
    results = []
    for library in (torch, reference):
        optimizer = optimizer_of(library)
        stepped(optimizer, ROWS[row](library, optimizer), 4)
        s = schedulers(library)
        again = {
            "lambda": lambda o, s=s: s.LambdaLR(o, lambda e: 0.9**e, last_epoch=3),
            "step": lambda o, s=s: s.StepLR(o, 3, 0.3, last_epoch=3),
            "linear": lambda o, s=s: s.LinearLR(o, 0.2, 0.7, 6, last_epoch=3),
            "cosine": lambda o, s=s: s.CosineAnnealingLR(o, 5, 0.01, last_epoch=3),
            "restarts": lambda o, s=s: s.CosineAnnealingWarmRestarts(o, 3, 2, last_epoch=3),
            "one cycle": lambda o, s=s: s.OneCycleLR(o, 0.3, total_steps=25, last_epoch=3),
            "triangular": lambda o, s=s: s.CyclicLR(o, 0.01, 0.1, 3, last_epoch=3),
        }.get(row, lambda o, s=s: s.ExponentialLR(o, 0.9, last_epoch=3))
        results.append(stepped(optimizer, again(optimizer), 8))
    np.testing.assert_allclose(*results, rtol=1e-12, atol=1e-15)


def test_resuming_without_initial_rates_is_refused():
    optimizer = optimizer_of(torch)
    with pytest.raises(KeyError, match=r"'initial_lr' is not specified in param_groups\[0\]"):
        schedulers(torch).StepLR(optimizer, 3, last_epoch=2)


# ---- jumps


@pytest.mark.parametrize("row", [row for row in ROWS if not row.startswith(("sequence", "chain", "swa"))])
def test_jumping_to_an_epoch(row):
    reference = pytest.importorskip("torch")
    results = []
    for library in (torch, reference):
        optimizer = optimizer_of(library)
        scheduler = ROWS[row](library, optimizer)
        optimizer.step()
        seen = []
        for epoch in (3, 1, 11, 6):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                scheduler.step(epoch)
            seen.append(rates(optimizer, scheduler))
        results.append(seen)
    np.testing.assert_allclose(*results, rtol=1e-12, atol=1e-15)


def test_an_epoch_is_warned_about():
    optimizer = optimizer_of(torch)
    scheduler = schedulers(torch).StepLR(optimizer, 3)
    optimizer.step()
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(4)


def test_fractions_of_an_epoch():
    reference = pytest.importorskip("torch")
    results = []
    for library in (torch, reference):
        optimizer = optimizer_of(library)
        scheduler = schedulers(library).CosineAnnealingWarmRestarts(optimizer, 2, 2)
        seen = []
        for epoch in np.linspace(0, 13, 40).tolist():
            scheduler.step(epoch)
            seen.append(rates(optimizer, scheduler))
        results.append(seen)
    np.testing.assert_allclose(*results, rtol=1e-12, atol=1e-15)
    with pytest.raises(ValueError, match="non-negative epoch"):
        scheduler.step(-1)


# ---- warnings


def test_the_order_of_steps_is_warned_about_once():
    optimizer = optimizer_of(torch)
    scheduler = schedulers(torch).StepLR(optimizer, 3)
    with pytest.warns(UserWarning, match=r"`lr_scheduler.step\(\)` before `optimizer.step\(\)`") as caught:
        scheduler.step()
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()
        optimizer = optimizer_of(torch)
        scheduler = schedulers(torch).StepLR(optimizer, 3)
        optimizer.step()
        scheduler.step()

    optimizer = optimizer_of(torch)
    optimizer.step()  # before there was a scheduler: does not count, as in PyTorch
    scheduler = schedulers(torch).StepLR(optimizer, 3)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()

    optimizer = optimizer_of(torch)
    scheduler = schedulers(torch).StepLR(optimizer, 3)
    optimizer.step = lambda: None
    with pytest.warns(UserWarning, match="has been overridden"):
        scheduler.step()


def test_get_lr_is_not_for_reading():
    optimizer = optimizer_of(torch)
    for row, make in ROWS.items():
        if not row.startswith(("sequence", "chain")):
            with pytest.warns(UserWarning, match="please use `get_last_lr"):
                make(torch, optimizer).get_lr()
    with pytest.raises(NotImplementedError):
        torch.optim.lr_scheduler.LRScheduler(optimizer)


def test_an_optimizers_own_step_counts():
    class Plain(torch.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 1.0})

        def step(self, closure=None):
            return None

    optimizer = Plain([torch.ones(1, requires_grad=True)])
    scheduler = schedulers(torch).ExponentialLR(optimizer, 0.5)
    optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()
    assert scheduler.get_last_lr() == [0.5]
    assert schedulers(torch)._LRScheduler is schedulers(torch).LRScheduler
