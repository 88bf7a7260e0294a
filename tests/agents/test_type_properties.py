"""What holds of a column's kind whatever its values are."""

from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.column_types import NULL_SPELLINGS, ColumnType, Kind, infer_types, number_sql
from agents.table import Database, Table, literal

FEW = settings(max_examples=40, deadline=None)
WHOLE = st.integers(-(10**15), 10**15)
# From ten on: 1-1-1 and the like are read in more than one way, and so is a date by its first twelve days.
DAYS = st.dates(date(1950, 1, 13), date(2049, 12, 31)).filter(lambda day: day.day > 12)
FORMS = ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d %B %Y", "%b %d, %Y")
CELLS = st.one_of(
    WHOLE.map(str),
    DAYS.map(str),
    st.floats(-1e6, 1e6).map("{:.3f}".format),
    st.sampled_from(["yes", "no", "n/a", "", "ann@example.com", "AB-12", "12 kg", "a few words", "7:30"]),
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(tmp_path_factory.mktemp("database"))
    yield database
    database.close()


def column(database: Database, cells: list[str | None]) -> Table:
    return database.table("SELECT 0 AS __row, NULL::VARCHAR AS v LIMIT 0").beside(
        {"__row": "BIGINT", "v": "VARCHAR"}, list(enumerate(cells))
    )


def verdict(database: Database, cells: list[str | None]) -> ColumnType:
    return infer_types(column(database, cells))["v"]


@FEW
@given(numbers=st.lists(WHOLE, min_size=1, max_size=40))
def test_whole_numbers_are_integers_and_are_read_as_themselves(database: Database, numbers: list[int]) -> None:
    found = verdict(database, [str(number) for number in numbers])
    assert (found.kind, found.confidence, found.distinct) == (Kind.INTEGER, 1.0, len(set(numbers)))
    read = column(database, list(map(str, numbers))).query(f"SELECT {number_sql('v', found.decimal)} FROM {{self}}")
    assert [int(value) for (value,) in read] == numbers


@FEW
@given(numbers=st.lists(st.decimals(-(10**9), 10**9, places=2).filter(lambda n: n % 1 != 0), min_size=2, max_size=40))
def test_numbers_with_decimals_are_no_integers(database: Database, numbers: list[object]) -> None:
    assert verdict(database, [str(number) for number in numbers]).kind is Kind.DECIMAL


@FEW
@given(days=st.lists(DAYS, min_size=1, max_size=40), form=st.sampled_from(FORMS))
def test_days_in_one_way_of_writing_are_dates_and_nothing_else(database: Database, days: list[date], form: str) -> None:
    found = verdict(database, [day.strftime(form) for day in days])
    assert (found.kind, found.confidence, found.ambiguous_dates) == (Kind.DATE, 1.0, 0)


@FEW
@given(codes=st.lists(st.from_regex(r"\A0[0-9]{4}\Z"), min_size=1, max_size=40))
def test_digits_behind_a_zero_are_no_numbers(database: Database, codes: list[str]) -> None:
    assert verdict(database, codes).kind is Kind.CODE


@FEW
@given(cells=st.lists(CELLS, min_size=1, max_size=30), seed=st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_nor_blank_space_changes_the_kind(
    database: Database, cells: list[str], seed: object
) -> None:
    first = verdict(database, list(cells))
    moved = [f" {cell} " if cell else cell for cell in cells * 3]
    seed.shuffle(moved)  # type: ignore[attr-defined]
    again = verdict(database, moved)
    assert (again.kind, again.distinct) == (first.kind, first.distinct)
    assert again.confidence == pytest.approx(first.confidence)
    assert again.missing == 3 * first.missing


@FEW
@given(
    cells=st.lists(CELLS.filter(lambda cell: cell not in ("n/a", "")), min_size=1, max_size=30),
    missing=st.lists(st.none() | st.sampled_from(sorted(NULL_SPELLINGS)), max_size=30),
)
def test_missing_cells_are_counted_and_say_nothing_else(
    database: Database, cells: list[str], missing: list[str | None]
) -> None:
    alone, beside = verdict(database, list(cells)), verdict(database, [*cells, *missing])
    assert beside.missing == len(missing)
    assert (beside.kind, beside.confidence, beside.distinct) == (alone.kind, alone.confidence, alone.distinct)


@FEW
@given(text=st.text(max_size=30))
def test_any_text_has_a_kind(database: Database, text: str) -> None:
    cell = text.replace("\0", "")
    assert verdict(database, [cell]).kind in Kind
    said = database.run(f"SELECT {literal(cell)}")
    assert said == [(cell,)]
