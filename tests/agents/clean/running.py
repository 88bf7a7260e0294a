"""Running one cleaning agent by its id, and looking at what it did."""

from collections.abc import Mapping
from typing import Any

from agents.base import AgentResult, registry
from agents.table import ROW, Table
from tests.agents.chain import Chain


def run_agent(agent_id: str, table: Table, **parameters: Any) -> AgentResult:
    result = Chain(table, table).run(registry()[agent_id], parameters)
    assert result is not None
    return result


def column(result: AgentResult, name: str) -> list[str | None]:
    assert result.table is not None
    return [value for (value,) in result.table.query(f"SELECT {Table.q(name)} FROM {{self}} ORDER BY {Table.q(ROW)}")]


def rules(result: AgentResult, *, applied: bool = True) -> Mapping[str, int]:
    assert result.changes is not None
    return dict(result.changes.query(f"SELECT rule, count(*) FROM {{self}} WHERE applied = {applied} GROUP BY ALL"))


def rows_left(result: AgentResult) -> list[int]:
    assert result.table is not None
    return [row for (row,) in result.table.query(f"SELECT {Table.q(ROW)} FROM {{self}} ORDER BY 1")]
