"""Normal numbers from random bits by steps that every processor rounds alike, so that all devices have the same ones.

Box and Muller 1958, "A note on the generation of random normal deviates": of two uniform numbers u and v one makes
two normal ones, √(-2 ln u) times the cosine and the sine of 2πv.  Each pair stands on its own, which rejection (the
ziggurat) would not allow.  Libraries differ in the last digits of logarithm, sine and cosine; here they are
polynomials, and nothing but + - * / √, which IEEE 754 rounds in one way, and shifts of bits happens to the numbers:

- u is the upper 31 bits (of 32; float64: 53 of 64) of the first half, plus ½.  u = m·2^e with m in [√½, √2),
  s = (m - 1)/(m + 1), and ln m = 2·artanh(s) is an odd polynomial of s.
- The two highest bits of the second half are a quadrant, the others t in [-1, 1): the sine and cosine of tπ/4.

The loops of :mod:`minitorch.backend.cpu.random_kernels` and the kernel in ``backend/cuda/source/random.cu`` take the
same steps in the same order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Polynomials by Remez's exchange algorithm for this module, lowest power first; the greatest errors are those of exact
# arithmetic: 2·artanh(s) = s·(2 + z·A(z)), z = s²: relative error 3e-9 (single), 5e-18 (double).
_ARTANH = {
    4: (0.66666685265930143697, 0.39988718863875902779, 0.2958204740185556401),
    8: (0.66666666666666697266, 0.39999999999898507549, 0.28571428626372368407, 0.22222211077131944718,
        0.18182892908511971275, 0.15331607252648336979, 0.14617745369120123355),
}  # fmt: skip
# sin(tπ/4) = t·(π/4 + z·S(z)), z = t²: relative error 2e-8 (single), 2e-17 (double).
_SINE = {
    4: (-0.080745502505146143922, 0.0024902199446890414716, -0.00003610933357832054914),
    8: (-0.080745512188280771821, 0.0024903945701920080206, -0.00003657620417386548791, 3.1336165355571646806e-7,
        -1.7571791896413866336e-9, 6.887487884376256858e-12),
}  # fmt: skip
# cos(tπ/4) = 1 + z·C(z): error 2e-10 (single), 2e-16 (double).
_COSINE = {
    4: (-0.30842513734399993498, 0.015854338155327226701, -0.00032596140169636446229, 3.5419669591190003955e-6),
    8: (-0.30842513753404226822, 0.015854344243801913697, -0.00032599188676879833002, 3.5908597715319673962e-6,
        -2.4610062578134595332e-8, 1.1384791203971269793e-10),
}  # fmt: skip


class Steps:
    """The numbers that the steps need in one precision."""

    def __init__(self, real: type) -> None:
        size = np.dtype(real).itemsize
        self.real, self.word = real, np.int32 if size == 4 else np.int64
        #: bits of a half, of the fraction of a float, and of u
        self.bits, self.fraction, self.u_bits = (32, 23, 31) if size == 4 else (64, 52, 53)
        self.root_half = np.array(0.5**0.5, real).view(self.word)[()]  # its bits
        #: -2·ln: artanh's polynomial doubled
        self.log = [real(2 * c) for c in _ARTANH[size]]
        self.sine, self.cosine = [real(c) for c in _SINE[size]], [real(c) for c in _COSINE[size]]
        self.quarter_pi, self.two_ln2 = real(0.78539816339744830962), real(1.3862943611198906188)
        self.to_t = real(2.0 ** (1 - self.bits))


STEPS = {np.dtype(real): Steps(real) for real in (np.float32, np.float64)}


def _polynomial(coefficients: list, z: Any) -> Any:
    value = coefficients[-1] * z
    for c in coefficients[-2:0:-1]:
        value += c
        value *= z
    value += coefficients[0]
    return value


def normal_pairs(first: Any, second: Any, out: Any) -> None:
    """Fills ``out`` (2, n) with normal numbers from the bits of two unsigned arrays (n).

    Args:
        out: float32 for halves of 32 bits, float64 for those of 64; may be strided.
    """
    steps = STEPS[out.dtype]
    real: Any = steps.real
    word, bits = steps.word, steps.bits
    u = (first >> (bits - steps.u_bits)).view(word).astype(real)
    u += real(0.5)
    m = u.view(word)
    exponent = m - steps.root_half
    exponent >>= steps.fraction
    m -= exponent << steps.fraction  # writes to u: now in [√½, √2)
    s = u - real(1)
    u += real(1)
    s /= u
    z = s * s
    radius = _polynomial(steps.log, z)
    radius *= z
    radius += real(4)
    radius *= s
    np.subtract((steps.u_bits - exponent).astype(real) * steps.two_ln2, radius, out=radius)
    np.sqrt(radius, out=radius)

    t = (second << 2).view(word).astype(real)
    t *= steps.to_t
    z = t * t
    sine = _polynomial(steps.sine, z)
    sine *= z
    sine += steps.quarter_pi
    sine *= t
    cosine = _polynomial(steps.cosine, z)
    cosine *= z
    cosine += real(1)
    # In odd quadrants they change places, by exclusive or; the highest bit is the sign.
    a, b = cosine.view(first.dtype), sine.view(first.dtype)
    swap = a ^ b
    swap &= -((second >> (bits - 2)) & 1)
    a ^= swap
    b ^= swap
    top = first.dtype.type(1 << (bits - 1))
    a ^= (second ^ (second << 1)) & top
    b ^= second & top
    np.multiply(radius, cosine, out=out[0])
    np.multiply(radius, sine, out=out[1])
