"""Detours: functions that do more for a while, under every name that they have."""

import inspect

import pytest

from minitorch.core.detours import free, put_around


def counting(seen, word):
    def around(function):
        def call(*args, **kwargs):
            seen.append(word)
            return function(*args, **kwargs)

        return call

    return around


def made(offset):
    def shifted(x, *, by=2):
        """What it says."""
        return x + by + offset

    return shifted


def test_functions_with_cells_and_keywords_make_detours_in_order():
    function, other, seen = made(1), made(100), []
    name, code = function, function.__code__
    put_around("autocast", [(function, counting(seen, "outer"))])
    put_around("bfloat16", [(function, counting(seen, "inner"))])
    assert name(1) == 4 and name(1, by=5) == 7
    assert seen == ["outer", "inner"] * 2
    assert other(1) == 103 and len(seen) == 4  # of the same code, but another function
    assert function.__doc__ == "What it says." and str(inspect.signature(function)) == "(x, *, by=2)"
    with pytest.raises(TypeError, match=r"shifted\(\) got an unexpected keyword argument 'over'"):
        function(1, over=2)
    seen.clear()
    free("autocast", [function])
    assert name(1) == 4 and seen == ["inner"]
    free("bfloat16", [function])
    assert name(1) == 4 and seen == ["inner"] and function.__code__ is code
    put_around("autocast", [(function, counting(seen, "outer"))])
    assert name(1) == 4 and seen == ["inner", "outer"]
    free("autocast", [function])
