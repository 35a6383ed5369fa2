"""``minitorch.distributions``: every formula against PyTorch's; draws against moments; gradients through draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch

F64 = "float64"
A = [[0.4, 1.5, 3.0], [2.0, 0.7, 9.0]]
B = [[1.2, 0.3, 2.5], [5.0, 1.0, 0.6]]
LOC = [[-1.0, 0.0, 2.5], [0.3, 4.0, -2.0]]
PROBS = [[0.1, 0.5, 0.4], [0.3, 0.3, 0.4]]
LOWER = [[1.5, 0.0, 0.0], [0.3, 0.8, 0.0], [-0.5, 0.2, 2.0]]
COV = (np.array(LOWER) @ np.array(LOWER).T).tolist()
INSIDE = [[0.2, 0.5, 0.9], [0.1, 0.6, 0.7]]
SIMPLEX = [[0.2, 0.5, 0.3], [0.1, 0.6, 0.3]]


#: (class, parameters, values for log_prob, what else to compare)
ROWS: list[tuple[str, dict, list, str]] = [
    ("Normal", {"loc": LOC, "scale": A}, LOC[::-1], "mean mode variance stddev entropy perplexity cdf icdf"),
    ("Laplace", {"loc": LOC, "scale": A}, LOC[::-1], "mean mode variance stddev entropy cdf icdf"),
    ("Uniform", {"low": [[-1.0, 0.0, 0.1], [0.0, 0.5, -3.0]], "high": [[1.0, 0.9, 3.0], [1.0, 2.0, 4.0]]}, INSIDE,
     "mean variance stddev entropy cdf icdf"),
    ("Gamma", {"concentration": A, "rate": B}, A, "mean mode variance entropy cdf"),
    ("Exponential", {"rate": A}, B, "mean mode variance stddev entropy cdf icdf"),
    ("Beta", {"concentration1": A, "concentration0": B}, INSIDE, "mean variance entropy"),
    ("Dirichlet", {"concentration": A}, SIMPLEX, "mean variance entropy"),
    ("Dirichlet", {"concentration": [[1.5, 3.0, 2.0], [0.5, 0.3, 0.7]]}, SIMPLEX, "mode"),
    ("Bernoulli", {"probs": INSIDE}, [[0.0, 1, 1], [1, 0, 0]], "mean mode variance entropy logits"),
    ("Bernoulli", {"logits": LOC}, [[0.0, 1, 1], [1, 0, 0]], "mean variance entropy probs"),
    ("Categorical", {"probs": A}, [0, 2], "probs logits mode entropy mean variance"),
    ("Categorical", {"logits": LOC}, [1, 1], "probs logits mode entropy"),
    ("OneHotCategorical", {"probs": PROBS}, [[0.0, 1, 0], [1, 0, 0]], "mean mode variance entropy"),
    ("MultivariateNormal", {"loc": LOC, "scale_tril": LOWER}, INSIDE, "mean mode variance entropy covariance_matrix"),
    ("MultivariateNormal", {"loc": LOC, "covariance_matrix": COV}, INSIDE, "precision_matrix scale_tril entropy"),
    ("MultivariateNormal", {"loc": LOC[0], "precision_matrix": COV}, INSIDE, "covariance_matrix variance entropy"),
]  # fmt: skip


def made(library: Any, name: str, parameters: dict, grad: bool = False, **kwargs: Any) -> tuple[Any, list]:
    tensors = {k: library.tensor(v, dtype=library.float64, requires_grad=grad) for k, v in parameters.items()}
    return getattr(library.distributions, name)(**tensors, **kwargs), list(tensors.values())


def close(ours: Any, theirs: Any, tolerance: float = 1e-9) -> None:
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert repr(ours.dtype) == repr(theirs.dtype)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{'-'.join(row[1])}")
def test_formulas(row: tuple) -> None:
    torch = pytest.importorskip("torch")
    name, parameters, value, more = row
    gradients = []
    for library in (minitorch, torch):
        d, tensors = made(library, name, parameters, grad=True)
        at = library.tensor(value, dtype=library.float64)
        results = [d.log_prob(at if name != "Categorical" else at.long())]
        for what in more.split():
            if what in ("cdf", "icdf"):
                results.append(getattr(d, what)(at if what == "cdf" else library.tensor(INSIDE, dtype=at.dtype)))
            else:
                found = getattr(d, what)
                results.append(found() if callable(found) else found)
        smooth = [r.nan_to_num(0.0).sum() for r in results if r.requires_grad]
        if name == "Gamma":  # PyTorch has no derivative of the distribution function by its shape
            smooth.pop()
        sum(smooth).backward()
        gradients.append((d, results, [t.grad for t in tensors]))
    (ours, mine, my_grads), (theirs, expected, their_grads) = gradients
    for a, b in zip([*mine, *my_grads], [*expected, *their_grads]):
        close(a, b)
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)
    assert ours.has_rsample == theirs.has_rsample
    if name not in ("Beta", "MultivariateNormal", "OneHotCategorical"):  # PyTorch shows less
        assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{'-'.join(row[1])}")
def test_draws_have_the_moments_and_shapes(row: tuple) -> None:
    name, parameters, _, _ = row
    minitorch.manual_seed(3)
    d, _ = made(minitorch, name, parameters)
    wide = d.expand((4, *d.batch_shape))
    assert wide.sample((5,)).shape == (5, 4, *d.batch_shape, *d.event_shape)
    assert wide.batch_shape == (4, *d.batch_shape)
    wide.log_prob(wide.sample())
    draws = d.sample((4000,))
    assert not draws.requires_grad
    d.log_prob(draws)  # all within the support
    if name != "Categorical":
        spread = (d.variance / 4000).sqrt()
        assert bool(((draws.to(spread.dtype).mean(0) - d.mean).abs() <= 5 * spread).all())
        np.testing.assert_allclose(draws.var(0).numpy(), d.variance.numpy(), rtol=0.35)
    else:
        shares = minitorch.nn.functional.one_hot(draws, 3).double().mean(0)
        np.testing.assert_allclose(shares.numpy(), d.probs.numpy(), atol=0.05)


@pytest.mark.parametrize("name", ["Normal", "Laplace", "Uniform", "Exponential", "MultivariateNormal"])
def test_gradients_through_draws(name: str) -> None:
    """A draw is a function of the parameters at fixed noise."""
    _, parameters, _, _ = next(row for row in ROWS if row[0] == name)
    names = list(parameters)
    leaves = [minitorch.tensor(v, dtype=minitorch.float64, requires_grad=True) for v in parameters.values()]

    def draw(*values: Any) -> Any:
        minitorch.manual_seed(0)
        d = getattr(minitorch.distributions, name)(**dict(zip(names, values)), validate_args=False)
        return d.rsample((2,))

    assert minitorch.autograd.gradcheck(draw, leaves)
    assert minitorch.autograd.gradgradcheck(draw, leaves)


def test_slope_of_gamma_variates_is_that_of_the_distribution_function() -> None:
    from minitorch.backend.primitives import incomplete_gamma

    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    a = np.exp(rng.uniform(-3, 6, 300))
    x = np.maximum(rng.standard_gamma(a), 1e-12)
    P = lambda a, x: torch.special.gammainc(torch.from_numpy(a), torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(incomplete_gamma.gammainc(a, x), P(a, x), rtol=1e-8, atol=1e-14)
    step = a * 1e-5
    density = torch.distributions.Gamma(torch.from_numpy(a), 1.0).log_prob(torch.from_numpy(x)).exp().numpy()
    expected = -(P(a + step, x) - P(a - step, x)) / (2 * step) / density
    np.testing.assert_allclose(incomplete_gamma.gamma_slope(a, x), expected, rtol=1e-4, atol=1e-7)
    theirs = torch._C._VariableFunctions._standard_gamma_grad(torch.from_numpy(a), torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(incomplete_gamma.gamma_slope(a, x), theirs, rtol=2e-3)


def test_slope_of_gamma_variates_of_large_concentration_continues_the_series(monkeypatch: Any) -> None:
    from minitorch.backend.primitives import incomplete_gamma

    a = np.full(7, 1.2e4)
    x = a + np.sqrt(a) * np.linspace(-4, 4, 7)
    expanded = incomplete_gamma.gamma_slope(a, x)
    monkeypatch.setattr(incomplete_gamma, "LARGE", 1e6)
    np.testing.assert_allclose(expanded, incomplete_gamma.gamma_slope(a, x), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "parameters", "function", "expected"),
    [
        # E[x²] of Gamma(a, b) is a(a+1)/b²
        ("Gamma", (2.5, 1.5), lambda x: x**2, lambda a, b: ((2 * a + 1) / b**2, -2 * a * (a + 1) / b**3)),
        # E[x] of Beta(a, b) is a/(a+b)
        ("Beta", (2.0, 0.8), lambda x: x, lambda a, b: (b / (a + b) ** 2, -a / (a + b) ** 2)),
    ],
)
def test_gradients_through_gamma_variates_are_those_of_the_mean(name, parameters, function, expected) -> None:
    minitorch.manual_seed(1)
    leaves = [minitorch.tensor(p, dtype=minitorch.float64, requires_grad=True) for p in parameters]
    function(getattr(minitorch.distributions, name)(*leaves).rsample((60000,))).mean().backward()
    np.testing.assert_allclose([x.grad.item() for x in leaves], expected(*parameters), rtol=0.05)


def test_gradients_through_gamma_variates_are_of_first_order() -> None:
    a = minitorch.tensor(2.0, requires_grad=True)
    (g,) = minitorch.autograd.grad(minitorch.distributions.Gamma(a, 1.0).rsample(), a, create_graph=True)
    with pytest.raises(RuntimeError, match="not implemented"):
        g.backward()


def test_derivative_of_the_gamma_distribution_function() -> None:
    a = minitorch.tensor(A, dtype=minitorch.float64, requires_grad=True)
    x = minitorch.tensor(B, dtype=minitorch.float64, requires_grad=True)
    assert minitorch.autograd.gradcheck(lambda a, x: minitorch.distributions.Gamma(a, 1.0).cdf(x), [a, x])


PAIRS = [
    ("Normal", {"loc": LOC, "scale": A}, "Normal", {"loc": B, "scale": B}),
    ("Laplace", {"loc": LOC, "scale": A}, "Laplace", {"loc": B, "scale": B}),
    ("Uniform", {"low": [0.0, 0.0], "high": [1.0, 3.0]}, "Uniform", {"low": [-1.0, 0.0], "high": [2.0, 2.0]}),
    ("Uniform", {"low": [0.0, 0.0], "high": [1.0, 3.0]}, "Normal", {"loc": [-1.0, 0.0], "scale": [2.0, 2.0]}),
    ("Bernoulli", {"probs": [0.2, 0.0, 1.0, 0.5]}, "Bernoulli", {"probs": [0.3, 0.5, 0.2, 0.0]}),
    ("Categorical", {"probs": PROBS}, "Categorical", {"probs": SIMPLEX}),
    ("Categorical", {"probs": [0.5, 0.5, 0.0]}, "Categorical", {"probs": [0.0, 0.5, 0.5]}),
    ("OneHotCategorical", {"probs": PROBS}, "OneHotCategorical", {"probs": SIMPLEX}),
    ("Exponential", {"rate": A}, "Exponential", {"rate": B}),
    ("Gamma", {"concentration": A, "rate": B}, "Gamma", {"concentration": B, "rate": A}),
    ("Exponential", {"rate": A}, "Gamma", {"concentration": B, "rate": A}),
    ("Gamma", {"concentration": B, "rate": A}, "Exponential", {"rate": B}),
    ("Dirichlet", {"concentration": A}, "Dirichlet", {"concentration": B}),
    ("Beta", {"concentration1": A, "concentration0": B}, "Beta", {"concentration1": B, "concentration0": B}),
    ("MultivariateNormal", {"loc": LOC, "scale_tril": LOWER}, "MultivariateNormal",
     {"loc": LOC[0], "covariance_matrix": (2 * np.eye(3)).tolist()}),
]  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0]}-{pair[2]}")
def test_divergences(pair: tuple) -> None:
    torch = pytest.importorskip("torch")
    found = []
    for library in (minitorch, torch):
        p, first = made(library, *pair[:2], grad=True)
        q, second = made(library, *pair[2:], grad=True)
        kl = library.distributions.kl_divergence(p, q)
        found.append([kl])
        if np.isfinite(kl.detach().numpy()).all():
            kl.sum().backward()
            found[-1] += [t.grad for t in first + second]
    for a, b in zip(*found):
        close(a, b)


def test_divergence_of_other_pairs_is_refused_or_registered() -> None:
    d = minitorch.distributions
    with pytest.raises(NotImplementedError, match="p type Normal, q type Beta"):
        d.kl_divergence(d.Normal(0.0, 1.0), d.Beta(1.0, 1.0))

    class Mine(d.Normal):
        pass

    d.register_kl(Mine, d.Beta)(lambda p, q: "registered")
    assert d.kl_divergence(Mine(0.0, 1.0), d.Beta(1.0, 1.0)) == "registered"


def test_independent() -> None:
    torch = pytest.importorskip("torch")
    results = []
    for library in (minitorch, torch):
        base, _ = made(library, "Normal", {"loc": LOC, "scale": A})
        d = library.distributions.Independent(base, 1)
        results.append((d.log_prob(library.zeros(3, dtype=library.float64)), d.entropy(), d.mean, d.stddev))
        results[-1] += (library.distributions.kl_divergence(d, d.expand((4, 2))),)
        assert d.has_rsample and d.rsample((2,)).shape == d.sample((2,)).shape == (2, 2, 3)
        assert not d.support.check(library.tensor([[1.0, float("nan"), 0.0]])).any()
        assert repr(d) == "Independent(Normal(loc: torch.Size([2, 3]), scale: torch.Size([2, 3])), 1)"
    for a, b in zip(*results):
        close(a, b)


def test_numbers_as_parameters() -> None:
    d = minitorch.distributions.Normal(0, 2.0)
    assert repr(d) == "Normal(loc: 0.0, scale: 2.0)"
    assert d.sample().shape == () and d.loc.dtype is minitorch.float32
    half = minitorch.distributions.Gamma(minitorch.ones(2, dtype=minitorch.float64), 1)
    assert half.rate.dtype is minitorch.float64


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda d, t: d.Normal(t.zeros(2), t.tensor([1.0, -1.0])), "parameter scale"),
        (lambda d, t: d.Normal(t.tensor(float("nan")), 1.0), "parameter loc"),
        (lambda d, t: d.Normal("a", 1.0), "Tensor"),
        (lambda d, t: d.Uniform(1.0, 1.0), "low|high"),
        (lambda d, t: d.Bernoulli(t.tensor(1.5)), "probs"),
        (lambda d, t: d.Bernoulli(), "either"),
        (lambda d, t: d.Categorical(t.ones(2), t.ones(2)), "either"),
        (lambda d, t: d.Categorical(t.tensor(0.5)), "one-dimensional"),
        (lambda d, t: d.Categorical(logits=t.tensor([float("nan"), 1.0])), "logits"),
        (lambda d, t: d.Dirichlet(t.tensor([1.0, 0.0])), "concentration"),
        (lambda d, t: d.MultivariateNormal(t.zeros(2), -t.eye(2)), "covariance_matrix"),
        (lambda d, t: d.MultivariateNormal(t.zeros(2)), "one of"),
        (lambda d, t: d.Independent(d.Normal(0.0, 1.0), 1), "reinterpreted_batch_ndims"),
        (lambda d, t: d.Normal(t.zeros(2), 1.0).log_prob(t.zeros(3)), "shape|broadcast"),
        (lambda d, t: d.Normal(0.0, 1.0).log_prob(1.0), "Tensor"),
        (lambda d, t: d.Exponential(1.0).log_prob(t.tensor(-1.0)), "support"),
        (lambda d, t: d.Categorical(t.ones(3)).log_prob(t.tensor(3)), "support"),
        (lambda d, t: d.Dirichlet(t.ones(3)).log_prob(t.ones(3)), "support"),
        (lambda d, t: d.Dirichlet(t.ones(3)).log_prob(t.ones(2)), "event shape"),
        (lambda d, t: d.Dirichlet(t.tensor(1.0)), "one-dimensional"),
        (lambda d, t: d.MultivariateNormal(t.tensor(1.0), t.eye(1)), "one-dimensional"),
        (lambda d, t: d.MultivariateNormal(t.ones(1), t.ones(1)), "two-dimensional"),
        (lambda d, t: d.kl_divergence(*(d.MultivariateNormal(t.zeros(n), t.eye(n)) for n in (1, 2))), "shapes"),
    ],
)
def test_bad_arguments(make: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make(minitorch.distributions, minitorch)
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError):
        make(torch.distributions, torch)


def test_checks_can_be_switched_off() -> None:
    d = minitorch.distributions
    assert d.Exponential(1.0, validate_args=False).log_prob(minitorch.tensor(-1.0)).item() == 1.0
    d.Distribution.set_default_validate_args(False)
    try:
        d.Normal(0.0, -1.0)
    finally:
        d.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError, match="True or False"):
        d.Distribution.set_default_validate_args(2)


def test_all_values_of_discrete_distributions() -> None:
    torch = pytest.importorskip("torch")
    for name, parameters in [("Bernoulli", {"probs": INSIDE}), ("Categorical", {"probs": PROBS}),
                             ("OneHotCategorical", {"probs": PROBS})]:  # fmt: skip
        for expand in (True, False):
            ours, theirs = (made(x, name, parameters)[0].enumerate_support(expand) for x in (minitorch, torch))
            close(ours, theirs)


def test_policy_gradient_step() -> None:
    """The loop that scripts use Categorical for: better rewarded actions become more probable."""
    minitorch.manual_seed(0)
    logits = minitorch.zeros(3, requires_grad=True)
    optimizer = minitorch.optim.SGD([logits], lr=0.5)
    for _ in range(100):
        d = minitorch.distributions.Categorical(logits=logits)
        action = d.sample()
        loss = -d.log_prob(action) * float(action == 1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert minitorch.softmax(logits, 0)[1] > 0.8


def test_modules_have_pytorchs_names() -> None:
    torch = pytest.importorskip("torch")
    from importlib import import_module

    for name in minitorch.distributions.__all__:
        place = getattr(torch.distributions, name).__module__.replace("torch.", "minitorch.", 1)
        assert getattr(import_module(place), name) is getattr(minitorch.distributions, name)
    with pytest.raises(AttributeError, match="not in minitorch"):
        minitorch.distributions.Poisson
