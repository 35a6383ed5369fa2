"""Compiled steps of recurrent cells against their portable versions."""

import numpy as np
import pytest

from minitorch.backend.primitives import recurrent
from tests.replacements import replacement, threads_of_kernels  # noqa: F401

pytestmark = pytest.mark.usefixtures("threads_of_kernels")

#: name -> blocks of H columns of each argument
ARGUMENTS = {
    "lstm_step": (4, 4, 1, 1, 1, 1),
    "lstm_slopes": (4, 1, 1),
    "lstm_step_back": (4, 1, 4, 1, 1),
    "gru_step": (3, 3, 1, 1, 1),
    "gru_slopes": (3, 1, 1),
    "gru_step_back": (3, 3, 3, 1),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows, size", [(1, 1), (3, 5), (2, 64), (40, 130)])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_steps(name, rows, size, dtype):
    primitive = getattr(recurrent, name)
    rng = np.random.default_rng(0)
    theirs = [rng.standard_normal((rows, size * blocks)).astype(dtype) for blocks in ARGUMENTS[name]]
    ours = [a.copy() for a in theirs]
    expected, results = primitive.portable(*theirs), replacement(primitive)(*ours)
    assert (expected is None) == (results is None)
    for a, b in zip((*(results or ()), *ours), (*(expected or ()), *theirs), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=(2e-6 if dtype == "float32" else 4e-15) * max(1, abs(b).max()))


@pytest.mark.parametrize("name", ARGUMENTS)
def test_what_kernels_do_not_take(name):
    function = replacement(getattr(recurrent, name))
    arrays = [np.ones((4, 3 * blocks), np.float32) for blocks in ARGUMENTS[name]]
    for altered in (
        [a.astype("float16") for a in arrays],
        [*arrays[:-1], np.asfortranarray(arrays[-1])],
        [*arrays[:-1], arrays[-1][:3]],
        [*arrays[:-1], arrays[-1].astype("float64")],
    ):
        assert function(*altered) is NotImplemented
    assert all((a == 1).all() for a in arrays)


def test_gates_far_from_zero():
    gates = np.array([[-1e4, 1e4, 0, np.inf]], np.float32)
    arrays = [np.zeros((1, 1), np.float32) for _ in range(4)]
    replacement(recurrent.lstm_step)(gates, np.zeros_like(gates), *arrays)
    np.testing.assert_array_equal(gates, [[0, 1, 0, 1]])
