"""L-BFGS: a quasi-Newton method for losses that can be computed again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module
from minitorch.core.grad_mode import enable_grad
from minitorch.core.node import bump_version
from minitorch.core.tensor import Tensor, wrap
from minitorch.optim.line_search import Point, strong_wolfe
from minitorch.optim.optimizer import Optimizer
from minitorch.optim.per_parameter import refuse_below_zero

_LISTS = ("old_dirs", "old_stps", "ro", "al")


class LBFGS(Optimizer):
    """Steps by an approximation of Newton's, from the last ``history_size`` changes of parameters and gradients.

    One ``step`` makes up to ``max_iter`` iterations and calls its closure for each.  All parameters are one vector, in
    one group.

    Args:
        params: what to optimize; see :class:`Optimizer`.
        lr: learning rate; the first distance that the line search tries.
        max_iter: iterations in a step.
        max_eval: calls of the closure in a step; by default 5/4 of ``max_iter``.
        tolerance_grad: done when no component of the gradient is larger.
        tolerance_change: done when neither parameters nor loss change by more.
        history_size: changes that are remembered, two vectors each.
        line_search_fn: ``None`` (go as far as ``lr``) or "strong_wolfe".

    Raises:
        ValueError: ``lr`` is negative or there are several groups.

    Source: Nocedal, Wright, "Numerical optimization", 2nd edition, 2006, algorithm 7.4.

    >>> import minitorch as torch
    >>> w, target = torch.tensor([3., -2.], requires_grad=True), torch.tensor([1., 5.])
    >>> optimizer = torch.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - target) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure)
    tensor(53., grad_fn=<SumBackward0>)
    >>> torch.allclose(w, target)
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        refuse_below_zero({"learning rate": lr})
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Makes up to ``max_iter`` iterations.

        Args:
            closure: computes the loss again, with ``zero_grad`` and ``backward``, and returns it.

        Returns:
            What the closure returned first.

        Raises:
            RuntimeError: ``line_search_fn`` is unknown.
        """
        group = self.param_groups[0]
        search = group["line_search_fn"]
        if search not in (None, "strong_wolfe"):
            raise RuntimeError(f"LBFGS: only 'strong_wolfe' is supported as line_search_fn, not {search!r}")
        with np.errstate(all="ignore"), enable_grad():
            return self._iterate(closure, group)

    def _iterate(self, closure: Callable[[], Any], group: dict[str, Any]) -> Any:
        kept = self.state[group["params"][0]]  # all of the state belongs to the first parameter
        kept.setdefault("func_evals", 0)
        kept.setdefault("n_iter", 0)
        tolerance, small = group["tolerance_change"], group["tolerance_grad"]
        lr = group["lr"].item() if isinstance(group["lr"], Tensor) else group["lr"]

        first_loss = closure()
        loss, grad = float(first_loss), self._flat_grad()
        calls = 1
        kept["func_evals"] += 1
        if abs(grad).max() <= small:
            return first_loss

        memory = _Memory(kept, group["history_size"])
        iteration = 0
        while iteration < group["max_iter"]:
            iteration += 1
            kept["n_iter"] += 1
            memory.turn(grad, kept["n_iter"] == 1)
            direction = memory.direction
            before, memory.previous_loss = loss, loss
            t: Any = min(1.0, 1.0 / abs(grad).sum()) * lr if kept["n_iter"] == 1 else lr
            slope = grad.dot(direction)
            memory.t = t
            if slope > -tolerance:
                break
            more, done = 0, False
            if group["line_search_fn"] is not None:
                point, more = self._search(
                    closure, Point(0, loss, grad, slope), t, direction, group["max_eval"] - calls
                )
                loss, grad, memory.t = point.loss, point.grad, point.t
                self._move(memory.t, direction)
                done = abs(grad).max() <= small
            else:
                self._move(t, direction)
                if iteration != group["max_iter"]:  # the next step begins with it anyway
                    loss, grad, more = float(closure()), self._flat_grad(), 1
                    done = abs(grad).max() <= small
            calls += more
            kept["func_evals"] += more
            if iteration == group["max_iter"] or calls >= group["max_eval"] or done:
                break
            if abs(direction * memory.t).max() <= tolerance or abs(loss - before) < tolerance:
                break
        memory.store(kept)
        return first_loss

    def _search(self, closure: Callable[[], Any], start: Point, t: Any, direction: Any, most: int) -> tuple[Point, int]:
        origin = [param._data.copy() for param in self.param_groups[0]["params"]]

        def evaluate(distance: Any) -> Point:
            self._move(distance, direction)
            loss, grad = float(closure()), self._flat_grad()
            for param, data in zip(self.param_groups[0]["params"], origin):
                param._data[...] = data
                bump_version(param)
            return Point(distance, loss, grad, grad.dot(direction))

        return strong_wolfe(evaluate, t, start, abs(direction).max(), most)

    def _flat_grad(self) -> Any:
        params = self.param_groups[0]["params"]
        xp = array_module(params[0]._data)
        flat = [xp.zeros(p._data.size, p._data.dtype) if p._grad is None else p._grad._data.reshape(-1) for p in params]
        return xp.concatenate(flat)

    def _move(self, t: Any, direction: Any) -> None:
        first = 0
        for param in self.param_groups[0]["params"]:
            data = param._data
            data += (direction[first : first + data.size] * t).reshape(data.shape)
            first += data.size
            bump_version(param)


class _Memory:
    """What L-BFGS remembers between iterations, as arrays; ``kept`` has it as tensors between steps."""

    def __init__(self, kept: dict[str, Any], size: int) -> None:
        self.size = size
        self.direction, self.t = _arrays(kept.get("d")), _arrays(kept.get("t"))
        self.changes, self.steps, self.ro, self.al = (_arrays(kept.get(name)) for name in _LISTS)
        self.scale = _arrays(kept.get("H_diag"))
        self.previous_grad, self.previous_loss = _arrays(kept.get("prev_flat_grad")), kept.get("prev_loss")

    def store(self, kept: dict[str, Any]) -> None:
        values = (self.changes, self.steps, self.ro)
        kept.update({"d": self.direction, "t": self.t, **dict(zip(_LISTS, values)), "H_diag": self.scale})
        if self.al is not None:
            kept["al"] = self.al
        kept["prev_flat_grad"] = self.previous_grad
        for name, value in kept.items():
            kept[name] = _tensors(value)
        kept["prev_loss"] = self.previous_loss

    def turn(self, grad: Any, first: bool) -> None:
        """The direction down at a gradient: its negative, through the inverse Hessian that the history suggests."""
        if first:
            self.direction = -grad
            self.changes, self.steps, self.ro, self.scale = [], [], [], 1
        else:
            self._learn(grad - self.previous_grad, self.direction * self.t)
            if self.al is None:
                self.al = [None] * self.size
            q = -grad
            for i in range(len(self.changes) - 1, -1, -1):
                self.al[i] = self.steps[i].dot(q) * self.ro[i]
                q -= self.changes[i] * self.al[i]
            q *= self.scale
            for i in range(len(self.changes)):
                q += self.steps[i] * (self.al[i] - self.changes[i].dot(q) * self.ro[i])
            self.direction = q
        self.previous_grad = grad

    def _learn(self, change: Any, step: Any) -> None:
        """Remembers a change of the gradient and the step that caused it, where the curvature is positive."""
        product = change.dot(step)
        if product > 1e-10:
            if len(self.changes) == self.size:
                for values in (self.changes, self.steps, self.ro):
                    values.pop(0)
            self.changes.append(change)
            self.steps.append(step)
            self.ro.append(1.0 / product)
            self.scale = product / change.dot(change)


def _arrays(value: Any) -> Any:
    if isinstance(value, list):
        return [_arrays(item) for item in value]
    if isinstance(value, Tensor):
        return value._data[()] if value._data.ndim == 0 else value._data
    return value


def _tensors(value: Any) -> Any:
    if isinstance(value, list):
        return [_tensors(item) for item in value]
    if isinstance(value, np.generic):
        return wrap(np.asarray(value))
    return value if value is None or isinstance(value, (int, float)) else wrap(value)
