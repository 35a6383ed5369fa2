"""default_collate and default_convert."""

from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest

import minitorch as torch
from minitorch.utils.data import default_collate, default_convert

Point = namedtuple("Point", "x y")


def plain(value):
    """Tensors as (dtype, nested lists), containers kept."""
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return str(value.dtype), value.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(v) for v in value]
    return value


def batches(lib):
    t = lib.tensor
    return {
        "tensors": [t([1.0, 2.0]), t([3.0, 4.0])],
        "0-d": [t(1), t(2)],
        "pairs": [(1, 2.0), (3, 4.0)],
        "lists": [[1, 2], [3, 4]],
        "arrays": [np.array([1, 2], np.int32), np.array([3, 4], np.int32)],
        "mixed arrays": [np.array([1], np.float32), np.array([1], np.float64)],
        "numpy scalars": [np.float32(1), np.float32(2)],
        "numpy bools": [np.bool_(True), np.bool_(False)],
        "bools": [True, False],
        "bool and int": [True, 2],
        "ints and floats": [1, 2.5],
        "floats and ints": [2.5, 1],
        "strings": ["a", "bc"],
        "bytes": [b"a", b"bc"],
        "named": [Point(1, 2.0), Point(3, 4.0)],
        "dicts": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
        "ordered": [OrderedDict(a=1), OrderedDict(a=2)],
        "defaultdict": [defaultdict(int, a=1), defaultdict(int, a=2)],
        "ranges": [range(3), range(3)],
        "nested": [{"p": (t([1]), [np.float64(1), "s"])}, {"p": (t([2]), [np.float64(2), "t"])}],
        "one": [t([[1]])],
        "empty tensors": [lib.zeros(0, 2), lib.zeros(0, 2)],
    }


@pytest.mark.parametrize("name", list(batches(torch)))
def test_collate_as_pytorch(name):
    reference = pytest.importorskip("torch")
    from torch.utils.data import default_collate as theirs

    expected = plain(theirs(batches(reference)[name]))
    got = plain(default_collate(batches(torch)[name]))
    if name == "defaultdict":
        expected, got = expected[1], got[1]
    assert got == expected


def test_collate_copies():
    first = torch.zeros(2)
    batch = default_collate([first, torch.ones(2)])
    first.fill_(9)
    assert batch.tolist() == [[0, 0], [1, 1]]


def test_collate_keeps_gradients():
    x = torch.ones(2, requires_grad=True)
    default_collate([x, x * 2]).sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_shapes_that_differ_are_named():
    with pytest.raises(RuntimeError, match=r"sample 0 of the batch has shape \[2\] and sample 2 has shape \[3\]"):
        default_collate([torch.zeros(2), torch.zeros(2), torch.zeros(3)])
    with pytest.raises(RuntimeError, match=r"at sample\['image'\]\[1\]: sample 0 of the batch has shape \[1, 2\]"):
        default_collate([{"image": (0, np.zeros((1, 2)))}, {"image": (0, np.zeros((2, 2)))}])
    with pytest.raises(RuntimeError, match="sample 1 has a int"):
        default_collate([torch.zeros(2), 3])
    x = torch.zeros(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"sample 1 has shape \[3\]"):
        default_collate([x, torch.zeros(3, requires_grad=True)])


def test_lengths_and_keys_that_differ_are_named():
    with pytest.raises(RuntimeError, match="equal size, but sample 0 has 2 elements and sample 1 has 1 elements"):
        default_collate([[1, 2], [1]])
    with pytest.raises(RuntimeError, match="sample 1 has a int"):
        default_collate([[1, 2], 5])
    with pytest.raises(RuntimeError, match=r"keys \[\"'a'\"\], sample 1 has \[\"'b'\"\]"):
        default_collate([{"a": 1}, {"b": 1}])


def test_what_has_no_batch_is_refused():
    with pytest.raises(TypeError, match=r"found builtins\.NoneType"):
        default_collate([None, None])
    with pytest.raises(TypeError, match=r"at sample\[1\]: found builtins.object"):
        default_collate([(1, object())])
    with pytest.raises(TypeError, match="dtype <U1"):
        default_collate([np.array(["a"])])
    with pytest.raises(TypeError, match="no tensor of numbers"):
        default_collate([1, "a"])
    with pytest.raises(TypeError, match="no tensor of numbers"):
        default_collate([1.0, None])
    with pytest.raises(TypeError, match="no tensor of numbers"):
        default_collate([1, [1, 2]])


def test_images_get_a_hint():
    image = pytest.importorskip("PIL.Image")
    with pytest.raises(TypeError, match=r"ToTensor\(\)"):
        default_collate([image.new("L", (2, 2))])


def test_collate_keeps_a_mutable_sequence_class():
    class Row(list):
        label = "kept"

    row = Row([1, 2])
    batch = default_collate([row, Row([3, 4])])
    assert type(batch) is Row and batch.label == "kept" and [b.tolist() for b in batch] == [[1, 3], [2, 4]]
    assert row == [1, 2]


def test_convert():
    converted = default_convert({"a": np.ones(2), "b": [np.int32(3), "s", (np.zeros(1),)], "c": Point(1, np.ones(1))})
    assert converted["a"].tolist() == [1, 1] and converted["b"][0].dtype is torch.int32
    assert converted["b"][1] == "s" and isinstance(converted["b"][2], list) and converted["c"].x == 1
    assert isinstance(converted["c"].y, torch.Tensor)
    words = np.array(["a"])
    assert default_convert(words) is words and default_convert(3) == 3
    shared = np.zeros(2)
    default_convert(shared).fill_(1)
    assert shared.tolist() == [1, 1]
