"""SummaryWriter, in front of the real package where it is installed and of a stand-in where it is not."""

import sys
import types

import numpy as np
import pytest

import minitorch as torch
from minitorch.utils.optional import available


class Recorder:
    """In place of tensorboardX's writer: keeps what it is told."""

    def __init__(self, **options):
        self.options, self.logdir, self.calls = options, options["logdir"] or "runs/now", []

    def __getattr__(self, name):
        return lambda *args, **kwargs: self.calls.append((name, args, kwargs))


@pytest.fixture
def writer(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", types.SimpleNamespace(SummaryWriter=Recorder))
    from minitorch.utils.tensorboard import SummaryWriter

    return SummaryWriter


def test_tensors_become_arrays_and_numbers(writer):
    with writer("some/folder", flush_secs=5) as log:
        log.add_scalar("loss", torch.tensor(1.5, requires_grad=True), 3, new_style=True)
        log.add_scalars("losses", {"train": torch.tensor(2.0), "test": 3.0}, global_step=4)
        log.add_histogram("weights", torch.ones(2, 3, requires_grad=True).mT, 5)
        log.add_image("image", torch.zeros(3, 4, 4))
        log.add_text("note", "words")
        log.add_hparams({"lr": 0.1}, {"accuracy": torch.tensor(0.5)}, run_name="first")
        log.flush()
    calls = log._writer.calls
    assert calls[0] == ("add_scalar", ("loss", 1.5, 3, None), {}) and type(calls[0][1][1]) is float
    assert calls[1] == ("add_scalars", ("losses", {"train": 2.0, "test": 3.0}), {"global_step": 4})
    name, (tag, values, step), _ = calls[2]
    assert (name, tag, step) == ("add_histogram", "weights", 5)
    assert isinstance(values, np.ndarray) and values.shape == (3, 2) and values.flags.c_contiguous
    assert calls[3][1][1].shape == (3, 4, 4) and calls[4][1] == ("note", "words")
    assert calls[5] == ("add_hparams", ({"lr": 0.1}, {"accuracy": 0.5}), {"name": "first", "global_step": None})
    assert [name for name, *_ in calls[6:]] == ["flush", "close"]
    assert log._writer.options["logdir"] == "some/folder" and log._writer.options["flush_secs"] == 5
    assert log.get_logdir() == "some/folder" and writer().log_dir == "runs/now"


def test_what_there_is_not(writer, monkeypatch):
    log = writer()
    with pytest.raises(NotImplementedError, match=r"print\(model\)"):
        log.add_graph(None)
    with pytest.raises(AttributeError, match="no_such_thing"):
        log.no_such_thing
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"tensorboardX.* to write for TensorBoard.*minitorch-nd\[tensorboard\]"):
        writer()


@pytest.mark.skipif(not available("tensorboardX"), reason="tensorboardX is not installed")
def test_files_are_written(tmp_path):
    pytest.importorskip("PIL")  # tensorboardX packs images with it
    with torch.utils.tensorboard.SummaryWriter(tmp_path / "run") as log:
        log.add_scalar("loss", torch.tensor(1.5), 0)
        log.add_histogram("weights", torch.randn(100), 0)
        log.add_image("image", torch.rand(3, 8, 8), 0)
    (file,) = (tmp_path / "run").iterdir()
    content = file.read_bytes()
    assert all(tag in content for tag in (b"loss", b"weights", b"image"))
