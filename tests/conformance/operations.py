"""One operation of PyTorch's database against ours: every sample, its gradients of two orders, its error inputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch

import minitorch
from tests.conformance.common import Report, describe, expect_same_class, flat, loud, seeded, spread
from tests.conformance.compare import Different, compare, tolerances
from tests.conformance.precision import as_exact, in_double
from tests.conformance.scope import FREE_ORDER, FREE_SIGNS, RANDOM, ops_in_scope
from tests.conformance.translate import TEST_MODULES, Missing, OutOfScope, Translator, named, translated_function

DTYPES = (torch.float64, torch.float32, torch.int64, torch.int32, torch.uint8, torch.bool)


def full_name(info: Any) -> str:
    return f"{info.name}.{info.variant_test_name}" if info.variant_test_name else info.name


def operations() -> dict[str, Any]:
    """The entries of the database that are in scope, by name."""
    from torch.testing._internal.common_methods_invocations import op_db

    return {full_name(info): info for info in op_db if ops_in_scope(info)}


def ours_for(info: Any) -> Callable:
    """Our counterpart of ``info.op``."""
    module = getattr(info.op, "__module__", None) or ""
    if module.startswith(TEST_MODULES) or hasattr(info.op, "func"):
        return translated_function(info.op)
    try:
        return named(info.name)
    except Missing:
        return translated_function(info.op)


def run(info: Any, count: int | None = None) -> Report:
    """Runs at most ``count`` samples of each type (``None``: all) and all error inputs."""
    report = Report(full_name(info))
    supported = info.supported_dtypes("cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dtype in DTYPES:
            if dtype in supported:
                for index, sample in samples(info, dtype, count):
                    _run_sample(report, info, dtype, index, sample)
        if info.error_inputs_func is not None:
            for index, error in enumerate(seeded(info.error_inputs_func(info, "cpu"))):
                _run_error(report, info, index, error.sample_input)
    return report


def samples(info: Any, dtype: torch.dtype, count: int | None) -> Iterator[tuple[int, Any]]:
    differentiable = info.supports_autograd and dtype in info.supported_backward_dtypes("cpu")
    if info.name == "nn.functional.multi_head_attention_forward":
        differentiable = False  # all samples that require gradients have dropout
    # not info.sample_inputs, which keeps the stack of every sample
    yield from spread(seeded(info.sample_inputs_func(info, "cpu", dtype, differentiable)), count)


def _run_sample(report: Report, info: Any, dtype: torch.dtype, index: int, sample: Any) -> None:
    label = f"{str(dtype)[6:]} {index}"
    try:
        trial = Trial(info, dtype, sample)
    except OutOfScope:
        report.out_of_scope += 1
        return
    except Exception as error:  # everything that can go wrong in a translation is a failure of this sample
        report.total += 1
        report.failures[label + " translation"] = describe(error)
        return
    if trial.theirs_refuse:
        return
    report.total += 1
    good = True
    for part in (trial.value, trial.method, trial.inplace, trial.gradient):
        try:
            part()
        except OutOfScope:
            continue
        except Exception as error:
            good = False
            report.failures[f"{label} {part.__name__}"] = describe(error)
            if part.__name__ == "value":
                break
    report.passed += good
    if trial.has_second:
        report.second_total += 1
        try:
            if trial.ours is None:
                raise Different("no value")
            trial.second()
            report.second_passed += 1
        except OutOfScope:
            report.second_total -= 1
        except Exception as error:
            report.failures[f"{label} second"] = describe(error)


class Trial:
    """One sample, on both sides."""

    def __init__(self, info: Any, dtype: torch.dtype, sample: Any):
        self.info, self.sample, self.dtype = info, sample, dtype
        self.tolerance = tolerances(info, dtype)
        self.random = info.name in RANDOM or sample.kwargs.get("dropout_p", 0) > 0
        if info.name == "nn.functional.multi_head_attention_forward":
            self.random = 0.5 in [x for x in sample.args if type(x) is float]
        self.ours: Any = None
        self.rounded: list = []  # our results, if they are those of PyTorch but for rounding
        self.function: Any = None
        self.translate = Translator()
        self.input, self.args, self.kwargs = map(self.translate, (sample.input, sample.args, sample.kwargs))
        try:
            self.theirs = info.op(sample.input, *sample.args, **sample.kwargs)
            self.theirs_refuse = False
        except Exception:
            self.theirs_refuse = True
            return
        self.leaves = self.translate.leaves()
        differentiable = any(isinstance(t, torch.Tensor) and t.requires_grad for t in flat(self.theirs))
        self.has_gradient = bool(self.leaves) and not self.random and differentiable
        self.has_second = self.has_gradient and info.supports_gradgrad and dtype is torch.float64
        self.gradients: tuple | None = None

    def value(self) -> None:
        self.function = ours_for(self.info)
        with loud():
            self.ours = self.function(self.input, *self.args, **self.kwargs)
        if any(isinstance(t, torch.Tensor) and t.is_complex() for t in flat(self.theirs)):
            raise OutOfScope("a complex result")
        try:
            self.check(self.ours, self.theirs)
        except Different as difference:
            if not str(difference).startswith("value") or not self._rounds_well():
                raise
            self.rounded = [torch.from_numpy(t.detach().numpy()) for t in flat(self.ours)]

    def _rounds_well(self) -> bool:
        """Whether a float32 result is only rounded differently, and not worse than PyTorch's."""
        if self.dtype is not torch.float32:
            return False
        input, args, kwargs = in_double((self.sample.input, self.sample.args, self.sample.kwargs), {})
        exact = self.info.op(input, *args, **kwargs)
        return as_exact(flat(self.ours), flat(self.theirs), flat(exact))

    def check(self, ours: Any, theirs: Any) -> None:
        """Compares results, as far as they are determined."""
        name, s = self.info.name, self.sample
        if name in FREE_SIGNS:
            keep = s.output_process_fn_grad
            ours, theirs = translated_function(keep)(ours), keep(theirs)
        if name in FREE_ORDER and not s.kwargs.get("stable") and not s.input.is_floating_point():
            ours, theirs = self._values_at(ours, self.input, minitorch), self._values_at(theirs, s.input, torch)
        compare(ours, theirs, self.tolerance, not self.random)

    def _values_at(self, result: Any, input: Any, library: Any) -> Any:
        """In the place of indices what lies there, since equal elements may come in any order."""
        numbers = [x for x in self.sample.args if type(x) is int][self.info.name in ("topk", "kthvalue") :]
        dim = self.sample.kwargs.get("dim", *numbers[:1] or [-1])
        if self.info.name != "argsort" and isinstance(result, library.Tensor):
            return result  # the median of all elements
        *values, indices = flat(result)
        if indices.dtype is not library.int64 or not input.ndim:
            return [*values, indices]
        reduced = indices.ndim < input.ndim
        return [*values, library.take_along_dim(input, indices.unsqueeze(dim) if reduced else indices, dim)]

    def method(self) -> None:
        """The same as a method of the tensor."""
        name = self.info.name
        if self.info.method_variant is not getattr(torch.Tensor, name, self) or self.random or name[:2] == "__":
            return
        if not isinstance(self.sample.input, torch.Tensor):
            return
        method = named(f"Tensor.{name}")
        result = method(self.input, *self.args, **self.kwargs)
        if self.rounded:
            compare(flat(result), self.rounded, self.tolerance, strict=False)
        else:
            self.check(result, self.theirs)

    def inplace(self) -> None:
        """The variant that changes its input; both sides must take it, or refuse it with the same class."""
        theirs = self.info.inplace_variant
        if theirs is None or not isinstance(self.sample.input, torch.Tensor):
            return
        ours = translated_function(theirs)
        changed, input = self.sample.input.detach().clone(), self.input.detach().clone()
        with torch.no_grad(), minitorch.no_grad():
            try:
                expected, raised = theirs(changed, *self.sample.args, **self.sample.kwargs), None
            except Exception as error:
                raised = error
            if raised is not None:
                expect_same_class(raised, lambda: ours(input, *self.args, **self.kwargs))
                return
            result = ours(input, *self.args, **self.kwargs)
            if self.rounded:
                (expected,) = (changed,) = self.rounded
            compare(result, expected, self.tolerance, not self.random)
            compare(input, changed, self.tolerance, not self.random)

    def gradient(self) -> None:
        if self.has_gradient:
            self._gradients()

    def second(self) -> None:
        """Gradients of a weighted sum of the gradients."""
        ours, theirs = self._gradients()
        kept = [(a, b) for a, b in zip(ours, theirs) if b is not None and b.requires_grad]
        if not kept:
            return
        weights = [torch.randn(b.shape, dtype=b.dtype) for _, b in kept]
        try:
            expected = torch.autograd.grad(
                [b for _, b in kept], [a for a, _ in self.leaves], weights, allow_unused=True
            )
        except RuntimeError as error:
            raise OutOfScope(f"PyTorch has no second gradient: {error}") from None
        # Where a gradient is linear, ours may be without history: its part is then nought, as PyTorch's must be.
        recorded = [(a, w) for (a, _), w in zip(kept, weights) if a is not None and a.requires_grad]
        found: Any = [None] * len(expected)
        if recorded:
            found = minitorch.autograd.grad(
                [a for a, _ in recorded],
                [b for _, b in self.leaves],
                [minitorch.from_numpy(w.numpy()) for _, w in recorded],
                allow_unused=True,
            )
        self._compare_gradients(found, expected)

    def _gradients(self) -> tuple:
        if self.gradients is None:
            ours, theirs = self._outputs()
            weights = [torch.randn(b.shape, dtype=b.dtype) for b in theirs]
            expected = torch.autograd.grad(
                theirs, [a for a, _ in self.leaves], weights, create_graph=self.has_second, allow_unused=True
            )
            # A result of ours without history is constant: PyTorch's gradient of it must be nought.
            recorded = [(a, w) for a, w in zip(ours, weights) if a.requires_grad]
            found: Any = [None] * len(expected)
            with loud():
                if recorded:
                    found = minitorch.autograd.grad(
                        [a for a, _ in recorded],
                        [b for _, b in self.leaves],
                        [minitorch.from_numpy(w.numpy()) for _, w in recorded],
                        create_graph=self.has_second,
                        allow_unused=True,
                    )
            try:
                self._compare_gradients(found, expected)
            except Different:
                if not self._gradients_round_well(found, expected, weights):
                    raise
            self.gradients = found, expected
        return self.gradients

    def _gradients_round_well(self, found: Any, expected: Any, weights: list) -> bool:
        if self.dtype is not torch.float32:
            return False
        pairs: dict[int, tuple] = {}
        s, wrapper = self.sample, self.info.gradcheck_wrapper
        input, args, kwargs = in_double((s.input, s.args, s.kwargs), pairs)
        results = flat(s.output_process_fn_grad(wrapper(self.info.op, input, *args, **kwargs)))
        results = [r for r in results if isinstance(r, torch.Tensor) and r.requires_grad]
        exact = torch.autograd.grad(
            results, [pairs[id(a)][1] for a, _ in self.leaves], [w.double() for w in weights], allow_unused=True
        )
        kept = [(a, b, c) for a, b, c in zip(found, expected, exact) if b is not None]
        return as_exact([a for a, _, _ in kept], [b for _, b, _ in kept], [c for _, _, c in kept])

    def _outputs(self) -> tuple[list, list]:
        """The results to differentiate, as the database says: through its wrapper, and what it keeps of them."""
        wrapper, keep = self.info.gradcheck_wrapper, self.sample.output_process_fn_grad
        s = self.sample
        theirs = flat(keep(wrapper(self.info.op, s.input, *s.args, **s.kwargs)))
        ours = flat(
            translated_function(keep)(
                translated_function(wrapper)(self.function, self.input, *self.args, **self.kwargs)
            )
        )
        if len(ours) != len(theirs):
            raise Different(f"type: {len(ours)} results, PyTorch {len(theirs)}")
        needed = [(a, b) for a, b in zip(ours, theirs) if isinstance(b, torch.Tensor) and b.requires_grad]
        return [a for a, _ in needed], [b for _, b in needed]

    def _compare_gradients(self, found: Any, expected: Any) -> None:
        rtol, atol = self.tolerance
        for a, b in zip(found, expected):
            if b is None:
                if a is not None and bool((a != 0).any()):
                    raise Different("value of a gradient where PyTorch has none")
                continue
            if a is None:
                if bool((b != 0).any()):
                    raise Different("value None of a gradient")
                continue
            size = float(b.detach().abs().nan_to_num(0, 0, 0).max()) if b.numel() else 0.0
            compare(a.detach(), b.detach(), (rtol, atol * max(1.0, size)))


def _run_error(report: Report, info: Any, index: int, sample: Any) -> None:
    translate = Translator()
    try:
        input, args, kwargs = map(translate, (sample.input, sample.args, sample.kwargs))
    except OutOfScope:
        report.out_of_scope += 1
        return
    try:
        info.op(sample.input, *sample.args, **sample.kwargs)
        return  # an input that PyTorch takes on this machine says nothing
    except Exception as caught:
        raised = caught
    report.errors_total += 1
    try:
        function = ours_for(info)
        expect_same_class(raised, lambda: function(input, *args, **kwargs))
        report.errors_passed += 1
    except Exception as problem:
        report.failures[f"error {index}"] = describe(problem)
