"""A slope through samples, and how far it may be off."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

BLOCKS_LEAST = 4


@dataclass(frozen=True)
class Slope:
    """By how much something grows in a unit of time; the truth is within `error` of it, 19 times in 20."""

    value: float
    error: float


def slope(times: Sequence[float], values: Sequence[float], block: float) -> Slope:
    """The line of least squares through the means of blocks that are so long.

    Neighbouring samples of memory are not independent, so that the error of a line through all of them would
    be told far too small. With fewer than four blocks nothing can be told: the error is infinite.
    """
    means = _means(times, values, block)
    count = len(means)
    if count < BLOCKS_LEAST:
        return Slope(math.nan, math.inf)
    middle = sum(at for at, _ in means) / count
    height = sum(value for _, value in means) / count
    spread = sum((at - middle) ** 2 for at, _ in means)
    rise = sum((at - middle) * (value - height) for at, value in means) / spread
    left = sum((value - height - rise * (at - middle)) ** 2 for at, value in means)
    # Student's factor at 95 %, near enough: 4.3 for two degrees of freedom, 2 for many.
    free = count - 2
    factor = 2 + 4.6 / free
    return Slope(rise, factor * math.sqrt(left / free / spread))


def _means(times: Sequence[float], values: Sequence[float], block: float) -> list[tuple[float, float]]:
    blocks: dict[int, list[tuple[float, float]]] = {}
    for at, value in zip(times, values, strict=True):
        blocks.setdefault(int((at - times[0]) / block), []).append((at, value))
    return [
        (sum(at for at, _ in inside) / len(inside), sum(value for _, value in inside) / len(inside))
        for inside in blocks.values()
    ]
