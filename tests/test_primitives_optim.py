"""Compiled steps of adaptive optimizers against their portable versions; those of SGD and Adam are in
test_primitives_compiled.py."""

import numpy as np
import pytest

from minitorch.backend.primitives import optim_steps
from tests.replacements import replacement, threads_of_kernels  # noqa: F401

pytestmark = pytest.mark.usefixtures("threads_of_kernels")

#: name -> arrays beside parameter and gradient (None for one that is not kept), and numbers
ROWS = {
    "adagrad": [((1,), (0.1, 1e-10, 0.0, False)), ((1,), (0.1, 1e-3, 0.2, True))],
    "rmsprop": [
        ((1, None, None), (0.1, 0.99, 1e-8, 0.0, 0.0, False)),
        ((1, None, 1), (0.1, 0.3, 1e-8, 0.1, 0.9, True)),
        ((9, 1, None), (0.1, 0.99, 1e-8, 0.0, 0.0, False)),
        ((9, 1, 1), (0.1, 0.9, 1e-3, 0.1, 0.9, False)),
    ],
    "adadelta": [((1, 1), (1.0, 0.9, 1e-6, 0.0, False)), ((1, 1), (0.3, 0.4, 1e-3, 0.2, True))],
    "adamax": [((1, 1), (3.0, 0.1, 0.9, 0.99, 1e-8, 0.0, False)), ((1, 1), (1.0, 0.1, 0.2, 0.5, 1e-3, 0.1, True))],
    "nadam": [
        ((1, 1), (3.0, 0.02, 0.05, 0.1, 0.9, 0.99, 1e-8, 0.0, False, False)),
        ((1, 1), (1.0, 0.02, 0.05, 0.1, 0.3, 0.99, 1e-3, 0.2, False, True)),
        ((1, 1), (1.0, 0.02, 0.05, 0.1, 0.9, 0.99, 1e-3, 0.2, True, False)),
    ],
    "radam": [
        ((1, 1), (3.0, None, 0.1, 0.9, 0.99, 1e-8, 0.0, False, False)),
        ((1, 1), (8.0, 0.7, 0.1, 0.3, 0.99, 1e-3, 0.2, False, True)),
        ((1, 1), (8.0, 0.7, 0.1, 0.9, 0.99, 1e-3, 0.2, True, False)),
    ],
}
CASES = [
    pytest.param(name, states, numbers, id=f"{name}{number}")
    for name, rows in ROWS.items()
    for number, (states, numbers) in enumerate(rows)
]


def make(states, size, dtype):
    rng = np.random.default_rng(0)
    param, grad = rng.standard_normal((2, *size)).astype(dtype)
    # squares are positive, and larger than those of the mean
    kept = [None if s is None else (abs(rng.standard_normal(size)) * s + s // 9 * 36).astype(dtype) for s in states]
    return [param, grad, *kept]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [(3,), (7, 5), (100_000,)], ids=str)
@pytest.mark.parametrize(("name", "states", "numbers"), CASES)
def test_steps(name, states, numbers, size, dtype):
    primitive = getattr(optim_steps, f"{name}_step")
    ours, theirs = make(states, size, dtype), make(states, size, dtype)
    assert replacement(primitive)(*ours, *numbers) is None
    primitive.portable(*theirs, *numbers)
    for a, b in zip(ours, theirs):
        if b is not None:
            np.testing.assert_allclose(a, b, rtol=2e-5 if dtype == "float32" else 1e-12, atol=1e-6)


@pytest.mark.parametrize(("name", "states", "numbers"), CASES)
def test_what_loops_do_not_take(name, states, numbers):
    primitive = getattr(optim_steps, f"{name}_step")
    arrays = make(states, (4, 6), "float32")
    for altered in (
        [arrays[0][:, ::2], arrays[1][:, ::2], *[None if a is None else a[:, ::2] for a in arrays[2:]]],
        [arrays[0], np.asfortranarray(arrays[1]), *arrays[2:]],
        [None if a is None else a.astype("float16") for a in arrays],
    ):
        assert replacement(primitive)(*altered, *numbers) is NotImplemented


def test_nan_stays_in_adamax():
    arrays = [np.ones(4, np.float32) for _ in range(4)]
    arrays[1][1], arrays[3][2] = np.nan, np.nan
    replacement(optim_steps.adamax_step)(*arrays, *ROWS["adamax"][0][1])
    assert np.isnan(arrays[3]).tolist() == [False, True, True, False]


def test_division_by_zero_is_no_error():
    arrays = [np.ones(4, np.float32) for _ in range(4)]
    arrays[1][:], arrays[3][:] = 0, 0
    assert replacement(optim_steps.adamax_step)(*arrays, 1.0, 0.1, 0.9, 0.0, 0.0, 0.0, False) is None
    assert (arrays[0] == -np.inf).all()
