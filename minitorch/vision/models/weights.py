"""Published weights: where they are, and how they get into a model.

Nothing is downloaded here: a file of 50 to 550 MB is the user's decision, and ``minitorch.load`` opens it as it is.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

_SITE = "https://download.pytorch.org/models/"


class WeightsEnum(Enum):
    """Base of the lists of weights that torchvision publishes for a model; a value is the name of their file."""

    @property
    def url(self) -> str:
        """Where the file may be had."""
        return _SITE + self.value

    def get_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Refuses: see the error for what to do instead."""
        raise ValueError(_remedy(f"{type(self).__name__}.{self.name}.get_state_dict", self))


def _remedy(what: str, weights: WeightsEnum) -> str:
    return (
        f"{what}: weights are not downloaded here; get {weights.url} and load the file: "
        f"model.load_state_dict(minitorch.load({weights.value!r}))"
    )


def refuse_weights(name: str, known: type[WeightsEnum], weights: Any, options: dict[str, Any]) -> None:
    """Lets ``weights=None`` (and the older ``pretrained=False``) pass.

    Raises:
        ValueError: others are asked for; says where they are and how to load them.  Names that do not exist are told.
    """
    if isinstance(weights, bool):  # what stood in this place before there were several to choose from
        weights = known["DEFAULT"] if weights else None
    if options.pop("pretrained", False):
        weights = known["DEFAULT"]
    if weights is None:
        return
    if isinstance(weights, str):
        last = weights.rpartition(".")[2]
        if last not in known.__members__:
            raise ValueError(f"{name}: there are no weights {weights!r}; there are {', '.join(known.__members__)}")
        weights = known[last]
    if not isinstance(weights, known):
        raise TypeError(f"{name}: expected weights=None or one of {known.__name__}, got {weights!r}")
    raise ValueError(_remedy(f"{name}(weights={weights})", weights))
