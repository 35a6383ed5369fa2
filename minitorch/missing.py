"""What ``minitorch.name`` says where there is no such name: why, if on purpose, or where to look instead."""

from __future__ import annotations

import importlib
import sys

#: why PyTorch's names are left out: "sparse*" stands for all that begin so
REASONS = {
    "nothing is compiled or traced: call the module itself": "jit export fx compiler _dynamo _inductor cond while_loop",
    "models are not exported: save weights with minitorch.save(model.state_dict(), path)": "onnx package",
    "code is not loaded from the network: build the model here and load its weights with minitorch.load": "hub",
    "training runs in one process": "distributed futures",
    "tensors are not shared between processes: DataLoader has num_workers": "multiprocessing",
    "there are only dense tensors": "sparse* Sparse* hspmm smm spmm sspaddmm dsmm hsmm nested jagged masked",
    "there are no complex numbers": "complex complex32 cfloat cdouble chalf polar angle view_as_real "
    "view_as_complex is_conj is_neg",
    "transforms give complex numbers, and there are none: numpy.fft takes tensor.numpy()": "fft stft istft",
    "there are no quantized tensors": "quant* fake_quant* qint* quint* qscheme q_* dequantize int_repr ao per_tensor_* "
    "per_channel_*",
    "NumPy's elements are those that tensors have": "float8* float4* uint1 uint2 uint3 uint4 uint5 uint6 uint7 int1 "
    "int2 int3 int4 int5 int6 int7 bits*",
    "symmetric systems go to linalg.solve, positive definite ones to cholesky_solve": "ldl_factor ldl_factor_ex "
    "ldl_solve",
    "products of reflections are what linalg.qr returns": "householder_product geqrf orgqr ormqr",
    "there are GPUs by CUDA alone": "xpu mps mtia miopen* is_vulkan_available",
    "these are parts of other functions": "cudnn_* mkldnn_* fbgemm_* native_* batch_norm_* sym_* Sym*",
    "operators are Python functions, without a registry": "_C library classes overrides DispatchKey*",
}
#: modules that have what PyTorch also has at the top
_PLACES = ("nn.functional", "linalg", "cuda")


def explain(module: str, name: str) -> AttributeError:
    """The error for ``module.name``.

    >>> print(explain("minitorch", "jit"))
    module 'minitorch' has no attribute 'jit': not in minitorch, nothing is compiled or traced: call the module itself
    >>> print(explain("minitorch", "dropout"))
    module 'minitorch' has no attribute 'dropout': not in minitorch; there is minitorch.nn.functional.dropout
    >>> print(explain("minitorch", "catt"))
    module 'minitorch' has no attribute 'catt': not in minitorch; did you mean 'cat'?
    """
    said = f"module '{module}' has no attribute '{name}'"
    if name.startswith("__"):  # Python itself asks for these
        return AttributeError(said, name=name)
    remedy = _remedy(module, name)
    return AttributeError(f"{said}: not in minitorch{remedy}", name=name)


def reason_for(name: str) -> str | None:
    """Why a name of PyTorch is left out, if on purpose."""
    for reason, names in REASONS.items():
        for known in names.split():
            if name == known or (known.endswith("*") and name.startswith(known[:-1])):
                return reason
    return None


def _remedy(module: str, name: str) -> str:
    if module == "minitorch":
        for place in _PLACES:
            if hasattr(sys.modules.get(f"minitorch.{place}"), name):
                return f"; there is minitorch.{place}.{name}"
        if hasattr(importlib.import_module("minitorch.core.tensor").Tensor, name):
            return f"; there is the method Tensor.{name}"
    reason = reason_for(name)
    if reason is not None:
        return f", {reason}"
    from difflib import get_close_matches

    known = [other for other in vars(sys.modules[module]) if not other.startswith("_")]
    near = get_close_matches(name, known, n=1, cutoff=0.7)
    return f"; did you mean {near[0]!r}?" if near else ""
