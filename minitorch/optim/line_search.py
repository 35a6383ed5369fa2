"""A line search for the strong Wolfe conditions: how far to go along a direction that leads down.

Source: Nocedal, Wright, "Numerical optimization", 2nd edition, 2006, algorithms 3.5 and 3.6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Point(NamedTuple):
    """A place on the line: how far out, the loss there, its gradient, and its derivative along the line."""

    t: Any
    loss: float
    grad: Any
    slope: Any


def cubic_minimum(a: Point, b: Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic through the losses and slopes of two points is least, kept inside ``bounds`` (the two points).

    Without a minimum: the middle of the bounds.
    """
    if a.t > b.t:
        a, b = b, a
    low, high = (a.t, b.t) if bounds is None else bounds
    theta = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = theta**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    root = square**0.5
    least = b.t - (b.t - a.t) * ((b.slope + root - theta) / (b.slope - a.slope + 2 * root))
    return min(max(least, low), high)


def strong_wolfe(
    evaluate: Callable[[Any], Point],
    t: Any,
    start: Point,
    reach: Any,
    most: int,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance: float = 1e-9,
) -> tuple[Point, int]:
    """A point with f(t) ≤ f(0) + c₁ t f'(0) and |f'(t)| ≤ c₂ |f'(0)|, or the best one that was found.

    Args:
        evaluate: gives the point at a distance.
        t: the first distance to try.
        start: the point at 0; its slope is negative.
        reach: the largest component of the direction.
        most: how many distances may be tried after the first.
        tolerance: a bracket that moves no component by this much is given up.

    Returns:
        The point, and how often ``evaluate`` was called.
    """

    def too_high(point: Point) -> bool:
        return point.loss > start.loss + c1 * point.t * start.slope

    def is_flat(point: Point) -> bool:
        return abs(point.slope) <= -c2 * start.slope

    before, point, tried = start, evaluate(t), 0
    bracket = None
    while tried < most:
        if too_high(point) or (tried > 1 and point.loss >= before.loss):
            bracket = [before, point]
        elif is_flat(point):
            return point, tried + 1
        elif point.slope >= 0:
            bracket = [before, point]
        if bracket is not None:
            break
        # All still goes down: look further out.
        bounds = (point.t + 0.01 * (point.t - before.t), point.t * 10)
        before, point = point, evaluate(cubic_minimum(before, point, bounds))
        tried += 1
    if bracket is None:
        bracket = [start, point]

    low = 0 if bracket[0].loss <= bracket[1].loss else 1
    stuck = False
    while tried < most and not abs(bracket[1].t - bracket[0].t) * reach < tolerance:
        t, stuck = _away_from_ends(cubic_minimum(bracket[0], bracket[1]), bracket, stuck)
        point = evaluate(t)
        tried += 1
        if too_high(point) or point.loss >= bracket[low].loss:
            bracket[1 - low] = point
            low = 0 if bracket[0].loss <= bracket[1].loss else 1
            continue
        if is_flat(point):
            return point, tried + 1
        if point.slope * (bracket[1 - low].t - bracket[low].t) >= 0:
            bracket[1 - low] = bracket[low]
        bracket[low] = point
    return bracket[low], tried + 1


def _away_from_ends(t: Any, bracket: list[Point], stuck: bool) -> tuple[Any, bool]:
    """``t``, or a tenth of the bracket inside it if trials keep falling near its ends; and whether this one does."""
    first, last = sorted((bracket[0].t, bracket[1].t))
    margin = 0.1 * (last - first)
    if min(last - t, t - first) >= margin:
        return t, False
    if stuck or t >= last or t <= first:
        return (last - margin if abs(t - last) < abs(t - first) else first + margin), False
    return t, True
