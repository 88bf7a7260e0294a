"""One column on two sides: every distance that applies, then, over all columns, which of them have drifted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from agents.base import Severity
from agents.column_types import Kind
from agents.drift.categories import Categories, OnlyHere
from agents.drift.columns import Distribution, Facts, Side
from agents.drift.distances import (
    Counts,
    chi_squared,
    jensen_shannon_distance,
    population_stability_index,
    stability_p_value,
)
from agents.drift.numbers import BASELINE, CURRENT, Numbers
from agents.drift.significance import benjamini_hochberg, two_sample_ks
from agents.profile.drift_detector import Test

Status = Literal["drifted", "slight", "stable", "too_few", "not_compared"]

_OF_NUMBERS_ONLY = ("kolmogorov_smirnov", "wasserstein")
_DENSE = 2


@dataclass(frozen=True)
class Thresholds:
    """What decides; drift-detector's parameters of the same names."""

    statistical_test: Test = "auto"
    significance_level: float = 0.05
    min_sample_size: int = 100
    psi_medium: float = 0.1
    psi_high: float = 0.25

    def severity(self, effect: float) -> Severity | None:
        """How bad an effect is, on the scale of the PSI."""
        return "high" if effect >= self.psi_high else "medium" if effect >= self.psi_medium else None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One test: what it measured, how likely that is by chance, and how large the effect is on the scale of the PSI."""

    test: str | None = None
    statistic: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    effect: float | None = None
    severity: Severity | None = None
    significant: bool = False

    def judged(self, p_adjusted: float, thresholds: Thresholds) -> Verdict:
        """With its place among all tests; an effect that may be chance has no severity."""
        significant = p_adjusted < thresholds.significance_level
        severity = thresholds.severity(self.effect or 0.0) if significant else None
        return replace(self, p_adjusted=p_adjusted, significant=significant, severity=severity)


@dataclass(frozen=True, kw_only=True)
class ColumnDrift:
    """How one column differs. `measures`: every distance by name; `baseline_figures`, `current_figures`: both sides."""

    baseline: Facts
    current: Facts
    compared_as: str
    reason: str = ""
    verdict: Verdict = Verdict()
    missingness: Verdict = Verdict()
    status: Status = "not_compared"
    measures: Mapping[str, float] = field(default_factory=dict)
    baseline_figures: Mapping[str, Any] = field(default_factory=dict)
    current_figures: Mapping[str, Any] = field(default_factory=dict)
    new: OnlyHere | None = None
    vanished: OnlyHere | None = None
    plot: Mapping[str, Any] | None = None

    @property
    def column(self) -> str:
        """Its name now."""
        return self.current.column


MEASURES = ("psi", "js_distance", "ks", "wasserstein", "wasserstein_in_std", "chi2", "cramers_v")


def measure(baseline: Side, current: Side, names: tuple[str, str], thresholds: Thresholds) -> ColumnDrift:
    """Measure one column, called `names` on the two sides; its tests are not judged yet."""
    before, after = baseline.columns[names[0]], current.columns[names[1]]
    drift = ColumnDrift(baseline=before, current=after, compared_as="nothing", missingness=_missingness(before, after))
    if before.family == "nothing" or after.family == "nothing":
        return replace(drift, reason="it holds nothing on one side at least")
    if before.withheld:
        return replace(drift, reason="personal data, of which a dataset keeps no values")
    if before.family != after.family:
        return replace(drift, reason=f"{before.kind} can't be compared with {after.kind}")
    if after.family == "categories":
        return _as_categories(drift, baseline, current, thresholds)
    return _as_numbers(drift, baseline, current, thresholds)


def _as_categories(drift: ColumnDrift, baseline: Side, current: Side, thresholds: Thresholds) -> ColumnDrift:
    before, after = drift.baseline, drift.current
    if not (before.repeats and after.repeats):
        return replace(drift, reason="nearly every cell holds another value")
    both = Categories(baseline.distribution(before.column), current.distribution(after.column))
    measures = _cell_measures(*both.cells())
    drift = replace(
        drift,
        compared_as="categories",
        measures=measures,
        new=both.new(),
        vanished=both.vanished(),
        plot=both.plot(),
    )
    if before.personal or after.personal:
        drift = replace(drift, plot=None, new=_counted(drift.new), vanished=_counted(drift.vanished))
    if len(both.cells()[0]) < 2 and after.distinct > 1:
        return replace(drift, reason="each of its values is rare")
    verdict = _verdict(_test_for("chi2", thresholds), measures, both.cells())
    return _with_verdict(drift, verdict, both.totals, thresholds)


def _counted(found: OnlyHere | None) -> OnlyHere | None:
    """How many, without saying which."""
    return replace(found, shown=()) if found else None


def _as_numbers(drift: ColumnDrift, baseline: Side, current: Side, thresholds: Thresholds) -> ColumnDrift:
    before, after = drift.baseline, drift.current
    values = baseline.distribution(before.column), current.distribution(after.column)
    if _counts_rows(before, values[0]) and _counts_rows(after, values[1]):
        return replace(drift, reason="it numbers the rows")
    both = Numbers(*values)
    if not {BASELINE, CURRENT} <= both.moments.keys():
        return replace(drift, reason="no finite number on one side at least")
    cells, gap, dates = both.bins(), both.gap(), after.family == "dates"
    totals = (both.moments[BASELINE].count, both.moments[CURRENT].count)
    measures = _cell_measures(*cells) | {"ks": gap.ks, "wasserstein": gap.wasserstein}
    if std := both.moments[BASELINE].std:
        measures["wasserstein_in_std"] = gap.wasserstein / std
    shown = not (before.personal or after.personal)
    drift = replace(
        drift,
        compared_as=after.family,
        measures=measures,
        baseline_figures=both.figures(BASELINE, dates=dates) if shown else {},
        current_figures=both.figures(CURRENT, dates=dates) if shown else {},
        plot=both.plot(whole=after.kind is Kind.INTEGER, dates=dates) if shown else None,
    )
    test = _test_for("chi2" if both.few else "kolmogorov_smirnov", thresholds)
    drift = _with_verdict(drift, _verdict(test, measures, cells), totals, thresholds)
    return replace(drift, reason="the dates have moved on") if dates and both.moved_on() else drift


def _counts_rows(facts: Facts, numbers: Distribution) -> bool:
    """Whole numbers that never repeat and leave few gaps number the rows: a larger table has larger ones."""
    if facts.kind is not Kind.INTEGER or not 1 < facts.present == facts.distinct:
        return False
    return bool(numbers.values.scalar("SELECT max(v) - min(v) < $most FROM {self}", most=_DENSE * facts.present))


def _test_for(automatic: str, thresholds: Thresholds) -> str:
    """The test asked for; the automatic one where that one is of numbers and the column isn't."""
    wanted = thresholds.statistical_test
    if wanted == "auto" or (wanted in _OF_NUMBERS_ONLY and automatic == "chi2"):
        return automatic
    return wanted


def _cell_measures(baseline: Counts, current: Counts) -> dict[str, float]:
    tested = chi_squared(baseline, current)
    return {
        "psi": population_stability_index(baseline, current),
        "js_distance": jensen_shannon_distance(baseline, current),
        "chi2": tested.statistic,
        "cramers_v": tested.cramers_v,
    }


_STATISTIC = {"kolmogorov_smirnov": "ks", "chi2": "chi2", "wasserstein": "wasserstein", "psi": "psi"}


def _verdict(test: str, measures: Mapping[str, float], cells: tuple[Counts, Counts]) -> Verdict:
    effect = measures["psi"]
    if test == "wasserstein":
        # A normal distribution that is shifted by d standard deviations has a PSI of d².
        effect = measures.get("wasserstein_in_std", 0.0) ** 2
    return Verdict(
        test=test, statistic=measures[_STATISTIC[test]], p_value=_p_value(test, measures, cells), effect=effect
    )


def _p_value(test: str, measures: Mapping[str, float], cells: tuple[Counts, Counts]) -> float:
    if test == "chi2":
        return chi_squared(*cells).p_value
    if test == "psi":
        return stability_p_value(measures["psi"], *cells)
    return two_sample_ks(measures["ks"], int(cells[0].sum()), int(cells[1].sum()))


def _with_verdict(drift: ColumnDrift, verdict: Verdict, totals: tuple[int, int], thresholds: Thresholds) -> ColumnDrift:
    if min(totals) < thresholds.min_sample_size:
        reason = f"fewer than {thresholds.min_sample_size:,} values on one side at least"
        return replace(drift, status="too_few", reason=reason)
    return replace(drift, status="stable", verdict=verdict)


def _missingness(before: Facts, after: Facts) -> Verdict:
    """Missing or not, as two categories."""
    cells = (np.array([before.missing, before.present]), np.array([after.missing, after.present]))
    if not before.rows or not after.rows:
        return Verdict()
    tested = chi_squared(*cells)
    effect = population_stability_index(*cells)
    return Verdict(test="chi2", statistic=tested.statistic, p_value=tested.p_value, effect=effect)


def judge(drifts: Sequence[ColumnDrift], thresholds: Thresholds) -> list[ColumnDrift]:
    """Correct the p-values over all columns, those of missingness among themselves, and say which have drifted."""
    tested = [at for at, each in enumerate(drifts) if each.status == "stable"]
    judged = list(drifts)
    for at, adjusted in zip(tested, _adjusted([drifts[at].verdict for at in tested]), strict=True):
        verdict = drifts[at].verdict.judged(adjusted, thresholds)
        if verdict.severity and drifts[at].reason:
            verdict = replace(verdict, severity="low")
        status: Status = "drifted" if verdict.severity else "slight" if verdict.significant else "stable"
        judged[at] = replace(drifts[at], verdict=verdict, status=status)
    enough = [at for at, each in enumerate(drifts) if _enough_rows(each, thresholds)]
    for at, adjusted in zip(enough, _adjusted([drifts[at].missingness for at in enough]), strict=True):
        judged[at] = replace(judged[at], missingness=drifts[at].missingness.judged(adjusted, thresholds))
    return judged


def _enough_rows(drift: ColumnDrift, thresholds: Thresholds) -> bool:
    return min(drift.baseline.rows, drift.current.rows) >= thresholds.min_sample_size


def _adjusted(verdicts: Sequence[Verdict]) -> list[float]:
    return benjamini_hochberg([1.0 if each.p_value is None else each.p_value for each in verdicts])
