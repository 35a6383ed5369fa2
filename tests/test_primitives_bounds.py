"""No kernel reads or writes outside its arrays, and what a kernel cannot take the portable version computes.

The cases are those of the tests of the primitives: they run once more, in a process in which all arrays lie against
forbidden memory (:mod:`guarded_memory`) and in which the calls are repeated with arrays that kernels do not take
(:mod:`awkward_arguments`).  So a replacement is tested here as soon as it has a test at all, and this says if it has
none.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import awkward_arguments
import guarded_memory
import numpy as np
import pytest

from minitorch.backend import cpu

TESTS = Path(__file__).resolve().parent
FILES = [path for path in sorted(TESTS.glob("test_primitives_*.py")) if path.name != Path(__file__).name]

FAULTY = """
import numba
import numpy as np

from minitorch.backend import cpu
from minitorch.backend.cpu import optim_steps


@numba.njit(boundscheck=False)
def element(x, i):
    return x[i]


@numba.njit(boundscheck=False)
def overwrite(x, i):
    x[i] = 1


@numba.njit(boundscheck=False)
def element_of_scratch(n, i):
    return np.empty(n)[i]


x = np.zeros(5)


def test_that_reads_an_element_too_far():
    {statement}
"""


def run(mode: str, folder: Path, *arguments: str | Path, awkward: bool = False) -> subprocess.CompletedProcess[str]:
    """Run pytest with guarded arrays.  The reports are left in ``folder``."""
    pytest.importorskip("numba")
    if not cpu.enabled():
        pytest.skip("compiled replacements are switched off")
    environment = dict(
        os.environ,
        PYTHONPATH=os.pathsep.join([str(TESTS), str(TESTS.parent)]),
        PYTHONFAULTHANDLER="1",
        MINITORCH_GUARD=mode,
        MINITORCH_GUARD_STATUS=str(folder / "status"),
        MINITORCH_GUARD_REPORT=str(folder / "computed.json"),
        MINITORCH_AWKWARD_REPORT=str(folder / "tried.json"),
    )
    plugins = ["-p", "guarded_memory", *(["-p", "awkward_arguments"] if awkward else [])]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *plugins]
    command += map(str, arguments)
    return subprocess.run(command, cwd=TESTS.parent, env=environment, capture_output=True, text=True, timeout=3000)


def fault(done: subprocess.CompletedProcess[str], folder: Path) -> str | None:
    """What was under way when the process was ended by a signal; ``None`` if it was not."""
    if done.returncode not in (-signal.SIGSEGV, -getattr(signal, "SIGBUS", signal.SIGSEGV)):
        return None
    primitive, test = [line.strip() for line in (folder / "status").read_text().splitlines()]
    return f"{primitive or 'something'} left its arrays in {test}\n{done.stderr[-3000:]}"


# Where pages can be protected, canaries find nothing that a fault would not.
MODES = ["end", "start"] if guarded_memory.protectable() else ["canary"]
forbidden_pages = pytest.mark.skipif(not guarded_memory.protectable(), reason="no pages can be protected here")


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_kernels_stay_inside_their_arrays(mode, tmp_path):
    awkward = mode != "start"  # once is enough for what no kernel takes, and one dtype for what begins too early
    chosen = "not pytorch" if awkward else "not pytorch and not float64"
    done = run(mode, tmp_path, "-k", chosen, *FILES, awkward=awkward)
    assert fault(done, tmp_path) is None, fault(done, tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    untested = set(cpu._REPLACEMENTS) - set(json.loads((tmp_path / "computed.json").read_text()))
    assert not untested, f"no tests/test_primitives_*.py makes these replacements compute: {sorted(untested)}"
    if awkward:
        tried = json.loads((tmp_path / "tried.json").read_text())
        every = {*awkward_arguments.VARIANTS, *awkward_arguments.SPECIAL}
        missing = {name: sorted(every - set(tried.get(name, ()))) for name in cpu._REPLACEMENTS}
        assert not any(missing.values()), missing


@pytest.mark.slow
@forbidden_pages
@pytest.mark.parametrize(("mode", "statement"), [("end", "element_of_scratch(5, 5)"), ("start", "element(x, -6)")])
def test_one_element_too_far_is_found(mode, statement, tmp_path):
    (tmp_path / "test_faulty.py").write_text(FAULTY.format(statement=statement))
    done = run(mode, tmp_path, tmp_path / "test_faulty.py")
    told = fault(done, tmp_path) or done.stdout
    assert told.startswith("something left its arrays in")
    assert "test_that_reads_an_element_too_far" in told


@pytest.mark.slow
@forbidden_pages
def test_the_primitive_under_way_is_named(tmp_path):
    (tmp_path / "conftest.py").write_text(
        "from minitorch.backend.cpu import optim_steps\n"
        "import test_faulty\n"
        "optim_steps.sgd_step = lambda *args: test_faulty.element(test_faulty.x, 5)\n"
    )
    (tmp_path / "test_faulty.py").write_text(FAULTY.format(statement="cpu.find('sgd_step')(x)"))
    done = run("end", tmp_path, tmp_path / "test_faulty.py")
    told = fault(done, tmp_path) or done.stdout
    assert told.startswith("sgd_step left its arrays in")


@pytest.mark.slow
def test_a_dead_canary_is_found(tmp_path):
    (tmp_path / "test_faulty.py").write_text(FAULTY.format(statement="x = np.zeros(5); overwrite(x, 5); del x"))
    done = run("canary", tmp_path, tmp_path / "test_faulty.py")
    assert done.returncode == 1
    assert "1 arrays have been written beyond their ends" in done.stdout


@pytest.mark.slow
def test_what_the_portable_version_would_not_do_is_found(tmp_path):
    (tmp_path / "conftest.py").write_text(
        "from minitorch.backend.cpu import pointwise\npointwise.relu = lambda x: abs(x)\n"
    )
    (tmp_path / "test_wrong.py").write_text(
        "import numpy as np\nfrom minitorch.backend import cpu\n\n\n"
        "def test_relu():\n    cpu.find('relu')(np.array([1.0, -2.0], np.float32))\n"
    )
    done = run("canary", tmp_path, tmp_path / "test_wrong.py", awkward=True)
    assert done.returncode == 1
    assert "relu with float16 arrays" in done.stdout


@pytest.mark.skipif(os.environ.get("NUMBA_BOUNDSCHECK", "0") in ("", "0"), reason="NUMBA_BOUNDSCHECK is not set")
def test_numba_checks_every_index():
    """What ``.ci/run bounds`` relies on; LLVM vectors it does not check, but forbidden pages do."""
    pytest.importorskip("numba")
    from minitorch.backend.cpu import compiling

    with pytest.raises(IndexError):
        compiling.kernel(lambda x: x[x.size])(np.zeros(3))
