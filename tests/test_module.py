"""``Module``: registration, going through the tree, printing, modes, conversion, copies, error paths."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
from twins import check_twins

import minitorch
from minitorch import nn


def parameter(t, *shape):
    return t.nn.Parameter(t.zeros(*shape))


def names(module):
    """What is registered where, and what is not persistent."""
    kinds = (module._parameters, module._buffers, module._modules, sorted(module._non_persistent_buffers_set))
    return [list(kind) for kind in kinds]


def filled(t):
    """A module with one of each."""
    module = t.nn.Module()
    module.p = parameter(t, 1)
    module.m = t.nn.ReLU()
    module.register_buffer("b", t.zeros(1))
    return module


def without_init(t):
    class Bare(t.nn.Module):
        def __init__(self):
            pass

    return Bare()


def assigned(module, *pairs):
    for name, value in pairs:
        setattr(module, name, value)
    return names(module)


REGISTRATION = {
    "order of assignment": lambda t: assigned(
        t.nn.Module(), ("z", parameter(t, 1)), ("a", parameter(t, 1)), ("n", t.nn.ReLU()), ("b", t.nn.Buffer(t.ones(1)))
    ),
    "same name again keeps its place": lambda t: assigned(
        t.nn.Module(), ("z", parameter(t, 1)), ("a", parameter(t, 1)), ("z", parameter(t, 2))
    ),
    "a module where a value was": lambda t: assigned(t.nn.Module(), ("x", 1), ("x", t.nn.ReLU())),
    "a parameter where a module was": lambda t: assigned(filled(t), ("m", parameter(t, 1))),
    "a parameter where a buffer was": lambda t: assigned(filled(t), ("b", parameter(t, 1))),
    "a module where a parameter was": lambda t: assigned(filled(t), ("p", t.nn.ReLU())),
    "a module where a buffer was": lambda t: assigned(filled(t), ("b", t.nn.ReLU())),
    "a buffer where a parameter was": lambda t: assigned(filled(t), ("p", t.nn.Buffer(t.ones(1)))),
    "a buffer where a module was": lambda t: assigned(filled(t), ("m", t.nn.Buffer(t.ones(1)))),
    "a tensor is a plain attribute": lambda t: assigned(t.nn.Module(), ("x", t.zeros(1))),
    "None in place of all": lambda t: assigned(filled(t), ("p", None), ("m", None), ("b", None)),
    "a number as parameter": lambda t: assigned(filled(t), ("p", 1)),
    "a tensor as parameter": lambda t: assigned(filled(t), ("p", t.zeros(1))),
    "a number as module": lambda t: assigned(filled(t), ("m", 1)),
    "a tensor as module": lambda t: assigned(filled(t), ("m", t.zeros(1))),
    "a number as buffer": lambda t: assigned(filled(t), ("b", 1)),
    "a tensor as buffer": lambda t: (module := filled(t), setattr(module, "b", t.ones(2)), module.b)[2],
    "buffers that are not persistent": lambda t: assigned(
        t.nn.Module(), ("x", t.nn.Buffer(t.ones(1), persistent=False)), ("y", t.nn.Buffer(t.ones(1))),
    ),
    "persistent again": lambda t: assigned(
        t.nn.Module(), ("x", t.nn.Buffer(t.ones(1), persistent=False)), ("x", t.nn.Buffer(t.ones(1)))
    ),
    "deletion": lambda t: (module := filled(t), delattr(module, "p"), delattr(module, "m"), delattr(module, "b"))
    and names(module),
    "deletion of nothing": lambda t: delattr(filled(t), "nope"),
    "a computed parameter": lambda t: t.nn.Module().register_parameter("x", parameter(t, 1) * 2),
    "None as parameter": lambda t: (module := t.nn.Module(), module.register_parameter("x", None), module.x)[2],
    "before __init__, parameter": lambda t: assigned(without_init(t), ("x", parameter(t, 1))),
    "before __init__, module": lambda t: assigned(without_init(t), ("x", t.nn.ReLU())),
    "before __init__, buffer": lambda t: assigned(without_init(t), ("x", t.nn.Buffer(t.ones(1)))),
    "before __init__, register_parameter": lambda t: without_init(t).register_parameter("x", parameter(t, 1)),
    "before __init__, register_buffer": lambda t: without_init(t).register_buffer("x", t.zeros(1)),
    "no such attribute": lambda t: filled(t).nope,
    "positional argument": lambda t: t.nn.Module(1),
    "keyword argument": lambda t: t.nn.Module(a=1),
    "no forward": lambda t: t.nn.Module()(1),
    "mode that is no bool": lambda t: t.nn.Module().train(1),
    "attributes": lambda t: [n for n in dir(filled(t)) if len(n) == 1],
}  # fmt: skip


@pytest.mark.parametrize("program", REGISTRATION.values(), ids=REGISTRATION)
def test_registration_is_pytorchs(program):
    check_twins(program, message=True)


@pytest.mark.parametrize("name", [1, None, "a.b", "", "training", "forward", "p", "m", "b"])
@pytest.mark.parametrize("register", ["register_parameter", "register_buffer", "add_module", "register_module"])
def test_names_that_are_refused(register, name):
    value = (lambda t: t.nn.ReLU()) if "module" in register else (lambda t: parameter(t, 1))
    check_twins(lambda t: (module := filled(t), getattr(module, register)(name, value(t)), names(module))[2])
    check_twins(lambda t: getattr(filled(t), register)("new", "text"), message=True)


def test_a_refused_registration_changes_nothing():
    module = filled(minitorch)
    before = names(module)
    for attempt in (
        lambda: setattr(module, "p", 3),
        lambda: setattr(module, "m", 3),
        lambda: setattr(module, "b", 3),
        lambda: module.register_buffer("p", minitorch.zeros(1)),
        lambda: module.register_parameter("m", parameter(minitorch, 1)),
        lambda: module.add_module("b", nn.ReLU()),
        lambda: delattr(module, "nope"),
    ):
        with pytest.raises((TypeError, KeyError, AttributeError)):
            attempt()
        assert names(module) == before


def test_the_table_of_layers_is_whole():
    layers = {name for name, value in vars(nn.modules).items() if isinstance(value, type)}
    assert layers == set(nn.modules.__all__) and all(getattr(nn, name) is getattr(nn.modules, name) for name in layers)
    torch = pytest.importorskip("torch")
    assert [name for name in dir(nn) if not name.startswith("_") and not hasattr(torch.nn, name)] == []


# ---- the tree


class Shared:
    """A network that uses a layer and a parameter twice."""

    def __new__(cls, t):
        class Net(t.nn.Module):
            def __init__(self):
                super().__init__()
                self.first = t.nn.Linear(2, 2)
                self.again = self.first
                self.none = None
                self.block = t.nn.Sequential(t.nn.BatchNorm1d(2), t.nn.ReLU())
                self.weight = self.first.weight
                self.register_buffer("hidden", t.ones(1), persistent=False)
                self.register_module("nothing", None)

            def forward(self, x):
                return self.block(self.again(self.first(x)))

        return Net()


TREE = {
    "named_parameters": lambda net: [name for name, _ in net.named_parameters()],
    "with duplicates": lambda net: [name for name, _ in net.named_parameters(remove_duplicate=False)],
    "its own": lambda net: [name for name, _ in net.named_parameters("pre", recurse=False)],
    "parameters": lambda net: [tuple(p.shape) for p in net.parameters()],
    "named_buffers": lambda net: [name for name, _ in net.named_buffers(prefix="pre")],
    "buffers": lambda net: len(list(net.buffers())),
    "named_modules": lambda net: [(name, type(m).__name__) for name, m in net.named_modules()],
    "named_modules, all": lambda net: [name for name, _ in net.named_modules(prefix="z", remove_duplicate=False)],
    "modules": lambda net: [type(m).__name__ for m in net.modules()],
    "named_children": lambda net: [name for name, _ in net.named_children()],
    "children": lambda net: [type(m).__name__ for m in net.children()],
    "state_dict": lambda net: list(net.state_dict()),
    "apply": lambda net: (seen := [], net.apply(lambda m: seen.append(type(m).__name__)))[0],
    "get_submodule": lambda net: net.get_submodule("block.0"),
    "get_submodule, itself": lambda net: net.get_submodule("") is net,
    "get_submodule, nothing": lambda net: net.get_submodule("block.7"),
    "get_submodule, no module": lambda net: net.get_submodule("first.weight"),
    "get_parameter": lambda net: tuple(net.get_parameter("first.bias").shape),
    "get_parameter, nothing": lambda net: net.get_parameter("first.nope"),
    "get_parameter, buffer": lambda net: net.get_parameter("block.0.running_mean"),
    "get_buffer": lambda net: net.get_buffer("block.0.running_var"),
    "get_buffer, parameter": lambda net: net.get_buffer("first.weight"),
    "set_submodule": lambda net: (net.set_submodule("block.1", type(net.first)(1, 1)), repr(net))[1],
    "set_submodule, new": lambda net: (net.set_submodule("block.new", type(net.first)(1, 1)), repr(net))[1],
    "set_submodule, strict": lambda net: net.set_submodule("block.new", net.first, strict=True),
    "set_submodule, no module": lambda net: net.set_submodule("first.weight", net.first),
    "set_submodule, no name": lambda net: net.set_submodule("", net.first),
    "repr": repr,
    "train and eval": lambda net: (
        [m.training for m in net.eval().modules()],
        [m.training for m in net.train().modules()],
        [m.training for m in net.train(False).modules()],
    ),
    "requires_grad_": lambda net: [p.requires_grad for p in net.requires_grad_(False).parameters()],
    "double": lambda net: [(v.dtype, k) for k, v in net.double().state_dict().items()],
    "half": lambda net: [v.dtype for v in net.half().state_dict().values()],
    "type": lambda net: [v.dtype for v in net.type("torch.DoubleTensor").state_dict().values()],
    "to itself": lambda net: net.to("cpu") is net,
}


@pytest.mark.parametrize("program", TREE.values(), ids=TREE)
def test_tree_is_pytorchs(program):
    check_twins(lambda t: program(Shared(t)))


CONVERSION = {
    "device and dtype": lambda t: t.nn.Linear(1, 1).to("cpu", t.float64).weight.dtype,
    "by name": lambda t: t.nn.Linear(1, 1).to(dtype=t.float64, device="cpu").weight.dtype,
    "as a tensor": lambda t: t.nn.Linear(1, 1).to(t.zeros(1, dtype=t.float16)).bias.dtype,
    "integer": lambda t: t.nn.Linear(1, 1).to(t.int64),
    "no device": lambda t: t.nn.Linear(1, 1).to("nope"),
    "float": lambda t: t.nn.Linear(1, 1, dtype=t.float64).float().weight.dtype,
    "to_empty": lambda t: tuple(t.nn.Linear(2, 1).to_empty(device="cpu").weight.shape),
}


@pytest.mark.parametrize("program", CONVERSION.values(), ids=CONVERSION)
def test_conversion_is_pytorchs(program):
    check_twins(program)


def test_conversion_keeps_the_parameters_and_their_gradients():
    net = Shared(minitorch)
    net(minitorch.randn(3, 2)).sum().backward()
    weight, tracked = net.first.weight, net.block[0].num_batches_tracked
    grad = weight.grad.tolist()
    assert net.double() is net
    assert net.first.weight is weight is net.weight and weight.dtype == weight.grad.dtype == minitorch.float64
    assert weight.grad.tolist() == grad
    assert net.block[0].running_mean.dtype == net.hidden.dtype == minitorch.float64
    assert net.block[0].num_batches_tracked is tracked and tracked.dtype == minitorch.int64
    net(minitorch.randn(3, 2, dtype=minitorch.float64)).sum().backward()  # the optimizer's objects still learn


def test_zero_grad():
    layer = nn.Linear(2, 1)
    layer(minitorch.ones(1, 2)).sum().backward()
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == [[0, 0]]
    layer.zero_grad()
    assert layer.weight.grad is None


# ---- printing


class Described:
    def __new__(cls, t, extra, *children):
        class Net(t.nn.Module):
            def extra_repr(self):
                return extra

        net = Net()
        for i, child in enumerate(children):
            net.add_module(f"c{i}", child)
        return net


PRINTED = {
    "nothing": lambda t: Described(t, ""),
    "a line": lambda t: Described(t, "one"),
    "lines": lambda t: Described(t, "one\ntwo"),
    "children": lambda t: Described(t, "", t.nn.Linear(1, 2), None, t.nn.Identity()),
    "a line and children": lambda t: Described(t, "one", t.nn.Linear(1, 2)),
    "lines and nested children": lambda t: Described(t, "one\ntwo", Described(t, "x\ny", t.nn.ReLU()), t.nn.ReLU()),
}


@pytest.mark.parametrize("program", PRINTED.values(), ids=PRINTED)
def test_printed_as_pytorch_does(program):
    check_twins(lambda t: repr(program(t)))
    check_twins(lambda t: repr(t.nn.Sequential(program(t))))


# ---- copies


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.again = self.first
        self.norm = nn.BatchNorm1d(2)
        self.register_buffer("hidden", minitorch.ones(1), persistent=False)
        self.notes = {"layers": [self.first]}

    def forward(self, x):
        return self.norm(self.again(self.first(x)))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies_are_whole_and_apart(copied):
    net = Plain().eval()
    net.first.bias.requires_grad_(False)
    net(minitorch.randn(3, 2)).sum().backward()
    twin = copied(net)
    assert twin.first is twin.again is twin.notes["layers"][0] and twin.first is not net.first
    assert list(twin.state_dict()) == list(net.state_dict()) and names(twin) == names(net)
    assert type(twin.first.weight) is nn.Parameter and not twin.first.bias.requires_grad and not twin.training
    assert twin.first.weight.grad is None  # as in PyTorch
    x = minitorch.randn(3, 2)
    assert twin(x).tolist() == net(x).tolist()
    with minitorch.no_grad():
        twin.first.weight.zero_()
    assert net.first.weight.abs().sum() > 0


def test_a_shallow_copy_shares_its_members():
    layer = nn.Linear(1, 1)
    assert copy.copy(layer).weight is layer.weight


def test_modules_and_their_graphs_are_freed_at_once():
    gc.disable()
    try:
        net = Plain()
        net.register_forward_hook(lambda module, args, output: output)
        net.register_full_backward_hook(lambda module, grad_input, grad_output: None)
        loss = net(minitorch.randn(3, 2, requires_grad=True)).sum()
        loss.backward()
        freed = [weakref.ref(net), weakref.ref(net.first.weight), weakref.ref(loss.grad_fn)]
        del net, loss
        assert [ref() for ref in freed] == [None] * 3
    finally:
        gc.enable()


def test_weights_move_both_ways():
    torch = pytest.importorskip("torch")

    def net(t):
        return t.nn.Sequential(
            t.nn.Conv2d(1, 4, 3), t.nn.BatchNorm2d(4), t.nn.ReLU(), t.nn.Flatten(), t.nn.Linear(64, 3)
        ).eval()

    ours, theirs, back = net(minitorch), net(torch), net(minitorch)
    with minitorch.no_grad():
        ours[1].running_mean.normal_()
    there = {name: torch.from_numpy(value.numpy()) for name, value in ours.state_dict().items()}
    assert str(theirs.load_state_dict(there)) == "<All keys matched successfully>"
    here = {name: minitorch.from_numpy(value.numpy()) for name, value in theirs.state_dict().items()}
    assert str(back.load_state_dict(here)) == "<All keys matched successfully>"
    x = np.random.default_rng(0).standard_normal((2, 1, 6, 6)).astype(np.float32)
    expected = theirs(torch.from_numpy(x)).detach().numpy()
    for model in (ours, back):
        np.testing.assert_allclose(model(minitorch.from_numpy(x)).detach().numpy(), expected, rtol=1e-5, atol=1e-6)


# ---- where in a network an error happened


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(4, 5))
        self.heads = nn.ModuleList([nn.Linear(7, 7)])

    def forward(self, x, which="features"):
        if which == "own":
            raise RuntimeError("the user's own words")
        if which == "python":
            return int("no number")
        return self.heads[0](x) if which == "heads" else self.features(x)


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("features", "Deep.features.2: Linear(4 -> 5) got input of shape (1, 3): its last dimension must be 4"),
        ("heads", "Deep.heads.0: Linear(7 -> 7) got input of shape (1, 2): its last dimension must be 7"),
        ("own", "the user's own words"),
    ],
)
def test_errors_say_which_layer(which, message):
    with pytest.raises(RuntimeError) as raised:
        Deep()(minitorch.zeros(1, 2), which)
    assert str(raised.value) == message


def test_errors_that_are_not_the_librarys_stay_as_they_are():
    with pytest.raises(ValueError, match=r"^invalid literal"):
        Deep()(minitorch.zeros(1, 2), "python")
    with pytest.raises(RuntimeError, match=r"^Linear\(2 -> 3\) got input"):  # a layer alone needs no path
        nn.Linear(2, 3)(minitorch.zeros(5))
    with pytest.raises(RuntimeError, match=r"^Deep\.features\.2: Linear"):  # with hooks too
        net = Deep()
        net.features[2].register_forward_hook(lambda module, args, output: output)
        net(minitorch.zeros(1, 2))
