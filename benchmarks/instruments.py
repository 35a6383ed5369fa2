"""Watches minitorch at work: the time of each op, backward node and optimizer step, and of the kernels inside them.

It puts itself where calls come through: what runs forward functions, what makes the plan of a backward node, and the
table in which primitives find their replacements.
"""

from __future__ import annotations

import gc
import importlib
import math
import pkgutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest import mock


class Entry:
    """What one op or kernel has taken."""

    def __init__(self) -> None:
        self.calls = 0
        self.seconds = 0.0
        self.operations = 0  # multiplications and additions


def _conv_weight_grad(result: Any, x: Any, gy: Any, kernel: Any, *how: Any, **named: Any) -> int:
    groups = named.get("groups", how[3] if len(how) > 3 else 1)
    return 2 * gy.size * (x.shape[1] // groups) * math.prod(kernel)


#: kernel -> the operations of a call by definition, whatever algorithm computes it
OPERATIONS: dict[str, Callable[..., int]] = {
    "conv_forward": lambda y, x, w, *how, **named: 2 * y.size * math.prod(w.shape[1:]),
    "conv_input_grad": lambda gx, gy, w, *how, **named: 2 * gy.size * math.prod(w.shape[1:]),
    "conv_weight_grad": _conv_weight_grad,
    "matmul": lambda y, a, b: 2 * y.size * a.shape[-1],
}


def _primitives() -> dict[str, Callable[..., Any]]:
    """The portable version of every primitive."""
    from minitorch.backend import primitives

    found = {}
    for info in pkgutil.iter_modules(primitives.__path__):
        module = importlib.import_module(f"{primitives.__name__}.{info.name}")
        found.update({v.portable.__name__: v.portable for v in vars(module).values() if hasattr(v, "portable")})
    return found


def _forget_plans() -> None:
    """Ops make the plans of their backward nodes anew."""
    from minitorch.core.op import Spec

    for spec in [thing for thing in gc.get_objects() if type(thing) is Spec]:
        spec.plans.clear()


class Instruments(ExitStack):
    """While entered, what minitorch does is counted and timed."""

    def __init__(self) -> None:
        super().__init__()
        self._portable = _primitives()
        self._inside = {"op": False, "kernel": False}
        self.reset()

    def reset(self) -> None:
        self.forward: dict[str, Entry] = {}
        self.backward: dict[str, Entry] = {}
        self.optimizer: dict[str, Entry] = {}
        self.kernels: dict[str, Entry] = {}

    def _run(self, level: str, kind: str, name: str, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """Call ``function`` and note it; what is called inside another of its level belongs to that one."""
        if self._inside[level]:
            return function(*args, **named)
        self._inside[level] = True
        start = time.perf_counter()
        try:
            result = function(*args, **named)
        finally:
            took = time.perf_counter() - start
            self._inside[level] = False
        entry = getattr(self, kind).setdefault(name, Entry())
        entry.calls += 1
        entry.seconds += took
        if name in OPERATIONS and kind == "kernels":
            entry.operations += OPERATIONS[name](result, *args, **named)
        return result

    def __enter__(self) -> Instruments:
        from minitorch import optim
        from minitorch.backend.primitives import registry
        from minitorch.core import calls
        from minitorch.core.plan import Plan
        from minitorch.optim.per_parameter import PerParameter

        def put(owner: Any, name: str, value: Any) -> None:
            self.enter_context(mock.patch.object(owner, name, value))

        put(calls, "quietly", _Runner(self, calls.quietly))
        for choice in ("_choose_run", "_choose_quick"):
            put(Plan, choice, self._watched_choice(getattr(Plan, choice)))
        for owner, method in ((PerParameter, "step"), (optim.Optimizer, "zero_grad")):
            put(owner, method, self._watched_method(method, getattr(owner, method)))
        put(registry, "_find", self._watched_find(registry._find, registry._found))
        for forget in (registry.forget_replacements, _forget_plans):
            forget()
            self.callback(forget)
        return self

    def _watched_choice(self, choose: Callable[..., Any]) -> Callable[..., Any]:
        def watched(plan: Any, spec: Any, *others: Any) -> Any:
            rule, name = choose(plan, spec, *others), spec.node_type.__name__
            if rule is None:
                return None
            return lambda node, g: self._run("op", "backward", name, rule, node, g)

        return watched

    def _watched_method(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **named: self._run("op", "optimizer", name, method, *args, **named)

    def _watched_find(self, find: Callable[..., Any], found: dict[str, Any]) -> Callable[..., Any]:
        def watched(kind: type, name: str) -> Any:
            replacement, portable = find(kind, name), self._portable[name]

            def compute(*args: Any, **named: Any) -> Any:
                result = NotImplemented if replacement is None else replacement(*args, **named)
                return portable(*args, **named) if result is NotImplemented else result

            found[name][kind] = call = lambda *args, **named: self._run(
                "kernel", "kernels", name, compute, *args, **named
            )
            return call

        return watched


class _Runner:
    """In the place of :func:`minitorch.backend.quiet.quietly`, whose result runs the forward functions of ops."""

    def __init__(self, instruments: Instruments, quietly: Callable[[], Any]) -> None:
        self._instruments, self._quietly = instruments, quietly

    def __call__(self) -> _Runner:
        return self

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        name = function.__name__.strip("_")
        return self._instruments._run("op", "forward", name, self._quietly().run, function, *args)
