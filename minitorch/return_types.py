"""The named tuples that functions with several results return: ``values, indices = x.max(dim=0)``."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any


class Result(tuple):
    """A tuple whose elements also have names; made, as PyTorch's, from one sequence."""

    __slots__ = ()
    fields: tuple[str, ...] = ()

    def __new__(cls, values: Iterable[Any]) -> Any:
        self = super().__new__(cls, values)
        if len(self) != len(cls.fields):
            raise TypeError(f"{cls.__name__} takes a sequence of {len(cls.fields)} elements, got {len(self)}")
        return self

    def __repr__(self) -> str:
        parts = ",\n".join(f"{name}={value!r}" for name, value in zip(self.fields, self))
        return f"torch.return_types.{type(self).__name__}(\n{parts})"


def _result(name: str, *fields: str) -> Any:
    named = {field: property(itemgetter(i), doc=f"Element {i}.") for i, field in enumerate(fields)}
    about = {"__slots__": (), "__module__": __name__, "__doc__": f"What ``{name}`` returns: {', '.join(fields)}."}
    return type(name, (Result,), {"fields": fields, **about, **named})


max = _result("max", "values", "indices")
min = _result("min", "values", "indices")
median = _result("median", "values", "indices")
nanmedian = _result("nanmedian", "values", "indices")
mode = _result("mode", "values", "indices")
kthvalue = _result("kthvalue", "values", "indices")
sort = _result("sort", "values", "indices")
topk = _result("topk", "values", "indices")
cummax = _result("cummax", "values", "indices")
cummin = _result("cummin", "values", "indices")
aminmax = _result("aminmax", "min", "max")
frexp = _result("frexp", "mantissa", "exponent")
linalg_slogdet = _result("linalg_slogdet", "sign", "logabsdet")
slogdet = _result("slogdet", "sign", "logabsdet")
linalg_qr = _result("linalg_qr", "Q", "R")
qr = _result("qr", "Q", "R")
linalg_svd = _result("linalg_svd", "U", "S", "Vh")
svd = _result("svd", "U", "S", "V")
linalg_eigh = _result("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_inv_ex = _result("linalg_inv_ex", "inverse", "info")
linalg_cholesky_ex = _result("linalg_cholesky_ex", "L", "info")
linalg_solve_ex = _result("linalg_solve_ex", "result", "info")
linalg_lstsq = _result("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
linalg_lu = _result("linalg_lu", "P", "L", "U")
linalg_lu_factor = _result("linalg_lu_factor", "LU", "pivots")
linalg_lu_factor_ex = _result("linalg_lu_factor_ex", "LU", "pivots", "info")
_lu_with_info = _result("_lu_with_info", "LU", "pivots", "info")
lu_unpack = _result("lu_unpack", "P", "L", "U")
histogram = _result("histogram", "hist", "bin_edges")
histogramdd = _result("histogramdd", "hist", "bin_edges")
