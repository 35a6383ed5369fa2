"""Look-up tables."""

from __future__ import annotations

from typing import Any

from minitorch import creation
from minitorch.core.grad_mode import no_grad
from minitorch.core.tensor import Tensor
from minitorch.nn import functional as F
from minitorch.nn import init
from minitorch.nn.functional.embedding import checked_padding, refuse_sparse
from minitorch.nn.modules.module import Module
from minitorch.nn.parameter import Parameter


class _Table(Module):
    """A matrix of vectors, with what both layers share."""

    weight: Tensor

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None,
        max_norm: float | None,
        norm_type: float,
        scale_grad_by_freq: bool,
        sparse: bool,
        weight: Tensor | None,
        freeze: bool,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        if sparse:
            refuse_sparse(type(self).__name__)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = None if padding_idx is None else checked_padding(padding_idx, num_embeddings)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        if weight is None:
            table = creation.empty((num_embeddings, embedding_dim), device=device, dtype=dtype)
            self.weight = Parameter(table, requires_grad=not freeze)
            self.reset_parameters()
        else:
            if list(weight.shape) != [num_embeddings, embedding_dim]:
                raise AssertionError(
                    "Shape of weight does not match num_embeddings and embedding_dim: "
                    f"{tuple(weight.shape)} for {(num_embeddings, embedding_dim)}"
                )
            self.weight = Parameter(weight, requires_grad=not freeze)

    def reset_parameters(self) -> None:
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        return text


def _table_of(embeddings: Tensor) -> tuple[int, int]:
    """Rows and columns of a given table.

    Raises:
        AssertionError: it is not 2-D.
    """
    if embeddings.dim() != 2:
        raise AssertionError(f"Embeddings parameter is expected to be 2-dimensional, got {tuple(embeddings.shape)}")
    return embeddings.shape[0], embeddings.shape[1]


class Embedding(_Table):
    """A table of vectors that are looked up by number.

    Args:
        num_embeddings, embedding_dim: rows and columns of the table.
        padding_idx: this row is zero at first and gets no gradient.
        max_norm: rows that are looked up and longer than this (in the norm ``norm_type``) are shortened in place.
        scale_grad_by_freq: the gradient of a row is divided by how often a batch names it.
        sparse: not supported.

    Shape: (\\*) of int64 or int32 -> (\\*, embedding_dim); weight (num_embeddings, embedding_dim), standard normal.

    Raises:
        IndexError: a number is not in the table.
        NotImplementedError: ``sparse``.

    >>> import minitorch as torch
    >>> torch.nn.Embedding(10, 3)(torch.tensor([[1, 2, 4], [4, 3, 9]])).shape
    torch.Size([2, 3, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            num_embeddings,
            embedding_dim,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight,
            _freeze,
            device,
            dtype,
        )

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An embedding with the table ``embeddings``, which is not trained unless ``freeze`` is False.

        Raises:
            AssertionError: the table is not 2-D.
        """
        rows, columns = _table_of(embeddings)
        return cls(
            rows,
            columns,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def extra_repr(self) -> str:
        text = super().extra_repr()
        if self.padding_idx is not None:
            head = f"{self.num_embeddings}, {self.embedding_dim}"
            text = f"{head}, padding_idx={self.padding_idx}{text[len(head) :]}"
        return text


class EmbeddingBag(_Table):
    """Sums, means or maxima of the rows that each bag of numbers names.

    Args:
        mode: "sum", "mean" or "max".
        padding_idx: this row is zero at first, gets no gradient and is left out of bags.
        include_last_offset: the last offset is the end of the last bag.
        others: as for :class:`Embedding`.

    Shape: (B, L) of int64 or int32, or (L,) with offsets (B,), where each bag starts -> (B, embedding_dim).

    >>> import minitorch as torch
    >>> bags = torch.nn.EmbeddingBag(10, 3, mode="sum")
    >>> bags(torch.tensor([1, 2, 4, 5]), torch.tensor([0, 3])).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            num_embeddings,
            embedding_dim,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight,
            False,
            device,
            dtype,
        )
        self.mode = mode
        self.include_last_offset = include_last_offset

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            False,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """Bags over the table ``embeddings``, which is not trained unless ``freeze`` is False.

        Raises:
            AssertionError: the table is not 2-D.
        """
        rows, columns = _table_of(embeddings)
        bags = cls(
            rows,
            columns,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            embeddings,
            include_last_offset,
            padding_idx,
        )
        bags.weight.requires_grad = not freeze
        return bags

    def extra_repr(self) -> str:
        text = f"{super().extra_repr()}, mode={self.mode!r}"
        return text if self.padding_idx is None else f"{text}, padding_idx={self.padding_idx}"
