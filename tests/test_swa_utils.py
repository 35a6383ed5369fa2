"""Averaged models: beside PyTorch's, in every way to average; batch statistics; what is refused."""

import copy

import numpy as np
import pytest

import minitorch as torch


def net_of(library):
    net = library.nn.Sequential(library.nn.Linear(3, 4), library.nn.BatchNorm1d(4), library.nn.Linear(4, 2))
    rng = np.random.default_rng(5)
    with library.no_grad():
        for p in net.parameters():
            p.copy_(library.tensor(rng.standard_normal(tuple(p.shape)).tolist()))
    return net


def batch(library, k):
    rng = np.random.default_rng(k)
    return library.tensor(rng.standard_normal((8, 3)).tolist()) * 2 + 1


WAYS = {
    "mean": lambda s: {},
    "mean with buffers": lambda s: {"use_buffers": True},
    "ema": lambda s: {"multi_avg_fn": s.get_ema_multi_avg_fn(0.7), "use_buffers": True},
    "ema one by one": lambda s: {"avg_fn": s.get_ema_avg_fn(0.7)},
    "mean one by one": lambda s: {"avg_fn": s.get_swa_avg_fn()},
    "mean in lists": lambda s: {"multi_avg_fn": s.get_swa_multi_avg_fn()},
    "own": lambda s: {"avg_fn": lambda average, current, count: average * 0.5 + current / (count + 2)},
}


@pytest.mark.parametrize("way", WAYS)
def test_averages_are_pytorchs(way):
    reference = pytest.importorskip("torch")
    results = []
    for library in (torch, reference):
        utils = library.optim.swa_utils
        net = net_of(library)
        average = utils.AveragedModel(net, **WAYS[way](utils))
        optimizer = library.optim.SGD(net.parameters(), lr=0.1)
        for k in range(4):
            optimizer.zero_grad()
            (net(batch(library, k)) ** 2).mean().backward()
            optimizer.step()
            average.update_parameters(net)
        utils.update_bn([batch(library, k) for k in range(3)], average)
        results.append((average.state_dict(), average.eval()(batch(library, 9)).detach().numpy()))
    (ours, out), (theirs, expected) = results
    assert list(ours) == list(theirs)
    for name, value in ours.items():
        assert repr(value.dtype) == repr(theirs[name].dtype)
        np.testing.assert_allclose(value.numpy(), theirs[name].numpy(), rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)


def test_an_average_is_a_copy_that_does_not_train():
    net = torch.nn.Linear(1, 1)
    average = torch.optim.swa_utils.AveragedModel(net)
    assert average.module is not net and average.module.weight.item() == net.weight.item()
    average.update_parameters(net)
    assert average.n_averaged.item() == 1 and average.n_averaged.dtype is torch.int64
    before = average.module.weight.item()
    with torch.no_grad():
        net.weight.fill_(before + 2)
    assert average.module.weight.item() == before
    average.update_parameters(net)
    assert average.module.weight.item() == pytest.approx(before + 1)
    assert all(p.is_leaf and p.requires_grad and p.grad is None for p in average.parameters())
    twin = copy.deepcopy(average)
    twin.load_state_dict(average.state_dict())
    assert twin.n_averaged.item() == 2


def test_update_bn_takes_pairs_and_restores_everything():
    net = net_of(torch).eval()
    norm = net[1]
    with torch.no_grad():
        norm.running_mean.fill_(7.0)
    batches = [batch(torch, k) for k in range(4)]
    torch.optim.swa_utils.update_bn(((x, "label") for x in batches), net, device=batches[0].device)
    assert norm.momentum == 0.1 and not net.training and not norm.training
    hidden = net[0](torch.cat(batches))
    np.testing.assert_allclose(norm.running_mean.numpy(), hidden.mean(0).detach().numpy(), rtol=1e-4, atol=1e-5)
    assert norm.num_batches_tracked.item() == 4
    with pytest.raises(RuntimeError):
        torch.optim.swa_utils.update_bn([torch.ones(2, 9)], net)
    assert norm.momentum == 0.1 and not net.training

    plain = torch.nn.Linear(1, 1)
    torch.optim.swa_utils.update_bn(None, plain)  # nothing to do: the data are not looked at


def test_averages_of_integers_are_cut_off():
    reference = pytest.importorskip("torch")
    results = []
    for library in (torch, reference):
        average, current = library.tensor([10, 20, -7]), library.tensor([20, 7, 8])
        library.optim.swa_utils.get_ema_multi_avg_fn(0.4)([average], [current], library.tensor(3))
        results.append(average.tolist())
    assert results[0] == results[1]


def test_what_is_refused():
    for library in [torch, pytest.importorskip("torch")]:
        utils = library.optim.swa_utils
        for make in (utils.get_ema_avg_fn, utils.get_ema_multi_avg_fn):
            with pytest.raises(ValueError, match=r"Invalid decay value 1\.5"):
                make(1.5)
        with pytest.raises(AssertionError, match="Only one of avg_fn and multi_avg_fn"):
            utils.AveragedModel(
                library.nn.Linear(1, 1), avg_fn=utils.get_swa_avg_fn(), multi_avg_fn=utils.get_swa_multi_avg_fn()
            )
        optimizer = library.optim.SGD([library.ones(1, requires_grad=True)], lr=0.1)
        with pytest.raises(ValueError, match="anneal_strategy must be one of"):
            utils.SWALR(optimizer, 0.1, anneal_strategy="wave")
        with pytest.raises(ValueError, match="anneal_epochs must be equal or greater than 0"):
            utils.SWALR(optimizer, 0.1, anneal_epochs=-1)
        with pytest.raises(ValueError, match="must have the same length"):
            utils.SWALR(optimizer, [0.1, 0.2])
