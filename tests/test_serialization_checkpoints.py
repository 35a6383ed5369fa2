"""Files that PyTorch wrote, read without it, and the devices that their tensors are for."""

import io
from collections import Counter, OrderedDict
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import pytest

import minitorch
from minitorch import nn
from minitorch.utils.optional import available

CHECKPOINTS = Path(__file__).parent / "data" / "checkpoints"


def saved(obj):
    file = io.BytesIO()
    minitorch.save(obj, file)
    return file.getvalue()


def round_trip(obj, **options):
    return minitorch.load(io.BytesIO(saved(obj)), **options)


# ---- files that PyTorch wrote


@pytest.mark.parametrize("name", ["tensors.pt", "legacy.pt"])
@pytest.mark.parametrize("source", [Path, lambda path: io.BytesIO(path.read_bytes())], ids=["path", "bytes"])
def test_tensors_from_torch(name, source):
    back = minitorch.load(source(CHECKPOINTS / name))
    for dtype in ("float16", "float32", "float64"):
        assert back[dtype].dtype is getattr(minitorch, dtype)
        assert back[dtype].tolist() == [0.5, -1.25, 3.0]
    assert back["bfloat16"].dtype is (minitorch.bfloat16 if available("ml_dtypes") else minitorch.float32)
    assert back["bfloat16"].tolist() == [0.5, -1.25, 3.0]
    for dtype in ("int8", "int16", "int32", "int64"):
        assert back[dtype].dtype is getattr(minitorch, dtype)
        assert back[dtype].tolist() == [0, 1, 100]
    assert back["uint8"].tolist() == [0, 1, 200]
    assert back["bool"].tolist() == [True, False]
    assert back["scalar"].item() == 2.5
    assert back["empty"].shape == (0, 3)
    assert back["expanded"].tolist() == [[7.0] * 3] * 2
    assert back["leaf"].requires_grad
    assert type(back["parameter"]) is nn.Parameter and back["parameter"].requires_grad
    assert type(back["frozen"]) is nn.Parameter and not back["frozen"].requires_grad

    values = np.arange(12.0, dtype=np.float32)
    assert np.array_equal(back["base"]._data, values)
    back["base"]._data[5] = values[5] = 50
    assert np.array_equal(back["rows"]._data, values.reshape(3, 4))
    assert np.array_equal(back["column"]._data, values.reshape(3, 4)[:, 1])
    assert np.array_equal(back["transposed"]._data, values.reshape(3, 4).T)


def test_training_state_from_torch():
    back = minitorch.load(CHECKPOINTS / "training.pt")
    model = back["model"]
    assert type(model) is OrderedDict
    assert list(model) == [
        "linear.weight", "linear.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var",
        "norm.num_batches_tracked",
    ]  # fmt: skip
    assert model._metadata["norm"] == {"version": 2}
    assert model["linear.weight"].shape == (3, 2)
    assert model["norm.num_batches_tracked"].item() == 2
    optimizer = back["optimizer"]
    assert optimizer["param_groups"][0]["lr"] == 0.125
    assert optimizer["param_groups"][0]["params"] == [0, 1, 2, 3]
    assert optimizer["state"][0]["step"].item() == 2
    assert optimizer["state"][0]["exp_avg"].shape == (3, 2)
    assert back["scheduler"]["milestones"] == Counter({3: 2, 1: 1})
    assert back["history"] == [(0.5, 1e300), (float("inf"), -(10**30))]
    assert back["classes"] == {"cat", "dog"}
    assert (back["name"], back["raw"], back["nothing"]) == ("naïve ☃", b"\x00\xff", None)
    assert back["shape"] == (2, 3) and type(back["shape"]) is minitorch.Size
    assert back["dtype"] is minitorch.float64
    assert back["device"] == minitorch.device("cpu")
    assert back["flags"] == (True, False)
    assert back["z"] == 1 + 2j
    again = round_trip(back)
    assert again["scheduler"] == back["scheduler"]
    assert np.array_equal(again["model"]["linear.weight"]._data, model["linear.weight"]._data)


def test_whole_modules_from_torch_are_refused_by_name():
    with pytest.raises(UnpicklingError, match=r"'torch.nn.modules.activation.ReLU'.*state_dict\(\)"):
        minitorch.load(CHECKPOINTS / "module.pt")


def test_foreign_dtypes_are_refused_by_name():
    with pytest.raises(UnpicklingError, match="complex64"):
        minitorch.load(CHECKPOINTS / "complex.pt")


# ---- devices


@pytest.mark.parametrize(
    "map_location",
    [
        "cpu",
        minitorch.device("cpu"),
        {"cuda:1": "cpu"},
        {"cuda:1": minitorch.device("cpu"), "cuda:0": "cuda:1"},
        lambda storage, location: storage,
        lambda storage, location: storage.cpu(),
        lambda storage, location: storage if location == "cuda:1" else None,
    ],
    ids=["string", "device", "dict", "dict of devices", "identity", "cpu()", "by location"],
)
def test_map_location_brings_tensors_to_the_host(map_location):
    back = minitorch.load(CHECKPOINTS / "cuda.pt", map_location=map_location)
    assert back["weight"].device == minitorch.device("cpu")
    assert back["weight"].tolist() == [0, 1, 2]


@pytest.mark.skipif(minitorch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize(
    "map_location",
    [None, "cuda", "cuda:0", minitorch.device("cuda"), {"cuda:1": "cuda:0"}, lambda storage, location: None],
    ids=["None", "cuda", "cuda:0", "device", "dict", "function"],
)
def test_tensors_for_a_gpu_that_is_not_there(map_location):
    with pytest.raises(RuntimeError, match=r"is_available\(\) is False.*map_location=minitorch.device\('cpu'\)"):
        minitorch.load(CHECKPOINTS / "cuda.pt", map_location=map_location)


def test_bad_map_locations():
    with pytest.raises(TypeError, match="map_location"):
        minitorch.load(CHECKPOINTS / "cuda.pt", map_location=3.5)
    with pytest.raises(RuntimeError, match="tpu"):
        minitorch.load(CHECKPOINTS / "cuda.pt", map_location="tpu")
    with pytest.raises(RuntimeError, match=r"'mps'.*map_location='cpu'"):
        minitorch.load(CHECKPOINTS / "cuda.pt", map_location={"cuda:1": "mps"})
    with pytest.raises(TypeError, match="must return a storage"):
        minitorch.load(CHECKPOINTS / "cuda.pt", map_location=lambda storage, location: "cpu")


def test_storages_tell_what_they_are():
    seen = []
    minitorch.load(
        CHECKPOINTS / "cuda.pt",
        map_location=lambda storage, location: (
            seen.append((len(storage), storage.dtype, storage.nbytes(), location)) or storage
        ),
    )
    assert seen == [(3, minitorch.float32, 12, "cuda:1")]


@pytest.mark.gpu
@pytest.mark.skipif(not minitorch.cuda.is_available(), reason="needs a GPU")
def test_tensors_on_the_gpu(tmp_path):
    base = minitorch.arange(12.0, device="cuda:0")
    minitorch.save(
        {"base": base, "t": base.reshape(3, 4).transpose(0, 1), "host": minitorch.ones(2)}, tmp_path / "g.pt"
    )
    for options, where in (({}, "cuda:0"), ({"map_location": "cpu"}, "cpu"), ({"map_location": "cuda"}, "cuda:0")):
        back = minitorch.load(tmp_path / "g.pt", **options)
        assert str(back["t"].device) == where
        assert back["t"].cpu().tolist() == np.arange(12.0).reshape(3, 4).T.tolist()
    back = minitorch.load(tmp_path / "g.pt")
    assert str(back["host"].device) == "cpu"
    back["base"].zero_()
    assert back["t"].cpu().tolist() == np.zeros((4, 3)).tolist()
    assert minitorch.load(CHECKPOINTS / "cuda.pt", map_location="cuda:0")["weight"].cpu().tolist() == [0, 1, 2]
    with pytest.raises(RuntimeError, match="map_location"):
        minitorch.load(CHECKPOINTS / "cuda.pt", map_location="cuda:99")
