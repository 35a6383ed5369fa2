"""Compiled steps of many parameters at once against the steps of each."""

import pickle

import numpy as np
import pytest

from minitorch.backend.primitives import optim_groups, optim_steps
from tests.replacements import replacement, threads_of_kernels  # noqa: F401

pytestmark = pytest.mark.usefixtures("threads_of_kernels")

SHAPES = [(3,), (), (7, 5), (0, 4), (40, 50), (300, 301), (2, 3, 4)]
SGD = {
    "plain": (1, (False, 0.1, 0.0, 0.0, 0.3, False, False)),
    "first": (2, (True, 0.1, 0.9, 0.4, 0.0, False, True)),
    "momentum": (2, (False, 0.1, 0.9, 0.4, 0.1, False, False)),
    "nesterov": (2, (False, 0.1, 0.9, 0.0, 0.0, True, True)),
}
ADAM = {
    "plain": (3, (3.0, 0.1, 0.9, 0.99, 1e-8, 0.0, False, False)),
    "decoupled": (3, (2.0, 0.1, 0.9, 0.99, 1e-8, 0.2, True, True)),
    "amsgrad": (4, (3.0, 0.1, 0.9, 0.99, 1e-3, 0.1, False, False)),
}
CASES = [
    pytest.param(name, given, options, id=f"{name}-{case}")
    for name, most, cases in (("sgd_step", 2, SGD), ("adam_step", 4, ADAM))
    for case, (given, options) in cases.items()
]
STATES = {"sgd_step": 1, "adam_step": 3}


def make(name, given, dtype, shapes=SHAPES):
    """A list for each of parameters, gradients and states; ``None`` for a list that is not kept."""
    rng = np.random.default_rng(0)
    lists = [[np.asarray(abs(rng.standard_normal(shape)), dtype) for shape in shapes] for _ in range(given + 1)]
    return [*lists, *[None] * (STATES[name] + 1 - given)]


def step_each(name, lists, options):
    for arrays in zip(*[[None] * len(lists[0]) if items is None else items for items in lists]):
        getattr(optim_steps, name).portable(*arrays, *options)


def compare(ours, theirs, dtype):
    for mine, others in zip(ours, theirs):
        for a, b in zip(mine or (), others or ()):
            np.testing.assert_allclose(a, b, rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "given", "options"), CASES)
def test_steps(name, given, options, dtype):
    ours, theirs = make(name, given, dtype), make(name, given, dtype)
    assert replacement(getattr(optim_groups, f"{name}s"))(*ours, *options) is None
    step_each(name, theirs, options)
    compare(ours, theirs, dtype)


@pytest.mark.parametrize(("name", "given", "options"), CASES)
def test_the_portable_version_steps_each(name, given, options):
    ours, theirs = make(name, given, "float64"), make(name, given, "float64")
    getattr(optim_groups, f"{name}s").portable(*ours, *options)
    step_each(name, theirs, options)
    compare(ours, theirs, "float64")


def altered(arrays):
    """Lists with an array at the end that no kernel takes, or that does not go with its parameter."""
    *others, last = arrays
    read_only = last.copy()
    read_only.flags.writeable = False
    roomy = np.zeros((*last.shape[:-1], 2 * last.shape[-1]), last.dtype)
    memory = np.zeros(last.nbytes + 1, np.uint8)
    start = 1 if memory.ctypes.data % last.itemsize == 0 else 0
    unaligned = memory[start : start + last.nbytes].view(last.dtype).reshape(last.shape)
    for other in (
        np.asfortranarray(last),
        roomy[..., ::2],
        last.astype("float64"),
        last.astype(last.dtype.newbyteorder()),
        last.reshape(-1),
        last[:1],
        last[0],
        last[0, 0],
        read_only,
        unaligned,
        last.view(np.recarray),
    ):
        yield [*others, other]


@pytest.mark.parametrize("position", [0, 1, 2])
def test_lists_that_no_kernel_takes(position):
    lists = make("sgd_step", 2, "float32", SHAPES[2:3] + SHAPES[4:5])
    for other in altered(lists[position]):
        given = [*lists]
        given[position] = other
        before = [a.copy() for a in lists[0]]
        assert not optim_groups.plain_together(*given)
        assert replacement(optim_groups.sgd_steps)(*given, *SGD["momentum"][1]) is NotImplemented
        for a, b in zip(lists[0], before):
            np.testing.assert_array_equal(a, b)


def test_what_is_plain():
    lists = make("sgd_step", 2, "float32")
    assert replacement(optim_groups.plain_together)(*lists) is True
    assert optim_groups.plain_together.portable(*lists)
    unpickled = pickle.loads(pickle.dumps(lists[0]))
    assert optim_groups.plain_together(unpickled, *lists[1:])


@pytest.mark.parametrize("half", ["float16", "int32", "complex64"])
def test_other_dtypes(half):
    lists = [[a.astype(half) for a in items] for items in make("sgd_step", 2, "float32")]
    assert replacement(optim_groups.sgd_steps)(*lists, *SGD["momentum"][1]) is NotImplemented


def test_unpickled_arrays_have_dtypes_of_their_own():
    ours, theirs = make("sgd_step", 2, "float32"), make("sgd_step", 2, "float32")
    ours[0] = pickle.loads(pickle.dumps(ours[0]))
    assert replacement(optim_groups.sgd_steps)(*ours, *SGD["momentum"][1]) is None
    step_each("sgd_step", theirs, SGD["momentum"][1])
    compare(ours, theirs, "float32")


def test_parameters_of_one_memory_step_one_after_the_other():
    shape = (300, 301)
    ours, theirs = make("sgd_step", 2, "float32", [shape] * 3), make("sgd_step", 2, "float32", [shape] * 3)
    for lists in (ours, theirs):
        lists[0][2] = lists[0][0][...]  # another array object
    assert replacement(optim_groups.sgd_steps)(*ours, *SGD["momentum"][1]) is None
    step_each("sgd_step", theirs, SGD["momentum"][1])
    compare(ours, theirs, "float32")
