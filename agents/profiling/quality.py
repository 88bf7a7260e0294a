"""The dimensions of data quality: what each measures, of a column and of the table, and the grade it earns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

DIMENSIONS = ("completeness", "uniqueness", "validity", "consistency", "timeliness")

FORMULAS = {
    "completeness": "cells that hold something / all cells",
    "uniqueness": "distinct values / cells that hold something; only where a column looks like a key (95 % distinct)",
    "validity": "cells of the column's own kind, infinities not included / cells that hold something",
    "consistency": "1 - cells spelled unlike the rest (case, blank space, a rarer format) / cells that hold something",
    "timeliness": "time between the first and the last date that is not in the future"
    " / time between the first and now; only of dates",
    "score": "the mean of the dimensions that apply, times 100",
}

TABLE_FORMULAS = {
    "completeness": "cells that hold something / all cells",
    "uniqueness": "1 - rows that repeat an earlier row in every cell / all rows",
    "validity": "the columns' validity, each weighed by the cells that it fills",
    "consistency": "the columns' consistency, each weighed by the cells that it fills",
    "timeliness": "that of the column of dates that comes nearest to now",
}

_GRADES = ((95, "A"), (85, "B"), (70, "C"), (50, "D"))


@dataclass(frozen=True)
class Dimension:
    """One dimension of the table: its formula, score in percent, grade, and the cells or rows that it speaks of."""

    dimension: str
    formula: str
    score: float
    grade: str
    applies_to: int


def grade(score: float | None) -> str | None:
    """A from 95, B from 85, C from 70, D from 50, else F."""
    if score is None:
        return None
    return next((letter for least, letter in _GRADES if score >= least), "F")


def with_score(shares: Mapping[str, float | None]) -> dict[str, Any]:
    """A column's dimensions with the mean of those that apply, and its grade."""
    given = [value for value in shares.values() if value is not None]
    score = sum(given) / len(given) if given else None
    return {**shares, "score": score, "grade": grade(score)}


def timeliness(first: float, latest: float | None, now: datetime) -> float | None:
    """How much of the time from the first date to now the dates cover, in percent; seconds since 1970."""
    until = (now - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    if latest is None or until <= first:
        return None
    return 100 * (latest - first) / (until - first)


def table_dimensions(columns: Sequence[Mapping[str, Any]], rows: int, repeats: int) -> list[Dimension]:
    """The table's dimensions from its columns' figures (rows, missing, quality) and the number of repeated rows."""
    filled = sum(column["rows"] - column["missing"] for column in columns)
    cells = rows * len(columns)
    timely = [score for column in columns if (score := column["quality"]["timeliness"]) is not None]
    scores = {
        "completeness": (100 * filled / cells if cells else 100.0, cells),
        "uniqueness": (100 * (1 - repeats / rows) if rows else 100.0, rows),
        "validity": (_weighed(columns, "validity"), filled),
        "consistency": (_weighed(columns, "consistency"), filled),
        "timeliness": (max(timely, default=None), rows),
    }
    return [
        Dimension(name, TABLE_FORMULAS[name], score, grade(score) or "", applies_to)
        for name, (score, applies_to) in scores.items()
        if score is not None
    ]


def _weighed(columns: Sequence[Mapping[str, Any]], dimension: str) -> float:
    parts = [
        (column["rows"] - column["missing"], score)
        for column in columns
        if (score := column["quality"][dimension]) is not None
    ]
    filled = sum(present for present, _ in parts)
    return sum(present * score for present, score in parts) / filled if filled else 100.0
