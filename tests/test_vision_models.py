"""LeNet, VGG and ResNet: against the published numbers of weights and keys, and against the same network in PyTorch."""

import numpy as np
import pytest

import minitorch as torch
from minitorch import nn
from minitorch.vision import models
from minitorch.vision.models.resnet import BasicBlock, Bottleneck, ResNet
from minitorch.vision.models.vgg import VGG, make_layers


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.fixture
def no_init(monkeypatch):
    """Structure alone is looked at: drawing a hundred million numbers takes seconds."""
    for name in ("kaiming_normal_", "kaiming_uniform_", "uniform_", "normal_"):
        monkeypatch.setattr(nn.init, name, lambda tensor, *args, **kwargs: tensor)


# ---- LeNet


def test_lenet():
    torch.manual_seed(0)
    net = models.LeNet()
    assert count(net) == 61706
    assert str(net) == (
        "LeNet(\n"
        "  (conv1): Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1))\n"
        "  (conv2): Conv2d(6, 16, kernel_size=(5, 5), stride=(1, 1))\n"
        "  (fc1): Linear(in_features=400, out_features=120, bias=True)\n"
        "  (fc2): Linear(in_features=120, out_features=84, bias=True)\n"
        "  (fc3): Linear(in_features=84, out_features=10, bias=True)\n"
        ")"
    )
    x = torch.randn(3, 1, 32, 32)
    assert net(x).shape == (3, 10)
    np.testing.assert_allclose(net(x[0]).detach().numpy(), net(x)[0].detach().numpy(), rtol=1e-4, atol=1e-6)
    net(x).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert models.LeNet(3, 7)(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    with pytest.raises(ValueError, match=r"32x32 pixels \(N, 1, 32, 32\), got \(2, 1, 28, 28\); .*Pad\(2\)"):
        net(torch.zeros(2, 1, 28, 28))


# ---- what is published of the others

PARAMETERS = {
    "resnet18": 11689512, "resnet34": 21797672, "resnet50": 25557032, "resnet101": 44549160, "resnet152": 60192808,
    "vgg11": 132863336, "vgg13": 133047848, "vgg16": 138357544, "vgg19": 143667240,
    "vgg11_bn": 132868840, "vgg13_bn": 133053736, "vgg16_bn": 138365992, "vgg19_bn": 143678248,
}  # fmt: skip


@pytest.mark.parametrize("name", PARAMETERS)
def test_numbers_of_weights_are_the_published_ones(name, no_init, monkeypatch):
    if name.startswith("vgg"):  # half a gigabyte each: memory that nobody touches costs nothing
        monkeypatch.setattr(VGG, "_start", lambda self: None)
    net = getattr(models, name)()
    assert count(net) == PARAMETERS[name]
    smaller = getattr(models, name)(num_classes=7)
    last = "fc" if name.startswith("resnet") else "classifier.6"
    assert smaller.get_submodule(last).out_features == 7


def test_resnet_keys_and_repr(no_init):
    keys = list(models.resnet18().state_dict())
    assert len(keys) == 122 and keys[:7] == [
        "conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked",
        "layer1.0.conv1.weight",
    ]  # fmt: skip
    assert {"layer2.0.downsample.0.weight", "layer2.0.downsample.1.running_var", "layer4.1.bn2.bias"} < set(keys)
    assert "layer1.0.downsample.0.weight" not in keys and keys[-2:] == ["fc.weight", "fc.bias"]
    deep = models.resnet50()
    assert len(deep.state_dict()) == 320 and "layer1.0.downsample.0.weight" in deep.state_dict()
    norms = [f"  (bn{i}): {nn.BatchNorm2d(planes)}" for i, planes in enumerate((128, 128, 512), 1)]
    assert str(deep.layer2[0]).splitlines() == [
        "Bottleneck(",
        "  (conv1): Conv2d(256, 128, kernel_size=(1, 1), stride=(1, 1), bias=False)",
        norms[0],
        "  (conv2): Conv2d(128, 128, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), bias=False)",
        norms[1],
        "  (conv3): Conv2d(128, 512, kernel_size=(1, 1), stride=(1, 1), bias=False)",
        norms[2],
        "  (relu): ReLU(inplace=True)",
        "  (downsample): Sequential(",
        "    (0): Conv2d(256, 512, kernel_size=(1, 1), stride=(2, 2), bias=False)",
        f"    (1): {nn.BatchNorm2d(512)}",
        "  )",
        ")",
    ]
    assert [name for name, _ in deep.named_children()] == [
        "conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc",
    ]  # fmt: skip
    assert str(deep.maxpool) == "MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)"
    assert str(deep.avgpool) == "AdaptiveAvgPool2d(output_size=(1, 1))"


def test_vgg_keys_and_repr(no_init):
    net = models.vgg11(init_weights=False)
    assert list(net.state_dict()) == [
        f"{layer}.{kind}"
        for layer in (*(f"features.{i}" for i in (0, 3, 6, 8, 11, 13, 16, 18)), *(f"classifier.{i}" for i in (0, 3, 6)))
        for kind in ("weight", "bias")
    ]
    assert str(net).splitlines()[-11:] == [
        "  (avgpool): AdaptiveAvgPool2d(output_size=(7, 7))",
        "  (classifier): Sequential(",
        "    (0): Linear(in_features=25088, out_features=4096, bias=True)",
        "    (1): ReLU(inplace=True)",
        "    (2): Dropout(p=0.5, inplace=False)",
        "    (3): Linear(in_features=4096, out_features=4096, bias=True)",
        "    (4): ReLU(inplace=True)",
        "    (5): Dropout(p=0.5, inplace=False)",
        "    (6): Linear(in_features=4096, out_features=1000, bias=True)",
        "  )",
        ")",
    ]
    normed = make_layers([4, "M", 8], batch_norm=True)
    assert [type(layer).__name__ for layer in normed] == [
        "Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "Conv2d", "BatchNorm2d", "ReLU",
    ]  # fmt: skip
    assert VGG(normed, num_classes=3, init_weights=False, dropout=0.1).classifier[2].p == 0.1


# ---- values


def in_pytorch(block, layers, **options):
    """The same network written for PyTorch: what a state_dict of it must fit."""
    T = pytest.importorskip("torch").nn

    class Block(T.Module):
        def __init__(self, source):
            super().__init__()
            for name, layer in source.named_children():
                setattr(self, name, translate(layer))

        def forward(self, x):
            around = self.downsample(x) if hasattr(self, "downsample") else x
            n = 3 if hasattr(self, "conv3") else 2
            for i in range(1, n + 1):
                x = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x))
                x = self.relu(x) if i < n else x
            return self.relu(x + around)

    def translate(layer):
        name = type(layer).__name__
        if isinstance(layer, BasicBlock | Bottleneck):
            return Block(layer)
        if name == "Sequential":
            return T.Sequential(*(translate(child) for child in layer))
        return eval(f"T.{layer!r}", {"T": T})  # its repr is the call that makes it

    ours = ResNet(block, layers, **options)
    theirs = T.Sequential(*[T.Flatten() if name == "flatten" else translate(layer) for name, layer in parts(ours)])
    keys = list(ours.state_dict())
    values = [pytest.importorskip("torch").from_numpy(v.numpy().copy()) for v in ours.state_dict().values()]
    assert len(theirs.state_dict()) == len(keys)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), values)))
    return ours, theirs


def parts(net):
    for name, layer in net.named_children():
        if name == "fc":
            yield "flatten", None
        yield name, layer


@pytest.mark.parametrize(
    ("block", "options"),
    [
        (BasicBlock, {}),
        (Bottleneck, {}),
        (Bottleneck, {"groups": 4, "width_per_group": 16}),
        (Bottleneck, {"replace_stride_with_dilation": (False, True, True)}),
        (BasicBlock, {"zero_init_residual": True}),
    ],
)
def test_resnets_compute_what_pytorch_computes(block, options):
    torch.manual_seed(0)
    ours, theirs = in_pytorch(block, [2, 1, 1, 1], num_classes=5, **options)
    reference = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((2, 3, 40, 33)).astype(np.float32)
    for mode in ("train", "eval"):
        getattr(ours, mode)(), getattr(theirs, mode)()
        got, expected = ours(torch.from_numpy(x)), theirs(reference.from_numpy(x))
        assert got.shape == (2, 5)
        np.testing.assert_allclose(got.detach().numpy(), expected.detach().numpy(), rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(
        ours.state_dict()["layer4.0.bn1.running_var"].numpy(),
        theirs.state_dict()["7.0.bn1.running_var"].numpy(),
        rtol=1e-3, atol=1e-5,
    )  # fmt: skip


def test_vgg_starts_as_published_and_gives_a_score_per_class(monkeypatch):
    torch.manual_seed(0)
    with monkeypatch.context() as patch:
        patch.setattr(nn.init, "kaiming_uniform_", lambda tensor, *args, **kwargs: tensor)  # of 120 million weights
        net = VGG(make_layers([4, "M", 512, "M"], batch_norm=True), init_weights=False)
    net.classifier = nn.Sequential(nn.Linear(512 * 7 * 7, 8), nn.ReLU(), nn.Linear(8, 3))
    net._start()
    linear, conv, norm = net.classifier[0], net.features[4], net.features[1]
    assert abs(linear.weight.std().item() - 0.01) < 1e-4 and not linear.bias.any()
    assert abs(conv.weight.std().item() - (2 / (512 * 9)) ** 0.5) < 1e-3 and not conv.bias.any()
    assert norm.weight.all() and not norm.bias.any()
    out = net.eval()(torch.randn(2, 3, 33, 40))
    assert out.shape == (2, 3) and out.isfinite().all()


def test_zero_init_residual_begins_as_the_way_around():
    for block in (BasicBlock, Bottleneck):
        net = ResNet(block, [1, 1, 1, 1], zero_init_residual=True).eval()
        x = torch.rand(1, 64 * block.expansion, 4, 4)
        inner = block(64 * block.expansion, 64).eval()
        nn.init.zeros_(inner.bn3.weight if block is Bottleneck else inner.bn2.weight)
        np.testing.assert_allclose(inner(x).detach().numpy(), x.numpy(), atol=1e-6)
        last = net.layer3[0].bn3 if block is Bottleneck else net.layer3[0].bn2
        assert not last.weight.any() and net.layer3[0].bn1.weight.all()


def test_other_normalisations():
    net = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=2, norm_layer=lambda planes: nn.GroupNorm(4, planes))
    assert isinstance(net.layer2[0].downsample[1], nn.GroupNorm) and net(torch.rand(1, 3, 32, 32)).shape == (1, 2)


# ---- what is refused


def test_published_weights_are_loaded_from_their_file(no_init):
    for arguments in (
        {"weights": models.ResNet18_Weights.DEFAULT},
        {"weights": models.ResNet18_Weights.IMAGENET1K_V1},
        {"weights": "IMAGENET1K_V1"},
        {"weights": "ResNet18_Weights.DEFAULT"},
        {"weights": "DEFAULT"},
        {"pretrained": True},
        {"weights": True},
    ):
        with pytest.raises(ValueError, match=r"not downloaded") as caught:
            models.resnet18(**arguments)
        text = str(caught.value)
        assert "https://download.pytorch.org/models/resnet18-f37072fd.pth" in text
        assert "model.load_state_dict(minitorch.load('resnet18-f37072fd.pth'))" in text
    with pytest.raises(ValueError, match="not downloaded"):
        models.resnet18(True)
    with pytest.raises(ValueError, match="vgg16_bn-6c64b313"):
        models.vgg16_bn(weights="DEFAULT")
    with pytest.raises(ValueError, match="not downloaded"):
        models.ResNet50_Weights.DEFAULT.get_state_dict(progress=True)
    assert models.ResNet50_Weights.DEFAULT is models.ResNet50_Weights.IMAGENET1K_V2
    for arguments in ({"weights": None}, {"pretrained": False}, {"weights": False}, {"progress": False}):
        assert isinstance(models.resnet18(**arguments), ResNet)
    with pytest.raises(ValueError, match="there are IMAGENET1K_V1"):
        models.resnet18(weights="IMAGENET1K_V2")
    for bad in (3, models.ResNet34_Weights.DEFAULT):
        with pytest.raises(TypeError, match="expected weights=None or one of ResNet18_Weights"):
            models.resnet18(weights=bad)


def test_weights_go_through_a_file(tmp_path, no_init):
    torch.manual_seed(0)
    one, other = (ResNet(BasicBlock, [1, 1, 1, 1], num_classes=3) for _ in range(2))
    with torch.no_grad():
        for p in one.parameters():
            p.copy_(torch.randn(p.shape) * 0.1)
        for p in other.parameters():
            p.zero_()
    torch.save(one.state_dict(), tmp_path / "resnet.pth")
    other.load_state_dict(torch.load(tmp_path / "resnet.pth"))
    x = torch.rand(1, 3, 32, 32)
    assert torch.equal(one.eval()(x), other.eval()(x)) and one(x).any()


def test_arguments_that_make_no_network():
    for arguments, error, text in (
        ({"groups": 2}, ValueError, "groups=1 and base_width=64"),
        ({"width_per_group": 128}, ValueError, "groups=1 and base_width=64"),
        ({"replace_stride_with_dilation": (True, True)}, ValueError, "3-element tuple"),
        ({"replace_stride_with_dilation": (False, False, True)}, NotImplementedError, "dilation"),
        ({"no_such_option": 1}, TypeError, "no_such_option"),
    ):
        with pytest.raises(error, match=text):
            ResNet(BasicBlock, [1, 1, 1, 2], **arguments)


def test_names_of_models_are_found_by_scripts():
    names = sorted(
        n for n in models.__dict__ if n.islower() and not n.startswith("__") and callable(models.__dict__[n])
    )
    assert names == sorted(PARAMETERS)
