"""Every kernel compiles without warnings: as host C++, and with nvcc and NVRTC for the GPUs that these know."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import itertools
import shutil
import subprocess
from pathlib import Path

import pytest
from cupy_stand_in import raw

from minitorch.backend.cuda.launching import code_of, options

SOURCES = sorted((Path(__file__).parents[1] / "minitorch/backend/cuda/source").glob("*.cu"))
needs_compiler = pytest.mark.skipif(raw.compiler() is None, reason="no C++ compiler to run kernels with")
ARCHITECTURES = (70, 75, 80, 90, 100, 120)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_sources_say_what_they_aim_at(source: Path) -> None:
    """The comment that each begins with: grid, block, bytes moved, and the bound."""
    comment = list(itertools.takewhile(lambda line: line.startswith("//"), source.read_text("utf-8").splitlines()))
    for word in ("grid", "block", "bytes moved", "bound"):
        assert word in "\n".join(comment).lower(), f"{source.name} does not say: {word}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
@pytest.mark.parametrize("real", ["float", "double"])
@needs_compiler
def test_sources_compile_as_host_code(source: Path, real: str) -> None:
    raw.library(code_of(source.name), options(real))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc is not installed")
def test_sources_compile_for_gpus(tmp_path: Path) -> None:
    """For every generation that this nvcc knows; CUDA 13 no longer has sm_70."""
    listed = subprocess.run(["nvcc", "--list-gpu-code"], capture_output=True, text=True, check=True).stdout
    known = [n for n in ARCHITECTURES if f"sm_{n}" in listed.split()]
    assert len(known) >= 3, listed
    everything = tmp_path / "everything.cu"  # starting the compiler takes longer than one source
    everything.write_text("".join(f'#include "{source}"\n' for source in SOURCES), encoding="utf-8")
    for real, architectures in (("float", known), ("double", known[-1:])):
        targets = [f"-gencode=arch=compute_{n},code=sm_{n}" for n in architectures]
        run = subprocess.run(
            ["nvcc", *options(real), *targets, "-Werror=all-warnings", "-fatbin", "-o", tmp_path / "out", everything],
            capture_output=True, text=True,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr


def nvrtc() -> ctypes.CDLL | None:
    """The compiler that CuPy uses, from the pip package ``nvidia-cuda-nvrtc-cu12`` or wherever the system has it."""
    spec = importlib.util.find_spec("nvidia.cuda_nvrtc") if importlib.util.find_spec("nvidia") else None
    places = [*(spec.submodule_search_locations or ())] if spec else []
    found = [str(f) for place in places for f in sorted(Path(place, "lib").glob("libnvrtc.so.*"))]
    name = next(iter(found), None) or ctypes.util.find_library("nvrtc")
    return ctypes.CDLL(name) if name else None


@pytest.mark.slow
@pytest.mark.skipif(nvrtc() is None, reason="NVRTC is not installed: pip install nvidia-cuda-nvrtc-cu12")
def test_sources_compile_with_nvrtc() -> None:
    """CuPy's own compiler, whose headers are fewer than nvcc's, for all generations that it knows."""
    library = nvrtc()
    assert library is not None
    count = ctypes.c_int()
    library.nvrtcGetNumSupportedArchs(ctypes.byref(count))
    listed = (ctypes.c_int * count.value)()
    library.nvrtcGetSupportedArchs(listed)
    known = [n for n in ARCHITECTURES if n in listed]
    assert len(known) >= 3, list(listed)
    assembled = known[:1] if shutil.which("nvcc") else known  # the other test has the rest of the way, for most of them
    for real, n in [("float", n) for n in known] + [("double", known[-1])]:
        target = f"{'sm' if n in assembled else 'compute'}_{n}"
        program = ctypes.c_void_p()
        text = "\n".join(f'#line 1 "{source.name}"\n{code_of(source.name)}' for source in SOURCES).encode()
        assert library.nvrtcCreateProgram(ctypes.byref(program), text, b"everything.cu", 0, None, None) == 0
        given = [o.encode() for o in (*options(real), f"--gpu-architecture={target}")]
        status = library.nvrtcCompileProgram(program, len(given), (ctypes.c_char_p * len(given))(*given))
        size = ctypes.c_size_t()
        library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        library.nvrtcGetProgramLog(program, log)
        library.nvrtcDestroyProgram(ctypes.byref(program))
        said = [line for line in log.value.decode().splitlines() if "Architectures prior to" not in line]
        assert status == 0 and not any(said), f"{target}, {real}: {said}"
