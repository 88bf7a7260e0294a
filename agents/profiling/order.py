"""Columns whose numbers or dates only rise or fall from row to row, and those that are counted up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agents.profiling.grid import Array, number_or_nan_sql
from agents.profiling.readings import Reading, reading_sql
from agents.table import ROW, Table

_FIRST_LOOK = 1_000


@dataclass(frozen=True)
class Order:
    """increasing, decreasing, non-decreasing or non-increasing; `start` and `step` where every row adds the same."""

    direction: str
    start: float
    step: float | None = None


def order_of(table: Table, columns: Mapping[int, str], reading: Reading) -> dict[int, Order]:
    """The columns that are in order, missing cells aside; `columns` are their names by their places.

    A part of an ordered column is ordered, so a look at the first thousand rows rules most columns out.
    """
    heads = _heads(table, columns, reading) if columns else {}
    found = {place: order for place, head in heads.items() if (order := _order_in(head))}
    if table.rows <= _FIRST_LOOK:
        return found
    return {place: order for place in found if (order := _order(table, reading(place, Table.q(columns[place]))))}


def _heads(table: Table, columns: Mapping[int, str], reading: Reading) -> dict[int, Array]:
    """The finite numbers of the first rows of each column."""
    places, cells = ", ".join(map(str, columns)), ", ".join(map(Table.q, columns.values()))
    first = table.sql(
        f"SELECT {ROW} AS place, unnest([{places}]) AS c, unnest([{cells}]) AS v FROM {{self}}"
        f" WHERE {ROW} < (SELECT min({ROW}) + {_FIRST_LOOK} FROM {{self}})"
    )
    number = number_or_nan_sql("x")
    read = f"SELECT c, place, {reading_sql(columns, reading)} AS x FROM {{self}}"
    found = first.arrays(f"SELECT c, {number} AS x FROM ({read}) ORDER BY c, place")
    finite = np.isfinite(found["x"])
    return {place: found["x"][finite & (found["c"] == place)] for place in columns}


def _order_in(numbers: Array) -> Order | None:
    steps = np.diff(numbers)
    if len(steps) < 2:
        return None
    return _verdict(float(numbers[0]), float(steps.min()), float(steps.max()))


def _verdict(start: float, least: float, most: float) -> Order | None:
    """From the smallest and the largest step from one number to the next."""
    if (least <= 0 <= most and least != most) or least == most == 0:
        names = {"non-decreasing": least == 0 < most, "non-increasing": least < most == 0}
        return next((Order(name, start) for name, holds in names.items() if holds), None)
    return Order("increasing" if least > 0 else "decreasing", start, least if least == most else None)


def _order(table: Table, number: str) -> Order | None:
    # Without an ORDER BY the window streams over the rows as they lie, which is by their number.
    lies = table.in_order.replace(" ORDER BY ", "ORDER BY ")
    start, least, most, steps = table.query(
        f"""
        SELECT arg_min(x, {ROW}), min(x - before), max(x - before), count(before)
        FROM (SELECT x, {ROW}, lag(x) OVER ({lies}) AS before FROM (
            SELECT {number} AS x, {ROW} FROM {{self}}) WHERE isfinite(x))
        """
    )[0]
    return _verdict(start, least, most) if steps >= 2 else None
