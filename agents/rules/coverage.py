"""What test-coverage-agent does: check rules, suggest rules, and say where to look first."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.base import ROW_ISSUE_COLUMNS, AgentContext, AgentResult, Alert, Issue, Recommendation
from agents.column_types import NUMERIC, ColumnType, Kind, infer_types
from agents.dependencies import dependencies_of
from agents.privacy.detect import personal_columns
from agents.profile.test_coverage_agent import FormatTest, TestCoverageAgent
from agents.rules.cells import cells_of, parts_of
from agents.rules.check import Outcome, check_cells, check_rows, failing_rows
from agents.rules.contracts import Contract, read_contract
from agents.rules.exports import FILES, exported
from agents.rules.limits import whole
from agents.rules.rule import LOGICAL_TYPE_OF, LOGICAL_TYPES, Rule, numbered
from agents.rules.sampling import Sample, Sampler
from agents.rules.scoping import scope
from agents.rules.suggest import (
    LEAST_CONFORMITY,
    Column,
    suggest_dependency,
    suggest_for_columns,
    suggest_row_count,
)
from agents.semantics.columns import Semantic, semantic_types
from agents.table import ROW, Table

_SURE = 0.99
_MOST_DEPENDENTS = 15
_MOST_DEPENDENCIES = 60
_SEVERE = ("required", "unique", "row_count")


def cover(table: Table, params: TestCoverageAgent, ctx: AgentContext) -> AgentResult:
    """Check the rules given, suggest others, and export what is suggested."""
    contract = read_contract(params.contract) if params.contract is not None else Contract((), (), ())
    given = _given_rules(table, params, contract)
    types, meanings = infer_types(table), semantic_types(table)
    ctx.report_progress(0.2)
    absent = sorted({column for rule in given for column in rule.columns if column not in table.columns})
    looked = _look(table, [rule for rule in given if not set(rule.columns) & set(absent)], types, meanings, ctx)
    checked, suggested = looked.checked, [*looked.suggested, *_suggested_beyond(table, types, ctx)]
    ctx.report_progress(0.8)
    key = _key(table, params, contract, types)
    failing = _with_key(failing_rows(table, [*checked, *suggested], types), table, key[0])
    sample = _sample(table, params, types, looked.edges, failing, ctx)
    scoping = scope(types, personal_columns(table), [*checked, *suggested], table.rows)
    return AgentResult(
        row_issues=_row_issues(failing),
        alerts=tuple(_alerts(checked, absent)),
        issues=tuple(_issues(checked, absent, contract.unchecked)),
        recommendations=tuple(_recommendations(checked)),
        metrics=_metrics(table, checked, suggested, failing, absent),
        data={
            "key": {"columns": list(key[0]), "found": key[1]},
            "rules": [_rule_json(each) for each in (*checked, *suggested)],
            "coverage": _coverage(table, checked),
            "scoping": scoping,
            "sample": {
                "rows": sample.rows.rows,
                "by_strategy": dict(sample.by_strategy),
                "stratified_by": sample.stratified_by,
            },
            "files": FILES,
        },
        extras=_files(table, failing, sample, bool(given)),
        documents=exported([each.rule for each in suggested], _logical_types(types), "table"),
    )


# Rules given


def _given_rules(table: Table, params: TestCoverageAgent, contract: Contract) -> list[Rule]:
    """The user's rules, whose columns must be there, and the contract's."""
    uniques = [(each,) if isinstance(each, str) else tuple(each) for each in params.unique_columns]
    table.require([column for columns in uniques for column in columns], "test-coverage-agent.unique_columns")
    table.require(params.range_tests, "test-coverage-agent.range_tests")
    table.require(params.format_tests, "test-coverage-agent.format_tests")
    rules = [Rule("unique", columns, "user") for columns in uniques if columns]
    rules += [
        Rule("range", (column,), "user", {"min": test.min, "max": test.max})
        for column, test in params.range_tests.items()
    ]
    for column, test in params.format_tests.items():
        shape = FormatTest(pattern=test) if isinstance(test, str) else test
        rules.append(
            Rule("format", (column,), "user", {"pattern": whole(shape.pattern)}, description=shape.description)
        )
    return numbered([*rules, *contract.rules])


@dataclass(frozen=True)
class _Looked:
    """What a look at the columns, a few at a time, has shown. edges: as `Cells.edges` has them."""

    checked: Sequence[Outcome]
    suggested: Sequence[Outcome]
    edges: Mapping[str, tuple[int, int]]


def _look(
    table: Table,
    rules: Sequence[Rule],
    types: Mapping[str, ColumnType],
    meanings: Mapping[str, Semantic | None],
    ctx: AgentContext,
) -> _Looked:
    """Check the rules given, in their order, and find those that each column keeps."""
    outcomes: dict[str, Outcome] = {}
    suggested: list[Outcome] = []
    edges: dict[str, tuple[int, int]] = {}
    personal = personal_columns(table)

    def look(some: Mapping[str, ColumnType]) -> _Looked:
        cells = cells_of(table, some)
        given = {name: [rule for rule in rules if rule.of_one_column and rule.column == name] for name in some}
        sorts = {name: found.type if (found := meanings[name]) else "" for name in some}
        columns = [Column(name, found, table.rows, sorts[name], name in personal) for name, found in some.items()]
        checked = [each for own in check_cells(cells, given).values() for each in own]
        return _Looked(checked, suggest_for_columns(cells, columns), cells.edges())

    for looked in table.each(look, parts_of(table, types)):
        outcomes |= {each.rule.id: each for each in looked.checked}
        suggested += looked.suggested
        edges |= looked.edges
        ctx.report_progress(0.2 + 0.5 * len(edges) / max(1, len(types)))
    checked = [outcomes[rule.id] if rule.id in outcomes else check_rows(table, rule) for rule in rules]
    places = {name: place for place, name in enumerate(types)}
    suggested.sort(key=lambda outcome: places[outcome.rule.column])
    return _Looked(checked, suggested, {name: edges[name] for name in types if name in edges})


# Rules suggested


def _suggested_beyond(table: Table, types: Mapping[str, ColumnType], ctx: AgentContext) -> Iterator[Outcome]:
    """Rules of several columns, and of the table."""
    for determined in itertools.islice(_dependencies(table, types, ctx), _MOST_DEPENDENCIES):
        if found := suggest_dependency(*determined):
            yield found
    if counted := suggest_row_count(table):
        yield counted


def _dependencies(
    table: Table, types: Mapping[str, ColumnType], ctx: AgentContext
) -> Iterator[tuple[Sequence[str], str, int, int]]:
    """Columns, another that they determine, on how many rows, and how many break it: what the profiler has found on all
    rows, else a look at the first few columns."""
    profiled = ctx.earlier.get("unified-profiler")
    if profiled is not None and "dependencies" in profiled.data:
        for each in profiled.data["dependencies"]:
            if each["holds_percent"] >= 100 * LEAST_CONFORMITY:
                yield each["determinant"], each["dependent"], each["rows"], each["exceptions"]
        return
    repeating = {
        name: found
        for name, found in types.items()
        if found.kind not in NUMERIC and 1 < found.distinct <= 0.5 * (table.rows - found.missing)
    }
    looked_at = dict(itertools.islice(repeating.items(), _MOST_DEPENDENTS))
    for target, sources in dependencies_of(table, list(looked_at), looked_at, ctx.seed).items():
        for source in sources:
            found = check_rows(table, Rule("dependency", (source, target), "suggested"))
            yield [source], target, found.support, found.failing


def _logical_types(types: Mapping[str, ColumnType]) -> dict[str, str]:
    """What each column's values are in the words of the data contract standard; a text where not nearly all agree."""
    return {
        name: LOGICAL_TYPE_OF.get(found.kind, LOGICAL_TYPES[0]) if found.confidence >= _SURE else LOGICAL_TYPES[0]
        for name, found in types.items()
    }


# Rows


def _key(
    table: Table,
    params: TestCoverageAgent,
    contract: Contract,
    types: Mapping[str, ColumnType],
) -> tuple[tuple[str, ...], str | None]:
    """The columns that name a row, and who says so: the user, the contract, or the data."""
    if params.unique_columns and params.unique_columns[0]:
        first = params.unique_columns[0]
        return ((first,) if isinstance(first, str) else tuple(first)), "unique_columns"
    if contract.key and set(contract.key) <= set(table.columns):
        return contract.key, "contract"
    personal = personal_columns(table)
    for kinds in ((Kind.INTEGER, Kind.CODE), (Kind.TEXT, Kind.EMAIL)):
        for name, found in types.items():
            whole_column = found.missing == 0 and 1 < found.distinct == table.rows
            if found.kind in kinds and whole_column and name not in personal:
                return (name,), "data"
    return (), None


def _with_key(failing: Table, table: Table, key: Sequence[str]) -> Table:
    """Every row that breaks a rule, with its key, in the order of rules and rows."""
    key_sql = f"concat_ws(' | ', {', '.join(f't.{Table.q(column)}' for column in key)})" if key else "''"
    return failing.sql(
        f"SELECT f.__place AS {ROW}, f.row, {key_sql} AS key, f.rule, f.column, f.value, f.origin"
        f" FROM (SELECT *, rowid AS __place FROM {{self}}) f JOIN {{table}} t ON t.{ROW} = f.row ORDER BY 1",
        table=table,
    )


def _files(table: Table, failing: Table, sample: Sample, split: bool) -> dict[str, Table]:
    files = {"failing.csv": failing}
    if sample.rows.rows:
        files["sample.csv"] = sample.rows
    if split:
        broken = f"(SELECT row AS {ROW} FROM {{failing}} WHERE origin <> 'suggested')"
        for name, join in (("valid.csv", "ANTI"), ("invalid.csv", "SEMI")):
            files[name] = table.sql(f"SELECT * FROM {{self}} {join} JOIN {broken} USING ({ROW})", failing=failing)
    return files


def _sample(
    table: Table,
    params: TestCoverageAgent,
    types: Mapping[str, ColumnType],
    edges: Mapping[str, tuple[int, int]],
    failing: Table,
    ctx: AgentContext,
) -> Sample:
    """Rows that stand out: those that break a rule, and those in which the profiler has found something."""
    standing_out = failing.sql("SELECT row, 'breaks ' || rule AS reason FROM {self}")
    profiled = ctx.earlier.get("unified-profiler")
    if profiled is not None and profiled.row_issues is not None:
        standing_out = standing_out.sql(
            "SELECT * FROM {self} UNION ALL SELECT row, concat_ws(': ', \"column\", issue_type) FROM {found}",
            found=profiled.row_issues,
        )
    return Sampler(table, types, edges, standing_out, params.seed).draw(params.sample_size, params.sample_strategies)


# What is said of it


def _rule_json(outcome: Outcome) -> dict[str, Any]:
    rule = outcome.rule
    return {
        "rule": rule.id,
        "origin": rule.origin,
        "kind": rule.kind,
        "columns": list(rule.columns),
        "description": rule.said(),
        "parameters": dict(rule.values),
        "support": outcome.support,
        "failing_rows": outcome.failing,
        "conformity_percent": outcome.conformity,
        "tolerance_percent": 100 * rule.tolerance,
        "passed": outcome.passed,
        "suggested_because": rule.because,
    }


def _coverage(table: Table, checked: Sequence[Outcome]) -> dict[str, Any]:
    """Which columns the rules given look at."""
    covered = {column for each in checked for column in each.rule.columns}
    return {
        "columns": len(table.columns),
        "columns_covered": len(covered),
        "percent": 100 * len(covered) / len(table.columns) if table.columns else 0.0,
        "uncovered": [column for column in table.columns if column not in covered],
    }


def _metrics(
    table: Table, checked: Sequence[Outcome], suggested: Sequence[Outcome], failing: Table, absent: Sequence[str]
) -> dict[str, Any]:
    invalid = int(failing.scalar("SELECT count(DISTINCT row) FROM {self} WHERE origin <> 'suggested'"))
    return {
        "rules_checked": len(checked),
        "rules_passed": sum(each.passed for each in checked),
        "rules_broken": sum(not each.passed for each in checked),
        "rules_suggested": len(suggested),
        "invalid_rows": invalid,
        "valid_rows": table.rows - invalid,
        "columns_absent": len(absent),
        "coverage_percent": _coverage(table, checked)["percent"],
    }


def _broken(checked: Sequence[Outcome]) -> list[Outcome]:
    return [each for each in checked if not each.passed]


def _severity(outcome: Outcome) -> Any:
    return "high" if outcome.rule.kind in _SEVERE else "medium"


def _issues(checked: Sequence[Outcome], absent: Sequence[str], unchecked: Sequence[str]) -> Iterator[Issue]:
    for check in unchecked:
        message = f"The contract asks for something that is not checked here: {check}."
        yield Issue(field_name="", issue_type="unchecked_rule", severity="low", message=message)
    for column in absent:
        message = "The contract describes this column, and the table doesn't have it."
        yield Issue(field_name=column, issue_type="absent_column", severity="high", message=message)
    for each in _broken(checked):
        rows = "1 row breaks" if each.failing == 1 else f"{each.failing:,} rows break"
        counted = "The rule is broken" if each.rule.kind == "row_count" else f"{rows} the rule"
        yield Issue(
            field_name=each.rule.column,
            issue_type=f"breaks_{each.rule.kind}",
            severity=_severity(each),
            message=f"{counted}: {each.rule.said()}.",
            rows=each.failing,
        )


def _alerts(checked: Sequence[Outcome], absent: Sequence[str]) -> Iterator[Alert]:
    if absent:
        yield Alert(
            severity="high",
            category="schema",
            message=f"{len(absent):,} columns of the contract are not there.",
            affected_fields=tuple(absent),
            recommendation="Ask the producer, or correct the contract.",
        )
    broken = _broken(checked)
    if broken:
        yield Alert(
            severity="high" if any(_severity(each) == "high" for each in broken) else "medium",
            category="validity",
            message=f"{len(broken):,} of {len(checked):,} rules are broken.",
            affected_fields=tuple(dict.fromkeys(column for each in broken for column in each.rule.columns)),
            recommendation="failing.csv lists every row with the rule that it breaks; work on valid.csv meanwhile.",
        )


def _recommendations(checked: Sequence[Outcome]) -> Iterator[Recommendation]:
    for each in _broken(checked):
        advice = f"Mend the {each.failing:,} rows that break it, or change the rule: {each.rule.said()}."
        yield Recommendation(field_name=each.rule.column, priority=_severity(each), recommendation=advice)


def _row_issues(failing: Table) -> Table:
    """The rows that break a rule given, in the form of the report's list."""
    severe = ", ".join(f"'breaks_{kind}'" for kind in _SEVERE)
    chosen = failing.sql(
        "SELECT row, \"column\", 'breaks_' || regexp_extract(rule, '^[a-z]+\\.([a-z_]+)', 1) AS issue_type, rule, value"
        " FROM {self} WHERE origin <> 'suggested'"
    )
    columns = ", ".join(Table.q(name) for name in ROW_ISSUE_COLUMNS)
    severity = f"CASE WHEN issue_type IN ({severe}) THEN 'high' ELSE 'medium' END AS severity"
    return chosen.sql(f"SELECT {columns} FROM (SELECT *, {severity}, 'breaks ' || rule AS message FROM {{self}})")
