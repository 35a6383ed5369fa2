"""Names that are not there: the error says why or where to look, and Python's own questions are answered quickly."""

import pytest

import minitorch
from minitorch import missing


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("jit", "not in minitorch, nothing is compiled or traced: call the module itself"),
        ("hub", "code is not loaded from the network"),
        ("sparse_coo_tensor", "there are only dense tensors"),
        ("view_as_complex", "there are no complex numbers"),
        ("quantize_per_tensor", "there are no quantized tensors"),
        ("dropout", "there is minitorch.nn.functional.dropout"),
        ("tanh_", "there is the method Tensor.tanh_"),
        ("Linaer", "not in minitorch"),
        ("arnage", "did you mean 'arange'?"),
        ("zzzzzz", "has no attribute 'zzzzzz': not in minitorch"),
    ],
)
def test_what_is_said(name, said):
    with pytest.raises(AttributeError) as error:
        getattr(minitorch, name)
    assert str(error.value).startswith(f"module 'minitorch' has no attribute '{name}'") and said in str(error.value)
    assert error.value.name == name and not hasattr(minitorch, name)


def test_pythons_own_questions_get_the_usual_answer():
    with pytest.raises(AttributeError, match=r"^module 'minitorch' has no attribute '__wrapped__'$"):
        minitorch.__wrapped__
    with pytest.raises(ImportError):
        from minitorch import jit  # noqa: F401


def test_reasons_are_for_names_that_are_missing():
    listed = [name for names in missing.REASONS.values() for name in names.split() if not name.endswith("*")]
    assert len(listed) == len(set(listed))
    assert not [name for name in listed if name in vars(minitorch)]


def test_optimizers_that_are_missing():
    with pytest.raises(AttributeError, match="there are only dense tensors"):
        minitorch.optim.SparseAdam
    with pytest.raises(AttributeError, match=r"'minitorch\.optim' has no attribute 'AdamX': .* did you mean 'Adam"):
        minitorch.optim.AdamX
    with pytest.raises(AttributeError, match=r"not in minitorch$"):
        minitorch.optim.Muon
