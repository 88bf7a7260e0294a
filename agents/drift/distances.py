"""Distances between two distributions, given as counts (numpy arrays of whole numbers) in the same cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from agents.drift.significance import chi_squared_sf

if TYPE_CHECKING:
    import numpy.typing as npt

Counts: TypeAlias = "npt.NDArray[np.int64]"
Shares: TypeAlias = "npt.NDArray[np.float64]"

FORMULAS = {
    "psi": "population stability index: sum of (current - baseline) * ln(current / baseline) over the shares of cells; "
    "numbers lie between the baseline's deciles, the outer bins open; an empty cell counts as half a row",
    "js_distance": "Jensen-Shannon distance: root of the mean divergence (base 2) of both shares from their average",
    "ks": "two-sample Kolmogorov-Smirnov: the largest gap between the two cumulative distributions",
    "wasserstein": "area between the two cumulative distributions, in the unit of the column",
    "wasserstein_in_std": "the same in standard deviations of the baseline",
    "chi2": "sum of (observed - expected)² / expected; cells with less than 5 expected rows are pooled",
    "cramers_v": "root of chi2 / rows of both",
    "p_value": "asymptotic; of the Wasserstein distance, that of the Kolmogorov-Smirnov test; of the PSI, that of "
    "PSI / (1 / baseline + 1 / current) under chi-squared",
    "p_adjusted": "p_value after Benjamini-Hochberg over all columns",
    "effect": "the PSI; for the Wasserstein test its square in standard deviations, which is the PSI of a shifted "
    "normal distribution",
    "severity": "by the effect alone (psi_medium, psi_high), where p_adjusted is below the significance level",
}

_EMPTY_CELL = 0.5
_FEWEST_EXPECTED = 5


@dataclass(frozen=True)
class ChiSquared:
    """statistic, its p-value and Cramér's V (0: alike, 1: nothing in common)."""

    statistic: float
    p_value: float
    cramers_v: float


def shares_of(counts: Counts) -> Shares:
    """What part of the whole each cell is; zeros of nothing."""
    return counts / max(1, int(counts.sum()))


def population_stability_index(baseline: Counts, current: Counts) -> float:
    """The PSI of two columns of counts; 0: alike."""
    before = np.where(baseline == 0, _EMPTY_CELL, baseline) / baseline.sum()
    after = np.where(current == 0, _EMPTY_CELL, current) / current.sum()
    occupied = (baseline > 0) | (current > 0)
    return float(np.sum(((after - before) * np.log(after / before))[occupied]))


def stability_p_value(index: float, baseline: Counts, current: Counts) -> float:
    """How likely a PSI of at least this is between two samples of one distribution (Yurdakul 2018)."""
    cells = int(((baseline > 0) | (current > 0)).sum())
    noise = 1 / int(baseline.sum()) + 1 / int(current.sum())
    return chi_squared_sf(index / noise, cells - 1) if cells > 1 else 1.0


def jensen_shannon_distance(baseline: Counts, current: Counts) -> float:
    """Between 0 (alike) and 1 (nothing in common)."""
    before, after = shares_of(baseline), shares_of(current)
    middle = (before + after) / 2
    return float(np.sqrt(max(0.0, (_divergence(before, middle) + _divergence(after, middle)) / 2)))


def _divergence(shares: Shares, reference: Shares) -> float:
    held = shares > 0
    return float(np.sum(shares[held] * np.log2(shares[held] / reference[held])))


def chi_squared(baseline: Counts, current: Counts) -> ChiSquared:
    """Pearson's test that both samples come from one distribution, without continuity correction."""
    observed = _pooled(np.array([baseline, current], dtype=np.float64))
    cells, total = observed.shape[1], float(observed.sum())
    if cells < 2:
        return ChiSquared(0.0, 1.0, 0.0)
    expected = observed.sum(axis=1, keepdims=True) * observed.sum(axis=0, keepdims=True) / total
    statistic = float(np.sum((observed - expected) ** 2 / expected))
    return ChiSquared(statistic, chi_squared_sf(statistic, cells - 1), float(np.sqrt(statistic / total)))


def _pooled(observed: Shares) -> Shares:
    """Cells too small for the test as one; where they stay too small together, with the smallest of the others."""
    observed = observed[:, observed.sum(axis=0) > 0]
    smaller_part = float((observed.sum(axis=1) / observed.sum()).min())
    small = observed.sum(axis=0) * smaller_part < _FEWEST_EXPECTED
    if not small.any():
        return observed
    rest, kept = observed[:, small].sum(axis=1, keepdims=True), observed[:, ~small]
    if kept.shape[1] and float(rest.sum()) * smaller_part < _FEWEST_EXPECTED:
        smallest = int(kept.sum(axis=0).argmin())
        kept[:, [smallest]] += rest
        return kept
    return np.hstack([kept, rest])
