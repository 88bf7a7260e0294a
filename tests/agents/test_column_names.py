"""No figure depends on what a user calls his columns: SQL takes a name for the table's column before it takes it for
what a query calls so itself."""

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

from agents import wide
from agents.privacy.rare import suspects
from agents.table import ROW, Table
from tests.agents.chain import Chain, facts, run_tool
from tests.agents.conftest import MakeTable
from tests.planted import people

TOOLS = ("profile-my-data", "clean-my-data", "master-my-data")
ROWS = 80

LESS_AT_ONCE = {
    "agents.column_types._TEXTS_IN_DOUBT": 20,
    "agents.profiling.columns._CELLS_AT_ONCE": 600,
    "agents.profiling.correlations._ROWS_AT_ONCE": 50,
    "agents.rules.cells._CELLS_AT_ONCE": 80,
    "agents.sampling.SAMPLE_ROWS": 40,
    "agents.turns.GROUPS_AT_ONCE": 40,
}
"""What makes a table long, so that a short one is asked all that long ones are."""

PARAMETERS: dict[str, dict[str, Any]] = {
    "drift-detector": {"min_sample_size": 10},
    "score-risk": {"masked_copy": True},
    "field-standardization": {"case_strategy": "lowercase"},
    "duplicate-resolver": {
        "detection_types": ["exact", "case_variations", "email_case", "missing_values", "conflicting"],
        "merge_strategy": "merge_smart",
        "key_columns": ["the mobile"],
        "conflict_resolution": "most_complete",
    },
    "null-handler": {
        "global_strategy": "column_specific",
        "column_strategies": {
            "the amount": "knn_imputation",
            "the card": "mode",
            "the note": "forward_fill",
            "the empty": "drop_column",
        },
    },
    "survivorship-resolver": {
        "survivorship_rules": {"the note": "quality_score", "the city": "completeness", "the born": "consensus"},
    },
}
"""What makes the agents do more than they do by themselves."""

_QUOTED = re.compile(r""""(?:[^"]|"")*"|'(?:[^']|'')*'|\$\w+""")
_OWN_WORDS = re.compile(r"\b[A-Za-z]\w*")


def _columns(rows: int) -> dict[str, list[str | None]]:
    """People and what they buy, under names that no query gives to anything: each is two words."""
    named = {f"the {column}": cells for column, cells in people(rows).items() if column not in ("phone_digits", "ssn")}
    return named | {
        "the weight": [f"{n % 40} kg" if n % 3 else f"{n % 40}.0kg" for n in range(rows)],
        "the share": [f"{n % 50}%" for n in range(rows)],
        "the empty": [None] * rows,
    }


@pytest.fixture(scope="module", autouse=True)
def long_is_short() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for path, value in LESS_AT_ONCE.items():
            module, _, name = path.rpartition(".")
            assert hasattr(import_module(module), name)
            patch.setattr(path, value)
        yield


def _run(tool: str, make_table: MakeTable) -> Chain:
    baseline = make_table({column: cells[: ROWS // 2] for column, cells in _columns(ROWS).items()})
    return run_tool(tool, make_table(_columns(ROWS)), PARAMETERS, inputs={"baseline": baseline})


def _answers(chain: Chain) -> dict[str, Any]:
    return {step.agent.id: facts(step.result) if step.result else None for step in chain.steps}


def _with_a_column_for_each_word(source: Callable[[Table, str], str]) -> Callable[[Table, str], str]:
    """The user's tables with a column more for each word of the query, so that any that isn't told apart is it."""
    own = set(_columns(1))

    def shadowed(table: Table, query: str) -> str:
        plain, bare = source(table, query), _QUOTED.sub("", query)
        if not own & table.types.keys() or wide._EVERY_COLUMN.search(bare) or "rowid" in bare:
            return plain
        taken = {column.upper() for column in table.types}
        words = sorted({word.upper() for word in _OWN_WORDS.findall(bare)} - taken)
        cell = ROW if ROW in table.types else Table.q(table.columns[0])
        others = ", ".join(f"hash({cell}, {place})::VARCHAR AS {Table.q(word)}" for place, word in enumerate(words))
        return f"(SELECT *, {others} FROM {plain})"

    return shadowed


@pytest.mark.parametrize("tool", TOOLS)
def test_other_columns_may_be_called_as_what_a_query_names(
    tool: str, make_table: MakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _answers(_run(tool, make_table))

    monkeypatch.setattr(Table, "_source", _with_a_column_for_each_word(Table._source))

    assert _answers(_run(tool, make_table)) == expected


def test_what_a_sample_misses_is_found_beside_columns_of_any_name(make_table: MakeTable) -> None:
    table = make_table({"v": ["1", "2", "3"], "N": ["4", "5", "6"], "the remark": ["well", "bo@example.org", "well"]})

    found = dict(suspects(table, {"the remark": [("all is well", 9)]}))

    assert found["the remark"].texts == [("bo@example.org", 1)]
