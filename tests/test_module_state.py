"""``state_dict`` and ``load_state_dict``: names, checks before anything changes, hooks, extra state, assignment."""

from collections import OrderedDict

import pytest
from twins import check_twins

import minitorch
from minitorch import nn


def linear(t, value=1.0, size=1):
    layer = t.nn.Linear(size, size)
    with t.no_grad():
        layer.weight.fill_(value)
        layer.bias.fill_(value)
    return layer


def nested(t):
    return t.nn.Sequential(linear(t), t.nn.Sequential(t.nn.BatchNorm1d(1), linear(t, 2.0)))


def with_extra(t, getter=True, setter=True):
    """A layer with state beside its tensors."""
    methods = {}
    if getter:
        methods["get_extra_state"] = lambda self: {"steps": self.steps}
    if setter:
        methods["set_extra_state"] = lambda self, state: setattr(self, "steps", state["steps"])
    module = type("Extra", (t.nn.Linear,), methods)(1, 1)
    module.steps = 3
    with t.no_grad():
        module.weight.fill_(1)
        module.bias.fill_(1)
    return module


def load(module, state, **options):
    """What loading returns, and what the module then is."""
    keys = module.load_state_dict(state, **options)
    return str(keys), keys.missing_keys, keys.unexpected_keys, module.state_dict()


def changed(state, **values):
    """``state`` with other values under names (``__`` for a dot), ``None`` for none."""
    state = OrderedDict(state)
    for name, value in values.items():
        state[name.replace("__", ".")] = value
    return OrderedDict((name, value) for name, value in state.items() if value is not None)


def renamed(t):
    """A layer that has written ``w`` for ``weight`` at one time."""

    class Renamed(t.nn.Linear):
        def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs):
            if prefix + "w" in state_dict:
                state_dict[prefix + "weight"] = state_dict.pop(prefix + "w")
            super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

        def _save_to_state_dict(self, destination, prefix, keep_vars):
            super()._save_to_state_dict(destination, prefix, keep_vars)
            destination[prefix + "w"] = destination.pop(prefix + "weight")

    return Renamed(1, 1)


PROGRAMS = {
    "names and values": lambda t: nested(t).state_dict(),
    "kind": lambda t: type(nested(t).state_dict()).__name__,
    "metadata": lambda t: nested(t).state_dict()._metadata,
    "metadata, prefix": lambda t: nested(t).state_dict(prefix="net.")._metadata,
    "prefix": lambda t: list(nested(t).state_dict(prefix="net.")),
    "keep_vars": lambda t: nested(t).state_dict(keep_vars=True),
    "destination": lambda t: linear(t).state_dict(destination={"there": 1}),
    "by position": lambda t: linear(t).state_dict(OrderedDict(there=1), "x.", True),
    "not persistent": lambda t: (m := linear(t), m.register_buffer("b", t.ones(1), False), m.state_dict())[2],
    "all match": lambda t: load(nested(t), nested(t).state_dict()),
    "other values": lambda t: load(linear(t), linear(t, 5.0).state_dict()),
    "other dtypes": lambda t: load(linear(t), changed(linear(t, 5.0).state_dict(), bias=t.tensor([7]))),
    "a plain dict": lambda t: load(linear(t), dict(linear(t, 5.0).state_dict())),
    "no dict": lambda t: linear(t).load_state_dict([]),
    "missing": lambda t: load(nested(t), {}),
    "missing, not strict": lambda t: load(nested(t), {}, strict=False),
    "unexpected": lambda t: load(
        nested(t),
        changed(nested(t).state_dict(), c=t.ones(1), c__d=t.ones(1), __=1, _extra_state=2, _1__0__x__y=t.ones(1)),
    ),
    "unexpected, not strict": lambda t: load(linear(t), changed(linear(t).state_dict(), c=t.ones(1)), strict=False),
    "shapes": lambda t: load(linear(t), {"weight": t.ones(2, 1), "bias": t.ones(3)}),
    "everything at once": lambda t: load(linear(t), {"weight": t.ones(2, 1), "c": t.ones(3)}),
    "shapes, not strict": lambda t: load(linear(t), {"weight": t.ones(2, 1), "c": t.ones(3)}, strict=False),
    "one element for a number": lambda t: load(
        t.nn.BatchNorm1d(1), changed(t.nn.BatchNorm1d(1).state_dict(), num_batches_tracked=t.tensor([4]))
    ),
    "from before num_batches_tracked": lambda t: load(
        t.nn.BatchNorm1d(1), dict(changed(t.nn.BatchNorm1d(1).state_dict(), num_batches_tracked=None))
    ),
    "renamed by the layer": lambda t: (m := t.nn.Sequential(renamed(t)), load(m, m.state_dict()))[1][:3],
    "extra state": lambda t: (m := with_extra(t), m.state_dict(), load(m, m.state_dict()), m.steps)[1:],
    "extra state, set": lambda t: (m := with_extra(t), load(m, changed(m.state_dict(), _extra_state={"steps": 9})))[1],
    "extra state, no setter": lambda t: load(with_extra(t, setter=False), with_extra(t).state_dict()),
    "extra state, missing": lambda t: load(with_extra(t), linear(t).state_dict()),
    "extra state, unexpected": lambda t: load(linear(t), with_extra(t).state_dict()),
    "assign": lambda t: load(
        linear(t), {"weight": t.ones(1, 1, dtype=t.float64), "bias": t.nn.Parameter(t.ones(1))}, assign=True
    ),
    "assign, requires_grad": lambda t: (
        m := linear(t).requires_grad_(False),
        m.load_state_dict(linear(t, 2.0).state_dict(), assign=True),
        m.weight.requires_grad,
    )[2],
    "assign, shapes": lambda t: load(linear(t), {"weight": t.ones(2, 1), "bias": t.ones(1)}, assign=True),
    "get_extra_state without": lambda t: linear(t).get_extra_state(),
    "set_extra_state without": lambda t: linear(t).set_extra_state(1),
}  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_state_is_pytorchs(program):
    check_twins(program)


@pytest.mark.parametrize(
    "name", ["missing", "unexpected", "shapes", "everything at once", "no dict", "extra state, missing"]
)
def test_messages_are_pytorchs(name):
    check_twins(PROGRAMS[name], message=True)


def test_state_shares_memory_and_leaves_the_graph():
    layer = nn.Linear(2, 2)
    state = layer.state_dict()
    assert not state["weight"].requires_grad and type(state["weight"]) is minitorch.Tensor
    with minitorch.no_grad():
        layer.weight.fill_(3)
    assert state["weight"].tolist() == [[3, 3], [3, 3]]
    assert layer.state_dict(keep_vars=True)["weight"] is layer.weight


def test_loading_copies_into_the_same_parameters():
    layer, given = nn.Linear(2, 2), nn.Linear(2, 2).state_dict()
    weight, memory = layer.weight, layer.weight.data_ptr()
    layer.load_state_dict(given)
    assert layer.weight is weight and weight.data_ptr() == memory and weight.requires_grad
    given["weight"].zero_()
    assert layer.weight.abs().sum() > 0


def test_assign_puts_the_given_tensors_in_place():
    layer, given = nn.Linear(2, 2), minitorch.ones(2, 2, dtype=minitorch.float64)
    bias = nn.Parameter(minitorch.ones(2))
    layer.load_state_dict({"weight": given, "bias": bias}, assign=True)
    assert layer.bias is bias and type(layer.weight) is nn.Parameter
    assert layer.weight.dtype == minitorch.float64 and layer.weight.data_ptr() == given.data_ptr()


BAD = {
    "shape": {"1.1.weight": minitorch.ones(2, 2)},
    "missing": {"1.1.weight": None},
    "unexpected": {"more": minitorch.ones(1)},
    "no tensor": {"1.1.weight": 3.0},
    "lazy": {"1.1.weight": nn.UninitializedParameter()},
}


@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_refused_state_changes_nothing(bad, assign):
    net = nested(minitorch)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    objects = [*net.parameters(), *net.buffers()]
    state = {**nested(minitorch).state_dict(), "0.weight": minitorch.full((1, 1), 9.0), **bad}
    state = {name: value for name, value in state.items() if value is not None}
    with pytest.raises(RuntimeError, match=r"^Error\(s\) in loading state_dict for Sequential:"):
        net.load_state_dict(state, assign=assign)
    assert all(a is b for a, b in zip(objects, [*net.parameters(), *net.buffers()]))
    assert all(minitorch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_memory_that_cannot_be_written_is_refused():
    layer = nn.Linear(1, 2)
    layer.bias.data = minitorch.zeros(1).expand(2)
    with pytest.raises(RuntimeError, match=r'parameter named "bias".*single memory location'):
        layer.load_state_dict(nn.Linear(1, 2).state_dict())


# ---- hooks


def recorded(log, name, result=None):
    def hook(*args):
        parts = [
            type(a).__name__ if hasattr(a, "forward") else list(a) if isinstance(a, OrderedDict) else a for a in args
        ]
        log.append((name, *parts))
        return result

    return hook


def saving_hooks(t):
    net, log = t.nn.Sequential(linear(t)), []
    net.register_state_dict_pre_hook(recorded(log, "pre"))
    net[0].register_state_dict_pre_hook(recorded(log, "child pre"))
    net[0].register_state_dict_post_hook(recorded(log, "child post"))
    net.register_state_dict_post_hook(recorded(log, "post"))
    net.state_dict(prefix="net.")
    return log


def loading_hooks(t):
    net, log = t.nn.Sequential(linear(t)), []

    def rename(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors):
        log.append((prefix, sorted(state_dict), strict))
        state_dict[prefix + "weight"] = state_dict.pop(prefix + "w")

    net[0].register_load_state_dict_pre_hook(rename)
    net.register_load_state_dict_post_hook(lambda module, keys: log.append(("post", str(keys))))
    net[0].register_load_state_dict_post_hook(lambda module, keys: log.append(("child", module.weight.item())))
    return load(net, {"0.w": t.full((1, 1), 4.0), "0.bias": t.ones(1)}), log


def old_style_hooks(t):
    layer, log = linear(t), []
    layer._register_load_state_dict_pre_hook(lambda state, prefix, *rest: log.append((sorted(state), prefix)))
    layer._register_load_state_dict_pre_hook(
        lambda module, state, *rest: log.append(type(module).__name__), with_module=True
    )
    layer._register_state_dict_hook(lambda module, state, prefix, metadata: {"instead": len(state)})
    layer.load_state_dict({"weight": t.ones(1, 1), "bias": t.ones(1)})
    return log, layer.state_dict()


def forgiving(t, strict):
    net = t.nn.Sequential(linear(t))
    net.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    return load(net, {"0.bias": t.full((1,), 4.0)}, strict=strict)


def removed(t):
    layer, log = linear(t), []
    for register in (layer.register_state_dict_pre_hook, layer.register_state_dict_post_hook):
        register(recorded(log, "called")).remove()
    layer.state_dict()
    return log


def returning(t):
    layer = linear(t)
    layer.register_state_dict_post_hook(lambda *args: {})
    return layer.state_dict()


HOOKS = {
    "saving": saving_hooks,
    "loading": loading_hooks,
    "old style": old_style_hooks,
    "forgiving": lambda t: forgiving(t, True),
    "forgiving, not strict": lambda t: forgiving(t, False),
    "removed": removed,
    "a post hook that returns": returning,
}


@pytest.mark.parametrize("program", HOOKS.values(), ids=HOOKS)
def test_hooks_are_pytorchs(program):
    check_twins(program)


def test_a_post_hook_must_not_return():
    layer = nn.Linear(1, 1)
    layer.register_load_state_dict_post_hook(lambda module, keys: keys)
    with pytest.raises(RuntimeError, match="must return None"):
        layer.load_state_dict(layer.state_dict())


def test_a_part_can_be_loaded_alone():
    """Code that calls ``_load_from_state_dict`` itself gets its copies at once."""
    layer, missing, unexpected, errors = nn.Linear(1, 1), [], [], []
    layer._load_from_state_dict({"x.weight": minitorch.full((1, 1), 4.0)}, "x.", {}, True, missing, unexpected, errors)
    assert layer.weight.item() == 4 and (missing, unexpected, errors) == (["x.bias"], [], [])
