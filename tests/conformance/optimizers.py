"""One optimizer of PyTorch's database against ours: fifty steps with each choice of arguments, error inputs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch

import minitorch
from tests.conformance.common import Report, describe, expect_same_class, seed, spread
from tests.conformance.compare import Different, compare
from tests.conformance.translate import OutOfScope, Translator, named

STEPS = 50
OUT_OF_SCOPE = {
    "SparseAdam": "sparse tensors",
    "Adafactor": "rarely used by scripts",
    "Muon": "rarely used by scripts",
}
SHAPES = ((4, 3), (3,))


def optimizers() -> dict[str, Any]:
    """The entries of the database in scope, by name."""
    from torch.testing._internal.common_optimizers import optim_db

    return {info.name: info for info in optim_db if info.name not in OUT_OF_SCOPE}


def run(info: Any, count: int | None = None) -> Report:
    """Runs at most ``count`` choices of arguments for each type of parameters, and all error inputs."""
    report = Report(f"optim.{info.name}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dtype in (torch.float64, torch.float32):
            for index, sample in spread(info.optim_inputs_func(device="cpu", dtype=dtype), count):
                report.total += 1
                try:
                    _compare_steps(info, dtype, sample, STEPS if count is None or info.name != "LBFGS" else STEPS // 5)
                    report.passed += 1
                except OutOfScope:
                    report.total -= 1
                    report.out_of_scope += 1
                except Exception as error:
                    report.failures[f"{str(dtype)[6:]} {index} {sample.desc}"] = describe(error)
        if info.optim_error_inputs_func is not None:
            for index, error in enumerate(info.optim_error_inputs_func(device="cpu", dtype=torch.float64)):
                _run_error(report, info, index, error.optimizer_error_input)
    return report


def _compare_steps(info: Any, dtype: torch.dtype, sample: Any, steps: int) -> None:
    seed()
    translate = Translator()
    theirs = [torch.randn(shape, dtype=dtype).requires_grad_() for shape in SHAPES]
    ours = [translate(p) for p in theirs]
    target = torch.randn(4, 3, dtype=dtype)
    sides = (
        (theirs, info.optim_cls(theirs, **sample.kwargs), target),
        (ours, named(f"optim.{info.name}")(ours, **translate(sample.kwargs)), translate(target)),
    )
    tolerance = (1e-7, 1e-7) if dtype is torch.float64 else (1e-4, 1e-5)
    searches = info.name == "LBFGS" and dtype is torch.float32
    if searches:
        tolerance = (2e-3, 2e-3)  # its line searches end where rounding says
    for step in range(steps):
        losses = []
        for (weight, bias), optimizer, wanted in sides:

            def closure(
                weight: Any = weight, bias: Any = bias, optimizer: Any = optimizer, wanted: Any = wanted
            ) -> Any:
                optimizer.zero_grad()
                loss = ((weight + bias - wanted) ** 2).sum() + (weight**4).sum() * 0.01 + (bias * bias).sum()
                loss = -loss if sample.kwargs.get("maximize") else loss
                loss.backward()
                return loss

            losses.append(optimizer.step(closure))
        try:
            for a, b in zip((*ours, losses[1]), (*theirs, losses[0])):
                compare(a, b, tolerance)
        except Different as difference:
            raise Different(f"after {step + 1} steps: {difference}") from None
    mine, reference = sides[1][1].state_dict(), sides[0][1].state_dict()
    if not searches:
        _compare_states(mine["state"], reference["state"], tolerance)
    for a, b in zip(mine["param_groups"], reference["param_groups"]):
        if list(a) != list(b):
            raise Different(f"param_groups {list(a)}, PyTorch {list(b)}")


def _compare_states(ours: dict, theirs: dict, tolerance: tuple[float, float]) -> None:
    for index, state in theirs.items():
        if not isinstance(state, dict):
            continue
        if set(ours[index]) != set(state):
            raise Different(f"state {sorted(set(ours[index]) ^ set(state))} is on one side only")
        for key, value in state.items():
            if isinstance(value, torch.Tensor):
                mine = ours[index][key]
                a = mine.detach().numpy() if isinstance(mine, minitorch.Tensor) else np.asarray(mine)
                if not np.allclose(a, value.detach().numpy(), *tolerance, equal_nan=True):
                    raise Different(f"state[{key!r}] {a.ravel()[:3]}, PyTorch {value.detach().numpy().ravel()[:3]}")


def _run_error(report: Report, info: Any, index: int, sample: Any) -> None:
    def build(cls: Any, params: Any, kwargs: dict, parameter: Any) -> None:
        cls([parameter] if params is None else params, **kwargs)

    try:
        build(info.optim_cls, sample.params, sample.kwargs, torch.zeros(1, requires_grad=True))
        return
    except Exception as caught:
        raised = caught
    report.errors_total += 1
    try:
        translate = Translator()
        params, kwargs = translate(sample.params), translate(sample.kwargs)
        cls = named(f"optim.{info.name}")
        expect_same_class(raised, lambda: build(cls, params, kwargs, minitorch.zeros(1, requires_grad=True)))
        report.errors_passed += 1
    except OutOfScope:
        report.errors_total -= 1
        report.out_of_scope += 1
    except Exception as problem:
        report.failures[f"error {index}"] = describe(problem)
