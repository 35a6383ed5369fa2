"""minitorch.utils.optional, and what an import may cost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import minitorch
from minitorch.utils.optional import available, require


def test_require_returns_the_module():
    import json

    assert require("json", extra="vision", why="to test") is json
    assert require("os.path", extra="vision", why="to test") is sys.modules["os.path"]


def test_require_names_package_reason_and_remedy():
    with pytest.raises(ImportError, match=r"'no_such_package' is needed to draw, .*minitorch-nd\[plot\]") as caught:
        require("no_such_package.part", extra="plot", why="to draw")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_require_tells_a_broken_package_from_a_missing_one(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("raise ImportError('libfoo.so is missing')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"importing it failed \(libfoo.so is missing\)"):
        require("broken_package", extra="vision", why="to test")


def test_available(monkeypatch):
    assert available("json") and available("os.path")
    assert not available("no_such_package") and not available("no_such_package.part")
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert not available("PIL")


def test_the_library_imports_neither_pillow_nor_multiprocessing():
    code = (
        "import sys, minitorch, minitorch.utils\n"
        "names = {'PIL', 'multiprocessing', 'tqdm', 'urllib.request', 'minitorch.vision.transforms'}\n"
        "heavy = names & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert minitorch.utils.data.DataLoader\n"
        "import minitorch.vision as torchvision\n"
        "assert torchvision.__version__ and torchvision.datasets.Digits and torchvision.transforms.ToTensor\n"
        "assert torchvision.io.read_image and torchvision.utils.make_grid\n"
        "assert 'PIL' not in sys.modules\n"
    )
    root = str(Path(minitorch.__file__).parents[1])
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": root})


def test_unknown_attributes_are_refused():
    import minitorch.utils
    import minitorch.vision

    for module in (minitorch.utils, minitorch.utils.data, minitorch.vision):
        with pytest.raises(AttributeError, match="no_such_thing"):
            module.no_such_thing
    assert "data" in dir(minitorch.utils) and "datasets" in dir(minitorch.vision)
