"""A column's measures as figures for the report, each a JSON value of its own."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from agents.column_types import NUMERIC, TEMPORAL, Kind
from agents.profiling.dates import day_text, moment_text
from agents.profiling.measures import Measures
from agents.profiling.moments import Moments, whole_range
from agents.profiling.quality import timeliness, with_score

NEARLY_UNIQUE = 0.95
"""A column with this share of distinct values is meant to be unique."""

_PLAIN_NUMBERS = ("integer", "decimal", "integral")
_NAMED_PERCENTILES = {"p1": 1, "p5": 5, "p10": 10, "q1": 25, "median": 50, "q3": 75, "p90": 90, "p95": 95, "p99": 99}
_EXACT = 2**53
_DEGREES = ("latitude", "longitude")


def percent(part: int, whole: int) -> float:
    """A share in percent; of nothing, 0."""
    return 100 * part / whole if whole else 0.0


def kind(measures: Measures, place: int) -> str:
    """The physical type; what looks like phone numbers and can be none are codes."""
    found = measures.kind(place)
    return str(Kind.CODE if found is Kind.PHONE and measures.meaning(place) != "phone" else found)


def role(measures: Measures, place: int) -> str:
    """What the column is there for, as far as its values tell."""
    count, kind, limits = measures.counts[place], measures.kind(place), measures.thresholds
    if count.present == 0:
        return "empty"
    if count.distinct == 1 and count.present > 1:
        return "constant"
    if kind in TEMPORAL:
        return "date"
    few = count.distinct <= limits.categorical_threshold
    ratio = count.distinct <= limits.categorical_ratio_threshold * count.present
    if 1 < count.present == count.distinct and kind not in (Kind.DECIMAL, Kind.PERCENT, Kind.QUANTITY):
        return "identifier"
    if (few and kind is Kind.INTEGER) or ((few or ratio) and kind not in NUMERIC):
        return "category"
    if kind not in NUMERIC:
        return "text"
    return "code" if measures.meaning(place) not in ("", *_DEGREES) else "measure"


def semantic(measures: Measures, place: int) -> dict[str, Any] | None:
    """What the values are in the world, how sure that is, and values that aren't."""
    found = measures.semantics[place]
    return asdict(found) | {"counter_examples": list(found.counter_examples)} if found else None


def counted(name: str, found: Sequence[tuple[str, int]], total: int) -> list[dict[str, Any]]:
    """Texts with their rows and their share."""
    return [{name: text, "count": rows, "percent": percent(rows, total)} for text, rows in found]


def rarest(measures: Measures, place: int) -> Sequence[tuple[str, int]]:
    """The least frequent values, where the top ones don't show them already and not all are alike."""
    count = measures.counts[place]
    if count.distinct <= measures.thresholds.top_n_values or count.once == count.distinct:
        return []
    return measures.top[place][1]


def suspects(measures: Measures, place: int) -> int:
    """Cells with a word or a number that may stand for "missing": a lone extreme that comes again and again."""
    found = measures.moments.get(place)
    cells = measures.counts[place].suspects if measures.kind(place) in (Kind.TEXT, Kind.CODE) else 0
    if found is None or measures.kind(place) not in NUMERIC:
        return cells
    low, high = measures.fences.get(place, (-math.inf, math.inf))
    for number, rows in measures.sentinels.get(place, []):
        alone = number < 0 and rows == found.negatives
        if rows > 1 and number in (found.min, found.max) and (alone or not low <= number <= high):
            cells += rows
    return cells


def quality(measures: Measures, place: int) -> dict[str, Any]:
    """The dimensions in percent, as `quality.FORMULAS` says; None where one doesn't apply."""
    count = measures.counts[place]
    share: dict[str, float | None] = {
        "completeness": percent(count.present, count.rows) if count.rows else None,
        "uniqueness": None,
        "validity": None,
        "consistency": None,
        "timeliness": None,
    }
    if count.present:
        integral = measures.kind(place) in (Kind.INTEGER, Kind.CODE)
        keylike = integral and count.distinct >= NEARLY_UNIQUE * count.present and count.present > 1
        unread = measures.unread_of(place)
        share["uniqueness"] = percent(count.distinct, count.present) if keylike else None
        share["validity"] = 100 - percent(unread.strangers + unread.infinite, count.present)
        share["consistency"] = 100 - percent(_unlike(measures, place), count.present)
    if place in measures.dates:
        share["timeliness"] = timeliness(measures.moments[place].min, measures.dates[place].latest_past, measures.now)
    return with_score(share)


def _unlike(measures: Measures, place: int) -> int:
    """Cells spelled unlike the rest of their column."""
    column, count = measures.types[place], measures.counts[place]
    if column.kind in NUMERIC or column.kind in TEMPORAL:
        unread = measures.unread_of(place)
        members = count.present - unread.strangers - unread.infinite
        formats = [rows for shape, rows in column.shapes.items() if shape not in _PLAIN_NUMBERS]
        plain = sum(column.shapes.get(shape, 0) for shape in _PLAIN_NUMBERS)
        return max(0, members - max(plain, *formats)) if formats else count.padded
    return min(count.present, max(measures.variants.get(place, 0), count.padded))


def numeric(measures: Measures, place: int) -> dict[str, Any] | None:
    """The figures of the finite numbers of a column."""
    found = measures.moments.get(place)
    if found is None or measures.kind(place) not in NUMERIC:
        return None
    cut = measures.quantiles[place]
    low, high = _range(measures, place, found)
    outliers = sum(measures.outside.get(place, (0, 0)))
    fence = measures.fences.get(place, (None, None))
    return {
        "count": found.count,
        "min": low,
        "max": high,
        "range": high - low if math.isfinite(high - low) else None,
        "sum": found.mean * found.count if math.isfinite(found.mean * found.count) else None,
        "mean": found.mean,
        "std": found.std,
        "variance": _square(found.std),
        "skewness": found.skewness,
        "kurtosis": found.kurtosis,
        **{name: cut[k] for name, k in _NAMED_PERCENTILES.items()},
        "iqr": cut[75] - cut[25],
        "quantiles": {str(k): number for k, number in cut.items()},
        "zeros": found.zeros,
        "negatives": found.negatives,
        "positives": found.count - found.zeros - found.negatives,
        "infinities": measures.unread_of(place).infinite,
        "outliers": outliers,
        "outliers_percent": percent(outliers, found.count),
        "lower_fence": fence[0],
        "upper_fence": fence[1],
    }


def _square(std: float | None) -> float | None:
    """The variance; None where it is beyond what doubles hold."""
    return None if std is None or not math.isfinite(std * std) else std * std


def _range(measures: Measures, place: int, found: Moments) -> tuple[float, float]:
    """The ends, exact where doubles would round whole numbers."""
    low, high = found.min, found.max
    if measures.kind(place) is Kind.INTEGER and max(abs(low), abs(high)) > _EXACT:
        whole = whole_range(measures.values, place)
        low, high = (exact if exact is not None else near for exact, near in zip(whole, (low, high), strict=True))
    return _plain(low), _plain(high)


def _plain(number: float) -> float:
    """A whole number as such, where it is one for certain."""
    return int(number) if number == number // 1 and abs(number) <= _EXACT else number


def dates(measures: Measures, place: int) -> dict[str, Any] | None:
    """The figures of the readable dates of a column."""
    found, facts = measures.moments.get(place), measures.dates.get(place)
    if found is None or facts is None:
        return None
    whole_days = measures.kind(place) is Kind.DATE
    middle = measures.quantiles[place][50]
    first, median, last = (moment_text(each, whole_days=whole_days) for each in (found.min, middle, found.max))
    longest = facts.longest
    return {
        "count": found.count,
        "min": first,
        "median": median,
        "max": last,
        "span_days": (found.max - found.min) / 86_400,
        "granularity": facts.granularity,
        "weekdays": dict(facts.weekdays),
        "distinct_days": facts.days,
        "gaps": {
            "count": facts.gaps,
            "missing_days": facts.missing_days,
            "longest_days": longest[1] - longest[0] if longest else 0,
            "longest_from": day_text(longest[0]) if longest else None,
            "longest_to": day_text(longest[1]) if longest else None,
        },
        "future": facts.future,
        "epoch": facts.epoch,
    }


def boolean(measures: Measures, place: int) -> dict[str, Any] | None:
    """How often yes and how often no."""
    if place not in measures.truths:
        return None
    true, false = measures.truths[place]
    return {"true": true, "false": false, "true_percent": percent(true, true + false)}


def auto_increment(measures: Measures, place: int) -> dict[str, float] | None:
    """Where a column is counted up or down, from which number and in which steps."""
    order = measures.orders.get(place)
    if measures.kind(place) is not Kind.INTEGER or not order or not order.step:
        return None
    return {"start": int(order.start or 0), "step": int(order.step)}


def histogram(measures: Measures, place: int) -> dict[str, Any] | None:
    """Bars of equal width, with labels; what lies beyond the fences is counted in the first and last bar."""
    if place not in measures.bars:
        return None
    bins, found = measures.bins[place], measures.moments[place]
    edges = bins.edges
    if measures.kind(place) in TEMPORAL:
        labels = [moment_text(edge, whole_days=found.max - found.min > 86_400) for edge in edges[:-1]]
    elif bins.step == 1.0 and not bins.low.is_integer():
        labels = [f"{int(edge + 0.5)}" for edge in edges[:-1]]
    else:
        labels = [f"{low:.6g} – {high:.6g}" for low, high in pairwise(edges)]
    if found.min < edges[0]:
        labels[0] = f"up to {edges[1]:.6g}"
    if found.max > edges[-1] and not math.isclose(found.max, edges[-1]):
        labels[-1] = f"from {edges[-2]:.6g}"
    return {"edges": edges, "labels": labels, "counts": measures.bars[place]}
