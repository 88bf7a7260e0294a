"""Survival functions and the correction for many tests, so that no statistics library is needed where agents run.

Sources: NIST Digital Library of Mathematical Functions, 8.7.1 (series) and 8.9.2 (continued fraction, by Lentz's method
as in Numerical Recipes, 3rd ed., 6.2) for the incomplete gamma function; Kolmogorov 1933 and Feller 1948 for the
limiting distribution; Benjamini and Hochberg 1995 for the false discovery rate.
"""

import math
from collections.abc import Sequence

_PRECISION = 1e-16
_STEPS = 10_000
_TINY = 1e-300
_SMALL_ARGUMENT = 1.18
"""Below, the alternating series of Kolmogorov's distribution converges slowly, and its other form fast."""


def chi_squared_sf(statistic: float, degrees: int) -> float:
    """The probability that chi-squared with so many degrees of freedom is at least the statistic."""
    if statistic <= 0:
        return 1.0
    return _upper_gamma(degrees / 2, statistic / 2)


def _upper_gamma(a: float, x: float) -> float:
    """The regularized upper incomplete gamma function Q(a, x)."""
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    return 1 - scale * _lower_series(a, x) if x < a + 1 else scale * _upper_fraction(a, x)


def _lower_series(a: float, x: float) -> float:
    term = total = 1 / a
    for step in range(1, _STEPS):
        term *= x / (a + step)
        total += term
        if term < total * _PRECISION:
            break
    return total


def _upper_fraction(a: float, x: float) -> float:
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    value = d
    for step in range(1, _STEPS):
        factor = step * (a - step)
        b += 2
        d = 1 / _nonzero(factor * d + b)
        c = _nonzero(b + factor / c)
        value *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return value


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def kolmogorov_sf(argument: float) -> float:
    """The probability that the limit of sqrt(n) times the Kolmogorov-Smirnov distance is at least the argument."""
    if argument <= 0:
        return 1.0
    if argument < _SMALL_ARGUMENT:
        odd = (math.exp(-((2 * k - 1) ** 2) * math.pi**2 / (8 * argument**2)) for k in range(1, 5))
        return 1 - math.sqrt(2 * math.pi) / argument * math.fsum(odd)
    return 2 * math.fsum((-1) ** (k - 1) * math.exp(-2 * k * k * argument * argument) for k in range(1, 7))


def two_sample_ks(distance: float, first: int, second: int) -> float:
    """The asymptotic p-value of a two-sample Kolmogorov-Smirnov distance between samples of these sizes."""
    return kolmogorov_sf(distance * math.sqrt(first * second / (first + second)))


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted so that a threshold on them bounds the expected share of false discoveries."""
    falling = sorted(range(len(p_values)), key=lambda at: -p_values[at])
    adjusted, least = [1.0] * len(p_values), 1.0
    for passed, at in enumerate(falling):
        least = min(least, p_values[at] * len(p_values) / (len(p_values) - passed))
        adjusted[at] = least
    return adjusted
