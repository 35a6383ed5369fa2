"""Every name and keyword of CuPy that the package uses is one that CuPy has: by reading the package's source."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cupy_stand_in import record, surface

# What stands in for it in the other tests has no spec.
CUPY = "cupy" not in sys.modules and importlib.util.find_spec("cupy") is not None

PACKAGE = Path(__file__).parents[1] / "minitorch"
#: functions that return the array library, and parameters that are it
GIVE_MODULE = {"xp", "array_module", "cupy"}
PARAMETERS = {"xp", "lib", "library"}


def _is_module(node: ast.AST, names: set[str]) -> bool:
    """Whether an expression is the array library: ``xp(a)``, ``self.lib``, or a name that was given such a value."""
    if isinstance(node, ast.Call):
        function = node.func
        return getattr(function, "id", getattr(function, "attr", "")) in GIVE_MODULE
    if isinstance(node, ast.Attribute):
        return node.attr == "lib" and isinstance(node.value, ast.Name) and node.value.id == "self"
    return isinstance(node, ast.Name) and node.id in names


def _path(node: ast.AST, names: set[str]) -> str | None:
    """``"lib.stride_tricks.as_strided"`` of ``xp(a).lib.stride_tricks.as_strided``."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and not _is_module(node, names):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed(parts)) if parts and _is_module(node, names) else None


def uses(tree: ast.AST) -> Iterator[tuple[int, str, list[str]]]:
    """(line, path inside CuPy, keywords of the call) of every use of the array library."""
    names = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _is_module(node.value, set())
        for target in node.targets
        if isinstance(target, ast.Name)
    } | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg) and node.arg in PARAMETERS}
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            path = _path(node, names)
            if path is not None:
                call = called.get(id(node))
                yield node.lineno, path, [k.arg for k in call.keywords if k.arg] if call else []


def package_uses() -> list[tuple[str, str, list[str]]]:
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        for line, path, keywords in uses(ast.parse(file.read_text(encoding="utf-8"))):
            found.append((f"{file.relative_to(PACKAGE.parent)}:{line}", path, keywords))
    return found


def problem(path: str, keywords: list[str]) -> str | None:
    if path.startswith("__version__"):
        return None
    if path == "_core":
        return None  # see test_private_names_for_reduced_precision
    owner, _, last = path.rpartition(".")
    if owner in surface.ufuncs:
        return None if last in ("at", "reduce", "accumulate", "outer") else f"ufuncs have no {last}"
    if not surface.known(path):
        is_module = any(name.startswith(f"{path}.") for name in surface.functions)
        return None if is_module else f"CuPy has no {path}"
    allowed: set[str] = {"out", "where", "dtype", "casting"} if path in surface.ufuncs else set(keywords)
    if path in surface.functions:
        allowed = set(surface.functions[path].parameters)
    unknown = set(keywords) - allowed
    return f"{path} takes no {', '.join(sorted(unknown))}" if unknown else None


def test_the_package_uses_only_what_cupy_has() -> None:
    found = package_uses()
    assert len({path for _, path, _ in found}) > 30
    wrong = [f"{where}: {problem(path, keywords)}" for where, path, keywords in found if problem(path, keywords)]
    assert not wrong, "\n".join(wrong)


def test_what_cupy_lacks_is_found() -> None:
    source = """
def f(a, library):
    xp = array_module(a)
    xp.errstate(all="ignore")
    library.cuda.nothing

    xp.lib.stride_tricks.as_strided(a, shape=(1,), strides=(4,))
    module.nothing
    self.lib.nothing(a)
    return xp(a).sum(a, initial=0) + cupy().exp(a, order="C") + xp.add.at(a, 1, 2) + xp.add.here
"""
    found = {path: problem(path, keywords) for _, path, keywords in uses(ast.parse(source))}
    assert found == {
        "errstate": "CuPy has no errstate",
        "cuda.nothing": "CuPy has no cuda.nothing",
        "nothing": "CuPy has no nothing",
        "lib.stride_tricks.as_strided": None,
        "sum": "sum takes no initial",
        "exp": "exp takes no order",
        "add.at": None,
        "add.here": "ufuncs have no here",
    }


def lacking(library: Any, path: str, keywords: list[str]) -> str | None:
    """What the installed CuPy does not have of a use: the name, or a keyword where its signature is known."""
    try:
        value = functools.reduce(getattr, path.split("."), library)
    except AttributeError:
        return path
    if isinstance(value, library.ufunc) or not callable(value):
        return None
    parameters = record._parameters(value)
    unknown = [word for word in keywords if not re.search(rf"\b{word}\b", parameters)]
    return f"{path}({', '.join(unknown)})" if unknown and parameters != record.UNKNOWN else None


@pytest.mark.skipif(not CUPY, reason="CuPy is not installed (it needs no GPU here)")
def test_names_are_those_of_the_installed_cupy() -> None:
    """All that the package uses; and for the version that was recorded, the whole list."""
    import cupy

    recorded = record.FILE.read_text(encoding="utf-8").splitlines()
    of_cublas = record.cublas_lines()
    found = [use for use in package_uses() if of_cublas or not use[1].startswith("cuda.cublas")]
    assert not {lacking(cupy, path, keywords) for _, path, keywords in found} - {None}
    assert lacking(cupy, "nothing", []) and lacking(cupy, "sum", ["initial"]) == "sum(initial)"
    if cupy.__version__.split(".")[:2] == record.VERSION.split(".")[:2]:
        of_library = [line for line in recorded if of_cublas or " cuda.cublas." not in line]
        assert of_library == [*record.lines(), *of_cublas]


@pytest.mark.skipif(not CUPY, reason="CuPy is not installed (it needs no GPU here)")
def test_numbers_of_types_in_cublas() -> None:
    """What is passed to cuBLAS as a number, by CuPy's names."""
    import cupy
    import numpy as np
    from cupy_stand_in import cublas as stand_in

    from minitorch.backend.cuda import products

    runtime = cupy.cuda.runtime
    kinds = {np.float16: runtime.CUDA_R_16F, np.float32: runtime.CUDA_R_32F, np.float64: runtime.CUDA_R_64F}
    assert {dtype: kind for dtype, (kind, _) in products.TYPES.items()} == {np.dtype(t): k for t, k in kinds.items()}
    assert {kind: dtype.type for kind, dtype in stand_in.TYPES.items()} == {k: t for t, k in kinds.items()}
    if not record.cublas_lines():
        pytest.skip("the rest needs cuBLAS itself")
    cublas = cupy.cuda.cublas
    assert cublas.CUBLAS_COMPUTE_32F_FAST_TF32 == products.TF32 == stand_in.TF32
    assert cublas.CUBLAS_COMPUTE_32F == stand_in.FULL and cublas.CUBLAS_COMPUTE_64F == stand_in.DOUBLE
    assert {compute for _, compute in products.TYPES.values()} == {stand_in.FULL, stand_in.DOUBLE}
    assert (cublas.CUBLAS_OP_N, cublas.CUBLAS_OP_T) == (0, 1)
    assert cublas.CUBLAS_GEMM_DEFAULT == products.ALGORITHM


@pytest.mark.skipif(not CUPY, reason="CuPy is not installed (it needs no GPU here)")
def test_private_names_for_reduced_precision() -> None:
    """The one use of names that CuPy does not promise; without them the switch would do nothing."""
    from cupy import _core

    assert callable(_core.set_compute_type)
    assert _core._routines_linalg.COMPUTE_TYPE_TF32 != _core._routines_linalg.COMPUTE_TYPE_DEFAULT
