"""What optimizers refuse: options, parameters, gradients and states that do not fit; nothing has changed then."""

import pytest
from optim_rows import OPTIONS

import minitorch as torch

REFUSED = [
    ("SGD", {"lr": -1}, "Invalid learning rate: -1"),
    ("SGD", {"momentum": -0.1}, "Invalid momentum value: -0.1"),
    ("SGD", {"weight_decay": -1.0}, "Invalid weight_decay value: -1.0"),
    ("SGD", {"nesterov": True}, "Nesterov momentum requires a momentum and zero dampening"),
    ("Adam", {"lr": -1.0}, "Invalid learning rate: -1.0"),
    ("Adam", {"lr": float("nan")}, "Invalid learning rate: nan"),
    ("Adam", {"eps": -1.0}, "Invalid epsilon value: -1.0"),
    ("Adam", {"betas": (1.0, 0.5)}, "Invalid beta parameter at index 0: 1.0"),
    ("Adam", {"betas": (0.5, -0.5)}, "Invalid beta parameter at index 1: -0.5"),
    ("Adam", {"betas": (0, 0.5)}, "betas must be either both floats or both Tensors"),
    ("AdamW", {"weight_decay": -1}, "Invalid weight_decay value: -1"),
    ("Adamax", {"betas": (0.5, 1.0)}, "Invalid beta parameter at index 1: 1.0"),
    ("NAdam", {"momentum_decay": -1.0}, "Invalid momentum_decay value: -1.0"),
    ("RAdam", {"eps": -1.0}, "Invalid epsilon value: -1.0"),
    ("RMSprop", {"alpha": -1.0}, "Invalid alpha value: -1.0"),
    ("RMSprop", {"momentum": -1.0}, "Invalid momentum value: -1.0"),
    ("Adagrad", {"lr_decay": -1.0}, "Invalid lr_decay value: -1.0"),
    ("Adagrad", {"initial_accumulator_value": -1.0}, "Invalid initial_accumulator_value value: -1.0"),
    ("Adadelta", {"rho": 1.5}, "Invalid rho value: 1.5"),
    ("Rprop", {"etas": (1.5, 0.5)}, "Invalid eta values: 1.5, 0.5"),
    ("ASGD", {"weight_decay": -1.0}, "Invalid weight_decay value: -1.0"),
    ("Adam", {"fused": True, "foreach": True}, "`fused` and `foreach` cannot be `True` together."),
]


@pytest.mark.parametrize(("name", "options", "message"), REFUSED)
def test_options_that_pytorch_refuses_too(name, options, message):
    w = torch.ones(1, requires_grad=True)
    with pytest.raises((ValueError, RuntimeError)) as ours:
        getattr(torch.optim, name)([w], **options)
    assert str(ours.value) == message
    reference = pytest.importorskip("torch")
    with pytest.raises((ValueError, RuntimeError)) as theirs:
        getattr(reference.optim, name)([reference.ones(1, requires_grad=True)], **options)
    assert (theirs.type, str(theirs.value)) == (ours.type, message)


def test_tensor_options_that_are_refused():
    w = torch.ones(1, requires_grad=True)
    for name in OPTIONS:
        with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
            getattr(torch.optim, name)([w], lr=torch.ones(2))
    with pytest.raises(ValueError, match="lr as a Tensor is not supported"):
        torch.optim.Adam([w], lr=torch.tensor(0.1), foreach=True)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("option", ["capturable", "differentiable"])
def test_options_that_cannot_be_honoured_say_so(name, option):
    w = torch.ones(1, requires_grad=True)
    kind = getattr(torch.optim, name)
    if option in kind([w]).param_groups[0]:
        with pytest.raises(NotImplementedError, match=f"{name}: {option}=True"):
            kind([w], **{option: True})
        optimizer = kind([w])
        with pytest.raises(NotImplementedError):
            optimizer.add_param_group({"params": [torch.ones(1)], option: True})
        assert len(optimizer.param_groups) == 1
    else:
        with pytest.raises(TypeError, match=option):
            kind([w], **{option: True})


def bad_params(library):
    w = library.ones(2, requires_grad=True)
    return [
        (w, TypeError, "params argument given to the optimizer should be an iterable of Tensors or dicts"),
        ([], ValueError, "optimizer got an empty parameter list"),
        ((p for p in ()), ValueError, "optimizer got an empty parameter list"),
        ([w * 2], ValueError, "can't optimize a non-leaf Tensor"),
        ([w, 3], TypeError, "optimizer can only optimize Tensors, but one of the params is int"),
        ([{"params": {w}}], TypeError, "ordered collections"),
        ([{"params": [w]}, {"params": [w]}], ValueError, "some parameters appear in more than one parameter group"),
        ([{"params": [w]}, [w]], TypeError, "param_group must be a dict"),
        ([{"lr": 1.0}], KeyError, "params"),
        (3, TypeError, "not iterable"),
    ]


def test_parameters_that_are_refused():
    reference = pytest.importorskip("torch")
    for library in (torch, reference):
        for params, error, message in bad_params(library):
            with pytest.raises(error, match=message):
                library.optim.SGD(params, lr=0.1)


def test_generators_and_frozen_parameters_are_welcome():
    net = torch.nn.Linear(2, 2)
    frozen = torch.ones(1)
    optimizer = torch.optim.Adam(p for p in [*net.parameters(), frozen])
    net(torch.ones(1, 2)).sum().backward()
    before = net.bias.tolist()
    optimizer.step()
    assert frozen.item() == 1.0 and net.bias.tolist() != before
    computed = torch.ones(1, requires_grad=True) * 2
    computed.retain_grad()
    torch.optim.SGD([computed], lr=0.1)


@pytest.mark.parametrize(
    "change",
    [
        lambda w: setattr(w, "data", torch.ones(3, device=w.device)),
        lambda w: setattr(w, "data", torch.ones(2, dtype=torch.float64, device=w.device)),
        lambda w: setattr(w, "data", torch.ones(1, device=w.device).expand(2)),
    ],
)
def test_a_gradient_that_does_not_fit_is_refused_before_anything_changes(change):
    first, w = (torch.ones(2, requires_grad=True) for _ in range(2))
    optimizer = torch.optim.SGD([first, w], lr=0.5, momentum=0.9)
    for p in (first, w):
        p.grad = torch.ones(2)
    change(w)
    with pytest.raises(RuntimeError, match=r"SGD.step"):
        optimizer.step()
    assert first.tolist() == [1.0, 1.0] and not optimizer.state


def test_a_state_that_does_not_fit_is_refused_by_name():
    small, large = torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)
    optimizers = []
    for w in (small, large):
        optimizer = torch.optim.Adam([("head.weight", w)])
        w.grad = torch.ones(w.shape)
        optimizer.step()
        optimizers.append(optimizer)
    before = large.tolist()
    optimizers[1].load_state_dict(optimizers[0].state_dict())
    with pytest.raises(RuntimeError, match=r"parameter 'head.weight': the state 'exp_avg' has shape \[2\]"):
        optimizers[1].step()
    assert large.tolist() == before
