"""What the tests of compiled replacements share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(params=[1, 3], ids=["one-thread", "three-threads"])
def threads_of_kernels(request):
    """Runs a test on one thread and on several."""
    pytest.importorskip("numba")
    from minitorch.backend.cpu import threads

    before = threads.get_num_threads()
    threads.set_num_threads(request.param)
    yield
    threads.set_num_threads(before)


def replacement(primitive: Any) -> Callable[..., Any]:
    """The compiled replacement of a primitive."""
    from minitorch.backend import cpu

    found = cpu.find(primitive.portable.__name__)
    if found is None:
        pytest.skip("compiled replacements are switched off")
    return found
