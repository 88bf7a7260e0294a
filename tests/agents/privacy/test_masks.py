"""A mask leaves enough to recognise the sort of a value, and never the value."""

from collections.abc import Iterator
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.privacy.kinds import Style
from agents.privacy.masks import is_harmless_sql, loosely_masked_sql, masked_cell_sql, masked_list_sql, masked_texts
from agents.table import Database, Table
from tests.agents.conftest import MakeTable


@pytest.mark.parametrize(
    ("text", "style", "shown"),
    [
        ("ann.lee@mail.example.com", "email", "a•••@m•••.com"),
        ("write to Ann", "email", "••••• •• •••"),
        ("Ann-Marie O'Neill", "name", "A•••-M••• O'N•••"),
        ("Bo", "name", "••"),
        ("(205) 555-0123", "number", "(•••) •••-••23"),
        ("1985-03-12", "date", "1985-••-••"),
        ("12/03/1985", "date", "1985-••-••"),
        ("19850312", "date", "1985-••-••"),
        ("12.03.85", "date", "••.••.••"),
        ("12 Main Street", "hidden", "•• •••• ••••••"),
    ],
)
def test_what_a_mask_leaves(make_table: MakeTable, text: str, style: Style, shown: str) -> None:
    assert masked_texts(make_table({"a": []}), [(text, style)]) == {(text, style): shown}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    database = Database(tmp_path_factory.mktemp("database"))
    yield database.table("SELECT 1 AS a")
    database.close()


PARTS = [
    "ann",
    "O'Neil",
    "李明",
    "2024-05-06",
    "19991231",
    "n/a",
    "---",
    "12--",
    "+49 170 1234567",
    "a@b.co",
    "",
    "x",
    "None",
]


@pytest.mark.parametrize("style", get_args(Style))
def test_cells_are_masked_alike_one_by_one_in_a_list_and_as_texts(make_table: MakeTable, style: Style) -> None:
    texts = [*PARTS, *(f"{a} {b}" for a in PARTS for b in PARTS)]
    cells = make_table({"v": [*texts, None], "style": [style] * (len(texts) + 1)})
    every = get_args(Style)
    alone, listed = masked_cell_sql("v", "style", every), masked_list_sql([("v", "style"), ("v", "NULL")], every)
    found = cells.query(f"SELECT v, {is_harmless_sql('v', style)}, {alone}, {listed} FROM {{self}}")
    assert [(one, None) for _, _, one, _ in found] == [tuple(both) for *_, both in found]
    shown = masked_texts(cells, [(text, style) for text in texts])
    assert [one for *_, one, _ in found] == [v if harmless else shown[v, style] for v, harmless, *_ in found]


@settings(deadline=None, max_examples=30)
@given(texts=st.lists(st.text(st.characters(categories=["L", "Nd"]), min_size=1), min_size=1, max_size=20))
def test_no_text_of_letters_and_digits_stays_whole(table: Table, texts: list[str]) -> None:
    masked = masked_texts(table, [(text, style) for text in texts for style in get_args(Style)])
    assert [pair for pair, shown in masked.items() if shown == pair[0]] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ask ann@example.com or bob@example.org", "ask a•••@e•••.com or b•••@e•••.org"),
        ("ssn 123-45-6789", "ssn •••-••-••89"),
        ("4111 1111 1111 1111", "•••• 11"),
        ("to DE89 3704 0044 0532 0130 00 today", "to •••• •••• today"),
        ("call +1 202 555 0123", "call +•• ••• •••3"),
        ("call (212) 555-0123 or 212-555-0199", "call ••• ••• ••23 or ••• ••• ••99"),
        ("2221 0000 0000 0009", "•••• 09"),
        ("from 10.20.30.144 on", "from •••.•••.•••.••• on"),
        ("2024-01-02 10:20:30", "2024-01-02 10:20:30"),
        ("20240102102030", "20240102102030"),
        ("11.428571428571429", "11.428571428571429"),
        ("version 2.0.14.1", "version 2.0.14.1"),
        ("12345.678", "12345.678"),
        ("1700000000000", "1700000000000"),
    ],
)
def test_what_stands_in_a_text_is_masked_there(make_table: MakeTable, text: str, shown: str) -> None:
    assert make_table({"v": [text]}).scalar(f"SELECT {loosely_masked_sql('v')} FROM {{self}}") == shown
