"""What ``import minitorch`` loads: nothing that only some programs need."""

import subprocess
import sys

PROGRAM = """
import sys
import numpy
before = set(sys.modules)
import minitorch
print(*sorted(set(sys.modules) - before))
"""
#: each takes milliseconds to load, and is wanted at its first use at the earliest
LATER = (
    "numpy.random secrets numba threadpoolctl cupy PIL tqdm matplotlib multiprocessing urllib.request tempfile zipfile"
)


def test_import_loads_only_what_every_program_needs():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "minitorch.nn" in loaded  # the program looked at what it should
    assert not set(LATER.split()) & set(loaded)
    installed = {name for name in loaded if name.partition(".")[0] not in {"minitorch", *sys.stdlib_module_names}}
    assert not {name for name in installed if not name.startswith("numpy.")}
