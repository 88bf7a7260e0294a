"""The report's plots: small SVG made here, of a few shapes each, with a text beside every one that says the same.

A plot stretches to the width of its place. `data-tips` holds what is said of each bar under the pointer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from transformers.report.wording import figure, share, short

_BAR, _GAP, _DOT = 9, 1, 4
_TIP = 60


def histogram(labels: Sequence[Any], counts: Sequence[float | None], unit: str = "rows", height: int = 56) -> Markup:
    """Bars side by side over ordered bins."""
    if not counts:
        return Markup()
    heights = [_height(count, counts, height) for count in counts]
    tips = [f"{label}: {figure(count)} {unit}" for label, count in zip(labels, counts, strict=False)]
    bars = "".join(_bar(place, tall, height) for place, tall in enumerate(heights) if tall)
    return _plot(said(labels, counts, unit), len(counts), height, tips, bar=bars)


def overlay(
    labels: Sequence[Any], before: Sequence[float | None], now: Sequence[float | None], height: int = 90
) -> Markup:
    """Two distributions over the same bins, in shares: what was as an outline, what is as bars."""
    if not labels:
        return Markup()
    both = [*before, *now]
    was = [_height(value, both, height) for value in before]
    tips = [
        f"{label}: {percent(new)}, was {percent(old)}" for label, old, new in zip(labels, before, now, strict=False)
    ]
    bars = "".join(_bar(place, _height(v, both, height), height) for place, v in enumerate(now) if v)
    return _plot(_moved(labels, before, now), len(labels), height, tips, bar=bars, was=_outline(was, height))


def line(labels: Sequence[Any], values: Sequence[float | None], unit: str, height: int = 56) -> Markup:
    """One figure over several runs, from zero up; a run that doesn't have it leaves a gap."""
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    if not known:
        return Markup()
    step, room = _BAR + _GAP, height - 2 * _DOT
    most = max(value for _, value in known) or 1
    points = {place: f"{place * step + step / 2:g} {height - _DOT - room * value / most:.1f}" for place, value in known}
    drawn = "".join(("L" if place - 1 in points else "M") + point for place, point in points.items())
    (_, first), (_, last) = known[0], known[-1]
    lowest, highest = (figure(end([value for _, value in known])) for end in (min, max))
    summary = f"{len(values)} runs, from {figure(first)} to {figure(last)} {unit}; lowest {lowest}, highest {highest}."
    tips = [f"{label}: {figure(value)} {unit}" for label, value in zip(labels, values, strict=True)]
    return _plot(
        summary, len(values), height, tips, line=drawn, dots="".join(f"M{point}h0" for point in points.values())
    )


def _plot(summary: str, places: int, height: int, tips: Iterable[str], **paths: str) -> Markup:
    """A plot of so many places side by side: its paths by their class, drawn in this order, and what is said of it."""
    drawn = Markup().join(Markup('<path class="{}" d="{}"/>').format(name, path) for name, path in paths.items())
    return Markup(
        '<svg class="plot" role="img" aria-label="{}" viewBox="0 0 {} {}" height="{}" preserveAspectRatio="none"'
        ' data-tips="{}">{}</svg>'
    ).format(summary, places * (_BAR + _GAP), height, height, _tips(tips), drawn)


def _moved(labels: Sequence[Any], before: Sequence[float | None], now: Sequence[float | None]) -> str:
    """The bins that gained and lost most, in words."""
    moves = sorted(((new or 0) - (old or 0), str(label)) for label, old, new in zip(labels, before, now, strict=False))
    (lost, loser), (gained, winner) = moves[0], moves[-1]
    return (
        f"Both distributions over {len(labels)} bins. Most gained: {short(winner, _TIP)}, {_points(gained)};"
        f" most lost: {short(loser, _TIP)}, {_points(lost)}."
    )


def _points(move: float) -> str:
    return f"{100 * move:+.3g} percentage points"


def values_of(records: Iterable[Mapping[str, Any]], key: str) -> list[Any]:
    """What each record has under a key, None where it has nothing: one series of a plot."""
    return [each.get(key) for each in records]


def percent(value: Any) -> str:
    """A share of one as a percentage."""
    return "–" if value is None else f"{100 * value:.3g} %"


def said(labels: Sequence[Any], counts: Sequence[float | None], unit: str) -> str:
    """What a histogram shows, in a sentence."""
    held = [count or 0 for count in counts]
    most = max(range(len(held)), key=held.__getitem__)
    bins = "bin" if len(held) == 1 else "bins"
    first, last = short(labels[0], _TIP), short(labels[-1], _TIP)
    return (
        f"{len(held)} {bins} from {first} to {last}; the tallest is"
        f" {short(labels[most], _TIP)} with {figure(held[most])} {unit}."
    )


def box(edges: Sequence[float], numbers: Mapping[str, Any]) -> Markup:
    """Quartiles, median and the middle 98 % on the axis of the histogram above it."""
    cuts = [numbers.get(name) for name in ("p1", "q1", "median", "q3", "p99")]
    low, high = edges[0], edges[-1]
    if not all(isinstance(cut, int | float) for cut in cuts) or not low < high:
        return Markup()
    p1, q1, median, q3, p99 = (
        round(1000 * min(max((cut - low) / (high - low), 0.0), 1.0)) for cut in cuts if cut is not None
    )
    return Markup(
        '<svg class="box" aria-hidden="true" viewBox="0 0 1000 10" height="10" preserveAspectRatio="none">'
        '<path class="whisker" d="M{} 5H{}"/><path class="middle" d="M{} 1H{}V9H{}z"/>'
        '<path class="median" d="M{} 0V10"/></svg>'
    ).format(p1, p99, q1, max(q3, q1 + 4), q1, median)


def heatmap(names: Sequence[str], values: Sequence[Sequence[float | None]], title: str) -> Markup:
    """A square of coefficients between -1 and 1; cells of one strength are one path, so that 60 × 60 stay small."""
    paths: dict[int, list[str]] = {}
    for y, row in enumerate(values):
        for x, value in enumerate(row):
            if value is not None and x != y:
                paths.setdefault(round(10 * max(-1.0, min(1.0, value))), []).append(f"M{x} {y}h1v1h-1z")
    drawn = Markup().join(
        Markup('<path class="{}" fill-opacity="{}" d="{}"/>').format(
            "plus" if step > 0 else "minus", round(abs(step) / 10, 2), "".join(cells)
        )
        for step, cells in sorted(paths.items())
        if step
    )
    shown = [[None if v is None else round(v, 3) for v in row] for row in values]
    return Markup(
        '<svg class="heat" role="img" aria-label="{}" viewBox="0 0 {n} {n}" data-names="{}" data-values="{}"'
        ' shape-rendering="crispEdges"><rect class="track" width="{n}" height="{n}"/>{}</svg>'
    ).format(
        title,
        json.dumps(list(names), ensure_ascii=False),
        json.dumps(shown, separators=(",", ":")),
        drawn,
        n=len(names),
    )


def _height(value: float | None, values: Sequence[float | None], height: int) -> float:
    """A bar that isn't empty is seen, however small."""
    return max(1.5, round(share(value, values) * height / 100, 1)) if value else 0.0


def _bar(place: int, tall: float, height: int) -> str:
    return f"M{place * (_BAR + _GAP)} {height}v{-tall:g}h{_BAR}v{tall:g}z"


def _outline(heights: Sequence[float], height: int) -> str:
    """One stepped line over all bins."""
    steps = "".join(f"V{height - tall:g}h{_BAR + _GAP}" for tall in heights)
    return f"M0 {height}{steps}V{height}"


def _tips(texts: Iterable[str]) -> str:
    return json.dumps([short(text, 2 * _TIP) for text in texts], ensure_ascii=False, separators=(",", ":"))
