"""Random numbers: seeds, states, distributions, and what is refused."""

import pickle

import numpy as np
import pytest

import minitorch as torch


def test_a_seed_repeats_everything():
    def draw():
        return [
            torch.rand(3),
            torch.randn(2, 2),
            torch.randint(10, (5,)),
            torch.randperm(7),
            torch.normal(0.0, 1.0, (3,)),
            torch.bernoulli(torch.full((4,), 0.5)),
            torch.multinomial(torch.ones(5), 3),
            torch.empty(3).uniform_(),
            torch.empty(3).normal_(),
            torch.empty(3).exponential_(),
            torch.zeros(4).bernoulli_(0.5),
            torch.zeros(4, dtype=torch.int64).random_(100),
        ]

    torch.manual_seed(3)
    first = draw()
    torch.manual_seed(3)
    second = draw()
    torch.manual_seed(4)
    third = draw()
    assert all(a.tolist() == b.tolist() for a, b in zip(first, second))
    assert first[0].tolist() != third[0].tolist()
    assert torch.initial_seed() == 4


def test_state_goes_on_where_it_was():
    torch.manual_seed(0)
    torch.rand(3)
    torch.randint(5, (1,), dtype=torch.int32)
    state = torch.get_rng_state()
    a = torch.randn(5)
    torch.set_rng_state(state)
    assert torch.randn(5).tolist() == a.tolist()
    assert state.dtype is torch.uint8
    with pytest.raises(TypeError):
        torch.set_rng_state(torch.zeros(4))
    with pytest.raises(RuntimeError, match="not the state"):
        torch.set_rng_state(torch.zeros(4, dtype=torch.uint8))


def test_generators_are_independent():
    g = torch.Generator().manual_seed(1)
    torch.manual_seed(1)
    expected = torch.rand(4)
    assert torch.rand(4, generator=g).tolist() == expected.tolist()
    before = torch.get_rng_state().tolist()
    torch.randperm(4, generator=g)
    assert torch.get_rng_state().tolist() == before
    copy = pickle.loads(pickle.dumps(g))
    assert torch.rand(2, generator=copy).tolist() == torch.rand(2, generator=g).tolist()
    clone = g.clone_state()
    assert torch.rand(2, generator=clone).tolist() == torch.rand(2, generator=g).tolist()
    assert g.seed() == g.initial_seed()
    g.manual_seed(-1)
    assert g.initial_seed() == 2**64 - 1
    with pytest.raises(TypeError, match="Generator"):
        torch.rand(1, generator=3)
    with pytest.raises(RuntimeError, match="64 bits"):
        g.manual_seed(2**64)


def test_a_refused_draw_leaves_the_stream_where_it_was():
    torch.manual_seed(0)
    before = torch.get_rng_state().tolist()
    leaf = torch.zeros(2, requires_grad=True)
    one_place = torch.zeros(1).expand(3)
    for bad in (lambda: torch.rand(-1), leaf.normal_, one_place.uniform_, lambda: torch.randint(2, 2, (1,))):
        with pytest.raises(RuntimeError):
            bad()
    assert torch.get_rng_state().tolist() == before
    assert leaf.tolist() == [0, 0]


def test_each_draw_has_a_key_of_its_own():
    """Numbers of one call do not come back in the next, whatever was drawn in between."""
    torch.manual_seed(0)
    draws = [torch.rand(5), torch.rand(5), torch.randperm(5), torch.rand(5), torch.rand(2, 3)]
    numbers = [x for t in draws if t.is_floating_point() for x in t.flatten().tolist()]
    assert len(set(numbers)) == len(numbers)


def test_filled_where_they_are_or_by_a_copy():
    """Memory with gaps gets the numbers that a whole array gets."""
    for fill in ("uniform_", "normal_", "bernoulli_", "exponential_", "random_"):
        found = []
        for gaps in (False, True):
            torch.manual_seed(6)
            x = torch.full((4, 6), -1.0)[:, ::2] if gaps else torch.full((4, 3), -1.0)
            assert getattr(x, fill)() is x
            found.append(x.tolist())
        assert found[0] == found[1]


def test_shapes_of_no_and_one_element():
    for draw in (torch.rand, torch.randn, lambda *size: torch.randint(5, size)):
        assert draw().shape == ()
        assert draw(0, 3).shape == (0, 3)


def test_fork_rng():
    torch.manual_seed(0)
    with torch.random.fork_rng():
        torch.rand(10)
    a = torch.rand(1)
    torch.manual_seed(0)
    assert torch.rand(1).item() == a.item()


class Drawing(torch.utils.data.Dataset):
    """Draws while a batch is made, and goes back to where it was."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        with torch.random.fork_rng():
            forked = torch.randn(3)
        return torch.stack([forked, torch.randn(3), torch.randperm(3).float()])


def test_states_while_a_batch_is_made():
    torch.manual_seed(2)
    first, second = torch.utils.data.DataLoader(Drawing(), batch_size=2)
    assert torch.equal(first[0, 0], first[0, 1])
    assert not torch.equal(first, second)
    torch.manual_seed(2)
    again = next(iter(torch.utils.data.DataLoader(Drawing(), batch_size=2)))
    assert torch.equal(first, again)


def test_distributions():
    torch.manual_seed(0)
    n = 20000
    u = torch.rand(n).numpy()
    assert u.min() >= 0 and u.max() < 1 and abs(u.mean() - 0.5) < 0.01
    x = torch.randn(n, dtype=torch.float64).numpy()
    assert abs(x.mean()) < 0.03 and abs(x.std() - 1) < 0.03
    i = torch.randint(-2, 3, (n,)).numpy()
    assert set(i.tolist()) == {-2, -1, 0, 1, 2} and i.dtype == np.int64
    assert sorted(torch.randperm(50).tolist()) == list(range(50))
    assert abs(torch.empty(n).uniform_(2, 4).numpy().mean() - 3) < 0.03
    assert abs(torch.empty(n).normal_(5, 2).numpy().std() - 2) < 0.06
    assert abs(torch.empty(n).exponential_(2.0).numpy().mean() - 0.5) < 0.03
    assert abs(torch.zeros(n).bernoulli_(0.3).numpy().mean() - 0.3) < 0.02
    assert abs(torch.bernoulli(torch.full((n,), 0.7)).numpy().mean() - 0.7) < 0.02
    assert torch.rand(1000, dtype=torch.float16).numpy().max() < 1
    assert torch.zeros(1000, dtype=torch.int8).random_().numpy().min() >= 0
    mean = torch.normal(torch.tensor([0.0, 100.0]), torch.tensor([0.1, 0.1]))
    assert mean[1].item() > 90
    assert torch.rand_like(torch.zeros(2, dtype=torch.float64)).dtype is torch.float64
    assert torch.randn_like(torch.zeros(2)).shape == (2,)
    assert torch.randint_like(torch.zeros(2), 5).dtype is torch.float32


def test_multinomial():
    torch.manual_seed(0)
    w = torch.tensor([0.0, 1.0, 3.0, 0.0])
    picked = torch.multinomial(w, 8000, replacement=True)
    counts = np.bincount(picked.numpy(), minlength=4) / 8000
    assert counts[0] == counts[3] == 0 and abs(counts[2] - 0.75) < 0.03
    rows = torch.multinomial(torch.ones(6, 5), 5)
    assert rows.shape == (6, 5) and all(sorted(r) == [0, 1, 2, 3, 4] for r in rows.tolist())
    for weights, count, replace in (
        ([-1.0, 2.0], 1, False),
        ([float("nan"), 1.0], 1, False),
        ([0.0, 0.0], 1, True),
        ([1.0, 0.0], 2, False),
        ([1.0], 0, False),
    ):
        with pytest.raises(RuntimeError):
            torch.multinomial(torch.tensor(weights), count, replace)


def test_bad_arguments():
    for bad, error in (
        (lambda: torch.rand(2, dtype=torch.int64), NotImplementedError),
        (lambda: torch.rand(-1), RuntimeError),
        (lambda: torch.randn(2, -1), RuntimeError),
        (lambda: torch.randint(3, (-1,)), RuntimeError),
        (lambda: torch.randint(3, 3, (1,)), RuntimeError),
        (lambda: torch.randint(2**64, (1,)), ValueError),
        (lambda: torch.randint(0, 2.5, (1,)), TypeError),
        (lambda: torch.zeros(2).random_(-(2**63) - 1, 0), ValueError),
        (lambda: torch.bernoulli(torch.ones(2, dtype=torch.int64)), RuntimeError),
        (lambda: torch.bernoulli(torch.ones(2), 1.5), RuntimeError),
        (lambda: torch.randint(3), TypeError),
        (lambda: torch.randperm(-1), RuntimeError),
        (lambda: torch.normal(0.0, -1.0, (2,)), RuntimeError),
        (lambda: torch.normal(0.0, 1.0), TypeError),
        (lambda: torch.bernoulli(torch.tensor([1.5])), RuntimeError),
        (lambda: torch.zeros(2).bernoulli_(2.0), RuntimeError),
        (lambda: torch.zeros(2).uniform_(2, 1), RuntimeError),
        (lambda: torch.zeros(2).normal_(0, -1), RuntimeError),
        (lambda: torch.zeros(2).exponential_(0), RuntimeError),
        (lambda: torch.zeros(2).random_(5, 5), RuntimeError),
        (lambda: torch.zeros(2, dtype=torch.int64).normal_(), NotImplementedError),
        (lambda: torch.zeros(2, requires_grad=True).normal_(), RuntimeError),
    ):
        with pytest.raises(error):
            bad()
