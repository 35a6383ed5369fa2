"""JAX: a whole step is one function, compiled by XLA; parameters go in and come out."""

from __future__ import annotations

import itertools
from types import ModuleType, SimpleNamespace
from typing import Any

from .. import Build, Step
from ..models import images
from ..nets import Net
from ..training import TWO_LAYER_RATE, two_layer_numbers


def functions(jax: ModuleType) -> Any:
    import jax.numpy as jnp
    from jax import lax

    def conv(x: Any, w: Any, b: Any = None, stride: int = 1, padding: int = 0) -> Any:
        y = lax.conv_general_dilated(x, w, (stride, stride), [(padding, padding)] * 2)
        return y if b is None else y + b[:, None, None]

    def batch_norm(x: Any, scale: Any, shift: Any) -> Any:
        mean, variance = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
        return (x - mean) * lax.rsqrt(variance + 1e-5) * scale[:, None, None] + shift[:, None, None]

    return SimpleNamespace(
        conv=conv,
        relu=jax.nn.relu,
        max_pool=lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID"),
        flatten=lambda x: x.reshape(len(x), -1),
        linear=lambda x, w, b: x @ w.T + b,
        batch_norm=batch_norm,
        mean=lambda x: x.mean((2, 3)),
    )


def _momentum(jax: ModuleType, parameters: list[Any], grads: list[Any], state: Any) -> tuple[list[Any], Any]:
    state = [0.9 * m + g for m, g in zip(state, grads)]
    return [p - 0.001 * m for p, m in zip(parameters, state)], state


def _adam(jax: ModuleType, parameters: list[Any], grads: list[Any], state: Any) -> tuple[list[Any], Any]:
    """Kingma and Ba 2015, algorithm 1."""
    count, first, second = state
    count = count + 1
    first = [0.9 * m + 0.1 * g for m, g in zip(first, grads)]
    second = [0.999 * v + 0.001 * g * g for v, g in zip(second, grads)]
    rate, correction = 0.001 / (1 - 0.9**count), 1 - 0.999**count
    new = [p - rate * m / ((v / correction) ** 0.5 + 1e-8) for p, m, v in zip(parameters, first, second)]
    return new, (count, first, second)


def training(net: Net, optimizer: str, batch: int) -> Build:
    def build(jax: ModuleType, device: str) -> Step:
        import jax.numpy as jnp

        f, parameters = functions(jax), [jnp.asarray(value) for value in net.weights()]
        state: Any = [jnp.zeros_like(p) for p in parameters]
        if optimizer == "adam":
            state = (jnp.zeros(()), state, [jnp.zeros_like(p) for p in parameters])
        rule = _adam if optimizer == "adam" else _momentum
        endless = itertools.cycle([(jnp.asarray(x), jnp.asarray(y)) for x, y in net.batches(batch)])

        def loss_of(parameters: list[Any], x: Any, y: Any) -> Any:
            logits = jax.nn.log_softmax(net.forward(f, parameters, x))
            return -jnp.take_along_axis(logits, y[:, None], axis=1).mean()

        @jax.jit
        def update(parameters: list[Any], state: Any, x: Any, y: Any) -> Any:
            loss, grads = jax.value_and_grad(loss_of)(parameters, x, y)
            return loss, *rule(jax, parameters, grads, state)

        def step() -> Any:
            nonlocal parameters, state
            loss, parameters, state = jax.block_until_ready(update(parameters, state, *next(endless)))
            return loss

        return step

    return build


def inference(net: Net, batch: int) -> Build:
    def build(jax: ModuleType, device: str) -> Step:
        import jax.numpy as jnp

        f, parameters = functions(jax), [jnp.asarray(value) for value in net.weights()]
        x = jnp.asarray(images(batch))
        forward = jax.jit(lambda parameters, x: net.forward(f, parameters, x).sum())
        return lambda: forward(parameters, x).block_until_ready()

    return build


def two_layer(jax: ModuleType, device: str) -> Step:
    import jax.numpy as jnp

    x, y, *weights = map(jnp.asarray, two_layer_numbers())

    def loss_of(weights: list[Any]) -> Any:
        return ((jax.nn.relu(x @ weights[0]) @ weights[1] - y) ** 2).sum()

    @jax.jit
    def update(weights: list[Any]) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(weights)
        return loss, [w - TWO_LAYER_RATE * g for w, g in zip(weights, grads)]

    def step() -> Any:
        nonlocal weights
        loss, weights = jax.block_until_ready(update(weights))
        return loss

    return step
