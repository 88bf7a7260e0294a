"""Columns whose numbers or dates only rise or fall from row to row, and those that are counted up."""

from collections.abc import Mapping
from dataclasses import dataclass

from agents.table import ROW, Table

_FIRST_LOOK = 1_000


@dataclass(frozen=True)
class Order:
    """increasing, decreasing, non-decreasing or non-increasing; `start` and `step` where every row adds the same."""

    direction: str
    start: float | None = None
    step: float | None = None


def order_of(table: Table, numbers: Mapping[int, str]) -> dict[int, Order]:
    """The columns that are in order, missing cells aside; `numbers` maps a column's place to the SQL of its number.

    A part of an ordered column is ordered, so a look at the first thousand rows rules most columns out.
    """
    found = {}
    head = table.sql(f"SELECT * FROM {{self}} WHERE {ROW} < (SELECT min({ROW}) + {_FIRST_LOOK} FROM {{self}})")
    for place, number in numbers.items():
        if (order := _order(head, number)) and table.rows > head.rows:
            order = _order(table, number)
        if order:
            found[place] = order
    return found


def _order(table: Table, number: str) -> Order | None:
    # Without an ORDER BY the window streams over the rows as they lie, which is by their number.
    lies = table.in_order.replace(" ORDER BY ", "ORDER BY ")
    rises, falls, up, down, first, low, high, count = table.query(
        f"""
        SELECT bool_and(x > before), bool_and(x < before), bool_and(x >= before), bool_and(x <= before),
            arg_min(x, __row), min(x - before), max(x - before), count(before)
        FROM (SELECT x, __row, lag(x) OVER ({lies}) AS before FROM (
            SELECT {number} AS x, {ROW} FROM {{self}}) WHERE isfinite(x))
        """
    )[0]
    if count < 2 or (up and down):
        return None
    names = {"increasing": rises, "decreasing": falls, "non-decreasing": up, "non-increasing": down}
    direction = next((name for name, holds in names.items() if holds), "")
    if not direction:
        return None
    return Order(direction, first, low) if low == high else Order(direction)
