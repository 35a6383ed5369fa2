"""The image classifier of the beginners' tour: load and normalise CIFAR-10, define a network, train it, test it.

    python examples/cifar10.py             # downloads CIFAR-10 once (170 MB); two epochs
    python examples/cifar10.py --fake      # random images instead: no download, to see that all works

With ``import torch, torchvision`` in place of the first lines it runs on PyTorch.
"""

import argparse
import math
import sys

import minitorch as torch
import minitorch.nn as nn
import minitorch.nn.functional as F
import minitorch.optim as optim
import minitorch.vision as torchvision
import minitorch.vision.transforms as transforms

CLASSES = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def load(args, train):
    transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))],
    )
    if args.fake:
        data = torchvision.datasets.FakeData(256, (3, 32, 32), 10, transform=transform)
    else:
        data = torchvision.datasets.CIFAR10(args.root, train=train, download=True, transform=transform)
    return torch.utils.data.DataLoader(data, batch_size=4, shuffle=train, num_workers=args.workers)


def train(net, loader, epochs, device):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
    for epoch in range(epochs):
        running_loss = 0.0
        for i, (inputs, labels) in enumerate(loader, 1):
            inputs, labels = inputs.to(device), labels.to(device)
            optimizer.zero_grad()
            loss = criterion(net(inputs), labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
            if i % 2000 == 0 or i == len(loader):
                if not math.isfinite(running_loss):
                    sys.exit(f"The loss became {running_loss}: training cannot go on. Try another --seed.")
                print(f"[{epoch + 1}, {i:5d}] loss: {running_loss / ((i - 1) % 2000 + 1):.3f}", flush=True)
                running_loss = 0.0


def test(net, loader, device):
    right, total = [0] * 10, [0] * 10
    with torch.no_grad():
        for images, labels in loader:
            guesses = net(images.to(device)).argmax(1).cpu()
            for label, guess in zip(labels.tolist(), guesses.tolist()):
                total[label] += 1
                right[label] += label == guess
    print(f"Accuracy on the {sum(total)} test images: {sum(right) / sum(total):.1%}")
    for name, r, t in zip(CLASSES, right, total):
        print(f"Accuracy for class {name:5s}: {r / max(1, t):.1%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", help="where data sets are kept (default: MINITORCH_DATA or ~/.cache/minitorch)")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0, help="processes that load images")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="cifar_net.pth")
    parser.add_argument("--fake", "--short", action="store_true", help="random images instead of CIFAR-10: no download")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    net = Net()
    print(net)
    try:
        net.to(args.device)
        loaders = load(args, train=True), load(args, train=False)
    except (RuntimeError, OSError) as error:
        sys.exit(f"{error}\n(--fake runs without the data)")
    train(net, loaders[0], args.epochs, args.device)
    torch.save(net.state_dict(), args.save)

    net = Net()
    net.load_state_dict(torch.load(args.save, weights_only=True))
    test(net.to(args.device), loaders[1], args.device)


if __name__ == "__main__":
    main()
