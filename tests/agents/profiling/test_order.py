"""Columns that rise or fall from row to row are told from those that only begin so."""

import pytest

from agents.profiling.order import Order, order_of
from tests.agents.conftest import MakeTable


def _read(_place: int, cell: str) -> str:
    return f"TRY_CAST({cell} AS DOUBLE)"


@pytest.mark.parametrize(
    ("numbers", "order"),
    [
        ([1, 2, 4], Order("increasing", 1.0)),
        ([10, 20, 30, 40], Order("increasing", 10.0, 10.0)),
        ([5, 4, 3], Order("decreasing", 5.0, -1.0)),
        ([1, 1, 2], Order("non-decreasing", 1.0)),
        ([3, 1, 1], Order("non-increasing", 3.0)),
        ([1, None, 2, 3], Order("increasing", 1.0, 1.0)),
        ([1, 3, 2], None),
        ([7, 7, 7], None),
        ([1, 2], None),
        ([], None),
    ],
)
def test_a_column_is_in_order(numbers: list[int | None], order: Order | None, make_table: MakeTable) -> None:
    table = make_table({"x": [None if number is None else str(number) for number in numbers]})
    assert order_of(table, {0: "x"}, _read) == ({0: order} if order else {})


@pytest.mark.parametrize(("last", "found"), [(2500, {0: Order("increasing", 0.0, 1.0)}), (7, {})])
def test_a_long_column_is_looked_at_to_its_end(last: int, found: dict[int, Order], make_table: MakeTable) -> None:
    table = make_table({"x": [*map(str, range(2500)), str(last)]})
    assert order_of(table, {0: "x"}, _read) == found
