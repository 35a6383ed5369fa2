"""Reads a pickle of arrays, lists, dicts, strings and numbers, and nothing else.

Python's own unpickler runs whatever the file names.  This one is a machine of its own: it knows the opcodes that such
data need, and of globals the few by which NumPy's arrays and Python's bytes are rebuilt.  Those are never called
either: functions of this file stand for them, so that not even NumPy's ``__setstate__`` sees a byte that was not
checked.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

_MARK = object()
_PLAIN = (str, bytes, int, float, type(None))
_PLAIN_DTYPE = re.compile(r"[<>|=]?(?:b1|[iuf][1248])")


class UnsafePickleError(ValueError):
    """The file is no pickle, is cut short, or asks for more than data."""


class _DType:
    """What a pickled ``numpy.dtype`` says: kind, width, and, told afterwards, the byte order."""

    def __init__(self, spec: Any, *_: Any) -> None:
        spec = spec.decode("ascii", "replace") if isinstance(spec, bytes) else spec
        if not isinstance(spec, str) or not _PLAIN_DTYPE.fullmatch(spec):
            raise UnsafePickleError("an array whose dtype is not bool, integer or floating point")
        self.dtype = np.dtype(spec)

    def set_state(self, state: Any) -> None:
        order = state[1]
        order = order.decode("ascii", "replace") if isinstance(order, bytes) else order
        if order not in ("<", ">", "|", "=") or any(field is not None for field in state[2:5]):
            raise UnsafePickleError("a dtype with fields")
        self.dtype = np.dtype(order + self.dtype.str[1:]) if order in "<>" else self.dtype


class _Array:
    """An array under construction; ``_finish`` takes the real one out."""

    def __init__(self) -> None:
        self.array: np.ndarray | None = None

    def set_state(self, state: Any) -> None:
        _, shape, dtype, fortran, raw = state
        self.fill(raw, dtype, shape, "F" if fortran else "C")

    def fill(self, raw: Any, dtype: Any, shape: Any, order: str) -> None:
        if isinstance(raw, str):  # a Python 2 string read as latin-1
            raw = raw.encode("latin-1")
        if isinstance(raw, _LongText):
            raw = raw.raw
        if not isinstance(raw, bytes) or not isinstance(dtype, _DType) or not isinstance(shape, tuple):
            raise UnsafePickleError("an array that is not described by bytes, dtype and shape")
        if not all(isinstance(n, int) and n >= 0 for n in shape):
            raise UnsafePickleError("an array whose shape is not made of sizes")
        count = 1
        for n in shape:
            count *= n
        if len(shape) > 32 or count * dtype.dtype.itemsize != len(raw):
            raise UnsafePickleError(f"an array of shape {shape} and dtype {dtype.dtype} with {len(raw)} bytes of data")
        self.array = np.frombuffer(raw, dtype.dtype).reshape(shape, order=order)  # type: ignore[call-overload]


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _from_buffer(raw: Any, dtype: Any, shape: Any, order: Any = "C", *_: Any) -> _Array:
    out = _Array()
    out.fill(bytes(raw) if isinstance(raw, bytearray) else raw, dtype, shape, "F" if order == "F" else "C")
    return out


def _encode(text: Any, encoding: Any = "latin1", *_: Any) -> bytes:
    # how Python 3 writes bytes into a pickle that Python 2 can read
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise UnsafePickleError("a call of _codecs.encode that is not about bytes")
    return text.encode("latin-1")


def _no_bytes() -> bytes:
    # the same for b""
    return b""


class _LongText:
    """A long string of Python 2, most likely the bytes of an array: not decoded before that is known."""

    def __init__(self, raw: bytes, encoding: str) -> None:
        self.raw, self.encoding = raw, encoding


class _NDArray:
    """Stands for the class ``numpy.ndarray``, which is named but never made by itself."""


_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _NDArray,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
}
for _core in ("numpy.core", "numpy._core"):
    _KNOWN[f"{_core}.multiarray", "_reconstruct"] = _reconstruct
    _KNOWN[f"{_core}.numeric", "_frombuffer"] = _from_buffer

_OPCODES: dict[int, Callable[[_Machine], Any]] = {}


def _opcode(*codes: bytes) -> Callable:
    def add(function: Callable) -> Callable:
        _OPCODES.update({code[0]: function for code in codes})
        return function

    return add


class _Machine:
    """The stack, the memo and the place in the file."""

    def __init__(self, data: bytes, encoding: str) -> None:
        self.data, self.at, self.encoding = data, 0, encoding
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def take(self, n: int) -> bytes:
        end = self.at + n
        if n < 0 or end > len(self.data):
            raise UnsafePickleError("the file ends in the middle: it was cut short")
        part = self.data[self.at : end]
        self.at = end
        return part

    def number(self, code: str) -> Any:
        return struct.unpack(code, self.take(struct.calcsize(code)))[0]

    def line(self) -> bytes:
        end = self.data.find(b"\n", self.at)
        return self.take(-1 if end < 0 else end + 1 - self.at)[:-1]

    def marked(self) -> list[Any]:
        """What lies above the topmost mark, taken off together with it."""
        stack = self.stack
        i = len(stack) - 1
        while stack[i] is not _MARK:
            i -= 1
            if i < 0:
                raise UnsafePickleError("a missing mark")
        items = stack[i + 1 :]
        del stack[i:]
        return items

    def text2(self, raw: bytes) -> Any:
        """A string of Python 2: text or bytes, as the caller wants it."""
        if self.encoding == "bytes":
            return raw
        return raw.decode(self.encoding) if len(raw) < 65536 else _LongText(raw, self.encoding)

    def run(self) -> Any:
        while True:
            code = self.take(1)
            if code == b".":
                if len(self.stack) != 1:
                    raise UnsafePickleError("more than one object")
                return _finish(self.stack.pop())
            step = _OPCODES.get(code[0])
            if step is None:
                raise UnsafePickleError(f"the opcode {code!r}, which plain data do not need")
            step(self)


def _pushes(*codes: bytes) -> Callable:
    def declare(value_of: Callable[[_Machine], Any]) -> Callable:
        return _opcode(*codes)(lambda m: m.stack.append(value_of(m)))

    return declare


for _code, _read in {
    b"N": lambda m: None,
    b"\x88": lambda m: True,
    b"\x89": lambda m: False,
    b"(": lambda m: _MARK,
    b"]": lambda m: [],
    b"}": lambda m: {},
    b")": lambda m: (),
    b"J": lambda m: m.number("<i"),
    b"K": lambda m: m.number("<B"),
    b"M": lambda m: m.number("<H"),
    b"L": lambda m: int(m.line().rstrip(b"L")),
    b"\x8a": lambda m: int.from_bytes(m.take(m.number("<B")), "little", signed=True),
    b"G": lambda m: m.number(">d"),
    b"F": lambda m: float(m.line()),
    b"U": lambda m: m.text2(m.take(m.number("<B"))),
    b"T": lambda m: m.text2(m.take(m.number("<i"))),
    b"C": lambda m: m.take(m.number("<B")),
    b"B": lambda m: m.take(m.number("<I")),
    b"\x8e": lambda m: m.take(m.number("<Q")),
    b"\x96": lambda m: m.take(m.number("<Q")),
    b"\x8c": lambda m: m.take(m.number("<B")).decode(),
    b"X": lambda m: m.take(m.number("<I")).decode(),
    b"\x8d": lambda m: m.take(m.number("<Q")).decode(),
    b"V": lambda m: m.line().decode("raw-unicode-escape"),
    b"t": lambda m: tuple(m.marked()),
    b"l": lambda m: m.marked(),
    b"\x85": lambda m: (m.stack.pop(),),
    b"\x86": lambda m: (m.stack.pop(), m.stack.pop())[::-1],
    b"\x87": lambda m: (m.stack.pop(), m.stack.pop(), m.stack.pop())[::-1],
    b"h": lambda m: m.memo[m.number("<B")],
    b"j": lambda m: m.memo[m.number("<I")],
    b"g": lambda m: m.memo[int(m.line())],
    b"2": lambda m: m.stack[-1],
}.items():
    _pushes(_code)(_read)


@_pushes(b"I")
def _int(m: _Machine) -> Any:
    line = m.line()
    return line == b"01" if line in (b"00", b"01") else int(line)  # Python 2's booleans have two digits


@_pushes(b"S")
def _quoted(m: _Machine) -> Any:
    line = m.line()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise UnsafePickleError("a string without quotes")
    return m.text2(line[1:-1].decode("unicode-escape").encode("latin-1"))


@_pushes(b"d")
def _dict(m: _Machine) -> dict:
    items = m.marked()
    return dict(zip(items[::2], items[1::2]))


@_opcode(b"\x80")
def _protocol(m: _Machine) -> None:
    m.take(1)


@_opcode(b"\x95")
def _frame(m: _Machine) -> None:
    m.take(8)


@_opcode(b"0")
def _pop(m: _Machine) -> None:
    m.stack.pop()


@_opcode(b"q", b"r", b"p", b"\x94")
def _put(m: _Machine) -> None:
    code = m.data[m.at - 1 : m.at]
    readers = {b"q": lambda: m.number("<B"), b"r": lambda: m.number("<I"), b"p": lambda: int(m.line())}
    m.memo[readers[code]() if code in readers else len(m.memo)] = m.stack[-1]


@_opcode(b"a", b"e")
def _append(m: _Machine) -> None:
    items = [m.stack.pop()] if m.data[m.at - 1 : m.at] == b"a" else m.marked()
    target = m.stack[-1]
    if type(target) is not list:
        raise UnsafePickleError(f"items for a {type(target).__name__}")
    target.extend(items)


@_opcode(b"s", b"u")
def _set_items(m: _Machine) -> None:
    if m.data[m.at - 1 : m.at] == b"s":
        value, key = m.stack.pop(), m.stack.pop()
        items = [key, value]
    else:
        items = m.marked()
    target = m.stack[-1]
    if type(target) is not dict:
        raise UnsafePickleError(f"keys for a {type(target).__name__}")
    target.update(zip(items[::2], items[1::2]))


@_pushes(b"c", b"\x93")
def _global(m: _Machine) -> Any:
    if m.data[m.at - 1 : m.at] == b"c":
        module, name = m.line().decode(), m.line().decode()
    else:
        name, module = m.stack.pop(), m.stack.pop()
    try:
        return _KNOWN[module, name]
    except (KeyError, TypeError):
        raise UnsafePickleError(f"the global '{module}.{name}', which plain data do not need") from None


@_opcode(b"R")
def _reduce(m: _Machine) -> None:
    arguments, function = m.stack.pop(), m.stack.pop()
    if function is _NDArray or function not in _KNOWN.values() or not isinstance(arguments, tuple):
        raise UnsafePickleError("a call of something that is no array constructor")
    m.stack.append(function(*arguments))


@_opcode(b"b")
def _build(m: _Machine) -> None:
    state = m.stack.pop()
    target = m.stack[-1]
    if not isinstance(target, _Array | _DType) or not isinstance(state, tuple):
        raise UnsafePickleError("a state for something that is no array")
    target.set_state(state)


def _finish(root: Any) -> Any:
    """Puts the finished arrays where their builders stand.  Lists and dicts are changed in place."""
    if isinstance(root, _LongText):
        return root.raw.decode(root.encoding)
    if isinstance(root, _Array):
        if root.array is None:
            raise UnsafePickleError("an array without data")
        return root.array
    holder = [root]
    pending: list[Any] = [holder]
    seen = {id(holder)}
    while pending:
        container = pending.pop()
        pairs = container.items() if isinstance(container, dict) else enumerate(container)
        for key, value in list(pairs):
            if not isinstance(key, _PLAIN):
                raise UnsafePickleError(f"a {type(key).__name__} as a key")
            if isinstance(value, _Array | _LongText):
                container[key] = _finish(value)
            elif isinstance(value, list | dict):
                if id(value) not in seen:
                    seen.add(id(value))
                    pending.append(value)
            elif isinstance(value, tuple):
                container[key] = _finish_tuple(value)
            elif not isinstance(value, _PLAIN):
                raise UnsafePickleError(f"a {type(value).__name__} where data was expected")
    return holder[0]


def _finish_tuple(value: tuple) -> tuple:
    """Tuples hold plain values or arrays here, nothing deeper: no recursion for a file to exhaust."""
    for item in value:
        if not isinstance(item, (*_PLAIN, _Array, _LongText)):
            raise UnsafePickleError(f"a {type(item).__name__} inside a tuple")
    return tuple(_finish(item) if isinstance(item, _Array | _LongText) else item for item in value)


def loads(data: bytes, encoding: str = "latin1") -> Any:
    """The object that the pickle ``data`` describes.  Its arrays cannot be written to.

    Args:
        encoding: what Python 2's strings become: text in this encoding, or with ``"bytes"`` bytes.

    Raises:
        UnsafePickleError: it holds anything but arrays, lists, dicts, tuples of plain values, strings and numbers, or
            it is cut short.

    >>> import pickle
    >>> loads(pickle.dumps({"labels": [1, 2]}))
    {'labels': [1, 2]}
    >>> loads(b"cos\\nsystem\\n(S'true'\\ntR.")
    Traceback (most recent call last):
        ...
    minitorch.vision.datasets.safe_pickle.UnsafePickleError: refused: the pickle holds the global 'os.system', ...
    """
    try:
        return _Machine(data, encoding).run()
    except UnsafePickleError as error:
        text = str(error)
        raise UnsafePickleError(text if text.startswith("the file") else f"refused: the pickle holds {text}") from None
    except (
        LookupError,
        ValueError,
        TypeError,
        struct.error,
        OverflowError,
        UnicodeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise UnsafePickleError(f"no valid pickle: {type(error).__name__}: {error}") from error
