"""Single steps of recurrent layers."""

from __future__ import annotations

from typing import Any

from minitorch import creation
from minitorch.core.tensor import Tensor
from minitorch.nn.functional import recurrent
from minitorch.nn.modules.module import Module
from minitorch.nn.modules.rnn import pair_of_states, uniform_weights
from minitorch.nn.parameter import Parameter


class RNNCellBase(Module):
    """What the three cells share: weights for the input and for the hidden state.

    Args:
        input_size, hidden_size: features of the input and of the state.
        bias: whether there are ``bias_ih`` and ``bias_hh``.

    Shape: input (N, input_size) or (input_size,), states (N, hidden_size) or (hidden_size,); zeros if left out.

    Raises:
        ValueError: an input or a state with another number of dimensions.
        RuntimeError: other sizes or dtypes.
    """

    cell: type[recurrent.Cell]
    states = 1

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = self.cell.parts * hidden_size
        self.weight_ih = Parameter(creation.empty((rows, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(creation.empty((rows, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            value = Parameter(creation.empty(rows, device=device, dtype=dtype)) if bias else None
            self.register_parameter(name, value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """All weights uniform between ±1/sqrt(hidden_size)."""
        uniform_weights(self, self.hidden_size)

    def _step(self, input: Tensor, states: list[Tensor] | None) -> list[Tensor]:
        if not isinstance(input, Tensor):
            raise TypeError(f"{self._title()}: input must be a Tensor, not {type(input).__name__}")
        shape = input._data.shape
        if len(shape) not in (1, 2):
            raise ValueError(f"{self._title()}: Expected input to be 1D or 2D, got {len(shape)}D instead")
        if shape[-1] != self.input_size:
            raise RuntimeError(
                f"{self._title()}: input has inconsistent input_size: got {shape[-1]} expected {self.input_size}"
            )
        wanted = (*shape[:-1], self.hidden_size)
        if states is None:
            states = [creation.zeros(wanted, dtype=input.dtype, device=input.device)] * self.states
        for k, state in enumerate(states):
            if state._data.ndim not in (1, 2):
                raise ValueError(f"{self._title()}: Expected hidden{k} to be 1D or 2D, got {state._data.ndim}D instead")
            if state._data.shape != wanted:
                raise RuntimeError(f"{self._title()}: expected hidden{k} of shape {wanted}, got {tuple(state.shape)}")
        weights = [self.weight_ih, self.weight_hh]
        if self.bias:
            weights += [self.bias_ih, self.bias_hh]  # type: ignore[list-item]
        if any(t.dtype is not self.weight_ih.dtype for t in (input, *states)):
            raise RuntimeError(
                f"{self._title()}: expected input and states of {self.weight_ih.dtype} as the weights, got "
                f"{', '.join(repr(t.dtype) for t in (input, *states))}; convert them with .to()"
            )
        if len(shape) == 2:
            return list(recurrent.step(self.cell, input, states, weights))
        last = recurrent.step(self.cell, input.unsqueeze(0), [s.unsqueeze(0) for s in states], weights)
        return [s.squeeze(0) for s in last]

    def _title(self) -> str:
        return f"{type(self).__name__}({self.input_size}, {self.hidden_size})"

    def _only(self, hx: Any) -> list[Tensor] | None:
        if hx is None or isinstance(hx, Tensor):
            return None if hx is None else [hx]
        raise TypeError(f"{self._title()}: the state must be a Tensor, not {type(hx).__name__}")

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else f", bias={self.bias}")


class RNNCell(RNNCellBase):
    __doc__ = f"""``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)``, or ``max(..., 0)`` with ``nonlinearity="relu"``.

    {RNNCellBase.__doc__}
    >>> import minitorch as torch
    >>> torch.nn.RNNCell(10, 20)(torch.randn(3, 10)).shape
    torch.Size([3, 20])
    """

    cell = recurrent.TanhCell

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"RNNCell: Unknown nonlinearity: {nonlinearity}; use 'tanh' or 'relu'")
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity
        if nonlinearity == "relu":
            self.cell = recurrent.ReluCell

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(input, self._only(hx))[0]

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class LSTMCell(RNNCellBase):
    __doc__ = f"""One step of :class:`LSTM`: from (h, c) to (h, c).

    {RNNCellBase.__doc__}
    >>> import minitorch as torch
    >>> h, c = torch.nn.LSTMCell(10, 20)(torch.randn(3, 10))
    >>> h.shape, c.shape
    (torch.Size([3, 20]), torch.Size([3, 20]))
    """

    cell = recurrent.LstmCell
    states = 2

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        h, c = self._step(input, None if hx is None else pair_of_states(self._title(), hx))
        return h, c


class GRUCell(RNNCellBase):
    __doc__ = f"""One step of :class:`GRU`.

    {RNNCellBase.__doc__}
    >>> import minitorch as torch
    >>> torch.nn.GRUCell(10, 20)(torch.randn(3, 10)).shape
    torch.Size([3, 20])
    """

    cell = recurrent.GruCell

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(input, self._only(hx))[0]
