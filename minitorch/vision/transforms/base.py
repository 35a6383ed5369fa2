"""What all transforms share, and those that hold other transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitorch.utils.data.seeding import numpy_rng


class Transform:
    """A callable object: subclasses write ``forward(img)``."""

    def forward(self, img: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} is a Transform without forward: define it")

    def __call__(self, img: Any) -> Any:
        return self.forward(img)

    def extra_repr(self) -> str:
        """What stands between the parentheses."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"


def chance(p: float) -> bool:
    """True with probability ``p``, drawn from the library's generator."""
    return bool(numpy_rng().random() < p)


def uniform(low: float, high: float) -> float:
    return float(numpy_rng().uniform(low, high))


def integer(low: int, high: int) -> int:
    """A whole number from ``low`` up to but not including ``high``."""
    return int(numpy_rng().integers(low, high))


def _lines(transforms: Sequence[Any]) -> str:
    return "".join(f"\n    {transform}" for transform in transforms)


class Compose:
    """One transform after the other.

    >>> from minitorch.vision import transforms
    >>> transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    Compose(
        ToTensor()
        Normalize(mean=(0.5,), std=(0.5,))
    )
    """

    def __init__(self, transforms: Sequence[Callable]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_lines(self.transforms)}\n)"


class Lambda:
    """A function as a transform.

    Raises:
        TypeError: it cannot be called.
    """

    def __init__(self, lambd: Callable) -> None:
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class RandomTransforms:
    """Base of those that choose among ``transforms``."""

    def __init__(self, transforms: Sequence[Callable]) -> None:
        if not isinstance(transforms, Sequence):
            raise TypeError(f"Argument transforms should be a sequence, got {type(transforms).__name__}")
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_lines(self.transforms)}\n)"


class RandomApply(Transform):
    """All of ``transforms``, with probability ``p``, or none."""

    def __init__(self, transforms: Sequence[Callable], p: float = 0.5) -> None:
        self.transforms = transforms
        self.p = p

    def forward(self, img: Any) -> Any:
        if not chance(self.p):
            return img
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(\n    p={self.p}{_lines(self.transforms)}\n)"


class RandomChoice(RandomTransforms):
    """One of ``transforms``, with the weights ``p`` or all alike."""

    def __init__(self, transforms: Sequence[Callable], p: Sequence[float] | None = None) -> None:
        super().__init__(transforms)
        if p is not None and not isinstance(p, Sequence):
            raise TypeError(f"Argument p should be a sequence, got {type(p).__name__}")
        if p is not None and (len(p) != len(transforms) or min(p) < 0 or sum(p) <= 0):
            raise ValueError(f"RandomChoice: expected {len(transforms)} weights of 0 or more, got p={p}")
        self.p = p

    def __call__(self, img: Any) -> Any:
        weights = None if self.p is None else np.asarray(self.p, np.float64) / sum(self.p)
        return self.transforms[int(numpy_rng().choice(len(self.transforms), p=weights))](img)

    def __repr__(self) -> str:
        return f"{super().__repr__()}(p={self.p})"


class RandomOrder(RandomTransforms):
    """All of ``transforms`` in random order."""

    def __call__(self, img: Any) -> Any:
        for i in numpy_rng().permutation(len(self.transforms)).tolist():
            img = self.transforms[i](img)
        return img
