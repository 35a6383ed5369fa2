"""Whether operations are recorded: per thread, as context managers and decorators."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any


class _State(threading.local):
    enabled = True
    inference = False
    anomaly = False
    check_nan = True


state = _State()

#: empty until some thread first turns anomaly detection on: lets the hot path skip looking at its own thread's state
anomaly_ever: list[bool] = []


class _Mode:
    """Sets attributes of ``state`` inside ``with`` or around a decorated function or generator."""

    changes: dict[str, Any]

    def __init__(self, **changes: Any) -> None:
        self.changes = changes
        if changes.get("anomaly"):
            anomaly_ever[:] = [True]
        self.outer: list[dict[str, Any]] = []

    def __enter__(self) -> None:
        self.outer.append({name: getattr(state, name) for name in self.changes})
        for name, value in self.changes.items():
            setattr(state, name, value)

    def __exit__(self, *exc: object) -> None:
        for name, value in self.outer.pop().items():
            setattr(state, name, value)

    def __call__(self, function: Callable) -> Callable:
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generator(*args: Any, **kwargs: Any) -> Any:
                # The mode holds only while the body runs, not in the caller between two values.
                body = function(*args, **kwargs)
                sent: Any = None
                try:
                    while True:
                        with _Mode(**self.changes):
                            value = body.send(sent)
                        sent = yield value
                except StopIteration as stop:
                    return stop.value
                finally:
                    body.close()

            return generator

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with _Mode(**self.changes):
                return function(*args, **kwargs)

        return wrapper


class _DecoratorWithoutBrackets(_Mode):
    """Lets ``@no_grad`` stand for ``@no_grad()``."""

    def __new__(cls, function: Any = None) -> Any:
        mode = super().__new__(cls)
        if callable(function):
            mode.__init__()  # type: ignore[misc]
            return mode(function)
        return mode


class no_grad(_DecoratorWithoutBrackets):
    """Operations inside are not recorded: their results need no gradient.

    >>> import minitorch as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def __init__(self, function: Any = None) -> None:
        super().__init__(enabled=False)


class enable_grad(_DecoratorWithoutBrackets):
    """Operations inside are recorded, also within ``no_grad``."""

    def __init__(self, function: Any = None) -> None:
        super().__init__(enabled=True)


class set_grad_enabled(_Mode):
    """Switches recording on or off: at once as a function, or for a ``with`` block or a decorated function."""

    def __init__(self, mode: bool) -> None:
        super().__init__(enabled=bool(mode))
        self.outer.append({"enabled": state.enabled})
        state.enabled = bool(mode)
        self._pending = True  # the call itself took effect; entering must not stack it twice

    def __enter__(self) -> None:
        if self._pending:
            self._pending = False
        else:
            super().__enter__()

    def __call__(self, function: Callable) -> Callable:
        if self._pending:  # used as a decorator: undo the immediate effect
            self._pending = False
            self.__exit__()
        return super().__call__(function)


class inference_mode(_Mode):
    """Like ``no_grad``: nothing inside is recorded.  ``inference_mode(False)`` is a no-op region.

    Tensors made inside may be used in autograd later, which PyTorch refuses.
    """

    def __new__(cls, mode: Any = True) -> Any:
        self = super().__new__(cls)
        if callable(mode):
            self.__init__()  # type: ignore[misc]
            return self(mode)
        return self

    def __init__(self, mode: bool = True) -> None:
        super().__init__(**({"enabled": False, "inference": True} if mode else {"inference": False}))


class detect_anomaly(_Mode):
    """Backward errors name the forward line; a gradient that becomes NaN raises (unless ``check_nan=False``).

    Slow: every recorded operation keeps its stack.
    """

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(anomaly=True, check_nan=check_nan)


class set_detect_anomaly(set_grad_enabled):
    """``detect_anomaly`` as a switch: at once as a function, or for a ``with`` block."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        _Mode.__init__(self, anomaly=bool(mode), check_nan=check_nan)
        _Mode.__enter__(self)
        self._pending = True


def is_grad_enabled() -> bool:
    """Whether operations are being recorded in this thread."""
    return state.enabled


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside ``inference_mode``."""
    return state.inference


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on in this thread."""
    return state.anomaly
