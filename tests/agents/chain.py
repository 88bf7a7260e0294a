"""Running a tool's agents one after the other on a table, as the pipeline does, with everything kept to look at."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from agents.base import (
    CHANGE_COLUMNS,
    QUARANTINE_COLUMNS,
    REMOVED_COLUMNS,
    Agent,
    AgentContext,
    AgentResult,
    registry,
)
from agents.table import Table
from errors import NotApplicable

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@dataclass(frozen=True)
class RanStep:
    """One agent, what it was given, and what it answered (None: it was not applicable)."""

    agent: Agent
    table: Table
    context: AgentContext
    result: AgentResult | None


@dataclass
class Chain:
    """A run in progress: `gathered` is what the context hands on."""

    original: Table
    table: Table
    source_format: str = "csv"
    inputs: Mapping[str, Table] = field(default_factory=dict)
    steps: list[RanStep] = field(default_factory=list)
    gathered: dict[str, Table] = field(default_factory=dict)

    def run(self, agent: Agent, parameters: Mapping[str, Any] | None = None) -> AgentResult | None:
        context = AgentContext(
            original=self.original,
            now=NOW,
            source_format=self.source_format,
            inputs=self.inputs,
            earlier={step.agent.id: step.result for step in self.steps if step.result},
            **self.gathered,
        )
        params = agent.params.model_validate(dict(parameters or {}))
        done = {step.agent.id for step in self.steps if step.result}
        try:
            result = agent.run(self.table, params, context) if done.issuperset(agent.needs) else None
        except NotApplicable:
            result = None
        self.steps.append(RanStep(agent, self.table, context, result))
        if result:
            self._absorb(agent, result)
        return result

    def _absorb(self, agent: Agent, result: AgentResult) -> None:
        self.table = result.table or self.table
        if result.changes:
            applied, suggested = (
                result.changes.sql(f"SELECT * FROM {{self}} WHERE applied = {x}") for x in (True, False)
            )
            self._gather("changes", agent.id, applied, CHANGE_COLUMNS)
            self._gather("suggestions", agent.id, suggested, CHANGE_COLUMNS)
        self._gather("removed", agent.id, result.removed, REMOVED_COLUMNS)
        self._gather("quarantine", agent.id, result.quarantine, QUARANTINE_COLUMNS)

    def _gather(self, name: str, agent_id: str, rows: Table | None, columns: Mapping[str, str]) -> None:
        if rows is None or not rows.rows:
            return
        chosen = ", ".join(map(Table.q, columns))
        added = rows.sql(f"SELECT {chosen}, $agent AS agent FROM {{self}}", agent=agent_id)
        earlier = self.gathered.get(name)
        both = "SELECT * FROM {self} UNION ALL SELECT * FROM {added}"
        self.gathered[name] = earlier.sql(both, added=added) if earlier else added


def run_tool(
    tool: str,
    table: Table,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    inputs: Mapping[str, Table] | None = None,
) -> Chain:
    """Run the agents of a tool that an order without a list of agents gets."""
    chain = Chain(table, table, inputs=inputs or {})
    for agent in registry().values():
        if agent.tool == tool and (agent.default or agent.always):
            chain.run(agent, (parameters or {}).get(agent.id))
    return chain


def fingerprint(table: Table | None) -> Any:
    """What a table holds: equal for equal tables, whatever the order of their rows."""
    if table is None:
        return None
    hashes = " + ".join(f"hash({i}, {Table.q(name)})::HUGEINT" for i, name in enumerate(table.types))
    return table.types, table.query(f"SELECT count(*), sum({hashes or 0}) FROM {{self}}")


def facts(result: AgentResult) -> Any:
    """All that an agent answered, to be compared with another answer."""
    tables = ("table", "changes", "removed", "quarantine", "row_issues")
    lists = ("alerts", "issues", "recommendations", "charts")
    return (
        {name: fingerprint(getattr(result, name)) for name in tables},
        {name: fingerprint(table) for name, table in result.extras.items()},
        json.loads(json.dumps({name: [asdict(each) for each in getattr(result, name)] for name in lists})),
        json.loads(
            json.dumps({"metrics": dict(result.metrics), "data": dict(result.data), "routing": list(result.routing)})
        ),
    )
