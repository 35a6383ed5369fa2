"""Attention of several heads and transformers, against PyTorch where it is installed."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import minitorch
from minitorch import nn

F64 = minitorch.float64
pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")  # PyTorch's


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def tensor(library, values, **kwargs):
    return library.tensor(values.tolist(), dtype=getattr(library, values.dtype.name), **kwargs)


def twins(make):
    """A minitorch layer and PyTorch's with the same weights."""
    torch = pytest.importorskip("torch")
    ours, theirs = make(minitorch).double(), make(torch).double()
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    with minitorch.no_grad():
        for k, p in enumerate(ours.parameters()):  # biases too are more than zeros
            p.copy_(minitorch.tensor(numbers(*p.shape, seed=k) * 0.3))
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    return ((minitorch, ours), (torch, theirs))


def compare(pair, run, *inputs):
    """``run(library, layer, *tensors)``: its results, and the gradients by floating-point inputs and weights."""
    results = []
    for library, layer in pair:
        layer.zero_grad()
        leaves = [tensor(library, x, requires_grad=x.dtype == np.float64) for x in inputs]
        out = run(library, layer, *leaves)
        parts = [t for t in (out if isinstance(out, tuple) else (out,)) if t is not None]
        sum((t * (k + 1)).sin().sum() for k, t in enumerate(parts)).backward()
        found = [p.grad for p in layer.parameters()] + [x.grad for x in leaves if x.requires_grad]
        results.append([*parts, *(g for g in found if g is not None)])
    for ours, theirs in zip(*results, strict=True):
        assert tuple(ours.shape) == tuple(theirs.shape)
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-8, atol=1e-9)


X, MEMORY = numbers(5, 3, 8), numbers(4, 3, 8, seed=1)
PADDING = np.array([[0, 0, 0, 0, 0], [0, 0, 0, 1, 1], [0, 1, 0, 0, 1]], bool)
HIDDEN = np.triu(np.ones((5, 5), bool), 1)
EACH_HEAD = np.repeat(HIDDEN[None], 6, 0)
SELF = {
    "plain": {},
    "no weights": {"need_weights": False},
    "each head's weights": {"average_attn_weights": False},
    "padding": {"key_padding_mask": PADDING},
    "padding, no weights": {"key_padding_mask": PADDING, "need_weights": False},
    "numbers for padding": {"key_padding_mask": PADDING * -2.0},
    "mask": {"attn_mask": HIDDEN},
    "numbers for a mask": {"attn_mask": numbers(5, 5, seed=3)},
    "a mask for each head": {"attn_mask": EACH_HEAD},
    "a mask for each head, no weights": {"attn_mask": EACH_HEAD * -1.5, "need_weights": False},
    "mask and padding": {"attn_mask": HIDDEN, "key_padding_mask": PADDING},
    "causal": {"attn_mask": HIDDEN, "is_causal": True, "need_weights": False},
    "causal, weights": {"attn_mask": HIDDEN, "is_causal": True},
}
ATTENTIONS = {
    "plain": {},
    "no bias": {"bias": False},
    "one more place": {"add_bias_kv": True},
    "one more place of zeros": {"add_zero_attn": True},
    "both": {"add_bias_kv": True, "add_zero_attn": True},
    "batch first": {"batch_first": True},
    "batch first, both": {"batch_first": True, "add_bias_kv": True, "add_zero_attn": True},
}


def given(library, options):
    made = {}
    for name, value in options.items():
        made[name] = tensor(library, value) if isinstance(value, np.ndarray) else value
    return made


@pytest.mark.parametrize("options", SELF)
@pytest.mark.parametrize("kind", ATTENTIONS)
def test_self_attention(kind, options):
    pair = twins(lambda m: m.nn.MultiheadAttention(8, 2, **ATTENTIONS[kind]))
    x = X.transpose(1, 0, 2) if "batch_first" in ATTENTIONS[kind] else X
    compare(pair, lambda m, layer, x: layer(x, x, x, **given(m, SELF[options])), x)


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_attention_to_another_sequence(kind):
    pair = twins(lambda m: m.nn.MultiheadAttention(8, 4, **ATTENTIONS[kind]))
    turned = (1, 0, 2) if "batch_first" in ATTENTIONS[kind] else (0, 1, 2)
    x, memory = X.transpose(turned), MEMORY.transpose(turned)
    compare(pair, lambda m, layer, x, y: layer(x, y, y), x, memory)
    compare(pair, lambda m, layer, x, y: layer(x, y, y * 2, need_weights=False), x, memory)


def test_other_features_of_keys_and_values():
    for options in ({}, {"bias": False, "add_bias_kv": True}):
        pair = twins(lambda m: m.nn.MultiheadAttention(8, 2, kdim=3, vdim=5, **options))  # noqa: B023
        compare(pair, lambda m, layer, q, k, v: layer(q, k, v), X, numbers(4, 3, 3), numbers(4, 3, 5))


@pytest.mark.parametrize("batch_first", [False, True])
def test_without_a_batch(batch_first):
    pair = twins(lambda m: m.nn.MultiheadAttention(8, 2, batch_first=batch_first))
    compare(pair, lambda m, layer, x: layer(x, x, x), X[:, 0])
    compare(pair, lambda m, layer, x, y: layer(x, y, y, need_weights=False), X[:, 0], MEMORY[:, 0])
    compare(pair, lambda m, layer, x, p: layer(x, x, x, key_padding_mask=p), X[:, 0], PADDING[1])


def test_gradients_of_two_orders():
    layer = nn.MultiheadAttention(4, 2, add_bias_kv=True, dtype=F64)
    x = minitorch.tensor(numbers(2, 2, 4), requires_grad=True)
    hidden = minitorch.tensor([[False, True], [False, False]])

    def run(x):
        return layer(x, x, x, attn_mask=hidden)

    assert minitorch.autograd.gradcheck(run, x)
    assert minitorch.autograd.gradgradcheck(run, x)


def test_weights_add_up_to_one():
    layer = nn.MultiheadAttention(8, 2)
    x = minitorch.randn(5, 3, 8)
    _, weights = layer(x, x, x, key_padding_mask=minitorch.tensor(PADDING))
    np.testing.assert_allclose(weights.sum(-1).detach().numpy(), 1, rtol=1e-5)
    assert not weights.detach().numpy()[np.broadcast_to(PADDING[:, None], (3, 5, 5))].any()


def test_dropout_in_training_only():
    minitorch.manual_seed(0)
    layer = nn.MultiheadAttention(8, 2, dropout=0.5)
    x = minitorch.randn(5, 3, 8)
    assert (layer(x, x, x, average_attn_weights=False)[1] == 0).any()
    layer.eval()
    assert not (layer(x, x, x, average_attn_weights=False)[1] == 0).any()


def test_the_function():
    torch = pytest.importorskip("torch")
    pair = twins(lambda m: m.nn.MultiheadAttention(8, 2))
    results = []
    for m, layer in pair:
        x = tensor(m, X)
        out = m.nn.functional.multi_head_attention_forward(
            x, x, x, 8, 2, layer.in_proj_weight, layer.in_proj_bias, None, None, False, 0.1, layer.out_proj.weight,
            layer.out_proj.bias, training=False,
        )  # fmt: skip
        results.append(out)
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-10)
    assert torch is pair[1][0]
    with pytest.raises(NotImplementedError, match="static_k"):
        minitorch.nn.functional.multi_head_attention_forward(
            x, x, x, 8, 2, None, None, None, None, False, 0.0, None, None, static_k=x
        )


# ---- transformers

LAYER_OPTIONS = [
    {},
    {"norm_first": True},
    {"activation": "gelu"},
    {"bias": False, "layer_norm_eps": 0.1},
    {"batch_first": True, "norm_first": True},
]


def layer_options(m, options):
    return {"d_model": 8, "nhead": 2, "dim_feedforward": 6, "dropout": 0.0, **options}


@pytest.mark.parametrize("options", LAYER_OPTIONS, ids=str)
def test_encoder_layers(options):
    pair = twins(lambda m: m.nn.TransformerEncoderLayer(**layer_options(m, options)))
    x = X.transpose(1, 0, 2) if options.get("batch_first") else X
    compare(pair, lambda m, layer, x: layer(x), x)
    compare(
        pair,
        lambda m, layer, x, mask, padding: layer(x, src_mask=mask, src_key_padding_mask=padding),
        x,
        HIDDEN,
        PADDING,
    )
    compare(pair, lambda m, layer, x, mask: layer(x, src_mask=mask, is_causal=True), x, HIDDEN)


@pytest.mark.parametrize("options", LAYER_OPTIONS, ids=str)
def test_decoder_layers(options):
    pair = twins(lambda m: m.nn.TransformerDecoderLayer(**layer_options(m, options)))
    turned = (1, 0, 2) if options.get("batch_first") else (0, 1, 2)
    x, memory = X.transpose(turned), MEMORY.transpose(turned)
    compare(pair, lambda m, layer, x, y: layer(x, y), x, memory)
    compare(
        pair,
        lambda m, layer, x, y, a, b, c, d: layer(x, y, a, b, c, d),
        x,
        memory,
        HIDDEN,
        np.arange(20).reshape(5, 4) % 3 == 1,
        PADDING,
        PADDING[:, 1:],
    )
    compare(pair, lambda m, layer, x, y, a: layer(x, y, tgt_mask=a, tgt_is_causal=True), x, memory, HIDDEN)


def test_an_activation_function():
    layer = nn.TransformerEncoderLayer(8, 2, 6, activation=lambda x: x * 0)
    assert layer(minitorch.randn(5, 3, 8)).shape == (5, 3, 8)


@pytest.mark.parametrize("with_norm", [False, True])
def test_stacks(with_norm):
    def encoder(m):
        layer = m.nn.TransformerEncoderLayer(8, 2, 6, dropout=0.0)
        return m.nn.TransformerEncoder(layer, 2, m.nn.LayerNorm(8) if with_norm else None, enable_nested_tensor=False)

    def decoder(m):
        layer = m.nn.TransformerDecoderLayer(8, 2, 6, dropout=0.0)
        return m.nn.TransformerDecoder(layer, 2, m.nn.LayerNorm(8) if with_norm else None)

    compare(twins(encoder), lambda m, layer, x, a, p: layer(x, a, p), X, HIDDEN, PADDING)
    compare(twins(decoder), lambda m, layer, x, y, a, p: layer(x, y, a, None, p), X, MEMORY, HIDDEN, PADDING)


def test_layers_of_a_stack_start_equal_and_are_separate():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 6), 2)
    a, b = encoder.layers[0].linear1.weight, encoder.layers[1].linear1.weight
    assert minitorch.equal(a, b) and a is not b


@pytest.mark.parametrize("batch_first", [False, True])
def test_the_whole(batch_first):
    pair = twins(lambda m: m.nn.Transformer(8, 2, 2, 1, 6, dropout=0.0, batch_first=batch_first))
    turned = (1, 0, 2) if batch_first else (0, 1, 2)

    def run(m, model, src, tgt, padding):
        mask = m.nn.Transformer.generate_square_subsequent_mask(4, dtype=m.float64)
        return model(src, tgt, tgt_mask=mask, src_key_padding_mask=padding, memory_key_padding_mask=padding)

    compare(pair, run, X.transpose(turned), MEMORY.transpose(turned), PADDING)
    compare(pair, lambda m, model, src, tgt: model(src, tgt), X[:, 0], MEMORY[:, 0])


def test_custom_parts_and_initial_weights():
    minitorch.manual_seed(0)

    class Identity(nn.Module):
        def forward(self, tgt, *args, **kwargs):
            return tgt

    model = nn.Transformer(8, 2, 1, 1, 6, custom_decoder=Identity())
    x = minitorch.randn(5, 3, 8)
    assert model(x, x) is x
    bound = (6 / (8 + 24)) ** 0.5
    weight = model.encoder.layers[0].self_attn.in_proj_weight
    assert bound * 0.8 < weight.abs().max().item() <= bound
    assert not model.encoder.layers[0].self_attn.in_proj_bias.any()


def test_initial_weights_of_attention():
    minitorch.manual_seed(0)
    layer = nn.MultiheadAttention(64, 4, add_bias_kv=True)
    bound = (6 / (64 + 192)) ** 0.5
    assert abs(layer.in_proj_weight.std().item() - bound / 3**0.5) < 0.01
    assert not layer.in_proj_bias.any() and not layer.out_proj.bias.any()
    assert layer.bias_k.any() and layer.bias_v.shape == (1, 1, 64)


def test_the_mask_of_what_comes_later():
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    assert mask.tolist() == [[0, -np.inf, -np.inf], [0, 0, -np.inf], [0, 0, 0]]
    assert nn.Transformer.generate_square_subsequent_mask(2, dtype=F64).dtype is F64


def test_copies_and_half_precision():
    layer = nn.TransformerEncoderLayer(8, 2, 6).eval()
    twin = copy.deepcopy(layer)
    x = minitorch.randn(5, 3, 8)
    assert minitorch.equal(layer(x), twin(x))
    assert layer.half()(x.half()).dtype is minitorch.float16


REFUSED = [
    (AssertionError, "2D or batched 3D", lambda layer, x, m: layer(x[None], x, x)),
    (AssertionError, "3-D and 2-D|2-D and 3-D", lambda layer, x, m: layer(x, x[0], x)),
    (AssertionError, "embedding dimension of 8, but got 4", lambda layer, x, m: layer(x[..., :4], x, x)),
    (AssertionError, "does not match value shape", lambda layer, x, m: layer(x, x[:4], x[:3])),
    (RuntimeError, "batches of 3 and 2", lambda layer, x, m: layer(x, x[:, :2], x[:, :2])),
    (AssertionError, r"key_padding_mask is \(3, 4\)", lambda layer, x, m: layer(x, x, x, m.zeros(3, 4).bool())),
    (AssertionError, "only bool and floating", lambda layer, x, m: layer(x, x, x, m.zeros(3, 5).long())),
    (RuntimeError, r"should be \(5, 5\)", lambda layer, x, m: layer(x, x, x, attn_mask=m.zeros(4, 5).bool())),
    (RuntimeError, r"\(6, 5, 5\)", lambda layer, x, m: layer(x, x, x, attn_mask=m.zeros(3, 5, 5).bool())),
    (RuntimeError, "Need attn_mask", lambda layer, x, m: layer(x, x, x, is_causal=True)),
    (RuntimeError, "float", lambda layer, x, m: layer(x.double(), x.double(), x.double())),
]


@pytest.mark.parametrize(("error", "match", "call"), REFUSED)
def test_refused(error, match, call):
    with pytest.raises(error, match=match):
        call(nn.MultiheadAttention(8, 2), minitorch.zeros(5, 3, 8), minitorch)
    torch = pytest.importorskip("torch")
    with pytest.raises(error):
        call(torch.nn.MultiheadAttention(8, 2), torch.zeros(5, 3, 8), torch)


BAD_ARGUMENTS = [
    (AssertionError, lambda n: n.MultiheadAttention(8, 3)),
    (ValueError, lambda n: n.MultiheadAttention(0, 1)),
    (RuntimeError, lambda n: n.TransformerEncoderLayer(8, 2, activation="sine")),
    (AssertionError, lambda n: n.TransformerDecoderLayer(8, 3)),
]


@pytest.mark.parametrize(("error", "make"), BAD_ARGUMENTS)
def test_bad_arguments(error, make):
    with pytest.raises(error):
        make(nn)
    torch = pytest.importorskip("torch")
    with pytest.raises(error):
        make(torch.nn)


def test_sources_and_targets_that_do_not_fit():
    model = nn.Transformer(8, 2, 1, 1, 6)
    x = minitorch.zeros(5, 3, 8)
    with pytest.raises(RuntimeError, match="batch number of src and tgt must be equal"):
        model(x, x[:, :2])
    with pytest.raises(RuntimeError, match="feature number of src and tgt must be equal to d_model"):
        model(x[..., :4], x)


def language_model(m):
    class Model(m.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = m.nn.Embedding(30, 16, padding_idx=0)
            self.lstm = m.nn.LSTM(16, 32, 2, batch_first=True)
            self.norm = m.nn.LayerNorm(32)
            layer = m.nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
            self.encoder = m.nn.TransformerEncoder(layer, 1)
            self.out = m.nn.Linear(32, 30)

        def forward(self, x, state):
            out, state = self.lstm(self.table(x), state)
            mask = m.nn.Transformer.generate_square_subsequent_mask(x.shape[1])
            return self.out(self.encoder(self.norm(out), mask=mask)), state

    return Model()


def test_a_language_model_learns_as_pytorchs_does():
    torch = pytest.importorskip("torch")
    batches = np.random.default_rng(0).integers(0, 30, (20, 8, 13))
    ours, theirs = language_model(minitorch), language_model(torch)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    runs = []
    for m, model in ((minitorch, ours), (torch, theirs)):
        optimizer = m.optim.Adam(model.parameters(), 1e-2)
        criterion, state, losses = m.nn.CrossEntropyLoss(label_smoothing=0.05), None, []
        for batch in batches:
            x = m.tensor(batch.tolist())
            out, state = model(x[:, :-1], state)
            state = tuple(s.detach() for s in state)
            loss = criterion(out.reshape(-1, 30), x[:, 1:].reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            m.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        runs.append(losses)
    np.testing.assert_allclose(*runs, rtol=1e-4)
