"""Switches of the process: threads, precision, determinism, compilation."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from minitorch.backend import reduced_precision
from minitorch.backend.cpu import threads


def get_num_threads() -> int:
    """How many threads share the work on the CPU."""
    return threads.get_num_threads()


def set_num_threads(int: int) -> None:
    """Lets ``int`` threads share the work on the CPU from now on.

    Raises:
        RuntimeError: not a positive number.
    """
    if int < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {int}")
    threads.set_num_threads(int)


_interop_threads = 1


def get_num_interop_threads() -> int:
    """What :func:`set_num_interop_threads` was last given; operations run one after the other."""
    return _interop_threads


def set_num_interop_threads(int: int) -> None:
    """Remembered: operations run one after the other.

    Raises:
        RuntimeError: not a positive number.
    """
    global _interop_threads
    if int < 1:
        raise RuntimeError(f"set_num_interop_threads expects a positive integer, got {int}")
    _interop_threads = int


def get_float32_matmul_precision() -> str:
    """How exactly float32 matrices are multiplied on a GPU: "highest", or "high" or "medium" where TF32 is allowed."""
    return reduced_precision.level()


def set_float32_matmul_precision(precision: str) -> None:
    """Lets a GPU round the factors of products of float32 matrices to TF32 ("high", "medium") or not ("highest").

    It is the same switch as ``minitorch.backends.cuda.matmul.allow_tf32``.  On a CPU products keep full precision.

    Raises:
        ValueError: not "highest", "high" or "medium".

    >>> import minitorch as torch
    >>> torch.set_float32_matmul_precision("high")
    >>> torch.backends.cuda.matmul.allow_tf32
    True
    >>> torch.set_float32_matmul_precision("highest")
    """
    if precision not in reduced_precision.LEVELS:
        raise ValueError(f"expected one of 'highest', 'high', 'medium', got {precision!r}")
    reduced_precision.set_level(precision)


_deterministic = False


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Remembers ``mode``: on a CPU, equal seeds and threads give equal results in either case."""
    global _deterministic
    _deterministic = bool(mode)


def are_deterministic_algorithms_enabled() -> bool:
    """What :func:`use_deterministic_algorithms` was last given."""
    return _deterministic


_told_of_compile = False


def compile(model: Any = None, *, disable: bool = False, **options: Any) -> Any:
    """Returns ``model``, a module or a function, as it is: there is nothing to compile.  Also a decorator.

    The first call in a process says so in a warning, unless ``disable`` is set.

    Raises:
        TypeError: ``model`` cannot be called.

    >>> import minitorch as torch
    >>> @torch.compile(disable=True)
    ... def double(x):
    ...     return x * 2
    >>> double(torch.ones(2))
    tensor([2., 2.])
    """
    if model is None:

        def decorate(function: Callable) -> Callable:
            return compile(function, disable=disable, **options)

        return decorate
    if not callable(model):
        raise TypeError(f"compile(): expected a Module or a function, got {type(model).__name__}")
    global _told_of_compile
    if not disable and not _told_of_compile:
        _told_of_compile = True
        warnings.warn(
            "minitorch.compile: there is nothing to compile; the model runs as it is, with the same results.",
            UserWarning,
            stacklevel=2,
        )
    return model
