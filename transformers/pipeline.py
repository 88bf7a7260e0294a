"""The agent loop: a folder of tables in, a folder of results out. Not one line of it knows a tool.

    folder/inputs/<role>/<filename>     what the user gave
    folder/checkpoints/<nn>-<agent>/    one per finished agent, written before it is announced
    folder/store/, folder/kept/         a dataset's state before and after, in a run of one
    folder/outputs/                     the files of the result, the manifest among them

It runs in the lean child process. What it tells the world goes through `emit`, as plain dicts.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agents.base import (
    CHANGE_COLUMNS,
    QUARANTINE_COLUMNS,
    REMOVED_COLUMNS,
    ROW_ISSUE_COLUMNS,
    Agent,
    AgentContext,
    AgentResult,
    Source,
    agents_of,
    code_version,
)
from agents.edits import append
from agents.read import ReadOptions, ReadResult, read_table
from agents.table import ROW, Database, Table, literal
from errors import DISK_FAULTS, AgentFailed, ColumnNotFound, InvalidInput, NotApplicable, ServiceError, of_disk
from transformers import checkpoints
from transformers.files import write_table
from transformers.manifest import InputFile, Manifest, OutputFile, Step, describe_file
from transformers.report import write_html, write_json, write_xlsx
from transformers.report.assemble import build_report
from transformers.report.document import write_text
from transformers.report.masking import Shield
from transformers.specification import Specification
from transformers.store import read_store, write_kept
from transformers.tools import INPUT, OUTPUT, ToolSpec, tool_of

Emit = Callable[[Mapping[str, Any]], None]

FIRST_PROGRESS, LAST_PROGRESS = 20, 90
_VERSIONED = ("duckdb", "pandas", "celery")


@dataclass
class Run:
    """What a run has gathered so far; the reports and the tool's summary are made from it."""

    tool: ToolSpec
    specification: Specification
    started: datetime
    inputs: tuple[InputFile, ...]
    original: Table
    table: Table
    mended: Table
    sources: tuple[Source, ...]
    others: Mapping[str, Table]
    store: Mapping[str, Any] | None
    steps: list[Step] = field(default_factory=list)
    results: dict[str, AgentResult] = field(default_factory=dict)
    gathered: dict[str, Table] = field(default_factory=dict)

    def gather(
        self, name: str, agent_id: str, rows: Table | None, columns: Mapping[str, str], where: str = "true"
    ) -> None:
        """Add an agent's rows, or those that meet a condition, to those of the agents before it, and its name."""
        if rows is None or not rows.scalar(f"SELECT count(*) FROM {{self}} WHERE {where}"):
            return
        chosen = ", ".join(f"{Table.q(column)}::{kind} AS {Table.q(column)}" for column, kind in columns.items())
        earlier = self.gathered.get(name) or rows.growing({**columns, "agent": "VARCHAR"})
        self.gathered[name] = append(
            earlier, rows, f"SELECT {chosen}, {literal(agent_id)} AS agent FROM {{more}} WHERE {where}"
        )

    def listed(self, name: str) -> Table | None:
        """What was gathered, its rows as the user counts them: with several source files, `source` and its own row."""
        table = self.gathered.get(name)
        if table is None or len(self.sources) < 2:
            return table
        own = " ".join(f"WHEN row >= {each.start} THEN row - {each.start}" for each in reversed(self.sources))
        source = " ".join(f"WHEN row >= {each.start} THEN {literal(each.role)}" for each in reversed(self.sources))
        return table.sql(f"SELECT CASE {source} END AS source, * REPLACE (CASE {own} END AS row) FROM {{self}}")

    @property
    def credits(self) -> int:
        """The price of the steps that did something."""
        return sum(self.specification.prices.get(step.agent_id, 0) for step in self.steps if step.status == "done")


def run(folder: Path, specification: Specification, emit: Emit) -> Manifest:
    """Read the inputs, run the agents, write the outputs; resume after the checkpoints that are there and valid."""
    with _database(folder, specification) as database:
        emit({"event": "progress", "progress": 16, "detail": {"stage": "reading"}})
        state = _read(folder, specification, database)
        known = agents_of(specification.tool_id)
        agents = [known[agent_id] for agent_id in specification.agents]
        fingerprint = _fingerprint(state)
        for position in range(len(agents)):
            _advance(folder, state, agents, position, fingerprint, emit)
            emit(_progress(agents, position + 1, 0.0))
        emit({"event": "progress", "progress": LAST_PROGRESS, "detail": {"stage": "report"}})
        return _write(folder, state)


@contextmanager
def unforeseen_as(failure: Callable[[], ServiceError]) -> Iterator[None]:
    """Give what nobody foresaw the name that `failure` makes: a verdict, told once, instead of a dead process."""
    try:
        yield
    except (ServiceError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in DISK_FAULTS:
            raise of_disk(error) from error
        raise failure() from error


@contextmanager
def _database(folder: Path, specification: Specification) -> Iterator[Database]:
    database = Database(folder, memory_limit=specification.duckdb_memory, threads=specification.duckdb_threads)
    try:
        yield database
    finally:
        database.close()


# Reading


def _read(folder: Path, specification: Specification, database: Database) -> Run:
    options = ReadOptions(
        sheet=specification.parameters.get(INPUT, {}).get("sheet"),
        max_mb=specification.max_input_mb,
        max_columns=specification.max_columns,
        max_field_mb=specification.max_field_mb,
        max_xlsx_cells=specification.max_xlsx_cells,
    )
    several = len(specification.inputs) > 1
    read = {}
    for each in specification.inputs:
        with _of_file(each.role, each.filename) if several else nullcontext():
            read[each.role] = read_table(folder / each.path, each.filename, database, options)
    names = {each.role: each.filename for each in specification.inputs}
    primary = {role: each for role, each in read.items() if role == "primary" or role.startswith("source_")}
    table, sources = _stack(primary)
    return Run(
        tool=tool_of(specification.tool_id),
        specification=specification,
        started=datetime.now(UTC),
        # What is said of "the input" is said of the first of them.
        inputs=tuple(
            _input_file(role, names[role], read[role]) for role in sorted(read, key=lambda r: r not in primary)
        ),
        original=table,
        table=table,
        mended=next(iter(primary.values())).mended,
        sources=sources,
        others={role: each.table for role, each in read.items() if role not in primary},
        store=read_store(folder, table) if specification.dataset else None,
    )


@contextmanager
def _of_file(role: str, filename: str) -> Iterator[None]:
    """Say of several files which one it was that couldn't be read."""
    try:
        yield
    except InvalidInput as error:
        raise type(error)(f"{role} ({filename}): {error.message}", **error.context) from error


def _stack(read: Mapping[str, ReadResult]) -> tuple[Table, tuple[Source, ...]]:
    """One table of all source files, columns by name, `__row` counted on; and which rows are whose."""
    (first, *rest) = read.items()
    table = first[1].table
    sources = [Source(first[0], 0, table.rows)]
    for role, each in rest:
        start = sources[-1].start + sources[-1].rows
        shifted = each.table.sql(f"SELECT * REPLACE ({ROW} + $start AS {ROW}) FROM {{self}}", start=start)
        table = table.sql("SELECT * FROM {self} UNION ALL BY NAME SELECT * FROM {shifted}", shifted=shifted)
        sources.append(Source(role, start, shifted.rows))
    return table, tuple(sources)


def _input_file(role: str, filename: str, read: ReadResult) -> InputFile:
    return InputFile(
        role=role,
        filename=filename,
        sha256=read.sha256,
        size_bytes=read.size_bytes,
        format=read.format,
        encoding=read.encoding,
        delimiter=read.delimiter,
        rows=read.table.rows,
        columns=len(read.table.columns),
        notes=read.notes,
    )


def _fingerprint(state: Run) -> str:
    """What a checkpoint must agree on to be resumed from: files, agents, parameters, code."""
    specification = state.specification
    facts = [
        [[each.role, each.sha256] for each in state.inputs],
        specification.agents,
        specification.parameters,
        specification.created_at.isoformat(),
        specification.dataset,
        code_version(),
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


# Agents


def _advance(folder: Path, state: Run, agents: Sequence[Agent], position: int, fingerprint: str, emit: Emit) -> None:
    """Bring the run past one agent: from its checkpoint where there is a valid one, else by running it."""
    agent = agents[position]
    place = folder / "checkpoints" / f"{position + 1:02d}-{agent.id}"
    kept = checkpoints.load(place, fingerprint, state.table, state.gathered)
    if kept is None:
        shutil.rmtree(place, ignore_errors=True)
        emit({"event": "agent", "agent_id": agent.id})
        kept = _run_agent(state, agent, lambda share: emit(_progress(agents, position, share)))
        checkpoints.save(place, fingerprint, state.table, *kept, state.gathered)
        emit(
            {
                "event": "step",
                "position": position,
                "agent_id": agent.id,
                "status": kept[0].status,
                "seconds": kept[0].seconds,
                "fingerprint": fingerprint,
                "folder": place.name,
            }
        )
    _absorb(state, agent, *kept)


def _progress(agents: Sequence[Agent], completed: int, share: float) -> Mapping[str, Any]:
    done = (completed + min(max(share, 0.0), 1.0)) / len(agents)
    detail = {
        "stage": "agents",
        "current_agent": agents[completed].id if completed < len(agents) else None,
        "agents_total": len(agents),
        "agents_completed": completed,
        "agent_progress": round(share, 3),
    }
    progress = FIRST_PROGRESS + int((LAST_PROGRESS - FIRST_PROGRESS) * done)
    return {"event": "progress", "progress": progress, "detail": detail}


def _run_agent(state: Run, agent: Agent, report_progress: Callable[[float], None]) -> tuple[Step, AgentResult]:
    params = agent.params.model_validate(state.specification.parameters.get(agent.id, {}))
    step = Step(
        agent_id=agent.id,
        status="done",
        parameters=params.model_dump(mode="json"),
        seconds=0.0,
        rows_in=state.table.rows,
        rows_out=state.table.rows,
    )
    report_progress(0.0)
    started = time.perf_counter()
    try:
        _check_needs(state, agent)
        with unforeseen_as(lambda: AgentFailed(f"{agent.id} met a table it wasn't made for", agent_id=agent.id)):
            result = agent.run(state.table, params, _context(state, report_progress))
    except ColumnNotFound as error:
        raise ColumnNotFound(f"{agent.id}: {error.message}", **error.context) from error
    except NotApplicable as refusal:
        result, step = AgentResult(), replace(step, status="skipped", reason=refusal.message)
    rows = result.table.rows if result.table else step.rows_in
    return replace(step, seconds=round(time.perf_counter() - started, 3), rows_out=rows, metrics=result.metrics), result


def _check_needs(state: Run, agent: Agent) -> None:
    done = {step.agent_id for step in state.steps if step.status == "done"}
    missing = [each for each in agent.needs if each not in done]
    if missing:
        raise NotApplicable(f"needs the result of {', '.join(missing)}")


def _context(state: Run, report_progress: Callable[[float], None]) -> AgentContext:
    return AgentContext(
        original=state.original,
        now=state.specification.created_at,
        seed=state.specification.seed,
        salt=state.specification.salt,
        inputs=state.others,
        changes=state.gathered.get("changes"),
        suggestions=state.gathered.get("suggestions"),
        removed=state.gathered.get("removed"),
        quarantine=state.gathered.get("quarantine"),
        earlier=dict(state.results),
        store=state.store,
        source_format=state.inputs[0].format,
        sources=state.sources,
        report_progress=report_progress,
    )


def _absorb(state: Run, agent: Agent, step: Step, result: AgentResult) -> None:
    state.steps.append(step)
    if step.status != "done":
        return
    state.results[agent.id] = result
    if result.table is not None:
        state.table = result.table
    state.gather("changes", agent.id, result.changes, CHANGE_COLUMNS, "applied")
    state.gather("suggestions", agent.id, result.changes, CHANGE_COLUMNS, "NOT applied")
    state.gather("removed", agent.id, result.removed, REMOVED_COLUMNS)
    state.gather("quarantine", agent.id, result.quarantine, QUARANTINE_COLUMNS)
    state.gather("row_issues", agent.id, result.row_issues, ROW_ISSUE_COLUMNS)


# Writing


def _write(folder: Path, state: Run) -> Manifest:
    outputs = folder / "outputs"
    shutil.rmtree(outputs, ignore_errors=True)
    outputs.mkdir()
    shield = state.tool.shield(state) if state.tool.shield else None
    # The engine writes the tables while Python puts the report together.
    tables = state.table.ahead(
        lambda: [write_table(table, outputs / name) for name, table in _output_tables(state, shield).items()]
    )
    if state.store is not None:
        write_kept(folder, state.results.values())
    report = build_report(state, _versions(), shield)
    files = tables()
    for name, text in _documents(state).items():
        write_text(outputs / name, text)
        files.append(describe_file(outputs / name))
    report["downloads"] = [asdict(each) for each in files]
    for name, writer in {"report.json": write_json, "report.html": write_html, "report.xlsx": write_xlsx}.items():
        writer(report, outputs / name)
        files.append(describe_file(outputs / name))
    manifest = _manifest(state, files)
    manifest.write(outputs / "manifest.json")
    return manifest


def _output_tables(state: Run, shield: Shield | None) -> dict[str, Table]:
    """The result's tables by file name: the agents' own, and what the pipeline itself has to list."""
    tables = {name: table for result in state.results.values() for name, table in result.extras.items() if "." in name}
    row_issues = state.listed("row_issues")
    if row_issues is not None:
        tables["row_level_issues.csv"] = tables["row_level_issues.parquet"] = row_issues
    if state.mended.rows:
        tables["mended.csv"] = state.mended
    if shield is not None and not state.specification.parameters.get(OUTPUT, {}).get("unmask"):
        tables = {name: table if name in shield.exempt else shield.rows(table) for name, table in tables.items()}
    return {file: part for name, table in tables.items() for file, part in _parts(name, table).items()}


def _parts(name: str, table: Table) -> dict[str, Table]:
    """A table by its file's name; one that is too wide for one Parquet file as several, row beside row."""
    stem, ending = name.rsplit(".", 1)
    if ending != "parquet" or len(parts := table.for_parquet) == 1:
        return {name: table}
    return {f"{stem}-{number}.{ending}": part for number, part in enumerate(parts, start=1)}


def _documents(state: Run) -> dict[str, str]:
    """The texts that agents hand over as files of the result, by file name."""
    return {name: text for result in state.results.values() for name, text in result.documents.items()}


def _manifest(state: Run, files: Sequence[OutputFile]) -> Manifest:
    specification = state.specification
    return Manifest(
        task_id=specification.task_id,
        tool_id=specification.tool_id,
        versions=_versions(),
        parameters=specification.parameters,
        started=state.started.isoformat(),
        finished=datetime.now(UTC).isoformat(),
        inputs=state.inputs,
        steps=tuple(state.steps),
        credits=state.credits,
        files=tuple(files),
    )


def _versions() -> dict[str, str]:
    installed = {name: importlib.metadata.version(name) for name in _VERSIONED}
    return {"python": platform.python_version(), "code": code_version(), **installed}
