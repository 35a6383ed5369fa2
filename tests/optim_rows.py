"""What the tests of optimizers share: options to try each one with, and runs of the same steps on two libraries."""

from __future__ import annotations

from typing import Any

import numpy as np

import minitorch

#: of each optimizer the options that take another way through its equation
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "SGD": [
        {"lr": 0.1},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01},
        {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1, "maximize": True},
        {"lr": 0.1, "weight_decay": 0.2, "maximize": True},
        {"lr": 0.1, "maximize": True, "foreach": True},
    ],
    "Adam": [
        {},
        {"lr": 0.1, "betas": (0.5, 0.9), "weight_decay": 0.1},
        {"amsgrad": True, "maximize": True, "foreach": False},
        {"betas": (0.0, 0.9), "weight_decay": 0.1, "maximize": True},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "AdamW": [{}, {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True}, {"maximize": True}, {"weight_decay": 0}],
    "RMSprop": [
        {},
        {"momentum": 0.9},
        {"centered": True, "alpha": 0.4},
        {"centered": True, "momentum": 0.5, "weight_decay": 0.1, "maximize": True},
    ],
    "Adagrad": [
        {},
        {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5},
        {"maximize": True},
    ],
    "Adadelta": [{}, {"lr": 0.5, "rho": 0.5, "weight_decay": 0.1, "maximize": True}],
    "Adamax": [{}, {"lr": 0.1, "betas": (0.3, 0.5), "weight_decay": 0.1, "maximize": True}],
    "NAdam": [
        {},
        {"lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.01, "maximize": True},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "RAdam": [
        {},
        {"lr": 0.1, "betas": (0.5, 0.9), "weight_decay": 0.1, "maximize": True},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "Rprop": [{}, {"lr": 0.1, "etas": (0.3, 1.7), "step_sizes": (1e-3, 0.5), "maximize": True}],
    "ASGD": [{}, {"lr": 0.1, "lambd": 0.1, "t0": 10, "alpha": 0.6, "weight_decay": 0.1, "maximize": True}],
}
ROWS = [(name, options) for name, choices in OPTIONS.items() for options in choices]
SHAPES = [(5, 7), (3,), (), (2, 3, 4), (0, 2)]


def made(library: Any, array: Any, dtype: str) -> Any:
    return library.tensor(np.asarray(array).tolist(), dtype=getattr(library, dtype)).reshape(np.shape(array))


def leaves(library: Any, dtype: str, shapes: list = SHAPES) -> list:
    rng = np.random.default_rng(7)
    return [made(library, rng.standard_normal(shape), dtype).requires_grad_() for shape in shapes]


def stepped(
    library: Any, params: list, optimizer: Any, dtype: str, steps: int, first: int = 0, silent: int | None = 1
) -> None:
    """The gradients of step k depend on k alone; parameter ``silent`` has none every seventh step."""
    for k in range(first, first + steps):
        rng = np.random.default_rng(k)
        for i, p in enumerate(params):
            gradient = rng.standard_normal(tuple(p.shape)) * (1 + i)
            if k % 5 == 0 and i == 0:
                gradient = gradient * 0
            p.grad = None if k % 7 == 3 and i == silent else made(library, gradient, dtype)
        optimizer.step()


def run(library: Any, name: str, options: dict, dtype: str, steps: int, first: int = 0) -> tuple[list, Any]:
    params = leaves(library, dtype)
    optimizer = getattr(library.optim, name)(params, **options)
    stepped(library, params, optimizer, dtype, steps, first)
    return [p.detach().numpy() for p in params], optimizer


def close(ours: Any, theirs: Any, tolerance: float) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def same_state(ours: dict, theirs: dict, tolerance: float) -> None:
    """The same state dicts: keys in the same order, options equal, tensors of one dtype and shape and about equal."""
    assert list(ours) == list(theirs)
    assert ours["param_groups"] == theirs["param_groups"]
    assert list(ours["state"]) == list(theirs["state"])
    for number, mine in ours["state"].items():
        other = theirs["state"][number]
        assert list(mine) == list(other)
        for key, value in mine.items():
            if isinstance(value, minitorch.Tensor):
                assert repr(value.dtype) == repr(other[key].dtype)
                assert tuple(value.shape) == tuple(other[key].shape)
                close(value.numpy(), other[key].numpy(), tolerance)
            else:
                assert value == other[key]
