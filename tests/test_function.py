"""Custom operations: ``autograd.Function``, gradcheck and gradgradcheck."""

import gc
import weakref

import pytest

import minitorch as torch
from minitorch.autograd import Function, GradcheckError, gradcheck, gradgradcheck
from minitorch.autograd.function import once_differentiable
from tests.rows import check_derivatives


def values(*shape):
    return torch.rand(*shape, dtype=torch.float64).add(0.5).requires_grad_()


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x**2


class ExpBySavedResult(Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y


class SumAndProduct(Function):
    @staticmethod
    def forward(ctx, a, b, scale):
        ctx.save_for_backward(a, b)
        ctx.scale = scale
        return (a + b) * scale, a * b

    @staticmethod
    def backward(ctx, g_sum, g_product):
        a, b = ctx.saved_tensors
        return g_sum * ctx.scale + g_product * b, g_sum * ctx.scale + g_product * a, None


@pytest.mark.parametrize("function", [Cube, ExpBySavedResult])
def test_first_and_second_order(function):
    assert gradcheck(function.apply, (values(3, 2),))
    assert gradgradcheck(function.apply, (values(3, 2),))


def test_several_outputs_and_plain_arguments():
    a, b = values(3), values(3)
    run = lambda a, b: SumAndProduct.apply(a, b, 2.0)
    assert gradcheck(run, (a, b)) and gradgradcheck(run, (a, b))
    total, product = run(a, b)
    assert total.grad_fn is product.grad_fn and total.grad_fn.name() == "SumAndProductBackward"
    assert (total.output_nr, product.output_nr) == (0, 1)
    product.sum().backward()  # the unused output's gradient arrives as zeros
    assert a.grad.tolist() == b.tolist()


def test_setup_context_form():
    class Scale(Function):
        @staticmethod
        def forward(x, factor):
            return x * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.factor = inputs[1]

        @staticmethod
        def backward(ctx, g):
            return g * ctx.factor, None

    x = values(3)
    Scale.apply(x, 4.0).sum().backward()
    assert x.grad.tolist() == [4.0] * 3


def test_needs_input_grad_and_non_differentiable():
    seen = []

    class SplitSign(Function):
        @staticmethod
        def forward(ctx, x, y):
            size, sign = x.abs(), x.sign()
            ctx.save_for_backward(sign)
            ctx.mark_non_differentiable(sign)
            return size, sign

        @staticmethod
        def backward(ctx, g, g_sign):
            seen.append(ctx.needs_input_grad)
            return g * ctx.saved_tensors[0], None

    x = torch.tensor([-2.0, 3.0], requires_grad=True)
    size, sign = SplitSign.apply(x, torch.ones(1))
    assert not sign.requires_grad
    size.sum().backward()
    assert x.grad.tolist() == [-1.0, 1.0] and seen == [(True, False)]


def test_mark_dirty_changes_the_input_in_place():
    class AddOne(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            with torch.no_grad():
                x += 1
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 1

    x = values(2)
    y = x * 2
    z = AddOne.apply(y)
    assert z is y
    z.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_mistakes_are_named():
    class Wrong(Function):
        kind = "count"

        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, g):
            return {"count": g, "shape": (g.sum(), g), "type": (1.0, g)}[Wrong.kind]

    a, b = values(2), values(2)
    for kind, error, match in (
        ("count", RuntimeError, "incorrect number of gradients"),
        ("shape", RuntimeError, "invalid gradient at index 0"),
        ("type", TypeError, "must be a Tensor or None"),
    ):
        Wrong.kind = kind
        with pytest.raises(error, match=match):
            Wrong.apply(a, b).sum().backward()
    with pytest.raises(NotImplementedError, match="forward"):
        Function.apply(a)
    with pytest.raises(TypeError, match="save_for_backward"):

        class SavesNumber(Function):
            @staticmethod
            def forward(ctx, a):
                ctx.save_for_backward(1.0)
                return a * 1

        SavesNumber.apply(a)
    y = Cube.apply(a)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()


def test_saved_input_changed_in_place_raises():
    x = values(2)
    y = x * 1.0
    z = Cube.apply(y)
    y.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        z.sum().backward()


def test_once_differentiable():
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            return g * 2

    x = values(2)
    (g,) = torch.autograd.grad((Once.apply(x) ** 2).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.sum().backward()


def test_custom_graph_is_freed_at_once():
    gc.collect()
    gc.disable()
    try:
        for function in (Cube, ExpBySavedResult):
            y = function.apply(values(2))
            node = weakref.ref(y.grad_fn)
            del y
            assert node() is None
    finally:
        gc.enable()


def test_gradcheck_rejects_slightly_wrong_rules():
    class Off(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0] * 1.002

    x = values(3)
    with pytest.raises(GradcheckError, match="Jacobian mismatch for input 0"):
        gradcheck(Off.apply, (x,))
    assert gradcheck(Off.apply, (x,), raise_exception=False) is False
    assert gradcheck(Off.apply, (x,), rtol=0.01)


class Square(Function):
    """x² with a first or a second derivative that is 0.05 % too large."""

    wrong = (1.0, 1.0)

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx, g):
        first, second = Square.wrong
        x = ctx.saved_tensors[0]
        return g * 2 * first * (x.detach() + (x - x.detach()) * second)


@pytest.mark.parametrize("wrong", [(1.0005, 1.0), (1.0, 1.0005)])
def test_checks_reject_rules_that_are_slightly_wrong(wrong, monkeypatch):
    x = values(3)
    function = lambda t, x: Square.apply(x)
    assert gradcheck(Square.apply, (x,), rtol=1e-5)
    assert gradgradcheck(Square.apply, (x,), rtol=1e-5)
    check_derivatives(function, x.detach().numpy())
    monkeypatch.setattr(Square, "wrong", wrong)
    rejects = gradcheck if wrong[0] != 1 else gradgradcheck
    assert not rejects(Square.apply, (x,), rtol=1e-4, raise_exception=False)
    with pytest.raises(AssertionError):
        check_derivatives(function, x.detach().numpy())


def test_gradcheck_refuses_what_it_cannot_check():
    with pytest.raises(ValueError, match="at least one input"):
        gradcheck(torch.exp, (torch.ones(2, dtype=torch.float64),))
    with pytest.raises(ValueError, match="float64"):
        gradcheck(torch.exp, (torch.ones(2, requires_grad=True),))
