"""What an agent is: a function from a table to a result, registered by `@agent` in a file of its own.

The id is the file's name, the tool its folder, the help its docstring, the price `credits`, the order `after`;
the API schema, the form and the documentation come from its `Params`. Nothing lists agents anywhere else.

Whoever takes orders reads that file and no more. Where the work is long, or takes long to import, it lies in a module
of its own, `work`, which the function imports when it runs.
"""

from __future__ import annotations

import functools
import graphlib
import hashlib
import importlib
import inspect
import pkgutil
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from agents.table import Table

Severity = Literal["critical", "high", "medium", "low"]

CHANGE_COLUMNS = {
    "row": "BIGINT",
    "column": "VARCHAR",
    "old": "VARCHAR",
    "new": "VARCHAR",
    "rule": "VARCHAR",
    "evidence": "VARCHAR",
    "confidence": "DOUBLE",
    "applied": "BOOLEAN",
}
"""An agent's changes: one row per cell, in the order applied; `applied` false makes it a suggestion.
A dropped column is one row with `row` and `new` empty and `old` its header; an added one the reverse."""

REMOVED_COLUMNS = {"row": "BIGINT", "reason": "VARCHAR"}
QUARANTINE_COLUMNS = {
    "row": "BIGINT",
    "column": "VARCHAR",
    "value": "VARCHAR",
    "rule": "VARCHAR",
    "reason": "VARCHAR",
}
ROW_ISSUE_COLUMNS = {
    "row": "BIGINT",
    "column": "VARCHAR",
    "issue_type": "VARCHAR",
    "severity": "VARCHAR",
    "message": "VARCHAR",
    "value": "VARCHAR",
}


class Params(BaseModel):
    """An agent's parameters. Frozen; an unknown name is refused; every field is described and bounded."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, kw_only=True)
class Alert:
    """Something about the whole table that a person should know before using it."""

    severity: Severity
    category: str
    message: str
    affected_fields: tuple[str, ...] = ()
    recommendation: str = ""


@dataclass(frozen=True, kw_only=True)
class Issue:
    """One kind of fault in one field; `rows` is how many rows have it."""

    field_name: str
    issue_type: str
    severity: Severity
    message: str
    rows: int = 0


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """What to do next, in a sentence."""

    field_name: str
    priority: Severity
    recommendation: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A plot of the report: bars over labels. `unit` says what a bar counts; `column` whose plot it is, if any."""

    title: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    unit: str = "rows"
    column: str = ""
    kind: Literal["bar", "histogram"] = "bar"


@dataclass(frozen=True, kw_only=True)
class AgentResult:
    """What an agent hands back.

    table: the changed table, or None where the agent only looked. changes, removed, quarantine, row_issues: tables with
    the columns named at the head of this module. metrics: figures for the report, flat. data: the details, as JSON.
    extras: output tables by file name ("cleaned.csv", "cleaned.parquet"); documents: output files that are no tables,
    by name, as their text ("dbt_schema.yml"); the pipeline alone writes files.
    routing: {"tool_id", "reason", "parameters"}: which tool to run next. store: what the dataset is to keep, by file
    name: a Table ("profile_values.parquet") or a value ("profile.json"); dropped in a run of no dataset.
    """

    table: Table | None = None
    changes: Table | None = None
    removed: Table | None = None
    quarantine: Table | None = None
    row_issues: Table | None = None
    alerts: tuple[Alert, ...] = ()
    issues: tuple[Issue, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()
    charts: tuple[Chart, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    extras: Mapping[str, Table] = field(default_factory=dict)
    documents: Mapping[str, str] = field(default_factory=dict)
    routing: tuple[Mapping[str, Any], ...] = ()
    store: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """One source file of the primary table: `role`, and the `__row` numbers [start, start + rows) that are its rows."""

    role: str
    start: int
    rows: int


def _ignore_progress(share: float) -> None:
    """Nobody watches."""


def _never() -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class AgentContext:
    """All that an agent may know beside its table and its parameters.

    inputs: the other files by role. original: the table as read. changes, suggestions, removed, quarantine: what the
    agents before it did, with an `agent` column and the columns of this module. earlier: their results by agent id,
    restored on resume. store: the dataset's state by file name (Table of a .parquet, value of a .json), read-only;
    None in a run of no dataset. now: when the task was created (agents have no clock).
    source_format: how the primary file was written (csv, tsv, json, jsonl, parquet, xlsx). sources: its source files.
    salt: a secret of this task, the same in every attempt.
    """

    original: Table
    now: datetime
    seed: int = 0
    salt: str = ""
    inputs: Mapping[str, Table] = field(default_factory=dict)
    changes: Table | None = None
    suggestions: Table | None = None
    removed: Table | None = None
    quarantine: Table | None = None
    earlier: Mapping[str, AgentResult] = field(default_factory=dict)
    store: Mapping[str, Any] | None = None
    source_format: str = "csv"
    sources: tuple[Source, ...] = ()
    report_progress: Callable[[float], None] = _ignore_progress
    should_stop: Callable[[], bool] = _never


Run = Callable[[Table, Any, AgentContext], AgentResult]


@dataclass(frozen=True)
class Agent:
    """A registered agent. `credits` is its price; `default` whether an order without a list of agents gets it;
    `always` that it runs chosen or not; `after` the agents that come before it when they are there; `needs` those
    without which it isn't applicable; `work` the module that it imports when it runs, if any."""

    id: str
    tool: str
    title: str
    help: str
    params: type[Params]
    credits: int
    after: tuple[str, ...]
    needs: tuple[str, ...]
    default: bool
    always: bool
    work: str
    run: Run


_FOLDERS = ("profile", "clean", "master")
_agents: dict[str, Agent] = {}


def agent(
    *,
    credits: int,
    after: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    default: bool = True,
    always: bool = False,
    work: str = "",
) -> Callable[[Run], Run]:
    """Register the decorated function as the agent of its file; refuse one that couldn't be shown to a user."""

    def register(run: Run) -> Run:
        _, folder, name = run.__module__.rsplit(".", 2)
        agent_id = name.replace("_", "-")
        if agent_id in _agents and _agents[agent_id].run.__module__ != run.__module__:
            raise ValueError(f"two agents are called {agent_id}")
        if not run.__doc__:
            raise ValueError(f"{agent_id}: its docstring is its help, and there is none")
        params = _params_of(run)
        for field_name, info in params.model_fields.items():
            if not info.description:
                raise ValueError(f"{agent_id}.{field_name}: a parameter without a description")
        _agents[agent_id] = Agent(
            id=agent_id,
            tool=f"{folder}-my-data",
            title=agent_id.replace("-", " ").capitalize(),
            help=inspect.cleandoc(run.__doc__),
            params=params,
            credits=credits,
            after=after,
            needs=needs,
            default=default,
            always=always,
            work=work,
            run=run,
        )
        return run

    return register


def _params_of(run: Run) -> type[Params]:
    second = list(inspect.signature(run).parameters)[1]
    params = typing.get_type_hints(run)[second]
    if not (isinstance(params, type) and issubclass(params, Params)):
        raise ValueError(f"{run.__module__}: the second argument is not annotated with a subclass of Params")
    return params


@functools.cache
def registry() -> Mapping[str, Agent]:
    """Every agent by id, each tool's in the order in which they run."""
    return {agent_id: each for folder in _FOLDERS for agent_id, each in agents_of(f"{folder}-my-data").items()}


@functools.cache
def agents_of(tool_id: str) -> Mapping[str, Agent]:
    """A tool's agents by id, in the order in which they run. No other tool's are imported: that takes its time."""
    package = importlib.import_module(f"agents.{tool_id.removesuffix('-my-data')}")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    own = [each for each in _agents.values() if each.tool == tool_id]
    return {agent_id: _agents[agent_id] for agent_id in in_order(own)}


def in_order(agents: typing.Iterable[Agent]) -> list[str]:
    """The ids in a topological order of `after`, alphabetical where that leaves a choice."""
    known = {each.id: each for each in agents}
    sorter = graphlib.TopologicalSorter({i: [a for a in known[i].after if a in known] for i in sorted(known)})
    return list(sorter.static_order())


@functools.cache
def code_version() -> str:
    """A fingerprint of everything agents are made of: a checkpoint of other code is not resumed from."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(re.sub(rb"\r\n", b"\n", path.read_bytes()))
    return digest.hexdigest()[:16]
