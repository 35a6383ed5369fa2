"""``Sequential``, ``ModuleList``, ``ModuleDict``, ``ParameterList``, ``ParameterDict`` beside PyTorch's."""

import copy
from collections import OrderedDict

import pytest
from twins import check_twins

import minitorch
from minitorch import nn


def linear(t, out=2):
    return t.nn.Linear(2, out)


def sequential(t):
    return t.nn.Sequential(linear(t), t.nn.ReLU(), linear(t, 3))


def named(t):
    return t.nn.Sequential(OrderedDict(first=linear(t), second=t.nn.ReLU()))


def module_list(t):
    return t.nn.ModuleList([linear(t), t.nn.ReLU(), linear(t, 3)])


def module_dict(t):
    return t.nn.ModuleDict({"a": linear(t), "b": t.nn.ReLU()})


def parameter(t, *shape):
    return t.nn.Parameter(t.zeros(*shape))


def parameter_list(t):
    return t.nn.ParameterList([parameter(t, 2, 3), t.zeros(1), "text", 3, [1]])


def parameter_dict(t):
    return t.nn.ParameterDict({"a": parameter(t, 2, 3), "b": t.zeros(1), "c": "text"})


def after(make, *changes):
    """A program: make a container, change it, look at it and at what it returned."""

    def program(t):
        container = make(t)
        returned = [change(container, t) for change in changes]
        own = [repr(r) for r in returned if r is not container]
        return own, repr(container), list(container.state_dict())

    return program


def iadd(container, other):
    container += other
    return container


def imul(container, count):
    container *= count
    return container


SEQUENTIAL = {
    "repr": after(lambda t: t.nn.Sequential(linear(t), linear(t), t.nn.ReLU(), t.nn.ReLU())),
    "empty": after(lambda t: t.nn.Sequential()),
    "named": after(named),
    "None": after(lambda t: t.nn.Sequential(linear(t), None)),
    "a list": after(lambda t: t.nn.Sequential([linear(t)])),
    "a plain dict": after(lambda t: t.nn.Sequential({"a": linear(t)})),
    "a number": after(lambda t: t.nn.Sequential(3)),
    "name with dot": after(lambda t: t.nn.Sequential(OrderedDict([("a.b", linear(t))]))),
    "attribute": lambda t: named(t).first,
    "index": lambda t: sequential(t)[1],
    "last": lambda t: sequential(t)[-1],
    "tensor index": lambda t: sequential(t)[t.tensor(1)],
    "beyond": lambda t: sequential(t)[3],
    "before": lambda t: sequential(t)[-4],
    "text index": lambda t: sequential(t)["0"],
    "float index": lambda t: sequential(t)[1.0],
    "slice": lambda t: (sequential(t)[1:], list(sequential(t)[1:].state_dict()), type(sequential(t)[:0]).__name__),
    "slice of names": lambda t: named(t)[:1],
    "length and iteration": lambda t: (len(sequential(t)), list(sequential(t))),
    "append": after(sequential, lambda c, t: c.append(t.nn.Tanh())),
    "append to names": after(named, lambda c, t: c.append(t.nn.Tanh())),
    "insert": after(sequential, lambda c, t: c.insert(1, t.nn.Tanh())),
    "insert at the end": after(sequential, lambda c, t: c.insert(3, t.nn.Tanh())),
    "insert from the end": after(sequential, lambda c, t: c.insert(-1, t.nn.Tanh())),
    "insert beyond": after(sequential, lambda c, t: c.insert(9, t.nn.Tanh())),
    "extend": after(sequential, lambda c, t: c.extend([t.nn.Tanh()])),
    "extend by another": after(sequential, lambda c, t: c.extend(sequential(t))),
    "extend by a number": after(sequential, lambda c, t: c.extend(3)),
    "delete": after(sequential, lambda c, t: c.__delitem__(0)),
    "delete last": after(sequential, lambda c, t: c.__delitem__(-1)),
    "delete slice": after(sequential, lambda c, t: c.__delitem__(slice(0, 2))),
    "delete beyond": after(sequential, lambda c, t: c.__delitem__(7)),
    "delete a name": after(named, lambda c, t: c.__delitem__(0)),
    "replace": after(sequential, lambda c, t: c.__setitem__(0, t.nn.Tanh())),
    "replace a name": after(named, lambda c, t: c.__setitem__(-1, t.nn.Tanh())),
    "replace by a number": after(sequential, lambda c, t: c.__setitem__(0, 3)),
    "replace beyond": after(sequential, lambda c, t: c.__setitem__(8, t.nn.Tanh())),
    "replace a slice": after(sequential, lambda c, t: c.__setitem__(slice(0, 1), t.nn.Tanh())),
    "pop": after(sequential, lambda c, t: c.pop(1)),
    "pop last": after(sequential, lambda c, t: c.pop(-1)),
    "pop text": after(sequential, lambda c, t: c.pop("0")),
    "add": lambda t: sequential(t) + sequential(t),
    "add a number": lambda t: sequential(t) + 3,
    "iadd": after(sequential, lambda c, t: iadd(c, named(t))),
    "iadd a number": after(sequential, lambda c, t: iadd(c, 3)),
    "times": lambda t: (sequential(t) * 2, 2 * sequential(t)),
    "times 0": lambda t: sequential(t) * 0,
    "times 1.5": lambda t: sequential(t) * 1.5,
    "imul": after(sequential, lambda c, t: imul(c, 2)),
    "imul 0": after(sequential, lambda c, t: imul(c, 0)),
    "call": lambda t: tuple(sequential(t)(t.zeros(1, 2)).shape),
}
MODULE_LIST = {
    "repr": after(lambda t: t.nn.ModuleList([linear(t), linear(t), linear(t, 3), t.nn.ReLU(), t.nn.ReLU()])),
    "repr, nested": after(lambda t: t.nn.Sequential(t.nn.ModuleList([sequential(t), sequential(t), named(t)]))),
    "repr, subclass": after(lambda t: type("Mine", (t.nn.ModuleList,), {})([linear(t), linear(t)])),
    "empty": after(lambda t: t.nn.ModuleList()),
    "generator": after(lambda t: t.nn.ModuleList(linear(t) for _ in range(2))),
    "a number": after(lambda t: t.nn.ModuleList(3)),
    "numbers": after(lambda t: t.nn.ModuleList([3])),
    "None": after(lambda t: t.nn.ModuleList([None])),
    "index": lambda t: (module_list(t)[0], module_list(t)[-1]),
    "beyond": lambda t: module_list(t)[3],
    "text index": lambda t: module_list(t)["0"],
    "slice": lambda t: (module_list(t)[1:], type(module_list(t)[1:]).__name__),
    "contains": lambda t: ((m := module_list(t))[0] in m, linear(t) in m),
    "no call": lambda t: module_list(t)(1),
    "append": after(module_list, lambda c, t: c.append(t.nn.Tanh())),
    "append a number": after(module_list, lambda c, t: c.append(3)),
    "insert": after(module_list, lambda c, t: (c.insert(1, t.nn.Tanh()), None)[1]),
    "extend": after(module_list, lambda c, t: c.extend(module_list(t))),
    "extend by a number": after(module_list, lambda c, t: c.extend(3)),
    "delete": after(module_list, lambda c, t: c.__delitem__(0)),
    "delete last": after(module_list, lambda c, t: c.__delitem__(-1)),
    "delete slice": after(module_list, lambda c, t: c.__delitem__(slice(0, 3, 2))),
    "delete beyond": after(module_list, lambda c, t: c.__delitem__(7)),
    "replace": after(module_list, lambda c, t: c.__setitem__(-1, t.nn.Tanh())),
    "replace by a number": after(module_list, lambda c, t: c.__setitem__(0, 3)),
    "add": lambda t: (module_list(t) + module_list(t), module_list(t) + [t.nn.Tanh()]),
    "add a number": lambda t: module_list(t) + 3,
    "iadd": after(module_list, lambda c, t: iadd(c, module_list(t))),
    "pop": after(module_list, lambda c, t: c.pop(1)),
    "pop beyond": after(module_list, lambda c, t: c.pop(9)),
    "dir": lambda t: [name for name in dir(module_list(t)) if name.isdigit()],
}
MODULE_DICT = {
    "repr": after(module_dict),
    "empty": after(lambda t: t.nn.ModuleDict()),
    "pairs": after(lambda t: t.nn.ModuleDict([["x", linear(t)], ("y", t.nn.ReLU())])),
    "a number": after(lambda t: t.nn.ModuleDict(3)),
    "numbers": after(lambda t: t.nn.ModuleDict([3])),
    "short pairs": after(lambda t: t.nn.ModuleDict([[1]])),
    "no module": after(lambda t: t.nn.ModuleDict([["a", 3]])),
    "number as key": after(lambda t: t.nn.ModuleDict({1: linear(t)})),
    "key with dot": after(lambda t: t.nn.ModuleDict({"a.b": linear(t)})),
    "key that is a method": after(lambda t: t.nn.ModuleDict({"keys": linear(t)})),
    "item": lambda t: (module_dict(t)["a"], module_dict(t).a),
    "no item": lambda t: module_dict(t)["z"],
    "views": lambda t: [list(view()) for view in (module_dict(t).keys, module_dict(t).values, module_dict(t).items)],
    "iteration": lambda t: (list(module_dict(t)), len(module_dict(t)), "a" in module_dict(t), "z" in module_dict(t)),
    "pop": after(module_dict, lambda c, t: c.pop("a")),
    "pop nothing": after(module_dict, lambda c, t: c.pop("z")),
    "update": after(module_dict, lambda c, t: c.update({"c": t.nn.Tanh(), "a": t.nn.Tanh()})),
    "update by another": after(module_dict, lambda c, t: c.update(t.nn.ModuleDict({"c": t.nn.Tanh()}))),
    "update, bad": after(module_dict, lambda c, t: c.update({"a": 3})),
    "replace": after(module_dict, lambda c, t: c.__setitem__("a", t.nn.Tanh())),
    "delete": after(module_dict, lambda c, t: c.__delitem__("a")),
    "delete nothing": after(module_dict, lambda c, t: c.__delitem__("z")),
    "clear": after(module_dict, lambda c, t: c.clear()),
    "no call": lambda t: module_dict(t)(1),
}
PARAMETER_LIST = {
    "repr": after(parameter_list),
    "repr, nested": after(lambda t: t.nn.Sequential(t.nn.ParameterList([parameter(t, 1)]))),
    "repr, modules": after(lambda t: t.nn.ParameterList([linear(t), t.nn.ParameterList([parameter(t, 1)])])),
    "empty": after(lambda t: t.nn.ParameterList()),
    "a number": after(lambda t: t.nn.ParameterList(3)),
    "a parameter": after(lambda t: t.nn.ParameterList(parameter(t, 2))),
    "integers": after(lambda t: t.nn.ParameterList([t.tensor([1])])),
    "buffer": after(lambda t: t.nn.ParameterList([t.nn.Buffer(t.zeros(1))])),
    "index": lambda t: (parameter_list(t)[1], parameter_list(t)[2], parameter_list(t)[-1]),
    "beyond": lambda t: parameter_list(t)[9],
    "slice": lambda t: (parameter_list(t)[1:3], type(parameter_list(t)[1:3]).__name__),
    "iteration": lambda t: (len(parameter_list(t)), [type(value).__name__ for value in parameter_list(t)]),
    "append": after(parameter_list, lambda c, t: c.append(t.ones(1))),
    "extend": after(parameter_list, lambda c, t: c.extend(parameter_list(t))),
    "extend by a number": after(parameter_list, lambda c, t: c.extend(3)),
    "iadd": after(parameter_list, lambda c, t: iadd(c, [t.ones(2)])),
    "replace": after(parameter_list, lambda c, t: c.__setitem__(0, t.ones(1))),
    "replace text": after(parameter_list, lambda c, t: c.__setitem__(2, t.ones(1))),
    "replace by text": after(parameter_list, lambda c, t: c.__setitem__(0, "text")),
    "replace beyond": after(parameter_list, lambda c, t: c.__setitem__(8, 1)),
    "no pop": after(parameter_list, lambda c, t: c.pop()),
    "no call": lambda t: parameter_list(t)(1),
}
PARAMETER_DICT = {
    "repr": after(parameter_dict),
    "repr, nested": after(lambda t: t.nn.ParameterDict({"p": t.nn.ParameterDict({"a": parameter(t, 1)})})),
    "empty": after(lambda t: t.nn.ParameterDict()),
    "order of a dict": after(lambda t: t.nn.ParameterDict({"b": parameter(t, 1), "a": parameter(t, 2)})),
    "order of an OrderedDict": after(lambda t: t.nn.ParameterDict(OrderedDict(b=parameter(t, 1), a=parameter(t, 2)))),
    "order of pairs": after(lambda t: t.nn.ParameterDict([["b", parameter(t, 1)], ["a", parameter(t, 2)]])),
    "another": after(lambda t: t.nn.ParameterDict(parameter_dict(t))),
    "a number": after(lambda t: t.nn.ParameterDict(3)),
    "numbers": after(lambda t: t.nn.ParameterDict([3])),
    "short pairs": after(lambda t: t.nn.ParameterDict([["a"]])),
    "number as key": after(lambda t: t.nn.ParameterDict({1: parameter(t, 1)})),
    "key with dot": after(lambda t: t.nn.ParameterDict({"a.b": parameter(t, 1)})),
    "key that is a method": after(lambda t: t.nn.ParameterDict({"keys": parameter(t, 1)})),
    "item": lambda t: (parameter_dict(t)["b"], parameter_dict(t).c),
    "no item": lambda t: parameter_dict(t)["z"],
    "get": lambda t: (parameter_dict(t).get("z"), parameter_dict(t).get("z", 1), parameter_dict(t).get("b")),
    "views": lambda t: [list(v()) for v in (parameter_dict(t).keys, parameter_dict(t).values, parameter_dict(t).items)],
    "iteration": lambda t: (list(p := parameter_dict(t)), list(reversed(p)), len(p), "a" in p, "z" in p),
    "pop": after(parameter_dict, lambda c, t: c.pop("a")),
    "pop nothing": after(parameter_dict, lambda c, t: c.pop("z")),
    "popitem": after(parameter_dict, lambda c, t: c.popitem()),
    "popitem of nothing": lambda t: t.nn.ParameterDict().popitem(),
    "setdefault": after(parameter_dict, lambda c, t: c.setdefault("z", t.ones(1)), lambda c, t: c.setdefault("a")),
    "fromkeys": lambda t: (parameter_dict(t).fromkeys(["u", "v"], 1), parameter_dict(t).fromkeys(["u"])),
    "copy": lambda t: (p := parameter_dict(t), p.copy(), p.copy()["a"] is p["a"])[1:],
    "or": lambda t: (parameter_dict(t) | t.nn.ParameterDict({"q": 1}), parameter_dict(t) | {"q": 1}),
    "ior": after(parameter_dict, lambda c, t: c.__ior__({"q": t.ones(1)})),
    "update": after(parameter_dict, lambda c, t: c.update({"d": t.ones(2), "a": t.ones(1)})),
    "replace by a number": after(parameter_dict, lambda c, t: c.__setitem__("a", 3)),
    "delete": after(parameter_dict, lambda c, t: c.__delitem__("a")),
    "delete nothing": after(parameter_dict, lambda c, t: c.__delitem__("z")),
    "clear": after(parameter_dict, lambda c, t: c.clear()),
    "no call": lambda t: parameter_dict(t)(1),
}
ALL = {
    f"{kind}: {name}": program
    for kind, rows in (
        ("Sequential", SEQUENTIAL),
        ("ModuleList", MODULE_LIST),
        ("ModuleDict", MODULE_DICT),
        ("ParameterList", PARAMETER_LIST),
        ("ParameterDict", PARAMETER_DICT),
    )
    for name, program in rows.items()
}


@pytest.mark.parametrize("program", ALL.values(), ids=ALL)
def test_containers_are_pytorchs(program):
    check_twins(program)


@pytest.mark.parametrize("make", [sequential, module_list])
def test_insertion_as_in_lists(make):
    """Where PyTorch's own lists lose a module or take what is none."""
    container, tanh = make(minitorch), nn.Tanh()
    names = list("0123")
    assert container.insert(-1, tanh) is container
    assert container[2] is tanh and list(container._modules) == names
    with pytest.raises(IndexError, match="Index out of range: 9"):
        container.insert(9, nn.Tanh())
    with pytest.raises(TypeError, match="should be of type"):
        container.insert(0, 3)
    assert list(container._modules) == names
    container.extend(container)
    assert len(container) == 8


def test_parameters_in_containers_are_learnt():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
            self.heads = nn.ModuleDict({"a": nn.Linear(2, 1), "b": nn.Linear(2, 1)})
            self.scales = nn.ParameterList([minitorch.ones(2) for _ in range(3)])
            self.shifts = nn.ParameterDict({"a": minitorch.zeros(1)})

        def forward(self, x, head):
            for layer, scale in zip(self.layers, self.scales):
                x = layer(x) * scale
            return self.heads[head](x) + self.shifts["a"]

    net = Net()
    assert len(list(net.parameters())) == 6 + 4 + 3 + 1
    net(minitorch.randn(5, 2), "a").sum().backward()
    without = [name for name, p in net.named_parameters() if p.grad is None]
    assert without == ["heads.b.weight", "heads.b.bias"]
    twin = copy.deepcopy(net)
    assert len(twin.scales) == 3 and twin.scales[0] is not net.scales[0]
    x = minitorch.randn(5, 2)
    assert twin(x, "b").tolist() == net(x, "b").tolist()


DATA_PARALLEL = {
    "repr": after(lambda t: t.nn.DataParallel(linear(t))),
    "call": lambda t: tuple(t.nn.DataParallel(linear(t, 3))(t.zeros(4, 2)).shape),
    "in parallel": lambda t: t.nn.parallel.DataParallel is t.nn.DataParallel,
    "module": lambda t: t.nn.DataParallel(linear(t)).module,
    "checkpoint of a wrapped network": lambda t: str(
        t.nn.DataParallel(linear(t)).load_state_dict({"module.weight": t.ones(2, 2), "module.bias": t.ones(2)})
    ),
}


@pytest.mark.parametrize("program", DATA_PARALLEL.values(), ids=DATA_PARALLEL)
def test_data_parallel_is_pytorchs(program):
    check_twins(program)


def test_data_parallel_without_gpus_takes_any(monkeypatch):
    monkeypatch.setattr(minitorch.cuda, "is_available", lambda: False)
    net = nn.DataParallel(nn.Linear(1, 1), device_ids=[0, 1])
    assert net.device_ids == [] and net(minitorch.zeros(3, 1)).shape == (3, 1)


def test_data_parallel_does_not_split(monkeypatch):
    monkeypatch.setattr(minitorch.cuda, "is_available", lambda: True)
    assert nn.DataParallel(nn.Linear(1, 1), device_ids=[0]).device_ids == [0]
    with pytest.raises(NotImplementedError, match="several devices"):
        nn.DataParallel(nn.Linear(1, 1), device_ids=[0, 1])
