"""Recurrent layers: Elman networks, LSTM and GRU, over sequences and for single steps."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from minitorch import creation
from minitorch.core.tensor import Tensor
from minitorch.nn import init
from minitorch.nn.functional import recurrent
from minitorch.nn.modules.module import Module
from minitorch.nn.parameter import Parameter
from minitorch.nn.utils.rnn import PackedSequence

_CELLS: dict[str, type[recurrent.Cell]] = {
    "RNN_TANH": recurrent.TanhCell,
    "RNN_RELU": recurrent.ReluCell,
    "LSTM": recurrent.LstmCell,
    "GRU": recurrent.GruCell,
}


def uniform_weights(module: Module, hidden_size: int) -> None:
    bound = 1.0 / math.sqrt(hidden_size) if hidden_size > 0 else 0.0
    for weight in module.parameters():
        init.uniform_(weight, -bound, bound)


class RNNBase(Module):
    """What RNN, LSTM and GRU share.

    Args:
        mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".
        input_size, hidden_size: features of the input and of the hidden state.
        num_layers: of which each takes the outputs of the one before.
        bias: whether there are ``bias_ih`` and ``bias_hh``.
        batch_first: sequences are (N, T, \\*) instead of (T, N, \\*).
        dropout: probability of zeros in the outputs of all layers but the last, in training.
        bidirectional: a second set of weights runs from the end to the beginning.
        proj_size: LSTM only: the hidden state is projected to this size.

    Shape:
        input (T, N, input_size), (N, T, input_size) with ``batch_first``, (T, input_size) without a batch, or a
        ``PackedSequence``; states (num_layers·directions, N, H) -> output (T, N, directions·H) and the last states.

    Raises:
        ValueError, TypeError: arguments out of range; inputs with a wrong number of dimensions or dtype.
        RuntimeError: inputs and states of other sizes.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check_arguments(input_size, hidden_size, num_layers, dropout, proj_size)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        cell = self._cell = _CELLS[mode]
        rows, out = cell.parts * hidden_size, proj_size or hidden_size
        self._names: list[list[str]] = []
        for layer in range(num_layers):
            features = input_size if layer == 0 else out * (2 if bidirectional else 1)
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, features), "weight_hh": (rows, out)}
            if bias:
                shapes.update(bias_ih=(rows,), bias_hh=(rows,))
            if proj_size:
                shapes["weight_hr"] = (proj_size, hidden_size)
            for ending in ("", "_reverse")[: 2 if bidirectional else 1]:
                names = {f"{name}_l{layer}{ending}": shape for name, shape in shapes.items()}
                for name, shape in names.items():
                    setattr(self, name, Parameter(creation.empty(shape, device=device, dtype=dtype)))
                self._names.append(list(names))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """All weights uniform between ±1/sqrt(hidden_size)."""
        uniform_weights(self, self.hidden_size)

    def flatten_parameters(self) -> None:
        """Nothing to do: PyTorch's way of laying weights out for a GPU library."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The weights of each layer and direction."""
        own = self._parameters  # parametrized weights are not there: they are computed
        return [[own[name] if name in own else getattr(self, name) for name in names] for names in self._names]  # type: ignore[misc]

    @property
    def _flat_weights(self) -> list[Parameter]:
        return [weight for weights in self.all_weights for weight in weights]

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._names for name in names]

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        self._check_input(input)
        batched = input._data.ndim == 3
        x = input.unsqueeze(1) if not batched else input.transpose(0, 1) if self.batch_first else input
        length, batch, features = x._data.shape
        if not length:
            raise RuntimeError(f"{self._title()}: Expected sequence length to be larger than 0 in RNN")
        states = self._states(hx, x, batch, batched)
        steps = [(t * batch, (t + 1) * batch) for t in range(length)]
        out, last = self._run(x.reshape(length * batch, features), states, steps)
        out = out.reshape(length, batch, out._data.shape[1])
        if not batched:
            return out.squeeze(1), self._given_back([s.squeeze(1) for s in last])
        return (out.transpose(0, 1) if self.batch_first else out), self._given_back(last)

    def _forward_packed(self, input: PackedSequence, hx: Any) -> Any:
        data, sizes, order, back = input
        self._check_input(data, packed=True)
        states = self._states(hx, data, int(sizes._data[0]), True)
        if hx is not None and order is not None:
            states = [s.index_select(1, order) for s in states]
        stops = sizes._data.cumsum().tolist()
        out, last = self._run(data, states, list(zip([0, *stops], stops)))
        if back is not None:
            last = [s.index_select(1, back) for s in last]
        return PackedSequence(out, sizes, order, back), self._given_back(last)

    def _run(self, x: Tensor, states: list[Tensor], steps: list[tuple[int, int]]) -> tuple[Tensor, list[Tensor]]:
        dropout = self.dropout if self.training else 0.0
        return recurrent.layers(self._cell, x, states, self.all_weights, steps, self.bidirectional, dropout)

    def _title(self) -> str:
        return f"{type(self).__name__}({self.input_size}, {self.hidden_size})"

    def _check_input(self, x: Tensor, packed: bool = False) -> None:
        if not isinstance(x, Tensor):
            raise TypeError(f"{self._title()}: input must be a Tensor or a PackedSequence, not {type(x).__name__}")
        shape, dtype = x._data.shape, self.weight_ih_l0.dtype
        if packed and len(shape) != 2:
            raise RuntimeError(f"{self._title()}: packed input must have 2 dimensions, got {len(shape)}")
        if len(shape) not in (2, 3):
            raise ValueError(f"{self._title()}: Expected input to be 2D or 3D, got {len(shape)}D instead")
        if x.dtype is not dtype:
            raise ValueError(
                f"{self._title()}: input dtype ({x.dtype}) does not match weight dtype ({dtype}). Convert input: "
                f"input.to({dtype}), or convert model: model.to({x.dtype})"
            )
        if shape[-1] != self.input_size:
            raise RuntimeError(
                f"{self._title()} got input of shape {shape}: input.size(-1) must be equal to input_size. Expected "
                f"{self.input_size}, got {shape[-1]}"
            )

    def _state_shapes(self, batch: int) -> list[tuple[int, int, int]]:
        return [(len(self._names), batch, self.hidden_size)]

    def _states(self, hx: Any, x: Tensor, batch: int, batched: bool) -> list[Tensor]:
        """The states that the layers start from, (L·directions, N, H) each: ``hx``, or zeros.

        Raises:
            TypeError: not as many tensors as the layer has states.
            RuntimeError: other shapes or another dtype.
        """
        shapes = self._state_shapes(batch)
        if hx is None:
            return [creation.zeros(shape, dtype=x.dtype, device=x.device) for shape in shapes]
        given = self._taken(hx)
        rank = 3 if batched else 2
        ranks = [s._data.ndim for s in given]
        if any(has != rank for has in ranks):
            what = "batched 3-D" if batched else "unbatched 2-D"
            raise RuntimeError(
                f"{self._title()}: For {what} input, hidden states should also be {rank}-D but got "
                f"{' and '.join(f'{has}-D' for has in ranks)}"
            )
        for k, (state, shape) in enumerate(zip(given, shapes)):
            wanted = shape if batched else (shape[0], shape[2])
            if state._data.shape != wanted:
                where = f"hidden[{k}]" if len(shapes) > 1 else "hidden"
                raise RuntimeError(f"{self._title()}: Expected {where} size {wanted}, got {list(state._data.shape)}")
            if state.dtype is not x.dtype:
                raise RuntimeError(
                    f"{self._title()}: expected hidden states of {x.dtype} as the input, got {state.dtype}"
                )
        return given if batched else [s.unsqueeze(1) for s in given]

    def _taken(self, hx: Any) -> list[Tensor]:
        if not isinstance(hx, Tensor):
            raise TypeError(f"{self._title()}: the hidden state must be a Tensor, not {type(hx).__name__}")
        return [hx]

    def _given_back(self, states: list[Tensor]) -> Any:
        return states[0]

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        usual = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0,
            "bidirectional": False,
        }
        for name, value in usual.items():
            if getattr(self, name) != value:
                text += f", {name}={getattr(self, name)}"
        return text


def _check_arguments(input_size: int, hidden_size: int, num_layers: int, dropout: float, proj_size: int) -> None:
    for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
        if not isinstance(size, int):
            raise TypeError(f"{name} should be of type int, got: {type(size).__name__}")
    for name, size in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
        if size <= 0:
            raise ValueError(f"{name} must be greater than zero, got {size}")
    if not 0 <= float(dropout) <= 1:
        raise ValueError(
            f"dropout should be a number in range [0, 1] representing the probability of an element being zeroed, got "
            f"{dropout}"
        )
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")
    if dropout and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
            f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=4,
        )


def _mode_of(nonlinearity: str) -> str:
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"Unknown nonlinearity {nonlinearity!r}. Select from 'tanh' or 'relu'.")
    return f"RNN_{nonlinearity.upper()}"


class RNN(RNNBase):
    __doc__ = f"""Elman's recurrent layer: ``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)``; its last state is h.

    {RNNBase.__doc__}
    >>> import minitorch as torch
    >>> output, h = torch.nn.RNN(10, 20, num_layers=2)(torch.randn(5, 3, 10))
    >>> output.shape, h.shape
    (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        mode = _mode_of(nonlinearity)
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    __doc__ = f"""Long short-term memory (Hochreiter and Schmidhuber 1997): its states are (h, c).

    ``i, f, g, o = W_ih x + b_ih + W_hh h + b_hh``; ``c' = σ(f)·c + σ(i)·tanh(g)``; ``h' = σ(o)·tanh(c')``.

    {RNNBase.__doc__}
    >>> import minitorch as torch
    >>> output, (h, c) = torch.nn.LSTM(10, 20, bidirectional=True)(torch.randn(5, 3, 10))
    >>> output.shape, c.shape
    (torch.Size([5, 3, 40]), torch.Size([2, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )

    def _state_shapes(self, batch: int) -> list[tuple[int, int, int]]:
        count = len(self._names)
        return [(count, batch, self.proj_size or self.hidden_size), (count, batch, self.hidden_size)]

    def _taken(self, hx: Any) -> list[Tensor]:
        return pair_of_states(self._title(), hx)

    def _given_back(self, states: list[Tensor]) -> Any:
        return tuple(states)


def pair_of_states(title: str, hx: Any) -> list[Tensor]:
    if not isinstance(hx, Sequence) or len(hx) != 2 or not all(isinstance(s, Tensor) for s in hx):
        got = f"{len(hx)} of them" if isinstance(hx, Sequence) else type(hx).__name__
        raise TypeError(f"{title}: the states must be a tuple of two Tensors (h, c), got {got}")
    return list(hx)


class GRU(RNNBase):
    __doc__ = f"""Gated recurrent units (Cho et al. 2014, arXiv:1406.1078): its last state is h.

    ``r, z = σ(W_ih x + b_ih + W_hh h + b_hh)``; ``n = tanh(W_in x + b_in + r·(W_hn h + b_hn))``;
    ``h' = (1 - z)·n + z·h``.

    {RNNBase.__doc__}
    >>> import minitorch as torch
    >>> output, h = torch.nn.GRU(10, 20, batch_first=True)(torch.randn(3, 5, 10))
    >>> output.shape, h.shape
    (torch.Size([3, 5, 20]), torch.Size([1, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
