"""assert_close: what passes, what it says, beside PyTorch's."""

import numpy as np
import pytest

import minitorch

NAN, INF = float("nan"), float("inf")


def pairs(t):
    """Pairs of values of a library, with options."""
    tensor = t.tensor
    return [
        (tensor([1.0, 2.0, 3.0]), tensor([1.0, 2.0, 4.0]), {}),
        (tensor([[1.0, 2.0], [3.0, NAN]]), tensor([[1.0, 2.0], [3.0, NAN]]), {}),
        (tensor([[1.0, 2.0], [3.0, NAN]]), tensor([[1.0, 2.0], [3.0, NAN]]), {"equal_nan": True}),
        (tensor([1.0, 2.0]), tensor([NAN, 3.0]), {}),
        (tensor(1.0), tensor(2.0), {}),
        (tensor(NAN), tensor(NAN), {"equal_nan": True}),
        (1.0, 2.0, {}),
        (1.0, 1.0 + 1e-9, {}),
        (1.0, NAN, {}),
        (NAN, NAN, {"equal_nan": True}),
        (1.0, 0.0, {}),
        (INF, INF, {}),
        (INF, -INF, {}),
        (1, 2, {}),
        (True, False, {}),
        (True, True, {}),
        (1, 1.0, {}),
        (1, 1.0, {"check_dtype": False}),
        ("a", "a", {}),
        (tensor([1.0]), [1.0], {}),
        (tensor(3), 3, {}),
        (tensor([1.0]), np.ones(1, np.float32), {}),
        ([1.0, 2.0], [1.0, 3.0], {}),
        ((1.0, 2.0), [1.0, 2.0], {}),
        ([1.0], [1.0, 2.0], {}),
        ([1.0, "a"], [1.0, "a"], {}),
        ({"a": 1.0}, {"a": 2.0}, {}),
        ({"a": 1.0, "c": 1.0}, {"b": 1.0, "c": 1.0}, {}),
        ({"a": [tensor([1.0]), tensor([2.0])]}, {"a": [tensor([1.0]), tensor([3.0])]}, {}),
        (tensor([1.0, 2.0]), tensor([1.0, 2.0, 3.0]), {}),
        (tensor([1.0]), tensor([1.0], dtype=t.float64), {}),
        (tensor([1.0]), tensor([1.0], dtype=t.float64), {"check_dtype": False}),
        (tensor([1.0]), tensor([1.001], dtype=t.float64), {"check_dtype": False}),
        (tensor([1]), tensor([1.0]), {"check_dtype": False}),
        (tensor([1, 2]), tensor([1, 3]), {}),
        (tensor([1, 2]), tensor([1, 3]), {"rtol": 0.5, "atol": 0.0}),
        (tensor([True, False]), tensor([True, True]), {}),
        (tensor([1.0], dtype=t.float16), tensor([1.002], dtype=t.float16), {}),
        (tensor([1.0], dtype=t.float16), tensor([1.0005], dtype=t.float16), {}),
        (tensor([1.0], dtype=t.float64), tensor([1.0 + 1e-8], dtype=t.float64), {}),
        (tensor([1.0], dtype=t.float64), tensor([1.0 + 1e-6], dtype=t.float64), {}),
        (None, None, {}),
        (None, 1, {}),
        (np.ones(2), np.full(2, 2.0), {}),
        (np.ones(2), np.ones(3), {}),
        (tensor([0.0]), tensor([1e-6]), {}),
        (tensor([INF, -INF]), tensor([INF, -INF]), {}),
        (tensor([INF]), tensor([1.0]), {"rtol": 1.0, "atol": 1.0}),
        (tensor([1.0, 2.0]), tensor([0.0, 2.0]), {}),
        (tensor([]), tensor([]), {}),
        (tensor([1.0]), tensor([2.0]), {"rtol": 0.1}),
        (tensor([1.0]), tensor([2.0]), {"msg": "hello"}),
        (tensor([1.0]), tensor([2.0]), {"msg": lambda said: f"here: {said}"}),
        (tensor([1.0]), tensor([3.0]), {"rtol": 0, "atol": 0}),
        (1.0, 1.5, {"rtol": 0.1, "atol": 0}),
        (t.ones(2, 2).t(), t.ones(2, 2), {"check_stride": True}),
        (t.ones(2, 2).t(), t.ones(2, 2), {}),
        (t.nn.Parameter(tensor([1.0])), tensor([1.0]), {}),
        (t.nn.Parameter(tensor([1.0])), tensor([1.0]), {"allow_subclasses": False}),
    ]


@pytest.mark.parametrize("row", range(len(pairs(minitorch))))
def test_says_what_pytorchs_says(row):
    torch = pytest.importorskip("torch")
    said = []
    for library in (minitorch, torch):
        actual, expected, options = pairs(library)[row]
        try:
            library.testing.assert_close(actual, expected, **options)
        except (AssertionError, TypeError, ValueError) as error:
            text = str(error).replace("minitorch.core.tensor.Tensor", "torch.Tensor")
            said.append((type(error), text.replace("minitorch.nn.", "torch.nn.")))
        else:
            said.append(None)
    assert said[0] == said[1]


def test_inputs_are_not_changed_and_may_need_gradients():
    a = minitorch.tensor([1.0, 2.0], requires_grad=True)
    b = minitorch.tensor([1.0, 3.0])
    with pytest.raises(AssertionError, match="not close"):
        minitorch.testing.assert_close(a, b)
    assert a.tolist() == [1.0, 2.0] and b.tolist() == [1.0, 3.0]
    minitorch.testing.assert_close(a * 2, b + minitorch.tensor([1.0, 1.0]))


def test_the_old_name_warns():
    with pytest.warns(FutureWarning, match="assert_close"):
        minitorch.testing.assert_allclose(minitorch.tensor([1, 2]), minitorch.tensor([1.0, 2.0]))
    with pytest.warns(FutureWarning), pytest.raises(AssertionError, match="not close"):
        minitorch.testing.assert_allclose(minitorch.tensor([1.0, 2.5]), minitorch.tensor([1.0, 2.0]))
