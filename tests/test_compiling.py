"""Compiled kernels: what is said while they are compiled, where they are kept, and when they are not used."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import numpy as np
import pytest

from minitorch.backend import cpu
from minitorch.backend.primitives import conv_forward, forget_replacements


def doubled(x):
    return x * 2


@pytest.fixture
def compiling(monkeypatch, tmp_path):
    """The module, as in a process that has compiled nothing yet, with an empty folder for what it compiles."""
    numba = pytest.importorskip("numba")
    from minitorch.backend.cpu import compiling as module

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(module, "_told", False)
    return module


def test_a_cold_kernel_is_announced_once_on_stderr(compiling, capsys, tmp_path, monkeypatch):
    x = np.arange(3.0)
    kernel = compiling.kernel(doubled)
    np.testing.assert_array_equal(kernel(x), [0, 2, 4])
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "minitorch: compiling kernels for this machine, once (a few seconds) ...\n"
    kernel(x.astype(np.float32))
    assert capsys.readouterr().err == ""
    assert any(tmp_path.rglob("*.nbi")), "nothing was kept"
    # another process: what is kept needs no compiling and no words
    monkeypatch.setattr(compiling, "_told", False)
    compiling.kernel(doubled)(x)
    assert capsys.readouterr().err == ""


def test_what_is_kept_is_loaded_without_all_that_compiling_needs(tmp_path):
    pytest.importorskip("numba")
    program = """
import sys, numpy as np
from minitorch.backend.primitives import pointwise
y = pointwise.relu(np.arange(-50_000.0, 50_000.0))
assert y.sum() == 49_999 * 25_000
print("minitorch.backend.cpu.compiling" in sys.modules, "numba.np.npyimpl" in sys.modules)
"""
    environment = dict(os.environ, NUMBA_CACHE_DIR=str(tmp_path))
    for loaded in (True, False):
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
        assert done.stdout.split() == ["True", str(loaded)], done.stderr


def test_a_full_disk_is_no_reason_to_stop(compiling, monkeypatch):
    from numba.core import caching

    def no_room(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "save", no_room)
    np.testing.assert_array_equal(compiling.kernel(doubled)(np.arange(3.0)), [0, 2, 4])


def test_parts_of_a_kernel_are_loaded_with_it_alone(compiling, monkeypatch):
    """Loaded by itself, not optimised, a part would be what the kernel calls in the process that compiles it."""
    import numba
    from numba.core.codegen import JITCPUCodegen

    loaded, add = [], JITCPUCodegen._add_module

    def note(codegen, module):
        loaded.append(module.name.rpartition(".")[2])
        return add(codegen, module)

    monkeypatch.setattr(JITCPUCodegen, "_add_module", note)

    def double_all(x):
        for i in range(x.size):
            x[i] *= 2

    part = compiling.routine(double_all)

    def double_twice(x):
        part(x)
        part(x)

    x = np.arange(3.0)
    numba.njit(double_twice)(x)
    np.testing.assert_array_equal(x, [0, 4, 8])
    assert "double_twice" in loaded
    assert "double_all" not in loaded


def test_a_part_returns_what_it_says_and_may_reorder_sums(compiling):
    import numba

    @compiling.routine(returns=lambda run: run.dtype, reorder=True)
    def total(run):
        value = run.dtype.type(0)
        for i in range(run.size):
            value += run[i]
        return value

    def of_both(x, y):
        return total(x), total(y)

    kernel = numba.njit(of_both)  # what is in a closure cannot be kept on disk
    assert kernel(np.arange(100.0), np.arange(5, dtype=np.float32)) == (4950, 10)
    (code,) = kernel.inspect_llvm().values()
    assert "fadd reassoc nsz" in code
    assert "<4 x double>" in code or "<2 x double>" in code or "<8 x double>" in code


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_scratch_space(compiling, dtype):
    import numba

    scratch, zeros = compiling.scratch, compiling.zeros

    @numba.njit
    def both(like, size):
        return scratch(size, like), zeros(size, np.int64)

    taken, empty = both(np.ones(3, dtype), 37)
    assert taken.dtype == dtype
    assert taken.shape == empty.shape == (37,)
    assert taken.ctypes.data % 64 == empty.ctypes.data % 64 == 0
    np.testing.assert_array_equal(empty, np.zeros(37, np.int64))
    with pytest.raises(MemoryError):
        both(np.ones(3, dtype), 1 << 52)


@pytest.mark.parametrize("collecting", [True, False])
def test_garbage_is_collected_as_before(compiling, collecting):
    from numba.core.errors import TypingError

    before = gc.isenabled()
    try:
        (gc.enable if collecting else gc.disable)()
        compiling.kernel(doubled)(np.arange(3.0))
        assert gc.isenabled() == collecting
        with pytest.raises(TypingError):
            compiling.kernel(lambda x: x.nothing_of_that_name)(np.arange(3.0))
        assert gc.isenabled() == collecting
    finally:
        (gc.enable if before else gc.disable)()


def test_kernels_compile_where_nothing_can_be_kept(compiling, monkeypatch):
    from numba.core import caching

    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", [])
    np.testing.assert_array_equal(compiling.kernel(doubled)(np.arange(3.0)), [0, 2, 4])


@pytest.mark.parametrize("name, value", [("MINITORCH_NUMBA", "0"), ("NUMBA_DISABLE_JIT", "1")])
def test_switched_off(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert not cpu.enabled()
    assert cpu.find("conv_forward") is None


def test_a_numba_that_cannot_be_imported_is_given_up_with_a_line(monkeypatch, capsys):
    monkeypatch.delenv("MINITORCH_NUMBA", raising=False)
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    monkeypatch.setattr(cpu, "_broken", False)
    monkeypatch.setattr(cpu.importlib.util, "find_spec", lambda name: object())

    def broken(name):
        raise ImportError("Numba needs NumPy 2.0 or less")

    monkeypatch.setattr(cpu.importlib, "import_module", broken)
    assert cpu.find("conv_forward") is None
    expected = "minitorch: Numba cannot be used (Numba needs NumPy 2.0 or less); going on with NumPy alone, slower.\n"
    assert capsys.readouterr().err == expected
    assert not cpu.enabled()
    assert cpu.find("conv_weight_grad") is None
    assert capsys.readouterr().err == ""


def test_a_kernel_that_cannot_be_compiled_is_given_up_with_a_line(monkeypatch, capsys):
    errors = pytest.importorskip("numba.core.errors")
    monkeypatch.setattr(cpu, "_broken", False)
    monkeypatch.delenv("MINITORCH_NUMBA", raising=False)
    from minitorch.backend.cpu import conv

    def failing(*args):
        raise errors.LoweringError("no such instruction")

    monkeypatch.setattr(conv, "conv_forward", failing)
    forget_replacements()
    x, w = np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3))
    how = ((1, 1), ((0, 0), (0, 0)), (1, 1))
    np.testing.assert_array_equal(conv_forward(x, w, *how), np.full((1, 1, 2, 2), 9))
    assert "no such instruction" in capsys.readouterr().err
    np.testing.assert_array_equal(conv_forward(x, w, *how), np.full((1, 1, 2, 2), 9))
    assert capsys.readouterr().err == ""
    monkeypatch.undo()
    forget_replacements()


def test_replacements_do_not_read_beyond_arrays_that_do_not_fit():
    pytest.importorskip("numba")
    from minitorch.backend.cpu import conv

    x, w, gy = (np.ones(shape, np.float32) for shape in ((2, 4, 5, 5), (6, 3, 3, 3), (2, 6, 3, 3)))
    how = ((1, 1), ((0, 0), (0, 0)), (1, 1))
    assert conv.conv_forward(x, w, *how) is NotImplemented
    assert conv.conv_forward(x, w[:, :1], *how, 4) is NotImplemented
    assert conv.conv_forward(x[:, :3], w, *how, bias=np.ones(5, np.float32)) is NotImplemented
    assert conv.conv_input_grad(gy[:, :5], w, (5, 5), *how) is NotImplemented
    assert conv.conv_input_grad(gy, w, (5, 5), *how, 4) is NotImplemented
    assert conv.conv_weight_grad(x, gy, (3, 3), *how, 3) is NotImplemented
