"""The quick look at a text's spelling says what the slow one would have said."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents import column_types
from agents.column_types import shape_sql
from tests.agents.conftest import MakeTable

USUAL = st.one_of(*(st.from_regex(rf"\A(?:{pattern})\Z") for _, _, pattern in column_types._USUAL))
NEARLY = st.text("0123456789.-+ ()/:TAaeE,_@%", max_size=24)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(USUAL | NEARLY | st.text(max_size=12), min_size=1, max_size=200))
def test_the_quick_look_agrees_with_the_slow_one(
    texts: list[str], make_table: MakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = make_table({"v": [text.replace("\0", "") for text in texts]})
    quick = shape_sql("v")
    with monkeypatch.context() as patched:
        patched.setattr(column_types, "_USUAL", ())
        slow = shape_sql("v")

    assert table.query(f"SELECT v, {quick}, {slow} FROM {{self}} WHERE {quick} <> {slow}") == []
