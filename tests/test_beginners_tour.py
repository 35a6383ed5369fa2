"""The programs of the beginners' tour of PyTorch, with only the import changed, and on PyTorch beside them.

Each program is a function of the ``torch``-like module, so that what it prints and computes can be compared.
"""

import copy
import importlib.util
import pathlib
import types

import cupy_stand_in
import numpy as np
import pytest

import minitorch

NET = """Net(
  (conv1): Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1))
  (conv2): Conv2d(6, 16, kernel_size=(5, 5), stride=(1, 1))
  (fc1): Linear(in_features=400, out_features=120, bias=True)
  (fc2): Linear(in_features=120, out_features=84, bias=True)
  (fc3): Linear(in_features=84, out_features=10, bias=True)
)"""


def reference():
    return pytest.importorskip("torch")


def make_net(torch, channels=1):
    nn, F = torch.nn, torch.nn.functional

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(channels, 6, 5)
            self.conv2 = nn.Conv2d(6, 16, 5)
            self.fc1 = nn.Linear(16 * 5 * 5, 120)
            self.fc2 = nn.Linear(120, 84)
            self.fc3 = nn.Linear(84, 10)

        def forward(self, input):
            c1 = F.relu(self.conv1(input))
            s2 = F.max_pool2d(c1, (2, 2))
            c3 = F.relu(self.conv2(s2))
            s4 = F.max_pool2d(c3, 2)
            s4 = torch.flatten(s4, 1)
            f5 = F.relu(self.fc1(s4))
            f6 = F.relu(self.fc2(f5))
            return self.fc3(f6)

    return Net()


def same_weights(ours, theirs):
    """Gives PyTorch's model the weights of ours."""
    torch = reference()
    theirs.load_state_dict({k: torch.from_numpy(v.detach().numpy().copy()) for k, v in ours.state_dict().items()})
    return theirs


# ---- tensors


def test_tensor_tour(tmp_path):
    torch = minitorch
    data = [[1, 2], [3, 4]]
    x_data = torch.tensor(data)
    np_array = np.array(data)
    x_np = torch.from_numpy(np_array)
    assert torch.equal(x_data, x_np)
    assert repr(torch.ones_like(x_data)) == "tensor([[1, 1],\n        [1, 1]])"
    x_rand = torch.rand_like(x_data, dtype=torch.float)
    assert x_rand.dtype is torch.float32
    shape = (2, 3)
    assert str(torch.zeros(shape)) == "tensor([[0., 0., 0.],\n        [0., 0., 0.]])"
    tensor = torch.rand(3, 4)
    said = f"{tensor.shape} {tensor.dtype} {tensor.device}"
    assert said == "torch.Size([3, 4]) torch.float32 cpu"
    if torch.cuda.is_available():
        tensor = tensor.to("cuda")
    tensor = torch.ones(4, 4)
    tensor[:, 1] = 0
    assert tensor[0].tolist() == [1.0, 0.0, 1.0, 1.0] and tensor[..., -1].tolist() == [1.0] * 4
    t1 = torch.cat([tensor, tensor, tensor], dim=1)
    assert t1.shape == (4, 12)
    y1, y2, y3 = tensor @ tensor.T, tensor.matmul(tensor.T), torch.rand_like(tensor)
    torch.matmul(tensor, tensor.T, out=y3)
    assert torch.equal(y1, y2) and torch.equal(y1, y3)
    z3 = torch.empty_like(tensor)
    torch.mul(tensor, tensor, out=z3)
    assert torch.equal(z3, tensor * tensor)
    agg_item = tensor.sum().item()
    assert agg_item == 12.0 and type(agg_item) is float
    tensor.add_(5)
    assert tensor[0].tolist() == [6.0, 5.0, 6.0, 6.0]
    t = torch.ones(5)
    n = t.numpy()
    t.add_(1)
    assert n.tolist() == [2.0] * 5
    n = np.ones(5)
    t = torch.from_numpy(n)
    np.add(n, 1, out=n)
    assert repr(t) == "tensor([2., 2., 2., 2., 2.], dtype=torch.float64)"


# ---- autograd


def test_autograd_tour():
    torch = minitorch
    a = torch.tensor([2.0, 3.0], requires_grad=True)
    b = torch.tensor([6.0, 4.0], requires_grad=True)
    Q = 3 * a**3 - b**2
    Q.backward(gradient=torch.tensor([1.0, 1.0]))
    assert (9 * a**2 == a.grad).tolist() == [True, True] and (-2 * b == b.grad).tolist() == [True, True]

    x = torch.rand(5, 5)
    y = torch.rand(5, 5)
    z = torch.rand((5, 5), requires_grad=True)
    assert not (x + y).requires_grad and (x + z).requires_grad

    x = torch.ones(2, 2, requires_grad=True)
    assert repr(x) == "tensor([[1., 1.],\n        [1., 1.]], requires_grad=True)"
    y = x + 2
    assert repr(y) == "tensor([[3., 3.],\n        [3., 3.]], grad_fn=<AddBackward0>)"
    z = y * y * 3
    out = z.mean()
    assert str(z) == "tensor([[27., 27.],\n        [27., 27.]], grad_fn=<MulBackward0>)"
    assert str(out) == "tensor(27., grad_fn=<MeanBackward0>)"
    out.backward()
    assert str(x.grad) == "tensor([[4.5000, 4.5000],\n        [4.5000, 4.5000]])"


# ---- neural networks


def test_net_prints_as_pytorch_does():
    net = make_net(minitorch)
    assert str(net) == NET
    params = list(net.parameters())
    assert len(params) == 10 and params[0].size() == minitorch.Size([6, 1, 5, 5])


def graph_walk(torch):
    net = make_net(torch)
    output = net(torch.randn(1, 1, 32, 32))
    target = torch.randn(10).view(1, -1)
    loss = torch.nn.MSELoss()(output, target)
    first = loss.grad_fn
    second = first.next_functions[0][0]
    third = second.next_functions[0][0]
    names = [type(n).__name__ for n in (first, second, third)]
    net.zero_grad()
    assert net.conv1.bias.grad is None
    loss.backward()
    assert net.conv1.bias.grad.shape == (6,)
    return names, [n.rsplit(" at ", 1)[0] for n in map(str, (first, second))]


def test_mse_graph_walk():
    names, printed = graph_walk(minitorch)
    assert names[:2] == ["MseLossBackward0", "AddmmBackward0"]
    assert printed == ["<MseLossBackward0 object", "<AddmmBackward0 object"]


def test_mse_graph_walk_is_pytorchs():
    assert graph_walk(minitorch) == graph_walk(reference())


def losses_by_hand(torch, net, x, y):
    losses = []
    for _ in range(20):
        loss = torch.nn.functional.mse_loss(net(x), y)
        net.zero_grad()
        loss.backward()
        for f in net.parameters():
            f.data.sub_(f.grad.data * 0.01)
        losses.append(loss.item())
    return losses


def test_hand_written_update():
    minitorch.manual_seed(0)
    net = make_net(minitorch)
    x, y = minitorch.randn(4, 1, 32, 32), minitorch.randn(4, 10)
    theirs = same_weights(net, make_net(reference()))
    torch = reference()
    losses = losses_by_hand(minitorch, net, x, y)
    assert losses[-1] < losses[0]
    expected = losses_by_hand(torch, theirs, torch.from_numpy(x.numpy()), torch.from_numpy(y.numpy()))
    np.testing.assert_allclose(losses, expected, rtol=1e-4)


# ---- training


def batches(steps, dtype):
    """Images that a network can learn to tell apart: noise on one pattern a class."""
    rng = np.random.default_rng(0)
    patterns = rng.standard_normal((4, 3, 32, 32)) * 2
    for _ in range(steps):
        labels = rng.integers(0, 4, 4)
        yield (patterns[labels] + 0.2 * rng.standard_normal((4, 3, 32, 32))).astype(dtype), labels


def batch_norm_net(torch):
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


def train(torch, net, make_optimizer, steps, dtype):
    optimizer = make_optimizer(torch.optim, net.parameters())
    criterion = torch.nn.CrossEntropyLoss()
    losses = []
    for images, labels in batches(steps, dtype):
        optimizer.zero_grad()
        loss = criterion(net(torch.from_numpy(images)), torch.from_numpy(labels))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


OPTIMIZERS = {
    "SGD": lambda optim, p: optim.SGD(p, lr=0.002, momentum=0.9),
    "Adam": lambda optim, p: optim.Adam(p, lr=0.0002),
    "AdamW": lambda optim, p: optim.AdamW(p, lr=0.0002),
    "RMSprop": lambda optim, p: optim.RMSprop(p, lr=0.00005),
}


def on_stand_in():
    return minitorch.get_default_device().type != "cpu" and cupy_stand_in.is_installed()


def trained_beside_pytorch(optimizer, model, dtype, seed):
    """The losses of 200 steps from equal weights, ours and PyTorch's; of 20 on the slow stand-in for a GPU."""
    torch = reference()
    minitorch.manual_seed(seed)
    make = (lambda t: make_net(t, 3)) if model == "lenet" else batch_norm_net
    ours = make(minitorch)
    theirs = same_weights(ours, make(torch))
    if dtype == "float64":
        ours, theirs = ours.double(), theirs.double()
    expected = train(torch, theirs, OPTIMIZERS[optimizer], 200, dtype)
    assert expected[-20:].mean() < 0.9 * expected[:20].mean(), "it learns something"
    steps = 20 if on_stand_in() else 200
    return train(minitorch, ours, OPTIMIZERS[optimizer], steps, dtype), expected[:steps]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", ["lenet", "batch norm"])
def test_losses_follow_pytorch_for_200_steps(optimizer, model):
    got, expected = trained_beside_pytorch(optimizer, model, "float64", 0)
    np.testing.assert_allclose(got, expected, rtol=1e-9)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", ["lenet", "batch norm"])
def test_losses_follow_pytorch_for_200_steps_in_single_precision(optimizer, model):
    # Rounding may decide which of two nearly equal numbers is the larger in one window of a pooling, and such a run
    # goes its own way from there, as PyTorch's own does on another machine: about one in eight does, so a second and a
    # third one may be needed.
    farthest = []
    for seed in range(4):
        got, expected = trained_beside_pytorch(optimizer, model, "float32", seed)
        farthest.append(np.abs(got - expected).max())
        if farthest[-1] < 1e-4:
            return
    raise AssertionError(f"none of {len(farthest)} runs follows: the losses differ by up to {farthest}")


def classifier(torch, torchvision, path):
    """The image classifier of the tour on random images: loader, training loop, weights saved and loaded."""
    transforms = torchvision.transforms
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))])
    data = torchvision.datasets.FakeData(24, (3, 32, 32), 10, transform=transform)
    loader = torch.utils.data.DataLoader(data, batch_size=4, shuffle=True, num_workers=0)
    images, labels = next(iter(loader))
    assert images.shape == (4, 3, 32, 32) and labels.dtype == torch.int64
    assert torchvision.utils.make_grid(images).shape == (3, 36, 138)
    net = make_net(torch, 3)
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
    running_loss = 0.0
    for _, data in enumerate(loader, 0):
        inputs, labels = data
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    assert 0 < running_loss / len(loader) < 10
    torch.save(net.state_dict(), path)
    again = make_net(torch, 3)
    print(again.load_state_dict(torch.load(path, weights_only=True)))
    correct = total = 0
    with torch.no_grad():
        for images, labels in loader:
            outputs = again(images)
            _, predicted = torch.max(outputs, 1)
            total += labels.size(0)
            correct += (predicted == labels).sum().item()
            assert torch.equal(outputs, net(images))
    assert total == 24 and 0 <= correct <= 24


def test_classifier_tour(tmp_path, capsys):
    import minitorch.vision as torchvision

    classifier(minitorch, torchvision, tmp_path / "net.pth")
    assert capsys.readouterr().out == "<All keys matched successfully>\n"


# ---- the two-layer network


def load_example(name):
    path = pathlib.Path(__file__).parents[1] / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"example_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_two_layer_network_agrees_with_numpy_over_500_steps():
    example = load_example("two_layer_net")
    data = example.make_data(seed=0)
    expected = np.array(example.by_hand(*copy.deepcopy(data), 500))
    assert expected[-1] < 1e-4 * expected[0]
    steps = 50 if on_stand_in() else 500
    for run in (example.with_autograd, example.with_nn, example.with_optim):
        np.testing.assert_allclose(run(*data, steps), expected[:steps], rtol=1e-9)


def test_module_is_usable_as_torch():
    assert isinstance(minitorch, types.ModuleType)
    for name in ("nn", "optim", "autograd", "utils", "cuda", "linalg", "random"):
        assert isinstance(getattr(minitorch, name), types.ModuleType), name
    assert minitorch.nn.functional and minitorch.utils.data and minitorch.optim.lr_scheduler and minitorch.nn.init
