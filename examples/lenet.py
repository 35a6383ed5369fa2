"""Train LeNet-5 on real images.

    python examples/lenet.py                      # 1,797 handwritten digits that come with minitorch: no download
    python examples/lenet.py --data mnist         # downloads MNIST once (11 MB)
    python examples/lenet.py --data cifar10 --epochs 10 --device cuda

Writes the weights, the state to resume from, and a picture of the learning curves.
The network is that of LeCun et al., "Gradient-based learning applied to document recognition" (1998), section II.B,
with ReLU and max pooling.
"""

import argparse
import math
import pickle
import sys
import time
from pathlib import Path

import minitorch as torch
import minitorch.nn.functional as F
import minitorch.optim as optim
from minitorch.utils.data import DataLoader, TensorDataset
from minitorch.vision import datasets
from minitorch.vision.models import LeNet

DATA = {
    "digits": datasets.Digits,
    "mnist": datasets.MNIST,
    "fashion": datasets.FashionMNIST,
    "cifar10": datasets.CIFAR10,
}
EPOCHS = {"digits": 30, "mnist": 2, "fashion": 5, "cifar10": 5}


def images_and_labels(data, root, train):
    """A data set as one TensorDataset: (N, C, 32, 32) float32 images with values around 0, and int64 labels."""
    source = DATA[data](train=train) if data == "digits" else DATA[data](root, train=train, download=True)
    images = torch.as_tensor(source.data)
    images = images.permute(0, 3, 1, 2) if images.dim() == 4 else images.unsqueeze(1)
    images = images.float() / (16 if data == "digits" else 255)
    if data == "digits":  # 8x8: every pixel becomes 4x4
        images = images.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
    elif images.shape[-1] == 28:
        images = F.pad(images, (2, 2, 2, 2))
    return TensorDataset((images - 0.5) / 0.5, torch.as_tensor(source.targets)), source.classes


class Progress:
    """A bar with tqdm if it is installed, otherwise a line an epoch."""

    def __init__(self, epoch, epochs, images):
        self.images, self.seen, self.right, self.loss, self.start = images, 0, 0, 0.0, time.perf_counter()
        self.label, self.bar = f"epoch {epoch}/{epochs}", None
        try:
            from tqdm import tqdm

            self.bar = tqdm(total=images, desc=self.label, unit=" images", file=sys.stdout, disable=None, leave=False)
        except ImportError:
            pass

    def add(self, loss, right, count):
        self.seen, self.right, self.loss = self.seen + count, self.right + right, self.loss + loss * count
        if self.bar is not None:
            self.bar.update(count)
            self.bar.set_postfix(loss=f"{self.mean_loss:.4f}", accuracy=f"{self.accuracy:.1%}", refresh=False)

    @property
    def mean_loss(self):
        return self.loss / self.seen

    @property
    def accuracy(self):
        return self.right / self.seen

    def close(self, test_accuracy):
        if self.bar is not None:
            self.bar.close()
        rate = self.seen / (time.perf_counter() - self.start)
        print(
            f"{self.label}: loss {self.mean_loss:.4f}, accuracy {self.accuracy:.1%} (training), "
            f"{test_accuracy:.2%} (test), {rate:,.0f} images/s"
        )


def shifted(images, most=2):
    """The images moved by up to two pixels, all alike: the network shall not rely on where a digit stands."""
    down, right = torch.randint(0, 2 * most + 1, (2,)).tolist()
    height, width = images.shape[-2:]
    return F.pad(images, (most,) * 4, value=-1.0)[..., down : down + height, right : right + width]


def train_epoch(net, loader, optimizer, schedule, progress, device):
    net.train()
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        scores = net(shifted(images))
        loss = F.cross_entropy(scores, labels)
        value = loss.item()
        if not math.isfinite(value):
            sys.exit(f"The loss became {value}: training cannot go on. Try a smaller --lr, or another --seed.")
        loss.backward()
        optimizer.step()
        schedule.step()
        progress.add(value, (scores.argmax(1) == labels).sum().item(), len(labels))


@torch.no_grad()
def confusion(net, loader, classes, device):
    """How often an image of class i (row) was taken for class j (column)."""
    net.eval()
    table = torch.zeros(classes * classes, dtype=torch.int64)
    for images, labels in loader:
        guesses = net(images.to(device)).argmax(1).cpu()
        table += torch.bincount(labels * classes + guesses, minlength=classes * classes)
    return table.reshape(classes, classes)


def print_confusion(table, names):
    width = max(5, *(len(name.split(" - ")[0]) for name in names)) + 1
    shorts = [name.split(" - ")[0] for name in names]
    print("\nConfusion: rows are what was shown, columns what was seen")
    print(" " * width + "".join(f"{name[:5]:>6}" for name in shorts) + "   right")
    for name, row in zip(shorts, table.tolist()):
        share = row[shorts.index(name)] / max(1, sum(row))
        print(f"{name:>{width}}" + "".join(f"{n or '.':>6}" for n in row) + f"  {share:6.1%}")


def draw_curves(history, path):
    try:
        import matplotlib
    except ImportError:
        return print('No picture of the curves: it needs matplotlib (pip install "minitorch-nd[plot]")')
    matplotlib.use("Agg")
    from matplotlib import pyplot

    epochs = range(1, len(history) + 1)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    left.plot(epochs, [h["loss"] for h in history], marker=".")
    left.set(title="Training loss", xlabel="epoch", yscale="log")
    right.plot(epochs, [h["train"] for h in history], marker=".", label="training")
    right.plot(epochs, [h["test"] for h in history], marker=".", label="test")
    right.set(title="Accuracy", xlabel="epoch")
    right.legend()
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    print(f"Curves:  {path}")


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--data", choices=DATA, default="digits")
    parser.add_argument("--root", help="where data sets are kept (default: MINITORCH_DATA or ~/.cache/minitorch)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--epochs", type=int, help=f"default: {', '.join(f'{k} {v}' for k, v in EPOCHS.items())}")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.02, help="highest learning rate of a one-cycle schedule")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, default=Path("lenet.pt"), help="weights; .state and .png go beside")
    parser.add_argument("--resume", type=Path, help="a .state file of an earlier run with the same arguments")
    parser.add_argument("--short", action="store_true", help="256 images, one epoch, to see that all works")
    arguments = parser.parse_args()
    if arguments.epochs is None:
        arguments.epochs = 1 if arguments.short else EPOCHS[arguments.data]
    if arguments.epochs < 1 or arguments.batch_size < 1:
        parser.error("--epochs and --batch-size must be at least 1")
    if not 0 < arguments.lr < math.inf:
        parser.error("--lr must be above 0")
    if arguments.save.suffix in (".state", ".png") or not arguments.save.parent.is_dir():
        parser.error(f"--save {arguments.save}: give a file like lenet.pt in a folder that exists")
    return arguments


def what_decides(args):
    """The arguments that a run must share with the one that it continues."""
    return {name: getattr(args, name) for name in ("data", "epochs", "batch_size", "lr", "short")}


def load_state(args):
    """What an earlier run has saved after its last whole epoch."""
    try:
        saved = torch.load(args.resume)
    except (RuntimeError, OSError, EOFError, pickle.UnpicklingError) as error:
        sys.exit(f"--resume {args.resume}: {error}")
    if not isinstance(saved, dict) or "arguments" not in saved:
        sys.exit(f"--resume {args.resume}: not the state of a run; it is the file that ends in .state")
    for name, value in what_decides(args).items():
        if saved["arguments"].get(name) != value:
            sys.exit(
                f"--resume {args.resume}: that run had --{name.replace('_', '-')} {saved['arguments'].get(name)}, "
                f"this one has {value}"
            )
    return saved


def main():
    args = parse_arguments()
    saved = load_state(args) if args.resume else None
    try:
        device = torch.device(args.device)
        torch.zeros(1, device=device)
        train_set, classes = images_and_labels(args.data, args.root, train=True)
        test_set, _ = images_and_labels(args.data, args.root, train=False)
    except (RuntimeError, OSError) as error:
        sys.exit(str(error))
    if args.short:
        train_set, test_set = (TensorDataset(*s[:256]) for s in (train_set, test_set))

    torch.manual_seed(args.seed)
    net = LeNet(in_channels=train_set.tensors[0].shape[1], num_classes=len(classes)).to(device)
    print(net)
    optimizer = optim.SGD(net.parameters(), lr=args.lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
    shuffled = DataLoader(train_set, args.batch_size, shuffle=True)
    in_order = DataLoader(test_set, 256)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, args.lr, epochs=args.epochs, steps_per_epoch=len(shuffled))
    history = []
    if saved is not None:
        net.load_state_dict(saved["net"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        torch.set_rng_state(saved["rng"])
        history = saved["history"]
        print(f"Resumed after epoch {len(history)} of {args.epochs}")

    table = None
    for epoch in range(len(history) + 1, args.epochs + 1):
        progress = Progress(epoch, args.epochs, len(train_set))
        train_epoch(net, shuffled, optimizer, schedule, progress, device)
        table = confusion(net, in_order, len(classes), device)
        accuracy = table.trace().item() / len(test_set)
        progress.close(accuracy)
        history.append({"loss": progress.mean_loss, "train": progress.accuracy, "test": accuracy})
        state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
        state |= {"rng": torch.get_rng_state(), "history": history, "arguments": what_decides(args)}
        torch.save(state, args.save.with_suffix(".state"))

    torch.save(net.state_dict(), args.save)
    if table is None:  # resumed after the last epoch
        table = confusion(net, in_order, len(classes), device)
    print_confusion(table, classes)
    print(f"\nTest accuracy: {table.trace().item() / len(test_set):.2%} of {len(test_set)} images")
    print(f"Weights: {args.save}   to resume: {args.save.with_suffix('.state')}")
    draw_curves(history, args.save.with_suffix(".png"))


if __name__ == "__main__":
    main()
