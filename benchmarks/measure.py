"""Timing of one call: warm up, choose how many calls make one sample, take the median of the samples."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

WARM_UP_CALLS = 3
SAMPLE_SHARE = 0.1  # a sample takes at least this share of the whole turn, so that the clock's grain does not count


class Timer:
    """Times ``call`` again and again; the calibration is kept between turns.

    ``synchronize`` waits for work still under way on the device and is part of what is timed.  ``slow`` calls take
    longer than a whole turn and are neither warmed up nor counted out.
    """

    def __init__(self, call: Callable[[], object], synchronize: Callable[[], None], seconds: float, slow: bool = False):
        self.call = call
        self.synchronize = synchronize
        self.seconds = seconds
        self.calls_per_sample = 1 if slow else self._calibrate()

    def _sample(self, calls: int) -> float:
        call = self.call
        start = time.perf_counter()
        for _ in range(calls):
            call()
        self.synchronize()
        return time.perf_counter() - start

    def _calibrate(self) -> int:
        for _ in range(WARM_UP_CALLS):
            self._sample(1)
        wanted = self.seconds * SAMPLE_SHARE
        calls = 1
        while True:
            took = self._sample(calls)
            if took >= wanted:
                return calls
            # One cheap sample says little about the next: grow by at most tenfold, and overshoot a little.
            calls = min(calls * 10, max(calls + 1, int(calls * 1.2 * wanted / max(took, 1e-9))))

    def turn(self) -> dict[str, float]:
        """One turn: about ``seconds`` of samples, three at the least if they do not take much longer than that.

        ``value`` is the median in seconds per call.
        """
        samples: list[float] = []
        start = time.perf_counter()
        while (took := time.perf_counter() - start) < self.seconds or (len(samples) < 3 and took < 2 * self.seconds):
            samples.append(self._sample(self.calls_per_sample) / self.calls_per_sample)
        return {
            "value": statistics.median(samples),
            "best": min(samples),
            "samples": len(samples),
            "calls": len(samples) * self.calls_per_sample,
        }
