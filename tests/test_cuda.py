"""``minitorch.cuda`` where there is no GPU: asking never raises, using says what is missing and what to do."""

import importlib.abc
import importlib.machinery
import subprocess
import sys
import types
from pathlib import Path

import pytest

import minitorch
from minitorch import cuda


class _Refusing(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """``cupy`` is found, and raises when it is imported."""

    def __init__(self, error):
        self.error = error

    def find_spec(self, fullname, path=None, target=None):
        return importlib.machinery.ModuleSpec("cupy", self) if fullname == "cupy" else None

    def exec_module(self, module):
        raise self.error


def working(answer, driver=None, built_for=13020):
    """A module that stands for CuPy; its driver gives ``answer``, or raises it.  Versions: as CUDA numbers them."""

    def count():
        if isinstance(answer, Exception):
            raise answer
        return answer

    module = types.ModuleType("cupy")
    module.cuda = types.SimpleNamespace(runtime=types.SimpleNamespace(getDeviceCount=count))
    if driver is not None:
        module.cuda.runtime.driverGetVersion = lambda: driver
        module.cuda.runtime.runtimeGetVersion = lambda: built_for
    return module


TOO_OLD = "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version"


def broken(monkeypatch, case):
    if case == "missing":
        monkeypatch.setitem(sys.modules, "cupy", None)
        return "pip install"
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    if case == "import fails":
        monkeypatch.setattr(sys, "meta_path", [_Refusing(OSError("libcuda.so is a picture")), *sys.meta_path])
        return "importing CuPy failed with OSError: libcuda.so is a picture"
    if case == "half installed":
        monkeypatch.setattr(sys, "meta_path", [_Refusing(ImportError("no libnvrtc")), *sys.meta_path])
        return "could not be imported (no libnvrtc)"
    if case == "no GPU":
        monkeypatch.setitem(sys.modules, "cupy", working(0))
        return "found no GPU; check that nvidia-smi"
    if case == "no driver":  # CUDA says that it is too old
        monkeypatch.setitem(sys.modules, "cupy", working(RuntimeError(TOO_OLD), driver=0))
        return f"no NVIDIA driver was found (the CUDA driver answered RuntimeError: {TOO_OLD}). Install a driver for " \
               "CUDA 13 or later"  # fmt: skip
    if case == "driver too old":
        monkeypatch.setitem(sys.modules, "cupy", working(RuntimeError(TOO_OLD), driver=12040))
        return "CuPy is built for CUDA 13.2, and the driver knows no later one than CUDA 12.4"
    if case == "driver out of order":
        monkeypatch.setitem(sys.modules, "cupy", working(RuntimeError("cudaErrorUnknown"), driver=13000))
        return "cudaErrorUnknown; check that nvidia-smi works (driver for CUDA 13.0, CuPy for CUDA 13.2)"
    if case == "driver without versions":
        monkeypatch.setitem(sys.modules, "cupy", working(RuntimeError("cudaErrorSystemNotReady")))
        return "the CUDA driver answered RuntimeError: cudaErrorSystemNotReady; check that nvidia-smi works"
    monkeypatch.setitem(sys.modules, "cupy", types.ModuleType("cupy"))  # another package of that name
    return "the CUDA driver answered AttributeError"


CASES = [
    "missing", "import fails", "half installed", "no GPU", "no driver", "driver too old", "driver out of order",
    "driver without versions", "something else",
]  # fmt: skip


@pytest.mark.usefixtures("no_cupy")
@pytest.mark.parametrize("case", CASES)
def test_asking_never_raises(monkeypatch, case):
    text = broken(monkeypatch, case)
    assert cuda.is_available() is False
    assert cuda.device_count() == 0
    assert text in cuda.why_unavailable()
    assert not cuda.is_bf16_supported()
    assert not minitorch.accelerator.is_available()
    assert not cuda.is_initialized()
    assert isinstance(minitorch.backends.cuda.is_built(), bool)


@pytest.mark.usefixtures("no_cupy")
@pytest.mark.parametrize("case", CASES)
def test_using_says_why_and_what_to_do(monkeypatch, case):
    text = broken(monkeypatch, case)
    model = minitorch.nn.Linear(1, 1)
    for use in (
        lambda: minitorch.zeros(2, device="cuda"),
        lambda: minitorch.tensor([1.0], device=minitorch.device("cuda:0")),
        lambda: minitorch.zeros(2).cuda(),
        lambda: minitorch.zeros(2).to("cuda"),
        lambda: model.to("cuda"),
        lambda: model.cuda(),
        cuda.current_device,
        cuda.init,
        cuda.get_device_name,
    ):
        with pytest.raises(RuntimeError) as error:
            use()
        assert "device 'cuda' is not available" in str(error.value) and text in str(error.value)
    assert model.weight.device.type == "cpu"


@pytest.mark.usefixtures("no_cupy")
def test_the_remedy_names_what_to_install(monkeypatch):
    remedies = {
        "missing": 'pip install "minitorch-nd[cuda13]" (CUDA 13) or pip install "minitorch-nd[cuda12]" (CUDA 12)',
        "no GPU": "CUDA_VISIBLE_DEVICES",
        "no driver": "nvidia-smi then lists the GPU",
        "driver too old": 'pip uninstall cupy-cuda13x, then pip install "minitorch-nd[cuda12]"',
    }
    for case, remedy in remedies.items():
        with monkeypatch.context() as patch:
            broken(patch, case)
            assert remedy in cuda.why_unavailable()


@pytest.mark.skipif(cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("command", ["benchmarks --device cuda --only selftest --against none", "pytest -m gpu -q"])
def test_commands_for_a_gpu_say_what_is_missing(command, tmp_path):
    module, *arguments = command.split()
    if module == "pytest":
        arguments += ["-p", "no:cacheprovider", "tests/test_gpu.py"]
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=Path(__file__).parents[1], capture_output=True, text=True
    )
    assert done.returncode == (2 if module == "benchmarks" else 0), done.stderr
    assert cuda.why_unavailable() in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("no_cupy")
def test_a_device_can_be_named_and_seeded_without_being_there():
    assert str(minitorch.device("cuda:1")) == "cuda:1"
    assert minitorch.device("cuda" if cuda.is_available() else "cpu").type == "cpu"
    cuda.manual_seed(3)
    cuda.manual_seed_all(3)
    cuda.empty_cache()
    assert cuda.memory_allocated() == 0
    for name in ("cuda:x", "gpu", "cuda:-1"):
        with pytest.raises(RuntimeError):
            minitorch.device(name)
