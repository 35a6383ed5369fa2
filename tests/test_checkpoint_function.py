"""``utils.checkpoint``: the same results and gradients as without, and nothing of the graph kept meanwhile."""

from __future__ import annotations

import weakref
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential

REENTRANT = pytest.mark.parametrize("use_reentrant", [False, True])


def leaf(*shape: int, seed: int = 0) -> Any:
    return minitorch.tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


def gradients(call: Any, *leaves: Any) -> list:
    for x in leaves:
        x.grad = None
    result = call(*leaves)
    outputs = result if isinstance(result, tuple) else (result,)
    sum(out.pow(2).sum() for out in outputs if out.requires_grad).backward()
    return [*outputs, *(x.grad for x in leaves)]


def same(call: Any, plain: Any, *leaves: Any) -> None:
    for a, b in zip(gradients(call, *leaves), gradients(plain, *leaves)):
        assert minitorch.equal(a, b) if b is not None else a is None


@REENTRANT
def test_arguments_and_known_tensors_get_their_gradients(use_reentrant: bool) -> None:
    x, w = leaf(3, 2), leaf(2, 4, seed=1)
    computed = lambda w: w * 2

    def plain(x: Any, w: Any) -> Any:
        known = computed(w)
        inner = lambda x: (x.exp() @ known).relu()
        return inner(x)

    def call(x: Any, w: Any) -> Any:
        known = computed(w)
        inner = lambda x: (x.exp() @ known).relu()
        return checkpoint(inner, x, use_reentrant=use_reentrant)

    same(call, plain, x, w)


@REENTRANT
@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: (x * y, x.sum(0)),
        lambda x, y: (x, y * 2),
        lambda x, y: (x.detach(), y * x),
        lambda x, y: x.chunk(2),
        lambda x, y: x[1:].view(-1),
        lambda x, y: checkpoint(lambda x: checkpoint(minitorch.tanh, x * y, use_reentrant=False) * x, x,
                                use_reentrant=False),
    ],
)  # fmt: skip
def test_results_of_many_kinds(function: Any, use_reentrant: bool) -> None:
    same(lambda x, y: checkpoint(function, x, y, use_reentrant=use_reentrant), function, leaf(4, 2), leaf(4, 2, seed=1))


def test_nested_results_and_arguments() -> None:
    x = leaf(2)
    out = checkpoint(lambda d: {"a": d["x"] * 2, "b": [d["x"].sum(), 3]}, {"x": x}, use_reentrant=False)
    (out["a"].sum() + out["b"][0]).backward()
    assert out["b"][1] == 3
    assert x.grad.tolist() == [3.0, 3.0]


def test_second_order() -> None:
    x = leaf(3)
    call = lambda x: checkpoint(lambda v: v.exp() * v.sum(), x * 2, use_reentrant=False)
    assert minitorch.autograd.gradcheck(call, x)
    assert minitorch.autograd.gradgradcheck(call, x)


@REENTRANT
def test_random_numbers_are_drawn_again(use_reentrant: bool) -> None:
    x = leaf(50)
    dropout = lambda x: minitorch.nn.functional.dropout(x, 0.5) * 3
    minitorch.manual_seed(1)
    y = checkpoint(dropout, x, use_reentrant=use_reentrant)
    after = minitorch.rand(1)
    place = minitorch.get_rng_state()
    y.sum().backward()
    assert minitorch.equal(x.grad != 0, y != 0)
    assert minitorch.equal(minitorch.get_rng_state(), place)
    minitorch.manual_seed(1)
    assert minitorch.equal(y, dropout(x)) and minitorch.equal(after, minitorch.rand(1))
    x.grad = None
    y = checkpoint(dropout, x, use_reentrant=use_reentrant, preserve_rng_state=False)
    y.sum().backward()
    assert not minitorch.equal(x.grad != 0, y != 0)


def test_nothing_of_the_graph_is_kept() -> None:
    kept = []

    def function(x: Any) -> Any:
        middle = x.exp()
        kept.append(weakref.ref(middle))
        return middle.sin()

    x = leaf(3)
    y = checkpoint(function, x, use_reentrant=False)
    assert kept[0]() is None and len(kept) == 1
    y.sum().backward()
    assert len(kept) == 2 and kept[1]() is None
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()
    y = checkpoint(function, x, use_reentrant=False).sum()
    y.backward(retain_graph=True)
    y.backward()


def test_gradients_by_chosen_inputs() -> None:
    x, w = leaf(3), leaf(3, seed=1)
    (g,) = minitorch.autograd.grad(checkpoint(lambda x: x * w, x, use_reentrant=False).sum(), w)
    assert minitorch.equal(g, x)
    assert x.grad is None


def test_keyword_arguments_and_modes() -> None:
    x = leaf(3)
    assert minitorch.equal(checkpoint(lambda x, scale: x * scale, x, scale=2, use_reentrant=False), x * 2)
    with minitorch.no_grad():
        assert not checkpoint(minitorch.exp, x, use_reentrant=False).requires_grad
    assert not checkpoint(minitorch.exp, x.detach(), use_reentrant=False).requires_grad
    with pytest.raises(ValueError, match="scale"):
        checkpoint(lambda x, scale: x * scale, x, scale=2, use_reentrant=True)
    with pytest.warns(UserWarning, match="None of the inputs"):
        assert not checkpoint(lambda v: v * x, x.detach(), use_reentrant=True).requires_grad
    with pytest.warns(UserWarning, match="use_reentrant"):
        assert checkpoint(minitorch.exp, x).requires_grad


def test_a_function_that_changes_is_found() -> None:
    calls = []

    def function(x: Any) -> Any:
        calls.append(0)
        return x[: len(calls)] * 2

    y = checkpoint(function, leaf(3), use_reentrant=False)
    with pytest.raises(CheckpointError, match="the same each time"):
        y.sum().backward()


def test_arguments_that_were_changed_in_place_are_found() -> None:
    w = leaf(3, seed=1)
    for during in (True, False):
        x = leaf(3) * 1
        y = checkpoint(lambda x: (x.mul_(2) if during else x * 2) * w, x, use_reentrant=False)  # noqa: B023
        if not during:
            x.add_(1)
        with pytest.raises(RuntimeError, match="inplace operation"):
            y.sum().backward()


def test_contexts() -> None:
    seen = []

    class context(nullcontext):
        def __enter__(self) -> None:
            seen.append(self.enter_result)

    x = leaf(1)
    y = checkpoint(minitorch.exp, x, use_reentrant=False, context_fn=lambda: (context("first"), context("second")))
    assert seen == ["first"]
    y.backward()
    assert seen == ["first", "second"]


@REENTRANT
@pytest.mark.parametrize("segments", [1, 2, 3, 5])
def test_parts_of_a_network(segments: int, use_reentrant: bool) -> None:
    layers = [minitorch.nn.Linear(4, 4).double() for _ in range(5)]
    net, x = minitorch.nn.Sequential(*layers), leaf(2, 4)
    by_checkpoint = gradients(lambda x: checkpoint_sequential(net, segments, x, use_reentrant=use_reentrant), x)
    mine = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    assert all(minitorch.equal(a, b) for a, b in zip(by_checkpoint, gradients(net, x)))
    assert all(minitorch.equal(a, p.grad) for a, p in zip(mine, net.parameters()))


def test_parts_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="between 1 and 2, got 3"):
        checkpoint_sequential([minitorch.exp] * 2, 3, leaf(2), use_reentrant=False)
    with pytest.raises(ValueError, match="foo"):
        checkpoint_sequential([minitorch.exp] * 2, 2, leaf(2), use_reentrant=False, foo=1)
