"""The stand-in for CuPy itself: each of its refusals is one that a program written for NumPy alone runs into."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import cupy_stand_in
import numpy as np
import pytest
from cupy_stand_in import counted, raw, runtime


@pytest.fixture
def cupy() -> Iterator[Any]:
    with cupy_stand_in.installed() as module:
        yield module


def vector(cupy: Any, dtype: Any = np.float32) -> Any:
    return cupy.asarray(np.arange(6, dtype=dtype))


# (what a program does, the error it meets, words of the message): `cp` is the stand-in, `a` a device vector
REFUSED: list[tuple[Callable, type, str]] = [
    (lambda cp, a: np.asarray(a), TypeError, "Implicit conversion"),
    (lambda cp, a: np.array([a[0], a[1]]), TypeError, "Implicit conversion"),
    (lambda cp, a: np.exp(a), TypeError, "numpy.exp"),
    (lambda cp, a: np.add(a, a, out=a), TypeError, "numpy.add"),
    (lambda cp, a: np.sum(a), TypeError, "numpy.sum"),
    (lambda cp, a: np.concatenate([a, a]), TypeError, "numpy.concatenate"),
    (lambda cp, a: a + np.ones(6, np.float32), TypeError, "Unsupported type"),
    (lambda cp, a: np.ones(6, np.float32) * a, TypeError, "numpy.multiply"),
    (lambda cp, a: cp.add(a, [1, 2, 3, 4, 5, 6]), TypeError, "Unsupported type"),
    (lambda cp, a: cp.maximum(a, np.ones(6)), TypeError, "Unsupported type"),
    (lambda cp, a: cp.matmul(a, np.ones(6, np.float32)), TypeError, "Unsupported type"),
    (lambda cp, a: cp.stack([a, np.ones(6)]), TypeError, "host array"),
    (lambda cp, a: cp.where(np.ones(6, bool), a, a), TypeError, "device array as condition"),
    (lambda cp, a: a.__setitem__(slice(0, 2), np.ones(2)), TypeError, "Unsupported type"),
    (lambda cp, a: a.__setitem__(slice(0, 2), [1, 2]), TypeError, "Unsupported type"),
    (lambda cp, a: cp.copyto(a, np.ones(6)), TypeError, "Unsupported type"),
    (lambda cp, a: cp.errstate(all="ignore"), AttributeError, "errstate"),
    (lambda cp, a: cp.matvec, AttributeError, "matvec"),
    (lambda cp, a: cp.insert(a, 0, 1), AttributeError, "insert"),
    (lambda cp, a: a.ctypes, AttributeError, "ctypes"),
    (lambda cp, a: a.resize(3), AttributeError, "resize"),
    (lambda cp, a: a.item(0), TypeError, "item"),
    (lambda cp, a: cp.sum(a, initial=0), TypeError, "initial"),
    (lambda cp, a: cp.sum(a, where=a > 1), TypeError, "where"),
    (lambda cp, a: a.max(initial=0), TypeError, "initial"),
    (lambda cp, a: cp.take(a, a.astype(int), mode="clip"), TypeError, "mode"),
    (lambda cp, a: cp.cumsum(a, keepdims=True), TypeError, "keepdims"),
    (lambda cp, a: cp.clip(a, min=0, max=1), TypeError, "min"),
    (lambda cp, a: cp.exp(a, order="C"), TypeError, "order"),
    (lambda cp, a: cp.empty_like(a, subok=False), TypeError, "subok"),
    (lambda cp, a: cp.argsort(a, kind="quicksort"), ValueError, "quicksort"),
    (lambda cp, a: a.sort(kind="heapsort"), ValueError, "heapsort"),
    (lambda cp, a: cp.multiply.at(a, a.astype(int), 2), NotImplementedError, "multiply.at"),
    (lambda cp, a: cp.add.at(a.astype(np.int16), a.astype(int), 2), TypeError, "scatter_add"),
    (lambda cp, a: cp.maximum.accumulate(a), NotImplementedError, "maximum.accumulate"),
    (lambda cp, a: cp.logical_or.reduce(a), NotImplementedError, "logical_or.reduce"),
    (lambda cp, a: cp.subtract(a > 1, a > 2), TypeError, "boolean subtract"),
    (lambda cp, a: cp.bitwise_and(a, a), TypeError, "Wrong type"),
    (lambda cp, a: cp.spacing(a), AttributeError, "spacing"),
    (lambda cp, a: list(range(a.astype(int)[3])), TypeError, "interpreted as an integer"),
    (lambda cp, a: [1, 2, 3][a.astype(int)[0]], TypeError, "indices"),
    (lambda cp, a: a[: a.astype(int)[3]], TypeError, "__index__"),
    (lambda cp, a: cp.repeat(a, a.astype(int)), ValueError, "repeat"),
    (lambda cp, a: a["x"], IndexError, "valid indices"),
    (lambda cp, a: a[a], IndexError, "integer or boolean"),
    (lambda cp, a: a[6], IndexError, "out of bounds"),
    (lambda cp, a: cp.array(["x"]), ValueError, "Unsupported dtype"),
    (lambda cp, a: hash(a), TypeError, "unhashable"),
    (lambda cp, a: cp.cuda.Device(2).use(), runtime.CUDARuntimeError, "ordinal"),
    (lambda cp, a: cp.random.rand(3), AttributeError, "random"),
    (lambda cp, a: a.__dlpack__(), BufferError, "stand-in"),
]


@pytest.mark.parametrize("row", REFUSED, ids=range(len(REFUSED)))
def test_refused(cupy: Any, row: tuple) -> None:
    program, error, words = row
    a = vector(cupy)
    with pytest.raises(error, match=words):
        program(cupy, a)
    assert a.get().tolist() == list(range(6))


def test_refused_programs_run_on_numpy() -> None:
    """Each refusal would go unseen on the host: that is why they are needed."""
    passed = 0
    for program, _, _ in REFUSED:
        try:
            program(np, np.arange(6, dtype=np.float32))
            passed += 1
        except Exception:
            pass
    assert passed >= 25


def test_two_devices_do_not_mix(cupy: Any) -> None:
    a = vector(cupy)
    with cupy.cuda.Device(1):
        b = vector(cupy)
        assert b.device.id == 1
        assert (b + 1).device.id == 1
        with pytest.raises(ValueError, match="device"):
            a + b
    with pytest.raises(ValueError, match="device"):
        b + 1  # the current device is another one
    with pytest.raises(ValueError, match="device"):
        cupy.sum(b)
    assert cupy.asarray(b).device.id == 0


def test_index_arrays_wrap_around(cupy: Any) -> None:
    a = vector(cupy)
    index = cupy.asarray([6, -7, 13])
    assert a[index].get().tolist() == [0, 5, 1]
    assert a.take(index).get().tolist() == [0, 5, 1]
    assert cupy.take_along_axis(a, index, 0).get().tolist() == [0, 5, 1]
    a[index] = 9
    assert a.get().tolist() == [9, 9, 2, 3, 4, 9]
    b = a.reshape(2, 3)
    assert b[cupy.asarray([2]), cupy.asarray([4])].get().tolist() == [9]
    assert b[:, cupy.asarray([3])].get().tolist() == [[9], [3]]
    assert b[..., cupy.asarray([3])].get().tolist() == [[9], [3]]
    assert b[None, :, cupy.asarray([4])].get().tolist() == [[[9], [4]]]
    cupy.add.at(a, cupy.asarray([8, 2]), 1)
    assert a.get().tolist() == [9, 9, 4, 3, 4, 9]


def test_results_are_device_arrays(cupy: Any) -> None:
    a = vector(cupy)
    for result in (a.sum(), cupy.max(a), a[2], a.mean(), a.argmax(), cupy.dot(a, a), a[0] + 1, cupy.array_equal(a, a)):
        assert type(result) is cupy.ndarray
        assert result.shape == ()
    assert type(cupy.nonzero(a)[0]) is cupy.ndarray
    assert all(type(q) is cupy.ndarray for q in cupy.linalg.qr(cupy.ones((2, 2))))


def test_element_types_are_those_of_the_loops(cupy: Any) -> None:
    small = cupy.asarray(np.arange(1, 4, dtype=np.int8))
    assert (small / small).dtype == np.float64
    assert (small + 1).dtype == np.int8
    assert (cupy.ones(2, np.float32) + 1.5).dtype == np.float32
    assert (cupy.ones(2, np.float32) + np.float64(1.5)).dtype == np.float64


def test_views_share_memory_and_name_their_base(cupy: Any) -> None:
    a = vector(cupy)
    with counted() as counts:
        views = [a[1:4], a.reshape(2, 3), a.reshape(2, 3).T, a[None], a[2], cupy.broadcast_to(a, (2, 6)), a.view()]
        views += [cupy.squeeze(a[None]), cupy.expand_dims(a, 0), a.reshape(2, 3).swapaxes(0, 1), a.ravel()]
    assert counts.launches == counts.syncs == 0
    assert all(v.base is a or v is a for v in views)
    views[0][0] = 100
    assert a.get()[1] == 100
    assert a.reshape(2, 3).T.reshape(6).base is None


def test_broadcast_views_that_repeat_nothing_can_be_written_to(cupy: Any) -> None:
    a = vector(cupy)
    b = cupy.broadcast_to(a, (1, 6))
    b += 1
    assert float(a[0]) == 1
    with pytest.raises(ValueError, match="read-only"):
        cupy.add(a, 1, out=cupy.broadcast_to(a[:1], (6,)))


def test_singular_systems_give_garbage_without_an_error(cupy: Any) -> None:
    assert np.isnan(cupy.linalg.inv(cupy.zeros((2, 2))).get()).all()


def test_what_is_counted(cupy: Any) -> None:
    host = np.ones((4, 4), np.float32)
    with counted() as counts:
        a = cupy.asarray(host)
        assert (counts.uploads, counts.launches) == (0, 0)  # filled in at the end of the block
    assert (counts.uploads, counts.launches, counts.syncs) == (1, 0, 0)
    with counted() as counts:
        b = a @ a + 1
        b[0] = 0
        b[b > 2] = 0.0
        b.sum()
    assert (counts.launches, counts.uploads, counts.syncs) == (6, 1, 0)
    for wait in (float, int, bool, str, lambda x: x.item(), lambda x: x.get(), lambda x: x.tolist(), cupy.asnumpy):
        with counted() as counts:
            wait(b.sum())
        assert (counts.syncs, counts.downloads) == (1, 1)
    for wait in (lambda x: x[x > 0], cupy.nonzero, cupy.unique, lambda x: cupy.where(x > 0)):
        with counted() as counts:
            wait(b)
        assert counts.syncs == 1, counts
    with counted() as counts:
        cupy.matmul(cupy.ones((2, 3, 4)), cupy.ones((2, 5, 4)).swapaxes(1, 2))
    assert counts.by_name["matmul, copying an operand that is not contiguous"] == 1
    with counted() as counts:
        cupy.cuda.runtime.deviceSynchronize()
    assert (counts.syncs, counts.downloads) == (1, 0)


# (what a program does, bytes read, bytes written, operations): `a` has 6 elements of 4 bytes
MOVED: list[tuple[Callable, int, int, int]] = [
    (lambda cp, a: a + 1, 24, 24, 6),
    (lambda cp, a: a + a, 48, 24, 12),
    (lambda cp, a: cp.add(a, 1, a), 24, 24, 6),
    (lambda cp, a: a > 2, 24, 6, 6),
    (lambda cp, a: a[::2] * 2, 12, 12, 3),
    (lambda cp, a: cp.broadcast_to(a[:2, None], (2, 100)) + 1, 8, 800, 200),
    (lambda cp, a: cp.lib.stride_tricks.as_strided(a, (3, 4), (4, 4)).sum(1), 24, 12, 12),
    (lambda cp, a: a.reshape(2, 3).sum(0), 24, 12, 6),
    (lambda cp, a: a.max(), 24, 4, 6),
    (lambda cp, a: a.copy(), 24, 24, 6),
    (lambda cp, a: a.astype(np.float64), 24, 48, 6),
    (lambda cp, a: a.reshape(2, 3).T.reshape(6), 24, 24, 6),
    (lambda cp, a: a.fill(0), 0, 24, 6),
    (lambda cp, a: cp.zeros(6, np.float32), 0, 24, 6),
    (lambda cp, a: cp.empty(6, np.float32), 0, 0, 0),
    (lambda cp, a: a[1:4], 0, 0, 0),
    (lambda cp, a: a.__setitem__(slice(0, 2), 0), 0, 8, 2),
    (lambda cp, a: a[:2] * a[2:4], 16, 8, 4),
    (lambda cp, a: cp.concatenate([a, a[:3]]), 36, 36, 9),
    (lambda cp, a: cp.where(a.astype(bool), a, 0), 54, 30, 18),
    (lambda cp, a: cp.copyto(a[:3], a[3:]), 12, 12, 3),
    (lambda cp, a: a.reshape(2, 3) @ a.reshape(3, 2), 48, 16, 24),
    (lambda cp, a: cp.dot(a, a), 48, 4, 12),
    (lambda cp, a: cp.tensordot(a.reshape(2, 3), a.reshape(3, 2), 1), 48, 16, 24),
    (lambda cp, a: cp.matmul(cp.broadcast_to(a.reshape(2, 3), (5, 2, 3)), a.reshape(3, 2)), 168, 200, 150),
]


@pytest.mark.parametrize("row", MOVED, ids=range(len(MOVED)))
def test_bytes_moved(cupy: Any, row: tuple) -> None:
    program, *expected = row
    a = vector(cupy)
    with counted() as counts:
        program(cupy, a)
    found = [sum(getattr(launch, name) for launch in counts.each) for name in ("read", "written", "operations")]
    assert found == expected, counts.each
    assert counts.moved == sum(expected[:2])


def test_bytes_moved_by_indices(cupy: Any) -> None:
    a, index = vector(cupy), cupy.asarray([1, 4])
    for program, read, written in (
        (lambda: a[index], 16 + 8, 8),
        (lambda: a.take(index), 16 + 8, 8),
        (lambda: a.__setitem__(index, a[:2]), 16 + 8, 8),
        (lambda: cupy.add.at(a, index, a[:2]), 16 + 8 + 8, 8),
    ):
        with counted() as counts:
            program()
        assert [(launch.read, launch.written) for launch in counts.each] == [(read, written)]


def test_blocks_of_counting_nest(cupy: Any) -> None:
    a = vector(cupy)
    with counted() as outer:
        a + 1
        with counted() as inner:
            a * 2
    assert [launch.name for launch in inner.each] == ["multiply"]
    assert [launch.name for launch in outer.each] == ["add", "multiply"] and outer.launches == 2


KERNELS = """
extern "C" __global__ void add(const REAL* x, REAL* __restrict__ y, long long* flags, int count) {
    for (int i = 0; i < count; i++) y[i] = x[i] + (REAL)(flags[0] != 0);
}
"""


@pytest.mark.parametrize("runs", [True, False])
def test_bytes_moved_by_kernels(cupy: Any, monkeypatch: pytest.MonkeyPatch, runs: bool) -> None:
    if runs and raw.compiler() is None:
        pytest.skip("no C++ compiler to run kernels with")
    monkeypatch.setitem(cupy_stand_in.machine, "runs_kernels", runs)
    kernel = cupy.RawModule(code=KERNELS, options=("-DREAL=float",)).get_function("add")
    x, y, flags = vector(cupy), cupy.zeros(6, np.float32), cupy.zeros((64, 2), np.int64)
    with counted() as counts:
        kernel((1,), (1,), (x, y, flags, np.int32(6)))
    assert counts.each == [("kernel add", 1, 24, 24, 6)]
    assert y.get().tolist() == (list(range(6)) if runs else [0] * 6)


def test_null_is_a_number(cupy: Any) -> None:
    """CuPy 13 hands None to a kernel as an address that is not null."""
    y, flags = cupy.zeros(6, np.float32), cupy.zeros((64, 2), np.int64)
    kernel = cupy.RawModule(code=KERNELS, options=("-DREAL=float",)).get_function("add")
    with pytest.raises(TypeError, match="argument 'x' is None"):
        kernel((1,), (1,), (None, y, flags, np.int32(6)))
    if raw.compiler() is not None:
        kernel((1,), (1,), (np.uint64(0), y, flags, np.int32(0)))  # reads nothing
        with pytest.raises(TypeError, match="must be a device array, not uint64"):
            kernel((1,), (1,), (np.uint64(1), y, flags, np.int32(0)))


def test_memory_is_counted_and_ends(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = cupy.get_default_memory_pool()
    gc.collect()  # the pool does it as well, when memory runs out
    pool.free_all_blocks()
    before = pool.used_bytes()
    a = cupy.zeros(1000, np.float32)
    assert pool.used_bytes() == before + 4096
    view = a[1:]
    del a
    assert pool.used_bytes() == before + 4096
    del view
    assert pool.used_bytes() == before
    assert pool.free_bytes() == 4096
    pool.free_all_blocks()
    assert pool.total_bytes() == before
    monkeypatch.setitem(cupy_stand_in.machine, "memory", before + 8192)
    kept = cupy.zeros(1024, np.float32)
    with pytest.raises(cupy.cuda.memory.OutOfMemoryError):
        cupy.zeros(2048, np.float32)
    assert kept.size == 1024


def test_it_is_gone_afterwards() -> None:
    import minitorch

    with cupy_stand_in.installed():
        assert minitorch.cuda.is_available()
        assert minitorch.zeros(1, device="cuda").is_cuda
    with pytest.raises((ImportError, RuntimeError)):
        if minitorch.cuda.is_available():  # the real one is installed, with a GPU
            raise RuntimeError
        minitorch.zeros(1, device="cuda")
