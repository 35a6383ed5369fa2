"""Switches that scripts set, accelerators that are not there, compilation that is none."""

import warnings

import pytest

import minitorch
from minitorch import runtime


def test_switches_can_be_set_and_read():
    backends = minitorch.backends
    for owner, names in [
        (backends.cudnn, "enabled benchmark deterministic allow_tf32"),
        (
            backends.cuda.matmul,
            "allow_tf32 allow_fp16_reduced_precision_reduction allow_bf16_reduced_precision_reduction",
        ),
        (backends.mkldnn, "enabled"),
        (backends.opt_einsum, "enabled"),
    ]:
        for name in names.split():
            before = getattr(owner, name)
            setattr(owner, name, not before)
            assert getattr(owner, name) is not before
            setattr(owner, name, before)
    for name in ("flash_sdp", "mem_efficient_sdp", "math_sdp", "cudnn_sdp"):
        getattr(backends.cuda, f"enable_{name}")(False)
        assert getattr(backends.cuda, f"{name}_enabled")() is False
        getattr(backends.cuda, f"enable_{name}")(True)


def test_the_switches_begin_as_pytorchs():
    torch = pytest.importorskip("torch")
    for owner, names in [
        ("cudnn", "enabled benchmark deterministic allow_tf32"),
        ("cuda.matmul", "allow_tf32 allow_fp16_reduced_precision_reduction allow_bf16_reduced_precision_reduction"),
    ]:
        for name in names.split():
            mine, theirs = minitorch.backends, torch.backends
            for part in owner.split("."):
                mine, theirs = getattr(mine, part), getattr(theirs, part)
            assert getattr(mine, name) is getattr(theirs, name)


def test_flags_hold_inside_a_block():
    cudnn = minitorch.backends.cudnn
    with pytest.raises(RuntimeError), cudnn.flags(enabled=False, benchmark=True, deterministic=True, allow_tf32=False):
        assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32) == (False, True, True, False)
        raise RuntimeError
    assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32) == (True, False, False, True)


def test_a_mistyped_switch_of_products_is_refused():
    with pytest.raises(AttributeError):
        minitorch.backends.cuda.matmul.allow_tf23 = True


def test_what_is_there():
    backends = minitorch.backends
    assert not backends.mps.is_available() and not backends.mps.is_built()
    assert not backends.cudnn.is_available() and backends.cudnn.version() is None
    assert not backends.cudnn.is_acceptable(minitorch.ones(1))
    assert isinstance(backends.mkl.is_available(), bool)
    assert not backends.openmp.is_available() and not backends.mkldnn.is_available()
    assert not backends.opt_einsum.is_available()
    assert isinstance(backends.cuda.is_built(), bool)


@pytest.mark.usefixtures("no_cupy")
def test_without_an_accelerator():
    accelerator = minitorch.accelerator
    assert not accelerator.is_available() and accelerator.device_count() == 0
    assert accelerator.current_accelerator() is None and accelerator.current_accelerator(check_available=True) is None
    with accelerator.device_index(None):
        pass
    for ask in (
        accelerator.current_device_index,
        accelerator.current_device_idx,
        lambda: accelerator.set_device_index(0),
        accelerator.synchronize,
        accelerator.current_stream,
        lambda: accelerator.set_stream(None),
        accelerator.empty_cache,
        accelerator.memory_allocated,
        accelerator.max_memory_allocated,
        accelerator.memory_reserved,
        accelerator.max_memory_reserved,
        accelerator.reset_peak_memory_stats,
        lambda: accelerator.device_index(0).__enter__(),
    ):
        with pytest.raises(RuntimeError, match="Cannot access accelerator device when none is available"):
            ask()
    with pytest.raises(RuntimeError, match="Accelerator expected"):
        accelerator.set_device_index("cpu")


def test_every_name_of_the_accelerator_is_pytorchs():
    torch = pytest.importorskip("torch")
    assert set(minitorch.accelerator.__all__) <= set(dir(torch.accelerator))


def test_compile_returns_the_model_and_says_so_once(monkeypatch):
    monkeypatch.setattr(runtime, "_told_of_compile", False)
    model = minitorch.nn.Linear(2, 1)
    assert minitorch.compile(model, disable=True) is model
    with pytest.warns(UserWarning, match="nothing to compile") as caught:
        assert minitorch.compile(model, mode="reduce-overhead") is model
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert minitorch.compile(dynamic=True, backend="inductor")(model) is model

        @minitorch.compile
        def double(x):
            return x * 2

        assert double(minitorch.ones(1)).item() == 2.0
    with pytest.raises(TypeError, match="expected a Module or a function"):
        minitorch.compile(3)


def test_threads_between_operations():
    before = minitorch.get_num_interop_threads()
    minitorch.set_num_interop_threads(3)
    assert minitorch.get_num_interop_threads() == 3
    minitorch.set_num_interop_threads(before)
    with pytest.raises(RuntimeError, match="expects a positive integer"):
        minitorch.set_num_interop_threads(0)
