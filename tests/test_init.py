"""``nn.init``: distributions, exact patterns, refusals; how layers begin."""

import math

import numpy as np
import pytest
from twins import check_twins

import minitorch
from minitorch import nn

init = nn.init
# fan_in 5·9 = 45, fan_out 400·9 = 3600
SHAPE = (400, 5, 3, 3)


def truncated_std(a, b):
    """Standard deviation of a standard normal variable between a and b."""
    density = [math.exp(-x * x / 2) / math.sqrt(2 * math.pi) for x in (a, b)]
    mass = (math.erf(b / math.sqrt(2)) - math.erf(a / math.sqrt(2))) / 2
    mean = (density[0] - density[1]) / mass
    return mean, math.sqrt(1 + (a * density[0] - b * density[1]) / mass - mean**2)


# what is called, mean, standard deviation, bounds (None: normal, without bounds)
RANDOM = {
    "uniform": (lambda w: init.uniform_(w, -1, 3), 1, 4 / 12**0.5, (-1, 3)),
    "uniform, default": (init.uniform_, 0.5, 1 / 12**0.5, (0, 1)),
    "normal": (lambda w: init.normal_(w, 2, 0.5), 2, 0.5, None),
    "normal, default": (init.normal_, 0, 1, None),
    "trunc_normal": (init.trunc_normal_, *truncated_std(-2, 2), (-2, 2)),
    "trunc_normal, one-sided": (lambda w: init.trunc_normal_(w, a=1, b=2), *truncated_std(1, 2), (1, 2)),
    "trunc_normal, scaled": (lambda w: init.trunc_normal_(w, 0, 0.02), 0, 0.02, (-2, 2)),
    "xavier_uniform": (init.xavier_uniform_, 0, (2 / 3645) ** 0.5, (-((6 / 3645) ** 0.5), (6 / 3645) ** 0.5)),
    "xavier_normal": (lambda w: init.xavier_normal_(w, gain=2), 0, 2 * (2 / 3645) ** 0.5, None),
    "kaiming_uniform": (init.kaiming_uniform_, 0, (2 / 45) ** 0.5, (-((6 / 45) ** 0.5), (6 / 45) ** 0.5)),
    "kaiming_uniform, slope": (lambda w: init.kaiming_uniform_(w, a=5**0.5), 0, 135**-0.5, (-(45**-0.5), 45**-0.5)),
    "kaiming_normal, out": (lambda w: init.kaiming_normal_(w, 0, "fan_out", "relu"), 0, 1800**-0.5, None),
    "kaiming_normal, tanh": (lambda w: init.kaiming_normal_(w, nonlinearity="tanh"), 0, 5 / 3 / 45**0.5, None),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [minitorch.float32, minitorch.float64])
@pytest.mark.parametrize(("fill", "mean", "std", "bounds"), RANDOM.values(), ids=RANDOM)
def test_distributions(fill, mean, std, bounds, dtype):
    minitorch.manual_seed(5)
    weight = nn.Parameter(minitorch.empty(SHAPE, dtype=dtype))
    assert fill(weight) is weight and weight.requires_grad and weight.is_leaf and weight.dtype is dtype
    values = weight.detach().numpy().ravel().astype(np.float64)
    count = values.size
    assert abs(values.mean() - mean) < 5 * std / count**0.5
    assert abs(values.std() / std - 1) < 5 * (0.75 / count) ** 0.5  # normal: kurtosis 3; less for the others
    if bounds is None:
        share = np.mean(np.abs(values - mean) < std)
        assert abs(share - math.erf(0.5**0.5)) < 5 * (0.22 / count) ** 0.5
        assert np.abs(values - mean).max() > 3 * std
    else:
        assert bounds[0] <= values.min() and values.max() <= bounds[1]
    assert len(np.unique(values)) > 0.95 * count


@pytest.mark.parametrize("fill", [row[0] for row in RANDOM.values()], ids=RANDOM)
def test_strided_memory_is_filled_whole(fill):
    memory = minitorch.full((3, 3, 6, 8), 1e9)
    fill(memory[:, :, ::2].transpose(0, 3))
    assert (memory[:, :, ::2].abs() < 1e3).all() and (memory[:, :, 1::2] == 1e9).all()


GENERATED = "uniform_ normal_ trunc_normal_ xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ orthogonal_"


@pytest.mark.parametrize("name", [*GENERATED.split(), "sparse_"])
def test_generators(name):
    def draw(generator=None):
        args = (0.2,) if name == "sparse_" else ()
        return getattr(init, name)(minitorch.empty(4, 5), *args, generator=generator).tolist()

    minitorch.manual_seed(3)
    before = minitorch.get_rng_state()
    first = draw(minitorch.Generator().manual_seed(1))
    assert first == draw(minitorch.Generator().manual_seed(1)) != draw(minitorch.Generator().manual_seed(2))
    assert minitorch.equal(minitorch.get_rng_state(), before)
    own = draw()
    minitorch.manual_seed(3)
    assert own == draw() != draw()


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3), (4, 2, 3), (1, 1)])
def test_orthogonal(shape):
    weight = init.orthogonal_(minitorch.empty(shape, dtype=minitorch.float64), gain=2)
    flat = weight.reshape(shape[0], -1).numpy()
    product = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


def test_orthogonal_matrices_are_drawn_evenly():
    """Without the signs of R, QR favours one sign of the diagonal."""
    minitorch.manual_seed(0)
    corners = [init.orthogonal_(minitorch.empty(2, 2))[0, 0].item() > 0 for _ in range(200)]
    assert 70 < sum(corners) < 130


def test_sparse():
    minitorch.manual_seed(0)
    weight = init.sparse_(minitorch.empty(100, 50), 0.33, std=0.1)
    zeros = (weight == 0).numpy()
    assert (zeros.sum(0) == 33).all()
    assert len({tuple(column) for column in zeros.T}) == 50  # other rows in each column
    assert abs(weight.numpy()[~zeros].std() - 0.1) < 0.01


def refusals(t):
    i, e = t.nn.init, t.empty
    return {
        "gain of nothing": lambda: i.calculate_gain("nope"),
        "slope that is a bool": lambda: i.calculate_gain("leaky_relu", True),
        "slope that is text": lambda: i.calculate_gain("leaky_relu", "0.1"),
        "fan of a vector": lambda: i._calculate_fan_in_and_fan_out(e(3)),
        "eye of a vector": lambda: i.eye_(e(3)),
        "dirac of a matrix": lambda: i.dirac_(e(3, 3)),
        "dirac of six dimensions": lambda: i.dirac_(e(1, 1, 1, 1, 1, 1)),
        "dirac in uneven groups": lambda: i.dirac_(e(3, 2, 3), 2),
        "xavier of a vector": lambda: i.xavier_uniform_(e(3)),
        "xavier_normal of a number": lambda: i.xavier_normal_(t.tensor(1.0)),
        "kaiming of a vector": lambda: i.kaiming_normal_(e(3)),
        "kaiming, mode": lambda: i.kaiming_uniform_(e(3, 4), mode="fan"),
        "kaiming, nonlinearity": lambda: i.kaiming_uniform_(e(3, 4), nonlinearity="nope"),
        "orthogonal of a vector": lambda: i.orthogonal_(e(3)),
        "sparse of a vector": lambda: i.sparse_(e(3), 0.5),
        "uniform backwards": lambda: i.uniform_(e(3), 1, 0),
        "normal, std": lambda: i.normal_(e(3), 0, -1),
        "uniform of integers": lambda: i.uniform_(t.zeros(3, dtype=t.int64)),
        "orthogonal of integers": lambda: i.orthogonal_(t.zeros(3, 3, dtype=t.int64)),
        "trunc_normal of integers": lambda: i.trunc_normal_(t.zeros(3, dtype=t.int64)),
    }


def exact(t):
    i, e = t.nn.init, t.empty
    nonlinearities = "linear conv1d conv2d conv3d conv_transpose1d conv_transpose3d sigmoid tanh relu leaky_relu selu"
    return {
        "gains": lambda: [i.calculate_gain(name) for name in nonlinearities.split()],
        "gain of a slope": lambda: i.calculate_gain("leaky_relu", 0.3),
        "fans": lambda: (i._calculate_fan_in_and_fan_out(e(3, 4, 5, 6)), i._calculate_fan_in_and_fan_out(e(3, 4))),
        "fan of a mode": lambda: [i._calculate_correct_fan(e(3, 4), mode) for mode in ("fan_in", "FAN_OUT")],
        "constant": lambda: i.constant_(e(2, 3), 0.3),
        "constant integers": lambda: i.constant_(e(2, 3, dtype=t.int64), 3),
        "ones": lambda: i.ones_(t.nn.Parameter(e(2))),
        "zeros": lambda: i.zeros_(t.nn.Parameter(e(2))),
        "eye": lambda: (i.eye_(e(2, 3)), i.eye_(e(3, 2)), i.eye_(e(2, 2, dtype=t.float64))),
        "dirac 1d": lambda: (i.dirac_(e(2, 3, 3)), i.dirac_(e(3, 2, 4))),
        "dirac 2d": lambda: i.dirac_(e(2, 2, 2, 3)),
        "dirac 3d": lambda: i.dirac_(e(1, 2, 1, 3, 3)),
        "dirac in groups": lambda: (i.dirac_(e(4, 2, 3), 2), i.dirac_(e(4, 1, 3), groups=4)),
        "empty": lambda: (i.kaiming_uniform_(e(0, 3)), i.kaiming_normal_(e(3, 0)), i.ones_(e(0))),
        "orthogonal, empty": lambda: i.orthogonal_(e(0, 3)),
        "far mean": lambda: tuple(i.trunc_normal_(e(3), mean=10.0).shape),
    }  # fmt: skip


@pytest.mark.parametrize("name", exact(minitorch))
def test_exact_values_are_pytorchs(name):
    check_twins(lambda t: exact(t)[name]())


@pytest.mark.parametrize("name", refusals(minitorch))
def test_refusals_are_pytorchs(name):
    check_twins(lambda t: refusals(t)[name]())


def test_a_refused_tensor_stays_as_it_is():
    weight = minitorch.ones(3)
    for fill in (init.xavier_uniform_, init.kaiming_uniform_, init.orthogonal_, init.eye_, init.dirac_):
        with pytest.raises(ValueError, match="dimensions"):
            fill(weight)
    assert weight.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "name", ["uniform", "normal", "constant", "eye", "dirac", "xavier_uniform", "xavier_normal", "kaiming_uniform",
             "kaiming_normal", "orthogonal", "sparse"],
)  # fmt: skip
def test_old_names_warn(name):
    weight = minitorch.empty(2, 2, 3) if name == "dirac" else minitorch.empty(2, 2)
    args = {"constant": (1,), "sparse": (0.5,)}.get(name, ())
    text = f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`."
    with pytest.warns(FutureWarning) as caught:
        assert getattr(init, name)(weight, *args) is weight
    assert [str(w.message) for w in caught] == [text] and caught[0].filename == __file__


# ---- how layers begin: as PyTorch's, which draws weights and biases uniformly between ±1/√fan_in

LAYERS = {
    "Linear": (lambda: nn.Linear(200, 300), 200),
    "Conv2d": (lambda: nn.Conv2d(20, 200, 3), 180),
    "Conv2d in groups": (lambda: nn.Conv2d(40, 400, 3, groups=2), 180),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(200, 20, 3), 180),
    "Bilinear": (lambda: nn.Bilinear(50, 40, 30), 50),
}


@pytest.mark.parametrize(("make", "fan_in"), LAYERS.values(), ids=LAYERS)
def test_layers_begin_as_pytorchs(make, fan_in):
    minitorch.manual_seed(1)
    layer = make()
    bound = fan_in**-0.5
    for values, tolerance in ((layer.weight, 0.02), (layer.bias, 0.25)):
        values = values.detach().numpy()
        assert np.abs(values).max() <= bound and np.abs(values).max() > 0.8 * bound
        assert abs(values.std() / (bound / 3**0.5) - 1) < tolerance


def test_a_seed_fixes_all_of_a_network():
    def draw():
        minitorch.manual_seed(7)
        net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(2, 3), nn.Embedding(4, 5))
        return [p.tolist() for p in net.parameters()]

    assert draw() == draw()
