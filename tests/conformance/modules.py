"""One layer of PyTorch's database against ours: ``repr``, ``state_dict``, results, gradients of two orders, errors."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import torch

import minitorch
from tests.conformance.common import Report, describe, expect_same_class, flat, loud, seed, spread
from tests.conformance.compare import Different, compare, tolerances
from tests.conformance.translate import OutOfScope, Translator, array_of, named

DTYPES = (torch.float64, torch.float32)
#: layers that the library does not mean to have, with the reason
OUT_OF_SCOPE = {
    "nn.LinearCrossEntropyLoss": "rarely used by scripts",
    "nn.FractionalMaxPool2d": "rarely used by scripts",
    "nn.FractionalMaxPool3d": "rarely used by scripts",
}
#: in training their results are random
RANDOM_IN_TRAINING = frozenset(("nn.Transformer", "nn.TransformerEncoder", "nn.TransformerEncoderLayer",
                                "nn.TransformerDecoderLayer", "nn.MultiheadAttention", "nn.RNN", "nn.GRU",
                                "nn.LSTM"))  # fmt: skip


def modules() -> dict[str, Any]:
    """The entries of the database in scope, by name; a name that comes twice is numbered."""
    from torch.testing._internal.common_modules import module_db

    found: dict[str, Any] = {}
    for info in module_db:
        if info.name not in OUT_OF_SCOPE:
            name, number = info.name, 2
            while name in found:
                name, number = f"{info.name} {number}", number + 1
            found[name] = info
    return found


def run(name: str, info: Any, count: int | None = None) -> Report:
    """Runs at most ``count`` samples for each type and for training and evaluation, and all error inputs."""
    report = Report(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dtype in DTYPES:
            for training in (True, False):
                seed()
                inputs = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)
                for index, sample in spread(inputs, count):
                    label = f"{str(dtype)[6:]} {'train' if training else 'eval'} {index}"
                    _run_sample(report, info, dtype, training, label, sample)
        if info.module_error_inputs_func is not None:
            seed()
            errors = info.module_error_inputs_func(
                info, device="cpu", dtype=torch.float64, requires_grad=False, training=True
            )
            for index, error in enumerate(errors):
                _run_error(report, info, index, error.module_error_input)
    return report


def _run_sample(report: Report, info: Any, dtype: torch.dtype, training: bool, label: str, sample: Any) -> None:
    report.total += 1
    try:
        trial = Trial(info, dtype, training, sample)
        for part in (trial.construct, trial.result, trial.gradient):
            try:
                part()
            except Exception as error:
                report.failures[f"{label} {part.__name__}"] = describe(error)
                raise
        report.passed += 1
    except OutOfScope:
        report.total -= 1
        report.out_of_scope += 1
        return
    except Exception as error:
        if not any(key.startswith(label + " ") for key in report.failures):
            report.failures[f"{label} translation"] = describe(error)
        return
    if dtype is torch.float64 and info.supports_gradgrad and trial.compared:
        report.second_total += 1
        try:
            trial.second()
            report.second_passed += 1
        except OutOfScope:
            report.second_total -= 1
        except Exception as error:
            report.failures[f"{label} second"] = describe(error)


class Trial:
    """One sample of a layer, on both sides."""

    def __init__(self, info: Any, dtype: torch.dtype, training: bool, sample: Any):
        self.info, self.sample, self.training = info, sample, training
        self.tolerance = max(tolerances(info, dtype), (1e-6, 1e-6) if dtype is torch.float64 else (1e-4, 1e-5))
        made = sample.constructor_input
        self.theirs = info.module_cls(*made.args, **made.kwargs).to("cpu", dtype).train(training)
        self.translate = Translator()
        self.made = self.translate(list(made.args)), self.translate(dict(made.kwargs))
        forward = sample.forward_input
        self.inputs = self.translate(list(forward.args)), self.translate(dict(forward.kwargs))
        self.compared = False

    def construct(self) -> None:
        """``repr`` and the keys, shapes and types of ``state_dict`` are PyTorch's; then the values are taken over."""
        args, kwargs = self.made
        self.ours = named(self.info.name)(*args, **kwargs)
        dtype = next((t.dtype for t in self.theirs.state_dict().values() if t.is_floating_point()), None)
        if dtype is not None:
            self.ours.to(self.translate(dtype))
        self.ours.train(self.training)
        if repr(self.ours) != repr(self.theirs):
            raise Different(f"repr {self.ours!r:.80}, PyTorch {self.theirs!r:.80}")
        if not self.info.is_lazy:
            self._take_state()

    def _take_state(self) -> None:
        theirs, ours = self.theirs.state_dict(), self.ours.state_dict()
        if list(ours) != list(theirs):
            raise Different(f"state_dict {list(ours)}, PyTorch {list(theirs)}")
        for key, value in theirs.items():
            if tuple(ours[key].shape) != tuple(value.shape) or repr(ours[key].dtype) != repr(value.dtype):
                raise Different(f"state_dict[{key!r}] {ours[key].shape} {ours[key].dtype}, PyTorch {value.shape}")
        self.ours.load_state_dict({key: minitorch.from_numpy(array_of(value)) for key, value in theirs.items()})

    def result(self) -> None:
        forward = self.sample.forward_input
        args, kwargs = self.inputs
        random = self.training and self.info.name in RANDOM_IN_TRAINING and self._drops()
        if self.info.is_lazy:
            self.theirs(*copy.deepcopy(forward.args), **copy.deepcopy(forward.kwargs))
            self.ours(*args, **kwargs)
            self._take_state()
        self.expected = self.theirs(*forward.args, **forward.kwargs)
        with loud():
            self.found = self.ours(*args, **kwargs)
        compare(self.found, self.expected, self.tolerance, not random)
        for key, value in self.theirs.state_dict().items():  # running means and other buffers
            compare(self.ours.state_dict()[key], value, self.tolerance)
        self.compared = not random

    def _drops(self) -> bool:
        return any(
            (isinstance(m, torch.nn.Dropout) and m.p > 0) or getattr(m, "dropout", None) not in (0, 0.0, None)
            for m in self.theirs.modules()
        )

    def gradient(self) -> None:
        if not self.compared:
            return
        needed = [isinstance(b, torch.Tensor) and b.requires_grad for b in flat(self.expected)]
        if not any(needed):
            return
        self.leaves = self.translate.leaves() + list(zip(self.theirs.parameters(), self.ours.parameters()))
        theirs = [b for b, n in zip(flat(self.expected), needed) if n]
        ours = [a for a, n in zip(flat(self.found), needed) if n]
        weights = [torch.randn(b.shape, dtype=b.dtype) for b in theirs]
        self.grads = self._grad(ours, theirs, weights, create_graph=self.info.supports_gradgrad)

    def second(self) -> None:
        if not hasattr(self, "grads"):
            return
        ours, theirs = self.grads
        kept = [(a, b) for a, b in zip(ours, theirs) if a is not None and b is not None and b.requires_grad]
        kept = [(a, b) for a, b in kept if a.requires_grad]
        if kept:
            weights = [torch.randn(b.shape, dtype=b.dtype) for _, b in kept]
            self._grad([a for a, _ in kept], [b for _, b in kept], weights)

    def _grad(self, ours: list, theirs: list, weights: list, create_graph: bool = False) -> tuple:
        try:
            expected = torch.autograd.grad(
                theirs, [a for a, _ in self.leaves], weights, create_graph=create_graph, allow_unused=True
            )
        except RuntimeError as error:
            raise OutOfScope(f"PyTorch has no such gradient: {error}") from None
        found = minitorch.autograd.grad(
            ours,
            [b for _, b in self.leaves],
            [minitorch.from_numpy(w.numpy()) for w in weights],
            create_graph=create_graph,
            allow_unused=True,
        )
        rtol, atol = self.tolerance
        for a, b in zip(found, expected):
            if a is None or b is None:
                if any(x is not None and bool((x != 0).any()) for x in (a, b)):
                    raise Different("value of a gradient that the other does not have")
                continue
            size = float(b.detach().abs().max()) if b.numel() else 0.0
            compare(a.detach(), b.detach(), (rtol, atol * max(1.0, size)))
        return found, expected


def _run_error(report: Report, info: Any, index: int, sample: Any) -> None:
    made, forward = sample.constructor_input, sample.forward_input

    def theirs() -> None:
        module = info.module_cls(*made.args, **made.kwargs).double()
        module(*forward.args, **forward.kwargs)

    try:
        theirs()
        return
    except Exception as caught:
        raised = caught
    report.errors_total += 1
    try:
        translate = Translator()
        args, kwargs = translate(list(made.args)), translate(dict(made.kwargs))
        forward_args, forward_kwargs = (), {}
        if forward is not None:
            forward_args, forward_kwargs = translate(list(forward.args)), translate(dict(forward.kwargs))
        make = named(info.name)
        expect_same_class(raised, lambda: make(*args, **kwargs).double()(*forward_args, **forward_kwargs))
        report.errors_passed += 1
    except OutOfScope:
        report.errors_total -= 1
        report.out_of_scope += 1
    except Exception as problem:
        report.failures[f"error {index}"] = describe(problem)
