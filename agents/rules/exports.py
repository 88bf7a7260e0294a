"""Rules as other tools write them: a data contract, tests of dbt, an expectation suite, a schema of pandera."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from agents.rules.rule import Rule

FILES = {
    "odcs": "suggested_contract.odcs.yaml",
    "dbt": "dbt_schema.yml",
    "dbt_tests": "dbt_generic_tests.sql",
    "great_expectations": "great_expectations_suite.json",
    "pandera": "pandera_schema.py",
}


def exported(rules: Sequence[Rule], columns: Mapping[str, str], table: str) -> dict[str, str]:
    """The rules as files, by name. columns: the logical type of every column of the table, in order."""
    return {
        FILES["odcs"]: _yaml(contract(rules, columns, table)),
        FILES["dbt"]: _yaml(dbt_schema(rules, columns, table)),
        FILES["dbt_tests"]: DBT_TESTS,
        FILES["great_expectations"]: json.dumps(expectation_suite(rules, table), indent=2, ensure_ascii=False) + "\n",
        FILES["pandera"]: pandera_schema(rules, columns),
    }


def _yaml(content: Any) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)


def _by_column(rules: Iterable[Rule]) -> defaultdict[str, list[Rule]]:
    """The rules that each column has for itself."""
    found: defaultdict[str, list[Rule]] = defaultdict(list)
    for rule in rules:
        if rule.kind not in ("row_count", "dependency") and len(rule.columns) == 1:
            found[rule.column].append(rule)
    return found


def _of_table(rules: Iterable[Rule]) -> list[Rule]:
    return [rule for rule in rules if rule.kind in ("row_count", "dependency") or len(rule.columns) > 1]


# Open Data Contract Standard


def contract(rules: Sequence[Rule], columns: Mapping[str, str], table: str) -> dict[str, Any]:
    """A contract of version 3.1. A rule with exceptions is a check with a tolerance, others are properties."""
    own = _by_column(rules)
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"{table}-suggested",
        "name": table,
        "version": "1.0.0",
        "status": "draft",
        "description": {"purpose": "Suggested from the data: what its rows keep already."},
        "schema": [
            {
                "name": table,
                "logicalType": "object",
                "physicalType": "table",
                "properties": [_property(name, kind, own[name]) for name, kind in columns.items()],
                **({"quality": checks} if (checks := [_table_check(rule) for rule in _of_table(rules)]) else {}),
            }
        ],
    }


def _property(name: str, logical_type: str, rules: Sequence[Rule]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    checks: list[dict[str, Any]] = []
    flags: dict[str, bool] = {}
    for rule in rules:
        if rule.kind in ("required", "unique") and not rule.tolerance:
            flags[str(rule.kind)] = True
        elif rule.kind in ("range", "length") and not rule.tolerance:
            options |= _options(rule, logical_type)
        elif rule.kind == "format" and not rule.tolerance and logical_type == "string":
            options["pattern"] = rule.values["pattern"]
        elif rule.kind != "type":
            checks.append(_column_check(rule))
    return {
        "name": name,
        "logicalType": logical_type,
        **flags,
        **({"logicalTypeOptions": options} if options else {}),
        **({"quality": checks} if checks else {}),
    }


def _options(rule: Rule, logical_type: str) -> dict[str, Any]:
    if rule.kind == "length":
        return {"minLength": rule.values["min"], "maxLength": rule.values["max"]} if logical_type == "string" else {}
    return {"minimum": rule.values["min"], "maximum": rule.values["max"]} if logical_type != "string" else {}


_METRICS = {"required": "nullValues", "unique": "duplicateValues"}


def _column_check(rule: Rule) -> dict[str, Any]:
    check: dict[str, Any] = {"name": rule.id, "description": rule.said()}
    if rule.kind in ("range", "length", "type"):
        return check | {"type": "text"}
    check |= {"type": "library", "metric": _METRICS.get(rule.kind, "invalidValues")}
    if rule.kind == "allowed_values":
        check["arguments"] = {"validValues": list(rule.values["values"])}
    elif rule.kind == "format":
        check["arguments"] = {"pattern": rule.values["pattern"]}
    return check | _tolerated(rule)


def _tolerated(rule: Rule) -> dict[str, Any]:
    if not rule.tolerance:
        return {"mustBe": 0}
    return {"mustBeLessOrEqualTo": _percent(rule.tolerance), "unit": "percent"}


def _percent(share: float) -> float:
    return round(100 * share, 4)


def _table_check(rule: Rule) -> dict[str, Any]:
    check: dict[str, Any] = {"name": rule.id, "description": rule.said()}
    if rule.kind == "row_count":
        limits = [rule.values["min"], rule.values["max"]]
        return check | {"type": "library", "metric": "rowCount", "mustBeBetween": limits}
    if rule.kind == "unique":
        arguments = {"properties": list(rule.columns)}
        return check | {"type": "library", "metric": "duplicateValues", "arguments": arguments} | _tolerated(rule)
    return check | {"type": "text"}


# dbt

DBT_TESTS = """\
{# What dbt_schema.yml asks beyond dbt's own tests: put this file into tests/generic/ of the project. #}

{% test keeps_range(model, column_name, min=none, max=none) %}
select * from {{ model }} where {{ column_name }} is not null and not (
    {{ column_name }} >= {{ min }} and {{ column_name }} <= {{ max }}
)
{% endtest %}

{% test keeps_length(model, column_name, min=none, max=none) %}
select * from {{ model }} where length({{ column_name }}) not between {{ min }} and {{ max }}
{% endtest %}

{% test keeps_format(model, column_name, pattern) %}
{% set quoted = "'" ~ pattern | replace("'", "''") ~ "'" %}
{% set matched = {
    "duckdb": "regexp_matches(" ~ column_name ~ ", " ~ quoted ~ ")",
    "bigquery": "regexp_contains(" ~ column_name ~ ", r" ~ quoted ~ ")",
    "snowflake": "regexp_instr(" ~ column_name ~ ", " ~ quoted | replace("\\\\", "\\\\\\\\") ~ ") > 0",
    "databricks": column_name ~ " rlike r" ~ quoted,
    "spark": column_name ~ " rlike r" ~ quoted,
    "redshift": column_name ~ " ~ " ~ quoted,
} %}
select * from {{ model }} where {{ column_name }} is not null
    and not ({{ matched.get(target.type, column_name ~ " ~ " ~ quoted) }})
{% endtest %}

{% test determines(model, columns, dependent) %}
select {{ columns | join(", ") }} from {{ model }} where {{ dependent }} is not null
group by {{ columns | join(", ") }} having count(distinct {{ dependent }}) > 1
{% endtest %}

{% test unique_together(model, columns) %}
select {{ columns | join(", ") }} from {{ model }} group by {{ columns | join(", ") }} having count(*) > 1
{% endtest %}

{% test row_count_between(model, min, max) %}
select n from (select count(*) as n from {{ model }}) as counted where n not between {{ min }} and {{ max }}
{% endtest %}
"""


def dbt_schema(rules: Sequence[Rule], columns: Mapping[str, str], table: str) -> dict[str, Any]:
    """A schema file of dbt: its own tests, and those of DBT_TESTS. A rule with exceptions only warns."""
    model: dict[str, Any] = {"name": table, "description": "Tests suggested from the data."}
    if tests := [_dbt_table_test(rule) for rule in _of_table(rules)]:
        model["data_tests"] = tests
    model["columns"] = []
    own = _by_column(rules)
    for name in columns:
        found = [test for rule in own[name] if (test := _dbt_test(rule)) is not None]
        quoted = _no_template(name.replace('"', '""'))
        model["columns"].append({"name": quoted, "quote": True, **({"data_tests": found} if found else {})})
    return {"version": 2, "models": [model]}


def _dbt_test(rule: Rule) -> Any:
    limits = {end: _sql_bound(rule.values.get(end)) for end in ("min", "max")}
    match rule.kind:
        case "required":
            return _dbt("not_null", {}, rule)
        case "unique":
            return _dbt("unique", {}, rule)
        case "allowed_values":
            # dbt puts quotes around the values and leaves those within as they are.
            values = [_no_template(value.replace("'", "''")) for value in rule.values["values"]]
            return _dbt("accepted_values", {"values": values}, rule)
        case "range":
            return _dbt("keeps_range", limits, rule)
        case "length":
            return _dbt("keeps_length", limits, rule)
        case "format":
            return _dbt("keeps_format", {"pattern": _no_template(rule.values["pattern"])}, rule)
        case _:
            return None


def _sql_bound(limit: float | str | None) -> float | str | None:
    """A bound as it stands in SQL: a date's in quotes, which the column's type then reads."""
    return f"'{limit}'" if isinstance(limit, str) else limit


def _no_template(text: str) -> str:
    """A text that dbt takes as it is: what a file holds must not be run as a template."""
    if not any(opening in text for opening in ("{{", "{%", "{#")):
        return text
    return "{{ " + json.dumps(text) + " }}"


def _dbt_table_test(rule: Rule) -> Any:
    quoted = [_sql_name(column) for column in rule.columns]
    match rule.kind:
        case "row_count":
            return _dbt("row_count_between", {"min": rule.values["min"], "max": rule.values["max"]}, rule)
        case "unique":
            return _dbt("unique_together", {"columns": quoted}, rule)
        case _:
            return _dbt("determines", {"columns": quoted[:-1], "dependent": quoted[-1]}, rule)


def _sql_name(column: str) -> str:
    return _no_template('"' + column.replace('"', '""') + '"')


def _dbt(test: str, arguments: Mapping[str, Any], rule: Rule) -> Any:
    content = {
        **({"arguments": dict(arguments)} if arguments else {}),
        **({"config": {"severity": "warn"}} if rule.tolerance else {}),
    }
    return {test: content} if content else test


# Great Expectations


def expectation_suite(rules: Sequence[Rule], table: str) -> dict[str, Any]:
    """An expectation suite as Great Expectations 1 keeps it; `mostly` leaves room for the exceptions."""
    expectations = [each for rule in rules if (each := _expectation(rule)) is not None]
    return {"name": f"{table}_suggested", "expectations": expectations, "meta": {}}


def _expectation(rule: Rule) -> dict[str, Any] | None:
    limits = {f"{end}_value": _moment(rule.values.get(end)) for end in ("min", "max")}
    columns = list(rule.columns)
    match rule.kind:
        case "required":
            return _expect("expect_column_values_to_not_be_null", {"column": rule.column}, rule)
        case "unique" if len(columns) > 1:
            return _expect("expect_compound_columns_to_be_unique", {"column_list": columns}, rule)
        case "unique":
            return _expect("expect_column_values_to_be_unique", {"column": rule.column}, rule)
        case "allowed_values":
            values = {"column": rule.column, "value_set": list(rule.values["values"])}
            return _expect("expect_column_values_to_be_in_set", values, rule)
        case "range":
            return _expect("expect_column_values_to_be_between", {"column": rule.column, **limits}, rule)
        case "length":
            return _expect("expect_column_value_lengths_to_be_between", {"column": rule.column, **limits}, rule)
        case "format":
            values = {"column": rule.column, "regex": rule.values["pattern"]}
            return _expect("expect_column_values_to_match_regex", values, rule)
        case "row_count":
            return {"type": "expect_table_row_count_to_be_between", "kwargs": limits, "meta": {"notes": rule.said()}}
        case _:
            return None


def _moment(limit: float | str | None) -> float | str | None:
    """A bound as Great Expectations takes it: it reads a text as a moment only where the time of day is told."""
    return f"{limit}T00:00:00" if isinstance(limit, str) and len(limit) == len("2025-12-31") else limit


def _expect(type: str, values: Mapping[str, Any], rule: Rule) -> dict[str, Any]:
    mostly = {"mostly": round(1 - rule.tolerance, 4)} if rule.tolerance else {}
    return {"type": type, "kwargs": {**values, **mostly}, "meta": {"notes": rule.said()}}


# pandera

_DTYPES = {"integer": "Int64", "number": "float64", "boolean": "string", "date": "datetime64[ns]"}


def pandera_schema(rules: Sequence[Rule], columns: Mapping[str, str]) -> str:
    """A Python file with a schema of pandera. Every text in it is written by repr, so that none can be code."""
    lines = [
        '"""Checks suggested from the data, for pandera."""',
        "",
        "import pandera.pandas as pa",
        "",
        "schema = pa.DataFrameSchema(",
        "    {",
    ]
    own = _by_column(rules)
    for name, logical_type in columns.items():
        lines += _pandera_column(name, logical_type, own[name])
    lines += ["    },"]
    lines += [f"    checks=[{', '.join(checks)}]," for checks in [_pandera_table_checks(rules)] if checks]
    together = [list(rule.columns) for rule in _of_table(rules) if rule.kind == "unique" and not rule.tolerance]
    lines += [f"    unique={together[0]!r},"] if together else []
    return "\n".join([*lines, "    coerce=True,", ")", ""])


def _pandera_column(name: str, logical_type: str, rules: Sequence[Rule]) -> list[str]:
    strict = {rule.kind for rule in rules if not rule.tolerance}
    dtype = _DTYPES.get(logical_type, "string") if "type" in strict else "string"
    checks = [check for rule in rules if (check := _pandera_check(rule, dtype)) is not None]
    settings = [
        repr(dtype),
        f"nullable={'required' not in strict}",
        f"unique={'unique' in strict}",
        *([f"checks=[{', '.join(checks)}]"] if checks else []),
    ]
    return [f"        {name!r}: pa.Column({', '.join(settings)}),"]


def _pandera_check(rule: Rule, dtype: str) -> str | None:
    """A check of a whole column, so that a share of exceptions can be let pass; missing cells are left out before."""
    low, high = rule.values.get("min"), rule.values.get("max")
    number, measured = dtype in ("Int64", "float64"), dtype in ("Int64", "float64", "datetime64[ns]")
    conditions = {
        "required": "cells.notna()",
        "allowed_values": f"cells.isin({list(rule.values.get('values', ()))!r})" if not number else None,
        "format": f"cells.str.contains({rule.values.get('pattern')!r}, regex=True)" if not number else None,
        "length": f"cells.str.len().between({low!r}, {high!r})" if not number else None,
        "range": f"cells.between({low!r}, {high!r})" if measured else None,
    }
    condition = conditions.get(rule.kind)
    if condition is None or (rule.kind == "required" and not rule.tolerance):
        return None
    ignore = ", ignore_na=False" if rule.kind == "required" else ""
    kept = "True" if not rule.tolerance else ""
    share = f"({condition}).mean() >= {round(1 - rule.tolerance, 4)}" if not kept else f"({condition}).all()"
    return f"pa.Check(lambda cells: cells.empty or bool({share}), name={rule.id!r}{ignore})"


def _pandera_table_checks(rules: Sequence[Rule]) -> list[str]:
    checks = []
    for rule in _of_table(rules):
        if rule.kind == "row_count":
            low, high = rule.values["min"], rule.values["max"]
            checks.append(f"pa.Check(lambda table: {low!r} <= len(table) <= {high!r}, name={rule.id!r})")
        elif rule.kind == "dependency":
            *causes, effect = rule.columns
            most = f"table.groupby({causes!r})[{effect!r}].nunique().le(1).mean() >= {round(1 - rule.tolerance, 4)}"
            checks.append(f"pa.Check(lambda table: bool({most}), name={rule.id!r})")
    return checks
