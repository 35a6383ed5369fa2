"""The unpickler that admits data alone."""

import os
import pickle
import pickletools
import random
import struct

import numpy as np
import pytest

from minitorch.vision.datasets.safe_pickle import UnsafePickleError, loads


def python2(value):
    """What Python 2 writes: byte strings for text, NumPy's old module names."""
    if isinstance(value, bytes):
        return (b"U" + bytes([len(value)]) if len(value) < 256 else b"T" + struct.pack("<i", len(value))) + value
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, list):
        return b"](" + b"".join(map(python2, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(python2(k) + python2(v) for k, v in value.items()) + b"u"
    dtype = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"".join(map(python2, value.shape)) + b"\x86"
    head = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01"
    return head + shape + dtype + b"\x89" + python2(value.tobytes()) + b"tb"


def equal(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(equal(v, b[k]) for k, v in a.items())
    return type(a) is type(b) and a == b


ARRAYS = [
    np.arange(6, dtype=np.uint8).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.array(3),
    np.zeros((0, 2), np.float32),
    np.arange(3, dtype=">i4"),
    np.array([True, False]),
    np.arange(4, dtype=np.float16)[::2],
]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_pickle_wrote_comes_back(protocol):
    value = {
        "plain": [1, -5, 2**40, -(2**70), 1.5, None, True, False, "é\n'", b"", b"xy\xff", b"z" * 300, 70000, ""],
        "nested": [[], {}, [{"a": [1]}], ("t", 1), ()],
        "arrays": ARRAYS,
        b"bytes key": (1, ARRAYS[0]),
        5: "x" * 300,
    }
    value["again"] = value["plain"]
    assert equal(loads(pickle.dumps(value, protocol)), value)


@pytest.mark.parametrize("encoding", ["latin1", "bytes"])
def test_what_python_2_wrote_comes_back(encoding):
    images = np.arange(90000, dtype=np.uint32).astype(np.uint8).reshape(30, 3000)
    data = (
        b"\x80\x02" + python2({b"data": images, b"labels": [1, 2], b"name": b"caf\xe9", b"long": b"x" * 70000}) + b"."
    )
    expected = {b"data": images, b"labels": [1, 2], b"name": b"caf\xe9", b"long": b"x" * 70000}
    if encoding == "latin1":
        expected = {"data": images, "labels": [1, 2], "name": "café", "long": "x" * 70000}
    assert equal(loads(data, encoding), expected)
    assert equal(pickle.loads(data, encoding=encoding), expected)


def test_python_2_protocol_0():
    assert loads(b"(dp0\nS'a'\np1\n(lp2\nI1\naI01\naL5L\naF1.5\naVx\\u00e9\nas.") == {"a": [1, True, 5, 1.5, "xé"]}


class Runs:
    def __init__(self, *how):
        self.how = how

    def __reduce__(self):
        return self.how


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value",
    [
        Runs(os.putenv, ("MINITORCH_HACKED", "1")),
        Runs(eval, ("1",)),
        [{"a": Runs(os.system, ("true",))}],
        np.array([Runs(os.system, ("true",))], object),
        np.array([{}], object),
        np.array(["text"]),
        np.zeros(2, [("a", "i4")]),
        {1, 2},
        frozenset([1]),
        1 + 2j,
        np.float64(3),
        np.dtype("f8"),
        os.system,
        np.ndarray,
        Runs(np.ndarray, ((10**9,),)),
        (("deep",),),
    ],
    ids=lambda v: type(v).__name__,
)
def test_everything_else_is_refused(value, protocol):
    with pytest.raises(UnsafePickleError, match="refused: the pickle holds"):
        loads(pickle.dumps(value, protocol))
    assert "MINITORCH_HACKED" not in os.environ


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"(cos\nsystem\nS'true'\no.",
        b"\x80\x02\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        b"\x80\x02cnumpy\nndarray\n)\x81.",
        b"\x80\x02cnumpy\ndtype\n}b.",
        b"\x80\x02cnumpy\ndtype\n(U\x02u1tR(K\x03U\x01|N}NJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb.",
        b"Pid\n.",
        b"\x82\x01.",
        b"\x80\x02]K\x01}\x86.",
    ],
)
def test_handwritten_attacks_are_refused(data):
    with pytest.raises(UnsafePickleError):
        loads(data)


def test_the_global_is_named():
    with pytest.raises(UnsafePickleError, match=r"the global 'os\.system'"):
        loads(b"cos\nsystem\n.")


def test_claims_that_the_bytes_do_not_keep():
    good = pickle.dumps(np.arange(6, dtype=np.uint8).reshape(2, 3), 2)
    assert loads(good.replace(b"K\x02K\x03\x86", b"K\x03K\x02\x86")).shape == (3, 2)
    with pytest.raises(UnsafePickleError, match="with 6 bytes of data"):
        loads(good.replace(b"K\x02K\x03\x86", b"K\x02K\x04\x86"))
    with pytest.raises(UnsafePickleError, match="not made of sizes"):
        loads(good.replace(b"K\x02K\x03\x86", b"K\x02N\x86"))
    # memo numbers and lengths that a careless reader would allocate for
    assert loads(b"\x80\x02K\x01r\xff\xff\xff\xff.") == 1
    with pytest.raises(UnsafePickleError, match="cut short"):
        loads(b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.")
    with pytest.raises(UnsafePickleError):
        loads(b"\x80\x02)" + b"\x85" * 200_000 + b".")


def test_any_prefix_is_an_error():
    good = b"\x80\x02" + python2({b"data": np.zeros((2, 3), np.uint8), b"labels": [1, 2]}) + b"."
    for end in range(len(good)):
        with pytest.raises(UnsafePickleError):
            loads(good[:end])


def test_damage_is_an_error_or_data():
    rng = random.Random(0)
    good = pickle.dumps({"data": np.arange(12, dtype=np.uint8).reshape(3, 4), "labels": [1, 2, 3]}, 2)
    read = 0
    for _ in range(3000):
        bad = bytearray(good)
        for _ in range(rng.randint(1, 3)):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        try:
            loads(bytes(bad))
            read += 1
        except UnsafePickleError:
            pass
    assert 0 < read < 3000


def test_every_opcode_that_data_need_is_known():
    from minitorch.vision.datasets.safe_pickle import _OPCODES

    needed = set()
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for value in [ARRAYS, {"a": [1, 2.0, None, True, "s", b"b", 10**30, 300, 70000, ()]}]:
            needed |= {op.code for op, _, _ in pickletools.genops(pickle.dumps(value, protocol))}
    assert {ord(code) for code in needed} - set(_OPCODES) == {ord(".")}
