"""PyTorch's own test database: no operation, layer or optimizer may fall behind ``conformance/recorded.json``.

By default a part of the samples is run; ``MINITORCH_CONFORMANCE=full`` runs all.  ``python -m tests.conformance NAME``
shows what is different.
"""

from __future__ import annotations

import os
import warnings

import pytest

import minitorch
from tests.conformance.suite import recorded, regressions, runners

#: of each type, of each operation
SAMPLES = None if os.environ.get("MINITORCH_CONFORMANCE") == "full" else 4
RECORDED = recorded()


@pytest.fixture(scope="module")
def database() -> dict:
    torch = pytest.importorskip("torch")
    pytest.importorskip("expecttest", reason="PyTorch's test database needs it: pip install expecttest")
    if not torch.__version__.startswith("2.13."):
        pytest.skip(f"the recorded results are of PyTorch 2.13's database, this is {torch.__version__}")
    if minitorch.get_default_device().type != "cpu":
        pytest.skip("samples are compared on the CPU")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # that hypothesis is missing, which nothing here needs
        return runners()


def test_every_entry_of_the_database_is_recorded(database):
    assert set(database) == set(RECORDED)


@pytest.mark.parametrize("name", RECORDED)
def test_as_pytorch(database, name):
    report = database[name](SAMPLES)
    assert report.total + report.out_of_scope or not report.failures
    assert not regressions(name, report.failures, RECORDED[name])
