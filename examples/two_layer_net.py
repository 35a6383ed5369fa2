"""A network with one hidden layer, four times: by hand in NumPy, with autograd, with ``nn``, with ``optim``.

    python examples/two_layer_net.py

All four start from the same weights and take the same steps; the losses they print agree to the last digits of float64.
"""

import argparse

import numpy as np

import minitorch as torch

N, D_IN, HIDDEN, D_OUT = 64, 1000, 100, 10
LEARNING_RATE = 1e-6


def make_data(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((N, D_IN)), rng.standard_normal((N, D_OUT))
    w1, w2 = rng.standard_normal((D_IN, HIDDEN)), rng.standard_normal((HIDDEN, D_OUT))
    return x, y, w1, w2


def by_hand(x, y, w1, w2, steps):
    """Forward pass, gradients and update written out in NumPy."""
    w1, w2, losses = w1.copy(), w2.copy(), []
    for _ in range(steps):
        h = x @ w1
        h_relu = np.maximum(h, 0)
        y_pred = h_relu @ w2
        losses.append(np.square(y_pred - y).sum())

        grad_y_pred = 2.0 * (y_pred - y)
        grad_w2 = h_relu.T @ grad_y_pred
        grad_h = grad_y_pred @ w2.T
        grad_h[h < 0] = 0
        grad_w1 = x.T @ grad_h

        w1 -= LEARNING_RATE * grad_w1
        w2 -= LEARNING_RATE * grad_w2
    return losses


def with_autograd(x, y, w1, w2, steps):
    """The gradients come from ``backward``; the update is still by hand."""
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    w1, w2 = torch.tensor(w1, requires_grad=True), torch.tensor(w2, requires_grad=True)
    losses = []
    for _ in range(steps):
        y_pred = x.mm(w1).clamp(min=0).mm(w2)
        loss = (y_pred - y).pow(2).sum()
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            w1 -= LEARNING_RATE * w1.grad
            w2 -= LEARNING_RATE * w2.grad
            w1.grad.zero_()
            w2.grad.zero_()
    return losses


def make_model(w1, w2):
    model = torch.nn.Sequential(
        torch.nn.Linear(D_IN, HIDDEN, bias=False, dtype=torch.float64),
        torch.nn.ReLU(),
        torch.nn.Linear(HIDDEN, D_OUT, bias=False, dtype=torch.float64),
    )
    with torch.no_grad():
        model[0].weight.copy_(torch.from_numpy(w1).t())
        model[2].weight.copy_(torch.from_numpy(w2).t())
    return model


def with_nn(x, y, w1, w2, steps):
    """Layers hold the weights and a loss module the loss."""
    x, y, model = torch.from_numpy(x), torch.from_numpy(y), make_model(w1, w2)
    loss_fn = torch.nn.MSELoss(reduction="sum")
    losses = []
    for _ in range(steps):
        loss = loss_fn(model(x), y)
        losses.append(loss.item())
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for param in model.parameters():
                param -= LEARNING_RATE * param.grad
    return losses


def with_optim(x, y, w1, w2, steps):
    """An optimizer makes the update."""
    x, y, model = torch.from_numpy(x), torch.from_numpy(y), make_model(w1, w2)
    loss_fn = torch.nn.MSELoss(reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    losses = []
    for _ in range(steps):
        loss = loss_fn(model(x), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true", help="20 steps, to see that all works")
    args = parser.parse_args()
    steps = 20 if args.short else args.steps

    data = make_data(args.seed)
    results = {run.__name__: run(*data, steps) for run in (by_hand, with_autograd, with_nn, with_optim)}
    print(f"{'step':>5}" + "".join(f"{name:>22}" for name in results))
    for step in range(0, steps, max(1, steps // 10)):
        print(f"{step:5d}" + "".join(f"{losses[step]:22.12g}" for losses in results.values()))
    reference = np.array(results["by_hand"])
    for name, losses in results.items():
        difference = np.max(np.abs(np.array(losses) - reference) / reference)
        print(f"{name}: largest relative difference from the loss by hand {difference:.1e}")


if __name__ == "__main__":
    main()
