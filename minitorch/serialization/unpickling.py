"""A pickle machine that runs nothing.

Python's own unpickler calls whatever a file names and lets it fill in any attribute.  This one knows the opcodes that
plain data and tensors need, calls only the functions it is handed in a table, and puts items into lists, dicts and sets
alone.  It is iterative, so that deep nesting costs memory in proportion to the file and no more.
"""

from __future__ import annotations

import pickletools
from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

#: The modules of Python 2, which protocol 2 still writes.
_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}
_PLAIN_KEYS = frozenset((str, int, float, bool, bytes, complex, type(None)))
_KEY_PARTS = 1000


class Function:
    """What a pickle may call.  Kept apart from Python's functions, so that no state can be put into one."""

    __slots__ = ("call", "name")

    def __init__(self, name: str, call: Callable) -> None:
        self.name, self.call = name, call

    def __repr__(self) -> str:
        return f"<{self.name}, named by a pickle>"


def check_key(key: Any) -> None:
    """Refuses a dict key or set element whose hash could take forever: nested tuples that repeat each other.

    Raises:
        UnpicklingError: the key is one of these, or cannot be hashed.
    """
    if type(key) in _PLAIN_KEYS:
        return
    parts = [key]
    for part in parts:
        if isinstance(part, tuple | frozenset):
            parts.extend(part)
            if len(parts) > _KEY_PARTS:
                raise UnpicklingError(f"a key of a dict or set has more than {_KEY_PARTS} parts")
        elif isinstance(part, list | dict | set | bytearray):
            raise UnpicklingError(f"a {type(part).__name__} is the key of a dict or set")


def make_set(items: Any = ()) -> set:
    if not isinstance(items, list | tuple):
        raise UnpicklingError("a set is not made from a list")
    for item in items:
        check_key(item)
    return set(items)


class Machine:
    """Runs one pickle.

    Args:
        find: gives the value of a global from its full name, such as ``"collections.OrderedDict"``, or raises.
        persistent_load: from a persistent id its object.
    """

    def __init__(self, find: Callable[[str], Any], persistent_load: Callable[[Any], Any]) -> None:
        self.find, self.persistent_load = find, persistent_load
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.foreign: Exception | None = None  # what persistent_load raised: not the pickle's fault

    def run(self, stream: Any) -> Any:
        """The object of the pickle at the position of the binary file ``stream``, which is left behind its end.

        Raises:
            UnpicklingError: the pickle is cut short, malformed, or asks for more than data.
        """
        try:
            for opcode, argument, _ in pickletools.genops(stream):
                step = _STEPS.get(opcode.name)
                if step is None:
                    raise UnpicklingError(f"the opcode {opcode.name} is not one that plain data and tensors need")
                step(self, argument)
            return self.stack.pop()
        # pickletools warns of odd escapes in strings of protocol 0, which are refused anyway
        except (LookupError, ValueError, TypeError, OverflowError, AttributeError, AssertionError, Warning) as error:
            if error is self.foreign:
                raise
            raise UnpicklingError(f"the pickle is cut short or damaged ({error})") from error

    def marked(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def top(self, *kinds: type) -> Any:
        """The object that takes items now: one of exactly these types."""
        target = self.stack[-1]
        if type(target) not in kinds:
            raise UnpicklingError(f"items are put into a {type(target).__name__}")
        return target

    def global_(self, full_name: str) -> None:
        module, _, name = full_name.partition(" ")
        self.stack.append(self.find(f"{_RENAMED.get(module, module)}.{name}"))


def _set_items(m: Machine, items: list[Any]) -> None:
    target = m.top(dict, OrderedDict, Counter)
    if len(items) % 2:
        raise UnpicklingError("a key has no value")
    for key, value in zip(items[::2], items[1::2]):
        check_key(key)
        target[key] = value


def _set_item(m: Machine, _: Any) -> None:
    value, key = m.stack.pop(), m.stack.pop()
    _set_items(m, [key, value])


def _dict(m: Machine, _: Any) -> None:
    items = m.marked()
    m.stack.append({})
    _set_items(m, items)


def _append(m: Machine, items: list[Any]) -> None:
    m.top(list).extend(items)


def _add_items(m: Machine, _: Any) -> None:
    items = make_set(m.marked())
    m.top(set).update(items)


def _tuple(m: Machine, n: int) -> None:
    if n > len(m.stack):
        raise UnpicklingError("a tuple has more items than there are")
    m.stack[-n:] = [tuple(m.stack[-n:])]


def _python2_string(m: Machine, text: str) -> None:
    m.stack.append(text.encode("latin-1").decode())  # pickletools has read the bytes as latin-1


def _stack_global(m: Machine, _: Any) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    m.global_(f"{module} {name}")


def _reduce(m: Machine, _: Any) -> None:
    arguments = m.stack.pop()
    function = m.stack[-1]
    if type(function) is not Function or type(arguments) is not tuple:
        raise UnpicklingError(f"a call of {function!r}, which is no function that may be called")
    m.stack[-1] = function.call(*arguments)


def _build(m: Machine, _: Any) -> None:
    # state_dict() of a module is an OrderedDict that carries the versions of the layers in the attribute _metadata
    state = m.stack.pop()
    target = m.top(OrderedDict)
    if type(state) is not dict:
        raise UnpicklingError("the attributes of an OrderedDict are not a dict")
    for name, value in state.items():
        if type(name) is not str or hasattr(OrderedDict, name):
            raise UnpicklingError(f"an OrderedDict has the attribute {name!r}")
        setattr(target, name, value)


def _persistent(m: Machine, _: Any) -> None:
    try:
        m.stack[-1] = m.persistent_load(m.stack[-1])
    except Exception as error:
        m.foreign = error
        raise


def _memoize(m: Machine, index: int | None) -> None:
    m.memo[len(m.memo) if index is None else index] = m.stack[-1]


def _nothing(m: Machine, _: Any) -> None:
    pass


def _push(m: Machine, value: Any) -> None:
    m.stack.append(value)


def _pop(m: Machine, _: Any) -> None:
    # a mark is popped as if it lay on the stack
    if m.marks and m.marks[-1] == len(m.stack):
        m.marks.pop()
    else:
        m.stack.pop()


_STEPS: dict[str, Callable[[Machine, Any], Any]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), _nothing),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"), _push),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"), _push),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"), _push),
    **dict.fromkeys(("BINSTRING", "SHORT_BINSTRING"), _python2_string),
    "NONE": lambda m, _: m.stack.append(None),
    "NEWTRUE": lambda m, _: m.stack.append(True),
    "NEWFALSE": lambda m, _: m.stack.append(False),
    "EMPTY_LIST": lambda m, _: m.stack.append([]),
    "EMPTY_DICT": lambda m, _: m.stack.append({}),
    "EMPTY_TUPLE": lambda m, _: m.stack.append(()),
    "EMPTY_SET": lambda m, _: m.stack.append(set()),
    "MARK": lambda m, _: m.marks.append(len(m.stack)),
    "LIST": lambda m, _: m.stack.append(m.marked()),
    "DICT": _dict,
    "TUPLE": lambda m, _: m.stack.append(tuple(m.marked())),
    "TUPLE1": lambda m, _: _tuple(m, 1),
    "TUPLE2": lambda m, _: _tuple(m, 2),
    "TUPLE3": lambda m, _: _tuple(m, 3),
    "APPEND": lambda m, _: _append(m, [m.stack.pop()]),
    "APPENDS": lambda m, _: _append(m, m.marked()),
    "SETITEM": _set_item,
    "SETITEMS": lambda m, _: _set_items(m, m.marked()),
    "ADDITEMS": _add_items,
    "GLOBAL": lambda m, full_name: m.global_(full_name),
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "BUILD": _build,
    "BINPERSID": _persistent,
    **dict.fromkeys(("BINPUT", "LONG_BINPUT", "MEMOIZE"), _memoize),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda m, index: m.stack.append(m.memo[index])),
    "POP": _pop,
    "POP_MARK": lambda m, _: m.marked(),
}
