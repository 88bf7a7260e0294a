"""How the report says a value: figures, times, headings, and texts whose blank space can be seen."""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

TONES = {
    "good": ("good", "ok", "success", "ready", "passed", "pass", "done", "excellent", "low", "public"),
    "fair": ("fair", "warning", "warn", "needs_review", "medium", "review", "confidential"),
    "poor": ("poor", "bad", "critical", "high", "error", "failed", "fail", "not_ready", "restricted"),
}
GRADES = {"A": "good", "B": "good", "C": "fair", "D": "fair", "E": "poor", "F": "poor"}
_NAMES = {"kolmogorov_smirnov": "Kolmogorov–Smirnov", "chi2": "χ²", "psi": "PSI"}
_ACRONYM = re.compile(r"\b(?:iban|bic|isbn|ssn|ip|url|uuid|us|iqr|mac)\b")
_SEEN = str.maketrans({" ": "␣", "\t": "⇥", "\n": "⏎", "\r": "⏎", "\u00a0": "⍽"})


def figure(value: Any, name: str = "") -> str:
    """A value as a person reads it: thousands apart, short fractions, a percent sign where the name says so."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _percent(value) if name.endswith(("percent", "_pct")) else _number(value)
    return str(value)


def _percent(value: float) -> str:
    """At most two decimals, and never 0 or 100 where it isn't."""
    shown = f"{value:.2f}".rstrip("0").rstrip(".")
    if shown in ("0", "-0", "100") and value not in (0, 100):
        return "< 0.01 %" if value < 1 else "> 99.99 %" if value < 100 else f"{_number(value)} %"
    return f"{_number(float(shown))} %"


def _number(value: float) -> str:
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return f"{int(value):,}"
    if 1e-3 <= abs(value) < 1e15:
        decimals = 4 if abs(value) < 1 else 2
        return f"{value:,.{decimals}f}".rstrip("0").rstrip(".")
    return f"{value:.4g}"


def label(name: str) -> str:
    """`missing_percent` as `Missing`, `clean-my-data` as `Clean my data`: a wire name as a heading."""
    if name in _NAMES:
        return _NAMES[name]
    words = name.removesuffix("_percent").replace("_", " ").replace("-", " ").strip()
    words = _ACRONYM.sub(lambda found: found[0].upper(), words)
    return words[:1].upper() + words[1:]


def tone(status: Any) -> str:
    """Which of the page's tones a status or a grade takes; neutral where it says nothing of good or bad."""
    word = str(status or "")
    graded = GRADES.get(word[:1]) if len(word) <= 2 else None
    return graded or next((name for name, words in TONES.items() if word.lower() in words), "plain")


def score_tone(score: Any) -> str:
    """The tone of a score of 100: good from 80, fair from 50."""
    if not isinstance(score, int | float):
        return "plain"
    return "good" if score >= 80 else "fair" if score >= 50 else "poor"


def moment(value: Any) -> str:
    """An ISO time as `20 Nov 2026, 10:22 UTC`; anything else as it is."""
    try:
        parsed = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value or "")
    zone = parsed.tzname() or ""
    return f"{parsed.day} {parsed:%b %Y, %H:%M} {zone.replace('UTC+00:00', 'UTC')}".strip()


def as_json(value: Any) -> str:
    """A value as indented JSON."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def cell(value: Any) -> str:
    """A value inside a table's cell: one line, however deep it is."""
    if isinstance(value, list) and all(not isinstance(each, list | dict) for each in value):
        return short(", ".join(figure(each) for each in value))
    if isinstance(value, list | dict):
        return short(json.dumps(value, ensure_ascii=False))
    return short(figure(value))


def short(value: Any, limit: int = 160) -> str:
    """A text cut to `limit` characters."""
    text = "" if value is None else str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def edges(value: Any) -> str:
    """A text whose blank space at both ends can be seen."""
    text = str(value)
    inner = text.strip()
    if not inner:
        return text.translate(_SEEN)
    start = text.index(inner)
    return text[:start].translate(_SEEN) + inner + text[start + len(inner) :].translate(_SEEN)


def share(value: Any, values: Sequence[Any]) -> float:
    """How long a bar is, in percent of the longest."""
    longest = max((abs(each or 0) for each in values), default=0)
    return round(100 * abs(value or 0) / longest, 2) if longest else 0.0
