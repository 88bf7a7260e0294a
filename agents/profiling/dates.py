"""When the dates of a column lie: their range, how fine they are, their weekdays, the gaps between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agents.table import Table

DAY = 86_400
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WEEKDAY = 3
_STEPS = (("day", DAY), ("hour", 3600), ("minute", 60), ("second", 1))
_WIDE = 3.0
"""A gap is wide when it is so many times as long as the usual step from one day with dates to the next."""


@dataclass(frozen=True)
class DateFacts:
    """Of the readable dates of one column.

    granularity: the coarsest of year, month, week, day, hour, minute, second and subsecond that fits all. weekdays:
    rows by weekday, Monday first. days: distinct days; missing_days: those without a date between the first and last.
    gaps: stretches between two days with dates that are over three times as long as the usual one; longest: the longest
    of all stretches, as the two days around it. future: rows after `now`; epoch: rows at the very start of 1970.
    latest_past: the newest that isn't in the future, in seconds since 1970.
    """

    granularity: str
    weekdays: Mapping[str, int]
    days: int
    missing_days: int
    gaps: int
    longest: tuple[int, int] | None
    future: int
    epoch: int
    latest_past: float | None


def date_facts(numbers: Table, places: Sequence[int], now: datetime) -> dict[int, DateFacts]:
    """The facts of the columns of dates among `sorted_numbers`, in which a date is its seconds since 1970."""
    if not places:
        return {}
    listed = ", ".join(map(str, places))
    days = numbers.sql(
        f"SELECT c, CAST(floor(x / {DAY}) AS BIGINT) AS d, CAST(sum(n) AS BIGINT) AS n FROM {{self}}"
        f" WHERE c IN ({listed}) GROUP BY c, d ORDER BY c, d"
    )
    steps, weekdays = _steps(days), _weekdays(days)
    return {
        place: DateFacts(_granularity(shares, steps[place]), weekdays[place], *steps[place].figures, *counts)
        for place, shares, counts in _moments(numbers, listed, now)
    }


@dataclass(frozen=True)
class _Steps:
    """From one day with dates to the next: how many days there are, and what lies between them."""

    days: int
    span: int
    usual: float
    wide: int
    longest: tuple[int, int] | None
    months: bool
    years: bool
    weeks: bool

    @property
    def figures(self) -> tuple[int, int, int, tuple[int, int] | None]:
        return self.days, self.span + 1 - self.days, self.wide, self.longest


def _steps(days: Table) -> dict[int, _Steps]:
    stepped = days.sql(
        "SELECT c, d, d - lag(d) OVER (PARTITION BY c ORDER BY d) AS step,"
        " TIMESTAMP '1970-01-01' + to_days(greatest(least(d, 2932896), -719162)::INTEGER) AS stamp FROM {self}"
    )
    found = stepped.query(
        f"""
        WITH usual AS (SELECT c, coalesce(quantile_disc(step, 0.5), 1) AS usual FROM {{self}} GROUP BY c)
        SELECT c, count(*), max(d) - min(d), any_value(usual), count(*) FILTER (step > {_WIDE} * usual),
            max(row(step, -d)) FILTER (step IS NOT NULL), bool_and(day(stamp) = 1),
            bool_and(day(stamp) = 1 AND month(stamp) = 1), count(DISTINCT d % 7) = 1
        FROM {{self}} JOIN usual USING (c) GROUP BY c
        """
    )
    return {
        place: _Steps(
            days, span, usual, wide, longest and (-longest[1] - longest[0], -longest[1]), months, years, weeks
        )
        for place, days, span, usual, wide, longest, months, years, weeks in found
    }


def _weekdays(days: Table) -> dict[int, dict[str, int]]:
    counted: dict[int, dict[str, int]] = {}
    query = f"SELECT c, ((d + {_EPOCH_WEEKDAY}) % 7 + 7) % 7 AS day, sum(n) FROM {{self}} GROUP BY c, day"
    for place, day, rows in days.query(query):
        counted.setdefault(place, dict.fromkeys(WEEKDAYS, 0))[WEEKDAYS[day]] = int(rows)
    return counted


def _moments(
    numbers: Table, listed: str, now: datetime
) -> list[tuple[int, tuple[bool, ...], tuple[int, int, float | None]]]:
    seconds = (now - _EPOCH).total_seconds()
    fits = ", ".join(f"bool_and(x = floor(x / {step}) * {step})" for _, step in _STEPS)
    found = numbers.query(
        f"SELECT c, coalesce(sum(n) FILTER (x > {seconds!r}), 0), coalesce(sum(n) FILTER (x = 0), 0),"
        f" max(x) FILTER (x <= {seconds!r}), {fits} FROM {{self}} WHERE c IN ({listed}) GROUP BY c"
    )
    return [(place, tuple(shares), (int(future), int(epoch), last)) for place, future, epoch, last, *shares in found]


def _granularity(fits: Sequence[bool], steps: _Steps) -> str:
    fine = next((name for (name, _), fit in zip(_STEPS, fits, strict=True) if fit), "subsecond")
    if fine != "day" or steps.days < 2:
        return fine
    return "year" if steps.years else "month" if steps.months else "week" if steps.weeks else "day"


def day_text(day: int) -> str:
    """A day since 1970 as an ISO date."""
    return moment_text(float(day * DAY), whole_days=True)


def moment_text(seconds: float, *, whole_days: bool) -> str:
    """Seconds since 1970 as an ISO time; dates before and after what Python counts are cut off at its ends."""
    reachable = min(max(seconds, -62_135_596_800.0), 253_402_300_799.0)
    text = (_EPOCH + timedelta(seconds=reachable)).replace(tzinfo=None)
    return text.date().isoformat() if whole_days else text.isoformat(sep=" ", timespec="seconds")
