"""Whole training runs beside PyTorch's: equal weights and batches, and the losses stay together step by step.

Nothing is compared but losses and the weights at the end: a mistake in any layer, gradient or optimizer drives the two
runs apart.  Rounding does so as well, where it decides a maximum or the sign of a ReLU's input: such a run leaves even
PyTorch's own with another last bit in the weights.  The runs below do not: a dozen with random last bits stayed within
1e-5.
"""

import numpy as np
import pytest

import minitorch

CLASSES = 10


def lenet(nn):
    """LeNet for 3 × 32 × 32."""
    features = nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2, 2)
    )
    classifier = nn.Sequential(
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, CLASSES)
    )
    return nn.Sequential(features, classifier)


def batchnorm_net(nn):
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AvgPool2d(4),
        nn.Conv2d(8, 12, 3, stride=2, bias=False),
        nn.BatchNorm2d(12),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(12 * 9, CLASSES),
    )


def batches(steps, size=8):
    """Images of a class are its own picture under noise: learnable, and not at once."""
    rng = np.random.default_rng(11)
    pictures = rng.standard_normal((CLASSES, 3, 8, 8)).repeat(4, axis=2).repeat(4, axis=3)
    for _ in range(steps):
        labels = rng.integers(0, CLASSES, size)
        images = 0.6 * pictures[labels] + rng.standard_normal((size, 3, 32, 32))
        yield images.astype(np.float32), labels


def train(library, build, start, optimizer, steps):
    """The losses, and the weights in the end; every run begins with the weights in ``start``."""
    net = build(library.nn)
    net.load_state_dict({name: library.tensor(value) for name, value in start.items()})
    step = optimizer(library.optim, net.parameters())
    losses = []
    for images, labels in batches(steps):
        images, labels = library.tensor(images), library.tensor(labels)
        step.zero_grad()
        loss = library.nn.functional.cross_entropy(net(images), labels)
        loss.backward()
        step.step()
        losses.append(loss.item())
    return np.array(losses), {name: value.numpy() for name, value in net.state_dict().items()}


#: net, optimizer, steps
RUNS = {
    "lenet, momentum": (lenet, lambda o, p: o.SGD(p, lr=0.005, momentum=0.9), 200),
    "lenet, Adam": (lenet, lambda o, p: o.Adam(p, lr=1e-3), 100),
    "lenet, AdamW": (lenet, lambda o, p: o.AdamW(p, lr=1e-3, weight_decay=0.05, amsgrad=True), 100),
    "lenet, RMSprop": (lenet, lambda o, p: o.RMSprop(p, lr=3e-4, momentum=0.5), 60),
    "batch norm, momentum": (batchnorm_net, lambda o, p: o.SGD(p, lr=0.05, momentum=0.9), 100),
    "batch norm, Adam": (batchnorm_net, lambda o, p: o.Adam(p, lr=2e-3), 100),
}


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS)
def test_losses_follow_pytorchs(run):
    torch = pytest.importorskip("torch")
    build, optimizer, steps = RUNS[run]
    torch.manual_seed(5)
    start = {name: value.numpy().copy() for name, value in build(torch.nn).state_dict().items()}
    ours, mine = train(minitorch, build, start, optimizer, steps)
    theirs, other = train(torch, build, start, optimizer, steps)
    assert theirs[-10:].mean() < 0.2 * theirs[:10].mean(), "nothing is learnt, so nothing is tested"
    assert np.abs(ours - theirs).max() < 1e-4
    for name, value in other.items():
        np.testing.assert_allclose(mine[name], value, rtol=1e-3, atol=1e-3, err_msg=name)
