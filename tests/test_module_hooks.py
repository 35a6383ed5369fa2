"""Hooks around ``forward`` and ``backward``: order, arguments, replacements, what they do to gradients."""

import copy
import pickle

import pytest
from twins import check_twins, plain

import minitorch
from minitorch import nn


class Log(list):
    """Makes hooks that note their name and arguments."""

    def __call__(self, name, result=None):
        def hook(module, *args):
            self.append((name, type(module).__name__, plain(args)))
            return result(module, *args) if callable(result) else result

        return hook


def linear(t):
    layer = t.nn.Linear(2, 2)
    with t.no_grad():
        layer.weight.copy_(t.tensor([[1.0, 2.0], [3.0, 4.0]]))
        layer.bias.fill_(0.5)
    return layer


def x(t, requires_grad=True):
    return t.tensor([[1.0, 2.0]], requires_grad=requires_grad)


class Several:
    """A module with several inputs and outputs, one of them no tensor."""

    def __new__(cls, t):
        class Net(t.nn.Module):
            def __init__(self):
                super().__init__()
                self.w = t.nn.Parameter(t.tensor(2.0))

            def forward(self, a, b=None, n=3):
                return a * self.w, a * 3 if b is None else b * self.w, n

        return Net()


class Returning:
    """A module that returns what ``make`` makes of its input."""

    def __new__(cls, t, make):
        class Net(t.nn.Module):
            def forward(self, x):
                return make(x)

        return Net()


# ---- forward


def forward_order(t):
    layer, log = linear(t), Log()
    layer.register_forward_pre_hook(log("pre 1"))
    layer.register_forward_pre_hook(log("pre 0"), prepend=True)
    layer.register_forward_pre_hook(log("pre 2", lambda m, args, kwargs: ((args[0] * 2,), kwargs)), with_kwargs=True)
    layer.register_forward_hook(log("post 1"))
    layer.register_forward_hook(log("post 0", lambda m, args, out: out + 1), prepend=True)
    layer.register_forward_hook(log("post 2"), with_kwargs=True)
    layer.register_forward_hook(log("post 3"), always_call=True)
    return layer(x(t)), log


def replaced_input(t, result, **options):
    layer = linear(t)
    layer.register_forward_pre_hook(lambda *args: result(args), **options)
    return layer(x(t))


def handles(t):
    layer, log = linear(t), Log()
    handle = layer.register_forward_hook(log("first"))
    layer(x(t))
    handle.remove()
    handle.remove()
    layer(x(t))
    with layer.register_forward_hook(log("within")):
        layer(x(t))
    layer(x(t))
    return log, len(layer._forward_hooks)


def keyword_arguments(t):
    net, log = Several(t), Log()
    net.register_forward_pre_hook(log("pre", lambda m, a, k: (a, {**k, "n": 8})), with_kwargs=True)
    net.register_forward_hook(log("post"), with_kwargs=True)
    return net(x(t), n=5), log


def always_called(t, *results):
    net, log = Returning(t, lambda x: x.no_such_attribute), Log()
    for i, result in enumerate(results):
        net.register_forward_hook(log(f"hook {i}", result), always_call=i != 1)
    try:
        net(x(t))
    except AttributeError:
        log.append("raised")
    return log


def raising(*args):
    raise RuntimeError("in the hook")


def always_called_after_a_hook_that_raises(t):
    layer, log = linear(t), Log()
    layer.register_forward_hook(log("first", raising), always_call=True)
    layer.register_forward_hook(log("second"), always_call=True)
    try:
        layer(x(t))
    except RuntimeError:
        log.append("raised")
    return log


FORWARD = {
    "order": forward_order,
    "input": lambda t: replaced_input(t, lambda args: args[1][0] * 3),
    "input, tuple": lambda t: replaced_input(t, lambda args: (args[1][0] * 3,)),
    "input, not both": lambda t: replaced_input(t, lambda args: args[1][0] * 3, with_kwargs=True),
    "handles": handles,
    "keyword arguments": keyword_arguments,
    "always_call": lambda t: always_called(t, None, None),
    "always_call, three": lambda t: always_called(t, None, None, None),
    "always_call, one raises": lambda t: always_called(t, raising, None, None),
    "always_call, replaces": lambda t: always_called(t, lambda *args: 5, None, None),
    "always_call, hook raises": always_called_after_a_hook_that_raises,
}


@pytest.mark.parametrize("program", FORWARD.values(), ids=FORWARD)
def test_forward_hooks_are_pytorchs(program):
    check_twins(program)


# ---- backward


def backward(t, requires_grad=True, hook=None, pre_hook=None):
    layer, log, given = linear(t), Log(), x(t, requires_grad)
    layer.register_full_backward_pre_hook(log("pre", pre_hook))
    layer.register_full_backward_hook(log("post", hook))
    out = layer(given)
    (out * t.tensor([[1.0, 10.0]])).sum().backward()
    return given.grad, layer.weight.grad, type(out.grad_fn).__name__, log


def several(t, *args, used=(0, 1), **kwargs):
    net, log = Several(t), Log()
    net.register_full_backward_pre_hook(log("pre"))
    net.register_full_backward_hook(log("post"))
    out = net(*args, **kwargs)
    sum(out[i].sum() for i in used).backward()
    return [a.grad for a in args if hasattr(a, "grad")], net.w.grad, log


def chain(t):
    net, log, given = t.nn.Sequential(linear(t), t.nn.ReLU(), linear(t)), Log(), x(t)
    for i, layer in enumerate(net):
        layer.register_full_backward_hook(log(f"post {i}"))
        layer.register_full_backward_pre_hook(log(f"pre {i}"))
        layer.register_full_backward_hook(log(f"before post {i}"), prepend=True)
    net(given).sum().backward()
    return given.grad, log


def twice(t):
    layer, log, given = linear(t), Log(), x(t)
    layer.register_full_backward_hook(log("post"))
    loss = layer(given).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    return given.grad, log


def second_order(t):
    layer, log, given = linear(t), Log(), x(t)
    layer.register_full_backward_hook(log("post", lambda m, grad_in, grad_out: (grad_in[0] * 2,)))
    (slope,) = t.autograd.grad((layer(given) ** 2).sum(), given, create_graph=True)
    (slope**2).sum().backward()
    return slope, given.grad, layer.weight.grad, log


def without_graph(t):
    layer, log = linear(t), Log()
    layer.register_full_backward_hook(log("post"))
    with t.no_grad():
        return layer(x(t)).requires_grad, log


def returned(t, make, take):
    net, log, given = Returning(t, make), Log(), x(t)
    net.register_full_backward_hook(log("post"))
    take(net(given)).sum().backward()
    return given.grad, log


BACKWARD = {
    "gradients": backward,
    "input without gradient": lambda t: backward(t, False),
    "replaced": lambda t: backward(t, True, lambda m, grad_in, grad_out: (grad_in[0] * 2,)),
    "replaced before": lambda t: backward(t, True, None, lambda m, grad_out: (grad_out[0] * 3,)),
    "too many": lambda t: backward(t, True, lambda m, grad_in, grad_out: (grad_in[0],) * 2),
    "too many before": lambda t: backward(t, True, None, lambda m, grad_out: (grad_out[0],) * 2),
    "input without gradient, replaced": lambda t: backward(t, False, lambda m, grad_in, grad_out: grad_out),
    "input without gradient, None": lambda t: backward(t, False, lambda m, grad_in, grad_out: (None,)),
    "two inputs": lambda t: several(t, x(t), x(t)),
    "first output": lambda t: several(t, x(t), x(t), used=(0,)),
    "second output": lambda t: several(t, x(t), x(t), used=(1,)),
    "one input without gradient": lambda t: several(t, x(t), x(t, False)),
    "other input and a number": lambda t: several(t, x(t, False), x(t), 7),
    "input by name": lambda t: several(t, x(t), b=x(t)),
    "inputs without gradient": lambda t: several(t, x(t, False), x(t, False)),
    "chain": chain,
    "twice": twice,
    "second order": second_order,
    "without graph": without_graph,
    "dict": lambda t: returned(t, lambda x: {"out": x * 2}, lambda out: out["out"]),
    "list": lambda t: returned(t, lambda x: [x * 2, x * 3], sum),
    "tuple": lambda t: returned(t, lambda x: (x * 2, x * 3), sum),
}


@pytest.mark.parametrize("program", BACKWARD.values(), ids=BACKWARD)
def test_backward_hooks_are_pytorchs(program):
    check_twins(program)


def test_hooks_leave_gradients_as_they_are():
    torch = minitorch
    net = nn.Sequential(linear(torch), nn.Tanh(), linear(torch)).double()
    for layer in net:
        layer.register_full_backward_hook(lambda module, grad_in, grad_out: None)
        layer.register_full_backward_pre_hook(lambda module, grad_out: None)
    given = x(torch).detach().double().requires_grad_()
    assert torch.autograd.gradcheck(net, given) and torch.autograd.gradgradcheck(net, given)


def test_the_output_of_a_hooked_layer_may_be_changed_in_place():
    """PyTorch refuses this."""
    net, given, log = nn.Sequential(linear(minitorch), nn.ReLU(inplace=True)), x(minitorch), Log()
    net[0].register_full_backward_hook(log("post"))
    net(given).sum().backward()
    assert given.grad.tolist() == [[4, 6]]
    assert [entry[0] for entry in log] == ["post"]


# ---- the deprecated hooks on the last operation


def last_operation(t, make, take=lambda out: out, result=None):
    net, log, given = Returning(t, make), Log(), x(t)
    net.register_backward_hook(log("post", result))
    take(net(given)).sum().backward()
    return given.grad, log


LAST = {
    "tensor": lambda t: last_operation(t, lambda x: x.sigmoid()),
    "replaced": lambda t: last_operation(t, lambda x: x.sigmoid(), result=lambda m, grad_in, out: (grad_in[0] * 2,)),
    "tuple": lambda t: last_operation(t, lambda x: (x.sigmoid(), 3), lambda out: out[0]),
    "dict": lambda t: last_operation(t, lambda x: {"a": x.sigmoid()}, lambda out: out["a"]),
}


@pytest.mark.parametrize("program", LAST.values(), ids=LAST)
def test_hooks_on_the_last_operation_are_pytorchs(program):
    check_twins(program)


def test_hooks_of_both_kinds_are_refused():
    layer = nn.Linear(1, 1)
    with pytest.warns(FutureWarning, match="register_full_backward_hook"):
        layer.register_backward_hook(lambda *args: None)
    with pytest.raises(RuntimeError, match=r"^Cannot use both"):
        layer.register_full_backward_hook(lambda *args: None)
    layer = nn.Linear(1, 1)
    layer.register_full_backward_hook(lambda *args: None)
    with pytest.raises(RuntimeError, match=r"^Cannot use both"):
        layer.register_backward_hook(lambda *args: None)
    with pytest.raises(TypeError, match="a hook must be callable, got int"):
        layer.register_forward_hook(3)
    assert not layer._forward_hooks


# ---- hooks of all modules


def for_all_modules(t):
    registry, log = t.nn.modules.module, Log()
    registered = [
        registry.register_module_forward_pre_hook(log("all pre")),
        registry.register_module_forward_hook(log("all post")),
        registry.register_module_full_backward_pre_hook(log("all back pre")),
        registry.register_module_full_backward_hook(log("all back")),
    ]
    try:
        net, given = t.nn.Sequential(linear(t), t.nn.ReLU()), x(t)
        net[0].register_forward_pre_hook(log("pre"))
        net[0].register_forward_hook(log("post"))
        net[0].register_full_backward_pre_hook(log("back pre"))
        net[0].register_full_backward_hook(log("back"))
        net(given).sum().backward()
    finally:
        for handle in registered:
            handle.remove()
    length = len(log)
    t.nn.ReLU()(given)
    return given.grad, log, len(log) - length


def at_registration(t):
    registry, log = t.nn.modules.module, []
    note = lambda module, name, value: log.append((type(module).__name__, name, type(value).__name__))
    registered = [
        registry.register_module_parameter_registration_hook(note),
        registry.register_module_buffer_registration_hook(note),
        registry.register_module_module_registration_hook(note),
        registry.register_module_parameter_registration_hook(
            lambda module, name, value: t.nn.Parameter(value.detach() * 0) if name == "zeroed" else None
        ),
    ]
    try:
        net = t.nn.Sequential(t.nn.Linear(1, 1, bias=False), t.nn.BatchNorm1d(1))
        net.x, net.zeroed = t.nn.Parameter(t.zeros(1)), t.nn.Parameter(t.ones(1))
        net.x = None
        net.y = t.nn.Buffer(t.zeros(1))
        net.z = t.nn.ReLU()
        net.register_module("w", t.nn.ReLU())
    finally:
        for handle in registered:
            handle.remove()
    net.after = t.nn.Parameter(t.zeros(1))
    return [entry for entry in log if entry[1] != "y"], net.zeroed


@pytest.mark.parametrize("program", [for_all_modules, at_registration])
def test_hooks_of_all_modules_are_pytorchs(program):
    check_twins(program)


# ---- copies


def add_one(module, args, output):
    return output + 1


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_hooks_go_along_with_copies(copied):
    layer, given = linear(minitorch), x(minitorch)
    handle = layer.register_forward_hook(add_one)
    expected = layer(given).tolist()
    twin = copied(layer)
    handle.remove()
    assert twin(given).tolist() == expected
    twin.register_forward_hook(add_one)
    assert (twin(given) - layer(given)).tolist() == [[2, 2]]
