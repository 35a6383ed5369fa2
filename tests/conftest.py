"""The whole suite on a GPU, or on the stand-in for one: ``python -m pytest --device cuda tests``.

Then every tensor that a test makes without naming a device lies on ``cuda``, those of ``from_numpy`` too, and
``Tensor.numpy()`` copies to the host so that a test can look at values as it does on the CPU.  What a test means about
the CPU itself is excepted in ``cuda_exceptions.py``, with the reason.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import cupy_stand_in
import pytest

#: Coverage is not measured while these run: they take what other tests reach through thousands of samples or through
#: compilers, and the tracer of Python before 3.12 would make a third more of their time.
BEATEN_TRACKS = (
    "test_conformance.py", "test_primitives_", "test_cuda_sources.py", "test_cupy_names.py", "test_trajectories.py",
    "test_amp.py::test_digits", "test_beginners_tour.py::test_losses", "test_benchmarks.py::test_nets",
    "test_cuda_errors.py::test_out_of_memory",
)  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device",
        choices=("cpu", "cuda"),
        default="cpu",
        help="where tests put their tensors; cuda: on a GPU or, without one, on the stand-in",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--device") == "cuda":
        on_device = ExitStack()
        on_device.enter_context(_everything_on_cuda())
        config.add_cleanup(on_device.close)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("gpu"):
            import minitorch

            if cupy_stand_in.is_installed() or not minitorch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason=f"no GPU: {minitorch.cuda.why_unavailable()}"))
    if config.getoption("cov_source", None):
        for item in items:
            if any(part in item.nodeid for part in BEATEN_TRACKS):
                item.add_marker(pytest.mark.no_cover)
        # First, so that most kernels are compiled while nothing is traced.
        items.sort(key=lambda item: item.get_closest_marker("no_cover") is None)
    if config.getoption("--device") == "cuda":
        from cuda_exceptions import reason_for

        for item in items:
            reason = reason_for(item.nodeid)
            if reason is not None:
                item.add_marker(pytest.mark.skip(reason=reason))


class _everything_on_cuda(ExitStack):
    def __enter__(self) -> Any:
        import minitorch

        if not minitorch.cuda.is_available():
            self.enter_context(cupy_stand_in.installed())
        minitorch.set_default_device("cuda")
        self.callback(minitorch.set_default_device, None)
        patch = pytest.MonkeyPatch()
        self.callback(patch.undo)
        numpy = minitorch.Tensor.numpy

        def to_numpy(self: Any, *, force: bool = False) -> Any:
            if self.requires_grad and not force:
                return numpy(self.cpu())  # raises what it always raises
            return numpy(self, force=True)

        patch.setattr(minitorch.Tensor, "numpy", to_numpy)
        if cupy_stand_in.is_installed():
            # Host code behind a shim is slow.  The kernels have tests of their own, and rows.check() runs with them.
            patch.setenv("MINITORCH_CUDA_KERNELS", os.environ.get("MINITORCH_CUDA_KERNELS", "0"))
        patch.setenv("CUDA_LAUNCH_BLOCKING", "1")  # a wrong index is then raised where it is used, as on the CPU
        from_numpy = minitorch.from_numpy
        patch.setattr(minitorch, "from_numpy", lambda array: from_numpy(array).cuda())
        return self


@pytest.fixture
def stand_in(request: pytest.FixtureRequest) -> Iterator[Any]:
    """CuPy's place is taken: ``device="cuda"`` works, with two devices; gives the module."""
    with cupy_stand_in.installed() as module:
        yield module


@pytest.fixture
def no_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    """CuPy cannot be imported, and was not found before."""
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(importlib.import_module("minitorch.backend.array_module"), "_cupy", None)
