"""People, some of them written down twice, and a way to run agents one after another."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from agents.base import AgentContext, AgentResult, Source, registry
from agents.table import Table
from tests.agents.conftest import MakeTable

FIRST = ["Ada", "Boris", "Chiara", "Dilan", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jakub", "Katia", "Levi"]
LAST = ["Abara", "Brandt", "Costa", "Dahl", "Eriksen", "Farkas", "Gallo", "Hofer", "Ivanov", "Jensen", "Kowal", "Lindt"]
Columns = dict[str, list[str | None]]
RunAgents = Callable[..., dict[str, AgentResult]]


def people(count: int, seed: int = 1) -> Columns:
    """`count` different people with an id, a name, a birthday, a town and a phone number."""
    chance = random.Random(seed)
    return {
        "id": [str(1000 + number) for number in range(count)],
        "first_name": [chance.choice(FIRST) for _ in range(count)],
        "last_name": [chance.choice(LAST) + chance.choice(["", "son", "mann", "er"]) for _ in range(count)],
        "born": [
            f"{chance.randint(1940, 2005)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}" for _ in range(count)
        ],
        "town": [chance.choice(["Oslo", "Graz", "Lyon", "Porto"]) for _ in range(count)],
        "phone": [f"0{chance.randint(10**8, 10**9 - 1)}" for _ in range(count)],
    }


def with_copies(columns: Columns, copies: int) -> Columns:
    """The first `copies` rows once more at the end, under new ids and with a letter too many in the last name."""
    count = len(columns["id"])
    more = {name: [*values, *values[:copies]] for name, values in columns.items()}
    more["id"] = [str(1000 + number) for number in range(count + copies)]
    more["last_name"][count:] = [f"{name}e" for name in columns["last_name"][:copies]]
    return more


@pytest.fixture
def twice(make_table: MakeTable) -> Table:
    """100 people, of whom the first 30 are there a second time (row n again as row 100 + n)."""
    return make_table(with_copies(people(100), 30))


@pytest.fixture
def run_agents() -> RunAgents:
    """Run agents on a table, each with the results of those before it; parameters by agent id."""

    def run(
        table: Table,
        *agent_ids: str,
        parameters: Mapping[str, Mapping[str, Any]] | None = None,
        sources: tuple[Source, ...] = (),
        inputs: Mapping[str, Table] | None = None,
    ) -> dict[str, AgentResult]:
        context = AgentContext(
            original=table, now=datetime(2026, 1, 2, tzinfo=UTC), sources=sources, inputs=inputs or {}
        )
        results: dict[str, AgentResult] = {}
        for agent_id in agent_ids:
            agent = registry()[agent_id]
            params = agent.params(**(parameters or {}).get(agent_id, {}))
            results[agent_id] = agent.run(table, params, replace(context, earlier=dict(results)))
        return results

    return run


def entity_of(result: AgentResult) -> dict[int, int]:
    """Each row's entity, by the row of its first member."""
    return dict(result.extras["entities"].query("SELECT __row, entity FROM {self}"))
