"""``minitorch.coverage()``: names are where they are said to be."""

from __future__ import annotations

import sys

import pytest

import minitorch
from minitorch import covered


def test_names_are_sorted_into_present_left_out_and_missing(tmp_path, capsys):
    torch = pytest.importorskip("torch")
    places = minitorch.coverage()
    assert list(places) == list(covered.PLACES)
    top, tensor = places["torch"], places["torch.Tensor"]
    assert {"add", "Tensor", "gradient", "manual_seed"} <= set(top.present)
    assert top.left_out["polar"] == "there are no complex numbers" and "method" in top.left_out["tanh_"]
    assert {"backward", "index_reduce_", "shape"} <= set(tensor.present)
    for place, found in (("torch", top), ("torch.Tensor", tensor)):
        ours = minitorch if place == "torch" else minitorch.Tensor
        assert all(hasattr(ours, name) for name in found.present)
        assert not any(hasattr(ours, name) for name in [*found.left_out, *found.missing])
    assert "relu" in places["torch.nn.functional"].present and "Linear" in places["torch.nn"].present
    assert all(0 < place.share <= 1 for place in places.values())
    assert places["torch.nn.init"].share == places["torch.autograd.functional"].share == 1
    assert torch.__version__.partition("+")[0] in covered.page()

    covered.main(["--write", str(tmp_path / "page.md")])
    covered.main([])
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == capsys.readouterr().out == covered.page()


def test_without_pytorch_it_says_what_is_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="to compare names"):
        minitorch.coverage()
