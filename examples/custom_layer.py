"""Your own operation and your own layer, both checked against numerical gradients, then trained.

    python examples/custom_layer.py

Ends with a small classifier trained through both of them.
"""

import argparse
import math

import minitorch as torch
import minitorch.nn as nn
import minitorch.nn.functional as F


class Swish(torch.autograd.Function):
    """x * sigmoid(beta * x) with a hand-written gradient (Ramachandran et al., 2017, arXiv 1710.05941)."""

    @staticmethod
    def forward(ctx, x, beta):
        ctx.save_for_backward(x, beta)
        return x * torch.sigmoid(beta * x)

    @staticmethod
    def backward(ctx, g):
        # Written with operations on tensors, so it can be differentiated again.
        x, beta = ctx.saved_tensors
        s = torch.sigmoid(beta * x)
        slope = s * (1 - s)
        grad_x = g * (s + beta * x * slope) if ctx.needs_input_grad[0] else None
        grad_beta = (g * x * x * slope).sum() if ctx.needs_input_grad[1] else None
        return grad_x, grad_beta


class SwishLinear(nn.Module):
    """A linear map followed by Swish with a learned beta."""

    def __init__(self, in_features, out_features):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(out_features))
        self.beta = nn.Parameter(torch.tensor(1.0))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def forward(self, x):
        return Swish.apply(F.linear(x, self.weight, self.bias), self.beta)

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}"


def check():
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    beta = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Swish.apply, (x, beta))
    assert torch.autograd.gradgradcheck(Swish.apply, (x, beta))
    layer = SwishLinear(3, 2).double()
    assert torch.autograd.gradcheck(lambda x, *_: layer(x), (x, *layer.parameters()))
    print("gradcheck: Swish and SwishLinear have the gradients that differences give")


def train(steps):
    """Learns to tell the inside of a ring from the outside."""
    points = torch.rand(512, 2) * 2 - 1
    inside = ((points.norm(dim=1) > 0.4) & (points.norm(dim=1) < 0.8)).float()
    net = nn.Sequential(SwishLinear(2, 32), SwishLinear(32, 32), nn.Linear(32, 1))
    print(net)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for step in range(steps + 1):
        scores = net(points).squeeze(1)
        loss = F.binary_cross_entropy_with_logits(scores, inside)
        if step % max(1, steps // 5) == 0:
            right = ((scores > 0) == (inside > 0)).float().mean().item()
            print(f"step {step:4d}: loss {loss.item():.4f}, {right:.1%} right")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"learned beta: {net[0].beta.item():.3f} and {net[1].beta.item():.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true", help="20 steps, to see that all works")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    check()
    train(20 if args.short else args.steps)


if __name__ == "__main__":
    main()
