"""``Flatten`` and ``Unflatten`` as layers; the shapes themselves are ``test_shape.py``'s."""

import pytest
from twins import check_twins


def shape(make, *size):
    return lambda t: (repr(make(t)), tuple(make(t)(t.zeros(size)).shape))


PROGRAMS = {
    "all but the batch": shape(lambda t: t.nn.Flatten(), 2, 3, 4),
    "all": shape(lambda t: t.nn.Flatten(0), 2, 3, 4),
    "between": shape(lambda t: t.nn.Flatten(1, -2), 2, 3, 4, 5),
    "vector": shape(lambda t: t.nn.Flatten(), 2),
    "number": shape(lambda t: t.nn.Flatten(0)),
    "number without batch": shape(lambda t: t.nn.Flatten()),
    "empty": shape(lambda t: t.nn.Flatten(), 2, 0, 3),
    "beyond": shape(lambda t: t.nn.Flatten(3), 2, 3),
    "backwards": shape(lambda t: t.nn.Flatten(2, 1), 2, 3, 4),
    "unflatten": shape(lambda t: t.nn.Unflatten(1, (2, 3)), 2, 6),
    "unflatten, list": shape(lambda t: t.nn.Unflatten(-1, [2, 3]), 2, 6),
    "unflatten, Size": shape(lambda t: t.nn.Unflatten(0, t.Size([1, 2])), 2, 6),
    "unflatten, -1": shape(lambda t: t.nn.Unflatten(1, (2, -1)), 2, 6),
    "unflatten, other number": shape(lambda t: t.nn.Unflatten(1, (2, 5)), 2, 6),
    "unflatten, beyond": shape(lambda t: t.nn.Unflatten(5, (2, 3)), 2, 6),
    "unflatten, number": shape(lambda t: t.nn.Unflatten(1, 3), 2, 6),
    "unflatten, text": shape(lambda t: t.nn.Unflatten(1, (2, "3")), 2, 6),
    "unflatten, float": shape(lambda t: t.nn.Unflatten(1, (2.0, 3)), 2, 6),
    "in a network": lambda t: tuple(
        t.nn.Sequential(t.nn.Unflatten(1, (1, 5, 5)), t.nn.Conv2d(1, 4, 2), t.nn.Flatten())(t.zeros(3, 25)).shape
    ),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_flatten_layers_are_pytorchs(program):
    check_twins(program)
