"""``AdaptiveLogSoftmaxWithLoss``: softmax over very many classes, most of which are rare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from minitorch.core.tensor import Tensor
from minitorch.nn.functional import log_softmax
from minitorch.nn.modules.container import ModuleList, Sequential
from minitorch.nn.modules.linear import Linear
from minitorch.nn.modules.module import Module
from minitorch.ops.gathering import gather
from minitorch.ops.joining import cat
from minitorch.ops.masking import where


class _ASMoutput(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of classes that are sorted by frequency, rare ones by way of their cluster.

    Grave et al. 2016, arXiv:1609.04309.  The head knows the most frequent classes and the clusters; each cluster has a
    smaller network for its own classes.

    Args:
        in_features: size of the input.
        n_classes: how many classes.
        cutoffs: where clusters begin, ascending.
        div_value: by how much the network of each cluster is smaller than the one before.
        head_bias: whether the head has a bias.

    Shape: input (N, in_features) or (in_features), target (N) or (); the output has, for each example, the
    log-probability of its target.

    >>> import minitorch as torch
    >>> m = torch.nn.AdaptiveLogSoftmaxWithLoss(16, 20, [4, 10])
    >>> output, loss = m(torch.randn(3, 16), torch.tensor([0, 5, 19]))
    >>> output.shape, loss.shape
    (torch.Size([3]), torch.Size([]))
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        ends = list(cutoffs)
        if not ends:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if ends != sorted(set(ends)) or any(int(c) != c for c in ends) or not (ends[0] > 0 and ends[-1] < n_classes):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                f"value is between 1 and n_classes-1, got {ends} for {n_classes} classes"
            )
        self.in_features, self.n_classes, self.div_value, self.head_bias = in_features, n_classes, div_value, head_bias
        self.cutoffs = [*ends, n_classes]
        self.shortlist_size = ends[0]
        self.n_clusters = len(ends)
        self.head_size = self.shortlist_size + self.n_clusters
        kind = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **kind)
        self.tail = ModuleList()
        for i, (begin, end) in enumerate(zip(self.cutoffs, self.cutoffs[1:])):
            hidden = int(in_features // div_value ** (i + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, hidden, bias=False, **kind), Linear(hidden, end - begin, bias=False, **kind)
                )
            )

    def reset_parameters(self) -> None:
        """Draws all weights anew."""
        self.head.reset_parameters()
        for first, second in self.tail:
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """``(output, loss)``: the log-probability of each target, and the mean of their negatives.

        Raises:
            RuntimeError: shapes do not fit, or a target is no class.
        """
        single = target_.ndim == 0
        if target_.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if (input_.shape[0] != target_.shape[0]) if not single else input_.ndim != 1:
            raise RuntimeError(
                "Input and target should have the same size in the batch dimension: "
                f"got {list(input_.shape)} and {list(target_.shape)}"
            )
        x, target = (input_.unsqueeze(0), target_.unsqueeze(0)) if single else (input_, target_)
        if len(target) and not bool(((target >= 0) & (target < self.n_classes)).all()):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found."
            )
        place, parts = target, []
        for i, (begin, end) in enumerate(zip(self.cutoffs, self.cutoffs[1:])):
            inside = (target >= begin) & (target < end)
            rows = inside.nonzero().squeeze(1)
            if len(rows):
                place = where(inside, self.shortlist_size + i, place)
                own = log_softmax(self.tail[i](x.index_select(0, rows)), dim=1)
                parts.append((rows, gather(own, 1, (target[rows] - begin).unsqueeze(1)).squeeze(1)))
        output = gather(self._head(x), 1, place.unsqueeze(1)).squeeze(1)
        for rows, values in parts:
            output = output.index_add(0, rows, values)
        loss = (-output).mean()
        return _ASMoutput(output.squeeze(0) if single else output, loss)

    def _head(self, x: Tensor) -> Tensor:
        return log_softmax(self.head(x), dim=1)

    def log_prob(self, input: Tensor) -> Tensor:
        """(N, in_features) -> (N, n_classes), the log-probabilities of all classes."""
        head = self._head(input)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            chosen = head[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(log_softmax(cluster(input), dim=1) + chosen)
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """(N, in_features) -> (N), the most probable class; networks of clusters run only where they may win."""
        head = self.head(input)
        best = head.argmax(1)
        rows = (best >= self.shortlist_size).nonzero().squeeze(1)
        if len(rows):
            best = best.index_copy(0, rows, self.log_prob(input[rows]).argmax(1))
        return best
