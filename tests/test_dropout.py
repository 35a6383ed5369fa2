"""Dropout: how many, which, how the rest is scaled, and what stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from minitorch import nn

F = nn.functional
NAMES = ["dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"]
LAYERS = ["Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"]
SHAPES = {"1d": (40, 50, 6), "2d": (40, 50, 3, 2), "3d": (40, 50, 2, 2, 2)}
SATURATION = -1.7580993408473766  # -scale · alpha of SELU


def shape_of(name):
    return SHAPES.get(name[-2:], (40, 50, 6))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_of_zeros_and_the_scale_of_the_rest(p):
    minitorch.manual_seed(0)
    out = F.dropout(minitorch.ones(300, 400), p).numpy()
    kept = out != 0
    sigma = (p * (1 - p) / out.size) ** 0.5
    assert abs(kept.mean() - (1 - p)) < 5 * sigma
    np.testing.assert_allclose(out[kept], 1 / (1 - p), rtol=1e-6)
    # neighbours are independent of each other
    both = (kept[:, 1:] & kept[:, :-1]).mean()
    assert abs(both - (1 - p) ** 2) < 0.01
    assert abs((kept[1:] & kept[:-1]).mean() - (1 - p) ** 2) < 0.01


@pytest.mark.parametrize("name", ["dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"])
def test_whole_channels(name):
    minitorch.manual_seed(1)
    x = minitorch.ones(shape_of(name))
    out = getattr(F, name)(x, 0.3, True).numpy()
    each = out.reshape(40, 50, -1)
    assert (each == each[:, :, :1]).all()
    dropped = each[:, :, 0] == each.min()
    assert abs(dropped.mean() - 0.3) < 0.06


@pytest.mark.parametrize("name", ["dropout1d", "dropout3d"])
def test_channels_without_a_batch(name):
    minitorch.manual_seed(1)
    out = getattr(F, name)(minitorch.ones(shape_of(name)[1:]), 0.5).numpy().reshape(50, -1)
    assert (out == out[:, :1]).all() and 0 < (out[:, 0] == 0).sum() < 50


@pytest.mark.parametrize(
    ("name", "shape", "slices"),
    [("dropout2d", (9, 8), 2), ("dropout2d", (9, 8, 5), 2), ("dropout3d", (60, 8, 2), 1), ("dropout3d", (60, 8), 1)],
)
def test_other_ranks_drop_slices_with_a_warning(name, shape, slices):
    """What PyTorch's older examples do: Dropout2d of (N, C) is a plain dropout."""
    with pytest.warns(UserWarning, match=rf"{name}: expected 4 dimensions"):
        out = getattr(F, name)(minitorch.ones(shape), 0.5).numpy()
    each = out.reshape(*shape[:slices], -1)
    assert (each == each[..., :1]).all()
    assert 0 < (each[..., 0] == 0).sum() < each[..., 0].size


@pytest.mark.parametrize("name", ["alpha_dropout", "feature_alpha_dropout"])
def test_alpha_dropout_keeps_mean_and_variance(name):
    minitorch.manual_seed(2)
    x = minitorch.randn(400, 500, 2) if name == "alpha_dropout" else minitorch.randn(400, 500, 1)
    out = getattr(F, name)(x, 0.2, True)
    assert abs(out.mean().item()) < 0.01 and abs(out.std().item() - 1) < 0.01
    scale = ((1 - 0.2) * (1 + 0.2 * SATURATION**2)) ** -0.5
    lowest = scale * SATURATION * (1 - 0.2)
    assert np.isclose(out.numpy(), lowest, rtol=1e-5).mean() == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_pass_where_values_did(name):
    x = minitorch.randn(shape_of(name)).requires_grad_()
    out = getattr(F, name)(x, 0.4, True)
    out.backward(minitorch.ones(*out.shape))
    slopes = np.unique(x.grad.numpy().round(5))
    assert len(slopes) == 2 and slopes[0] == 0
    if "alpha" not in name:
        np.testing.assert_allclose(x.grad.numpy() * x.detach().numpy(), out.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_two_orders(name):
    def seeded(x):
        minitorch.manual_seed(5)
        return getattr(F, name)(x, 0.4, True)

    shape = (2, 3) + (2,) * (int(name[-2]) if name[-1] == "d" else 1)
    x = minitorch.randn(shape, dtype=minitorch.float64, requires_grad=True)
    assert minitorch.autograd.gradcheck(seeded, x)
    assert minitorch.autograd.gradgradcheck(lambda x: seeded(x * x), x)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_happens_in_evaluation_or_with_p_zero(name):
    x = minitorch.randn(shape_of(name))
    assert getattr(F, name)(x, 0.5, False) is x
    assert getattr(F, name)(x, 0.0, True) is x


@pytest.mark.parametrize("name", NAMES)
def test_p_one_drops_all(name):
    x = minitorch.randn(shape_of(name)).requires_grad_()
    out = getattr(F, name)(x, 1.0, True)
    out.sum().backward()
    assert not x.grad.any()
    torch = pytest.importorskip("torch")
    expected = getattr(torch.nn.functional, name)(torch.randn(shape_of(name)), 1.0, True)
    np.testing.assert_allclose(out.detach().numpy(), expected.numpy())


@pytest.mark.parametrize("name", NAMES)
def test_in_place(name):
    x = minitorch.randn(shape_of(name))
    leaf = x.clone().requires_grad_()
    work = leaf * 1
    minitorch.manual_seed(3)
    out = getattr(F, name)(work, 0.4, True, True)
    assert out is work and out._version == 1
    minitorch.manual_seed(3)
    np.testing.assert_array_equal(out.detach().numpy(), getattr(F, name)(x, 0.4, True).numpy())
    out.sum().backward()
    assert 0 < (leaf.grad == 0).float().mean() < 1


@pytest.mark.parametrize("p", [1 / 3, 1e-3, 0.999])
def test_probabilities_that_sixteen_bits_do_not_hold(p):
    minitorch.manual_seed(4)
    zeros = sum((F.dropout(minitorch.ones(1000, 1000), p) == 0).sum().item() for _ in range(3)) / 3e6
    assert abs(zeros - p) < 5 * (p * (1 - p) / 3e6) ** 0.5


def test_the_seed_decides():
    x = minitorch.ones(100)
    masks = []
    for seed in (7, 7, 8):
        minitorch.manual_seed(seed)
        masks.append(F.dropout(x).tolist())
    assert masks[0] == masks[1] != masks[2]
    assert F.dropout(x).tolist() != F.dropout(x).tolist()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_stay(dtype):
    x = minitorch.ones(50, dtype=getattr(minitorch, dtype))
    for name in ("dropout", "alpha_dropout"):
        assert getattr(F, name)(x, 0.5, True).dtype is x.dtype
    assert F.dropout(x, 0.5).unique().tolist() == [0, 2]


@pytest.mark.parametrize("shape", [(), (0,), (3, 0)])
def test_shapes(shape):
    assert F.dropout(minitorch.ones(shape), 0.5).shape == shape


def test_strided():
    x = minitorch.ones(20, 30).T
    out = F.dropout(x, 0.5)
    assert out.shape == (30, 20) and set(out.unique().tolist()) == {0, 2}


def test_node_names():
    torch = pytest.importorskip("torch")

    def names(m):
        f, x = m.nn.functional, m.ones(2, 3, 4, requires_grad=True)
        outputs = [f.dropout(x), f.dropout1d(x), f.alpha_dropout(x, 0.5, True), f.feature_alpha_dropout(x, 0.5, True)]
        return [type(out.grad_fn).__name__ for out in outputs]

    assert names(minitorch) == names(torch)


@pytest.mark.parametrize("name", LAYERS)
def test_as_layers(name):
    torch = pytest.importorskip("torch")
    shape = shape_of(name)
    for kwargs in ({}, {"p": 0.3, "inplace": True}):
        ours = getattr(nn, name)(**kwargs)
        assert repr(ours) == repr(getattr(torch.nn, name)(**kwargs))
        assert not ours.state_dict()
        x = minitorch.randn(shape)
        before = x.clone()
        assert not minitorch.equal(ours(x), before)
        assert minitorch.equal(x, before) is not ours.inplace
        ours.eval()
        assert ours(x) is x


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
@pytest.mark.parametrize("name", NAMES)
def test_bad_probabilities(name, p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        getattr(F, name)(minitorch.ones(shape_of(name)), p)
    with pytest.raises(ValueError, match="between 0 and 1"):
        getattr(nn, LAYERS[NAMES.index(name)])(p)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("dropout1d", (4,)), ("dropout1d", (2,) * 4), ("dropout2d", (4,)), ("feature_alpha_dropout", (4,))],
)
def test_other_numbers_of_dimensions_are_refused(name, shape):
    with pytest.raises(RuntimeError, match=rf"{name}: .*2 dimensions"):
        getattr(F, name)(minitorch.ones(shape), 0.5, True)


def test_a_leaf_is_not_changed_in_place():
    x = minitorch.ones(5, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        F.dropout(x, 0.5, True, True)
    assert x.tolist() == [1] * 5


def test_integers_are_refused():
    with pytest.raises(RuntimeError, match=r"input\.float\(\)"):
        F.dropout(minitorch.ones(5, dtype=minitorch.int64), 0.5)


def test_no_tensor_is_refused():
    with pytest.raises(TypeError, match="must be Tensor"):
        F.dropout([1.0, 2.0])
