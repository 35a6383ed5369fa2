"""``SummaryWriter``: curves, images and histograms for TensorBoard, written by the package tensorboardX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backend.array_module import to_host
from minitorch.core.tensor import Tensor
from minitorch.utils.optional import require


def _plain(value: Any) -> Any:
    """Tensors in arguments as arrays, or as numbers where they have one element and no dimensions."""
    if isinstance(value, Tensor):
        array = to_host(value._data)
        return array.item() if array.ndim == 0 else np.ascontiguousarray(array)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_plain(item) for item in value)
    return value


class SummaryWriter:
    """Writes what ``tensorboard --logdir runs`` shows.

    Args:
        log_dir: where the files go, default ``runs/<date>_<host><comment>``.
        comment: end of the default folder's name.
        purge_step: records of this and later steps, from a run that broke off, are hidden.
        max_queue, flush_secs: how many records wait to be written, and how long.
        filename_suffix: end of the file's name.

    It has PyTorch's methods: ``add_scalar``, ``add_scalars``, ``add_histogram``, ``add_image``, ``add_images``,
    ``add_figure``, ``add_text``, ``add_pr_curve``, ``add_embedding``, ``add_hparams``, ``flush``, ``close``; all take
    tensors of any device, with or without a gradient.

    Raises:
        ImportError: tensorboardX is not installed.
    """

    def __init__(
        self,
        log_dir: Any = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        package = require("tensorboardX", extra="tensorboard", why="to write for TensorBoard")
        self._writer = package.SummaryWriter(
            logdir=None if log_dir is None else str(log_dir),
            comment=comment,
            purge_step=purge_step,
            max_queue=max_queue,
            flush_secs=flush_secs,
            filename_suffix=filename_suffix,
        )
        self.log_dir: str = self._writer.logdir

    def get_logdir(self) -> str:
        """Where the files go."""
        return self.log_dir

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """A point of the curve ``tag``.  ``new_style`` and ``double_precision`` are taken for compatibility."""
        self._writer.add_scalar(tag, float(_plain(scalar_value)), global_step, walltime)

    def add_hparams(
        self,
        hparam_dict: dict[str, Any],
        metric_dict: dict[str, Any],
        hparam_domain_discrete: Any = None,
        run_name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """The settings of a run beside what came of them."""
        self._writer.add_hparams(_plain(hparam_dict), _plain(metric_dict), name=run_name, global_step=global_step)

    def add_graph(self, *args: Any, **kwargs: Any) -> None:
        """Refuses: there is no traced graph.

        Raises:
            NotImplementedError: always; ``print(model)`` shows its layers.
        """
        raise NotImplementedError("SummaryWriter.add_graph: models are not traced here; print(model) shows the layers")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not name.startswith("add_") and name not in ("flush", "close"):
            raise AttributeError(f"SummaryWriter has no attribute {name!r}")
        method = getattr(self._writer, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return method(*_plain(args), **_plain(kwargs))

        call.__name__ = name
        return call

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self._writer.close()
