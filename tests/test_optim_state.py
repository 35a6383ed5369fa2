"""State dicts of optimizers: in and out of PyTorch's files, hooks, copies, and what does not fit."""

import copy
import pickle

import numpy as np
import pytest
from optim_rows import OPTIONS, ROWS, close, leaves, made, same_state, stepped

import minitorch as torch

MOST = [(name, choices[-1]) for name, choices in OPTIONS.items()]


def here(library):
    """Where the tests put tensors of a library."""
    return str(torch.get_default_device()) if library is torch else "cpu"


@pytest.mark.parametrize(("name", "options"), ROWS)
@pytest.mark.parametrize("to_ours", [True, False])
def test_training_goes_on_in_the_other_library(name, options, to_ours, tmp_path):
    """Ten steps on one library, a file, ten steps on the other: as twenty on one with a pause."""
    reference = pytest.importorskip("torch")
    source, target = (reference, torch) if to_ours else (torch, reference)
    params = leaves(source, "float64")
    optimizer = getattr(source.optim, name)(params, **options)
    stepped(source, params, optimizer, "float64", 10)
    path = tmp_path / "training.pt"
    source.save({"params": [p.detach() for p in params], "optimizer": optimizer.state_dict()}, path)

    loaded = target.load(path, map_location=here(target))
    moved = [p.requires_grad_() for p in loaded["params"]]
    other = getattr(target.optim, name)(moved)
    other.load_state_dict(loaded["optimizer"])
    # Loading converts the scalars of NAdam and ASGD to the dtype of the parameters, in either library.
    saved, optimizer = optimizer.state_dict(), getattr(source.optim, name)(params, **options)
    optimizer.load_state_dict(saved)
    stepped(source, params, optimizer, "float64", 10, first=10)
    stepped(target, moved, other, "float64", 10, first=10)
    for a, b in zip(params, moved):
        close(a.detach().numpy(), b.detach().numpy(), 1e-11)
    states = (other, optimizer) if to_ours else (optimizer, other)
    same_state(states[0].state_dict(), states[1].state_dict(), 1e-11)


@pytest.mark.parametrize("to_ours", [True, False])
def test_lbfgs_goes_on_in_the_other_library(to_ours, tmp_path):
    reference = pytest.importorskip("torch")

    def train(library, w, optimizer, steps):
        def closure():
            optimizer.zero_grad()
            loss = ((w - 1) ** 4).sum() + (w[0] * w[1] - 2) ** 2
            loss.backward()
            return loss

        return [optimizer.step(closure).item() for _ in range(steps)]

    source, target = (reference, torch) if to_ours else (torch, reference)
    options = {"max_iter": 2, "history_size": 3, "line_search_fn": "strong_wolfe"}
    w = made(source, [3.0, -1.0, 0.5], "float64").requires_grad_()
    optimizer = source.optim.LBFGS([w], **options)
    train(source, w, optimizer, 2)
    path = tmp_path / "lbfgs.pt"
    source.save({"w": w.detach(), "optimizer": optimizer.state_dict()}, path)
    loaded = target.load(path, map_location=here(target))
    moved = loaded["w"].requires_grad_()
    other = target.optim.LBFGS([moved])
    other.load_state_dict(loaded["optimizer"])
    close(train(target, moved, other, 4), train(source, w, optimizer, 4), 1e-9)
    close(np.asarray(moved.tolist()), np.asarray(w.tolist()), 1e-9)


@pytest.mark.parametrize(("name", "options"), MOST)
def test_copies_and_pickles_train_alike_and_apart(name, options):
    params = leaves(torch, "float32")
    optimizer = getattr(torch.optim, name)(params, **options)
    stepped(torch, params, optimizer, "float32", 3)
    copies = [copy.deepcopy((params, optimizer)), pickle.loads(pickle.dumps((params, optimizer)))]
    stepped(torch, params, optimizer, "float32", 3, first=3)
    for others, twin in copies:
        assert repr(twin) == repr(optimizer)
        assert all(a is b for a, b in zip(others, twin.param_groups[0]["params"]))
        stepped(torch, others, twin, "float32", 3, first=3)
        for a, b in zip(params, others):
            np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
        same_state(twin.state_dict(), optimizer.state_dict(), 0)


def test_loaded_state_is_a_copy_of_the_right_dtype():
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.Adam([w])
    w.grad = torch.ones(2)
    optimizer.step()
    saved = optimizer.state_dict()
    other = torch.optim.Adam([torch.ones(2, dtype=torch.float64, requires_grad=True)], lr=7.0)
    other.load_state_dict(saved)
    (state,) = other.state.values()
    assert state["exp_avg"].dtype is torch.float64
    assert state["step"].dtype is torch.float32 and state["step"].item() == 1.0
    assert other.param_groups[0]["lr"] == 1e-3
    twin = torch.optim.Adam([torch.ones(2, requires_grad=True)])
    twin.load_state_dict(saved)
    (state,) = twin.state.values()
    assert state["exp_avg"] is not saved["state"][0]["exp_avg"]
    twin.param_groups[0]["params"][0].grad = torch.ones(2)
    twin.step()
    assert saved["state"][0]["step"].item() == 1.0 and saved["param_groups"][0]["params"] == [0]
    assert saved["state"][0]["exp_avg"].tolist() == optimizer.state[w]["exp_avg"].tolist()


def test_parameters_are_told_by_their_place():
    a, b, c = (torch.ones(1, requires_grad=True) for _ in range(3))
    optimizer = torch.optim.SGD([{"params": [a, b]}, {"params": [c], "lr": 0.5}], lr=0.1, momentum=0.5)
    for p in (b, c):
        p.grad = torch.ones(1)
    optimizer.step()
    state_dict = optimizer.state_dict()
    assert [group["params"] for group in state_dict["param_groups"]] == [[0, 1], [2]]
    assert list(state_dict["state"]) == [1, 2]
    assert state_dict["state"][1]["momentum_buffer"] is optimizer.state[b]["momentum_buffer"]


def test_checkpoints_of_older_versions():
    """Fewer options, and steps counted in plain numbers."""
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.AdamW([w])
    old = {"lr": 0.5, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False, "params": [0]}
    state = {"step": 4, "exp_avg": torch.ones(2), "exp_avg_sq": torch.ones(2)}
    optimizer.load_state_dict({"state": {0: state}, "param_groups": [old]})
    assert optimizer.state[w]["step"].item() == 4.0
    assert optimizer.param_groups[0]["decoupled_weight_decay"] is True
    assert optimizer.param_groups[0]["maximize"] is False
    w.grad = torch.ones(2)
    optimizer.step()
    assert optimizer.state[w]["step"].item() == 5.0 and w[0].item() < 1.0


def test_what_does_not_belong_to_a_parameter_is_kept_as_it_is():
    optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
    optimizer.state["note"] = {"epoch": 3}
    other = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
    other.load_state_dict(optimizer.state_dict())
    assert other.state["note"] == {"epoch": 3}


def test_names_are_saved_and_not_asked_for():
    named = torch.optim.SGD(torch.nn.Linear(1, 1).named_parameters(), lr=0.1)
    plain = torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), lr=0.2)
    saved = plain.state_dict()
    plain.load_state_dict(named.state_dict())
    assert plain.param_groups[0]["param_names"] == ["weight", "bias"] and plain.param_groups[0]["lr"] == 0.1
    named.load_state_dict(saved)
    assert named.param_groups[0]["param_names"] == ["weight", "bias"] and named.param_groups[0]["lr"] == 0.2


def test_state_dicts_that_do_not_fit_change_nothing():
    w = torch.ones(1, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9)
    for groups, message in [
        ([], "different number of parameter groups"),
        ([{"params": [0, 1], "lr": 3.0}], "doesn't match the size of optimizer's group"),
    ]:
        with pytest.raises(ValueError, match=message):
            optimizer.load_state_dict({"state": {0: {"momentum_buffer": torch.ones(1)}}, "param_groups": groups})
    with pytest.raises(NotImplementedError, match="differentiable"):
        optimizer.load_state_dict({"state": {}, "param_groups": [{"params": [0], "differentiable": True}]})
    with pytest.raises(KeyError):
        optimizer.load_state_dict({"state": {}})
    assert optimizer.param_groups[0]["lr"] == 0.1 and not optimizer.state


def test_hooks_of_state_dicts():
    optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
    seen = []
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("second"))
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("first"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, d: {**d, "extra": 1})
    saved = optimizer.state_dict()
    assert seen == ["first", "second"] and saved["extra"] == 1

    optimizer.register_load_state_dict_pre_hook(lambda o, d: {**d, "param_groups": [{"params": [0], "lr": 0.7}]})
    handle = optimizer.register_load_state_dict_post_hook(lambda o: seen.append(o.param_groups[0]["lr"]))
    optimizer.load_state_dict(saved)
    assert seen[2:] == [0.7] and saved["param_groups"][0]["lr"] == 0.1
    handle.remove()
    optimizer.load_state_dict(saved)
    assert len(seen) == 3
