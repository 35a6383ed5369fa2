"""The programs in examples/: each as a user starts it, then what their options do."""

import builtins
import importlib.util
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minitorch as torch

FOLDER = Path(__file__).parents[1] / "examples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))
ENV = {**os.environ, "PYTHONPATH": str(Path(torch.__file__).parents[1]), "MPLBACKEND": "Agg"}


def start(name, *options, folder):
    """A process of its own that must not find a network."""
    return subprocess.run(
        [sys.executable, "-W", "error", str(FOLDER / f"{name}.py"), *options],
        cwd=folder, env=ENV, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def load(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs ``main`` of an example in this process, in an empty folder; gives what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")

    def call(module, *options):
        monkeypatch.setattr(sys, "argv", ["example.py", *map(str, options)])
        capsys.readouterr()  # what an earlier run that ended in an exception has left
        module.main()
        return capsys.readouterr().out

    return call


@pytest.fixture
def lenet():
    return load("lenet")


def stopped(run, module, *options):
    """How the program says that it cannot go on."""
    with pytest.raises(SystemExit) as caught:
        run(module, *options)
    return caught.value.code


# ---- as they are started


def test_these_are_the_examples():
    assert NAMES == ["cifar10", "custom_layer", "lenet", "two_layer_net"]


@pytest.mark.parametrize("name", NAMES)
def test_short(name, tmp_path):
    done = start(name, "--short", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    written = {"cifar10": {"cifar_net.pth"}, "lenet": {"lenet.pt", "lenet.state", "lenet.png"}}.get(name, set())
    assert set(os.listdir(tmp_path)) | {"lenet.png"} == written | {"lenet.png"}
    expected = {
        "cifar10": r"Accuracy on the 256 test images: +[\d.]+%\nAccuracy for class plane:",
        "custom_layer": r"gradcheck: .*\nSequential\((.|\n)*step   20: loss .* right",
        "lenet": r"LeNet\((.|\n)*images/s\n\nConfusion(.|\n)*Test accuracy: [\d.]+% of 256 images\nWeights: lenet.pt",
        "two_layer_net": r"with_optim: largest relative difference from the loss by hand \d",
    }[name]
    assert re.search(expected, done.stdout), done.stdout


def test_help_names_the_options(run, capsys):
    for name in NAMES:
        with pytest.raises(SystemExit) as caught:
            run(load(name), "--help")
        text = capsys.readouterr().out
        assert caught.value.code == 0 and f"python examples/{name}.py" in text and "--short" in text
        if name == "lenet":
            for option in ("data", "device", "epochs", "batch-size", "lr", "seed", "save", "resume", "root"):
                assert f"--{option}" in text
            assert "{digits,mnist,fashion,cifar10}" in text and "{cpu,cuda}" in text


# ---- LeNet


def test_lenet_learns_and_saves(run, lenet, tmp_path):
    out = run(lenet, "--short", "--epochs", 12, "--lr", 0.03, "--save", "net.pt")
    accuracy = float(re.search(r"Test accuracy: ([\d.]+)%", out)[1])
    assert accuracy > 60 and out.count("images/s") == 12
    rows = re.findall(r"^ +(\d) ((?: +[\d.]+){10})  +[\d.]+%$", out, re.M)
    table = np.array([[int(n.replace(".", "0")) for n in row.split()] for _, row in rows])
    assert table.shape == (10, 10) and table.sum() == 256
    assert abs(table.trace() / 2.56 - accuracy) < 0.01

    weights = torch.load("net.pt")
    assert list(weights)[:2] == ["conv1.weight", "conv1.bias"] and len(weights) == 10
    images, _ = lenet.images_and_labels("digits", None, train=False)
    net = lenet.LeNet()
    net.load_state_dict(weights)
    with torch.no_grad():
        right = (net(images.tensors[0][:256]).argmax(1) == images.tensors[1][:256]).sum().item()
    assert abs(right / 2.56 - accuracy) < 0.01
    if importlib.util.find_spec("matplotlib"):
        assert (tmp_path / "net.png").read_bytes().startswith(b"\x89PNG")


def test_lenet_repeats_at_a_seed(run, lenet):
    runs = [run(lenet, "--short", "--seed", seed, "--save", f"{i}.pt") for i, seed in enumerate((1, 1, 2))]
    losses = [re.search(r"loss ([\d.]+)", out)[1] for out in runs]
    assert losses[0] == losses[1] != losses[2]
    first, second = torch.load("0.pt"), torch.load("1.pt")
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_lenet_resumes_as_if_it_had_not_stopped(run, lenet, monkeypatch):
    options = ("--short", "--epochs", 3)
    run(lenet, *options, "--save", "whole.pt")
    whole, calls = lenet.train_epoch, []

    def breaks_off(*args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        whole(*args)

    monkeypatch.setattr(lenet, "train_epoch", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        run(lenet, *options, "--save", "part.pt")
    assert not os.path.exists("part.pt")
    monkeypatch.setattr(lenet, "train_epoch", whole)
    out = run(lenet, *options, "--save", "part.pt", "--resume", "part.state")
    assert "Resumed after epoch 2 of 3" in out and "epoch 3/3" in out and "epoch 2/3" not in out
    one, other = torch.load("whole.pt"), torch.load("part.pt")
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert torch.load("whole.state")["history"] == torch.load("part.state")["history"]
    again = run(lenet, *options, "--resume", "part.state", "--save", "again.pt")
    assert "Resumed after epoch 3 of 3" in again and "Test accuracy" in again


def test_lenet_refuses_to_resume_from_something_else(run, lenet, tmp_path):
    run(lenet, "--short")
    assert "that run had --lr 0.02, this one has 0.5" in stopped(
        run, lenet, "--short", "--lr", 0.5, "--resume", "lenet.state"
    )
    assert "--batch-size" in stopped(run, lenet, "--short", "--batch-size", 5, "--resume", "lenet.state")
    assert "ends in .state" in stopped(run, lenet, "--short", "--resume", "lenet.pt")
    assert "nowhere" in stopped(run, lenet, "--resume", "nowhere.state")
    state = tmp_path / "lenet.state"
    whole = state.read_bytes()
    for content in (whole[:-300], b"", b"nonsense", pickle.dumps(print)):
        state.write_bytes(content)
        assert stopped(run, lenet, "--short", "--resume", "lenet.state").startswith("--resume lenet.state: ")
        assert state.read_bytes() == content


@pytest.mark.parametrize(
    "options",
    [
        ("--epochs", 0), ("--batch-size", 0), ("--lr", 0), ("--lr", "nan"), ("--lr", "much"), ("--data", "imagenet"),
        ("--device", "tpu"), ("--save", "no/such/folder/x.pt"), ("--save", "x.state"), ("--unknown",),
    ],
)  # fmt: skip
def test_lenet_refuses_options(run, lenet, options, capsys):
    assert stopped(run, lenet, *options) == 2
    assert options[0] in capsys.readouterr().err and not os.listdir()


def test_lenet_stops_at_a_loss_that_is_no_number(run, lenet):
    text = stopped(run, lenet, "--short", "--lr", 1e30)
    assert re.search(r"The loss became (nan|inf): .*smaller --lr", text)
    assert not os.path.exists("lenet.pt")


def test_lenet_says_why_there_is_no_gpu(run, lenet):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    assert "device 'cuda' is not available" in stopped(run, lenet, "--device", "cuda")


def test_lenet_says_that_a_download_failed(run, lenet, monkeypatch):
    monkeypatch.setattr(lenet.datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    text = stopped(run, lenet, "--data", "mnist", "--root", "data")
    assert "could not download train-images-idx3-ubyte.gz" in text and "put it at" in text


@pytest.mark.parametrize("data", ["mnist", "fashion", "cifar10"])
def test_lenet_on_the_other_data_sets(run, lenet, monkeypatch, data):
    rng = np.random.default_rng(0)

    class Small:
        classes = [f"{i} - kind {i}" for i in range(10)]

        def __init__(self, root, train, download):
            assert root == "somewhere" and download
            shape = (40, 32, 32, 3) if data == "cifar10" else (40, 28, 28)
            images, labels = rng.integers(0, 256, shape, np.uint8), np.arange(40) % 10
            self.data, self.targets = (
                (images, labels.tolist()) if data == "cifar10" else (torch.from_numpy(images), torch.from_numpy(labels))
            )

    monkeypatch.setitem(lenet.DATA, data, Small)
    out = run(lenet, "--data", data, "--root", "somewhere", "--epochs", 1, "--batch-size", 16)
    assert f"Conv2d({3 if data == 'cifar10' else 1}, 6" in out and "of 40 images" in out
    images, _ = lenet.images_and_labels(data, "somewhere", True)
    assert images.tensors[0].shape[1:] == (3 if data == "cifar10" else 1, 32, 32)
    assert images.tensors[0].min().item() == -1 and images.tensors[0].max().item() == 1


def test_lenet_without_the_extras(run, lenet, monkeypatch):
    real = builtins.__import__

    def bare(name, *args, **kwargs):
        if name.partition(".")[0] in ("tqdm", "matplotlib", "PIL"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", bare)
    out = run(lenet, "--short")
    assert 'No picture of the curves: it needs matplotlib (pip install "minitorch-nd[plot]")' in out
    assert "Test accuracy" in out and set(os.listdir()) == {"lenet.pt", "lenet.state"}


def test_lenet_shows_a_bar_on_a_terminal(lenet, monkeypatch, capsys):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda self: True, raising=False)
    progress = lenet.Progress(2, 5, 100)
    progress.add(1.5, 30, 50)
    progress.bar.refresh()
    progress.close(0.5)
    out = capsys.readouterr().out
    assert "epoch 2/5" in out and " images/s" in out and "loss=1.5000" in out and "accuracy=60.0%" in out
    assert out.splitlines()[-1].endswith("images/s") and "50.00% (test)" in out


def test_lenet_moves_images_by_two_pixels_at_most(lenet):
    torch.manual_seed(0)
    dot = torch.full((1, 1, 32, 32), -1.0)
    dot[0, 0, 10, 20] = 1
    places = set()
    for _ in range(300):
        out = lenet.shifted(dot)
        assert out.shape == dot.shape and (out == 1).sum().item() == 1
        places.add(tuple((out[0, 0] == 1).nonzero()[0].tolist()))
    assert places == {(y, x) for y in range(8, 13) for x in range(18, 23)}


# ---- the others


def test_cifar10_says_what_to_do_without_a_network(run, monkeypatch):
    cifar10 = load("cifar10")
    monkeypatch.setattr(cifar10.torchvision.datasets.CIFAR10, "urls", ["http://127.0.0.1:9/cifar-10-python.tar.gz"])
    text = stopped(run, cifar10, "--root", "data")
    assert "could not download cifar-10-python.tar.gz" in text and text.endswith("(--fake runs without the data)")


def test_cifar10_stops_at_a_loss_that_is_no_number(run, monkeypatch):
    cifar10 = load("cifar10")
    sgd = cifar10.optim.SGD
    monkeypatch.setattr(cifar10.optim, "SGD", lambda params, lr, momentum: sgd(params, lr=1e30))
    assert "training cannot go on" in stopped(run, cifar10, "--fake", "--epochs", 1)
    assert not os.path.exists("cifar_net.pth")


def test_two_layer_networks_agree(run):
    example = load("two_layer_net")
    data = example.make_data(seed=3)
    expected = np.array(example.by_hand(*data, 60))
    assert expected[-1] < 0.01 * expected[0]
    for way in (example.with_autograd, example.with_nn, example.with_optim):
        np.testing.assert_allclose(way(*data, 60), expected, rtol=1e-9)
    assert run(example, "--steps", 2).count("\n") == 1 + 2 + 4


def test_custom_layer_learns(run):
    out = run(load("custom_layer"), "--steps", 150)
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", out)]
    assert len(losses) == 6 and losses[-1] < 0.7 * losses[0]
