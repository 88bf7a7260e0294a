"""A data contract (Open Data Contract Standard, version 3) read as rules.

What can be checked on one table alone becomes a rule: types and their options, required, unique, keys, enumerations,
and the metrics of the standard's library. The rest (SQL, plain text, checks for other tools) is named, not checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from agents.rules.limits import is_date, is_finite
from agents.rules.rule import LOGICAL_TYPES, Rule, RuleKind, numbered
from agents.table import regex_fault

LONGEST = 1_000_000
_PERCENT = "percent"

# Formats that the standard names for texts, as far as a pattern tells them.
_FORMATS = {
    "email": r"^[^\s@,;:<>()]+@[^\s@,;:<>()]+\.[A-Za-z]{2,24}$",
    "uuid": r"^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
    "ipv4": r"^\d{1,3}(?:\.\d{1,3}){3}$",
    "uri": r"^[a-z][a-z0-9+.-]{1,11}://\S+$",
}
_METRICS: Mapping[str, RuleKind] = {
    "nullValues": "required",
    "missingValues": "required",
    "invalidValues": "allowed_values",
    "duplicateValues": "unique",
    "rowCount": "row_count",
}


@dataclass(frozen=True)
class Contract:
    """The rules of a contract, its key, and what of it isn't checked."""

    rules: Sequence[Rule]
    key: tuple[str, ...]
    unchecked: Sequence[str]


def read_contract(given: Mapping[str, Any] | str) -> Contract:
    """Read a contract given as an object, or as JSON or YAML; ValueError says what is wrong with it."""
    content = _parsed(given) if isinstance(given, str) else given
    if not isinstance(content, Mapping) or not str(content.get("apiVersion", "")).startswith("v3"):
        raise ValueError("is no data contract of version 3: its apiVersion is missing or another one")
    tables = content.get("schema")
    if not isinstance(tables, list) or len(tables) != 1 or not isinstance(tables[0], Mapping):
        raise ValueError("must describe exactly one table under schema")
    try:
        return _Reader(tables[0]).read()
    except (TypeError, AttributeError) as error:
        raise ValueError("is not built as the standard says: a list, an object or a text stands for another") from error


def _parsed(text: str) -> Any:
    if len(text) > LONGEST:
        raise ValueError(f"is longer than {LONGEST:,} characters")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise ValueError("uses aliases, which could make it grow beyond all bounds")
        # By way of JSON: dates become texts, and what JSON can't hold is refused.
        return json.loads(json.dumps(yaml.safe_load(text), default=str))
    except (yaml.YAMLError, RecursionError, TypeError) as error:
        place = getattr(error, "problem_mark", None)
        where = f" (line {place.line + 1})" if place else ""
        raise ValueError(f"is neither JSON nor YAML{where}") from error


class _Reader:
    """Gathers the rules of one table."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._table = table
        self._unchecked: list[str] = []

    def read(self) -> Contract:
        properties = self._table.get("properties") or []
        if not all(isinstance(each, Mapping) and isinstance(each.get("name"), str) for each in properties):
            raise ValueError("has a property without a name")
        key = tuple(each["name"] for each in properties if each.get("primaryKey") is True)
        rules = [rule for each in properties for rule in self._of_property(each)]
        rules += [Rule("required", (name,), "contract") for name in key]
        if key:
            rules.append(Rule("unique", key, "contract"))
        for check in self._table.get("quality") or []:
            rules += self._of_quality(check, ())
        return Contract(numbered(_each_once(rules)), key, self._unchecked)

    def _of_property(self, given: Mapping[str, Any]) -> Iterator[Rule]:
        columns = (given["name"],)
        if given.get("required") is True:
            yield Rule("required", columns, "contract")
        if given.get("unique") is True:
            yield Rule("unique", columns, "contract")
        if given.get("logicalType") in LOGICAL_TYPES[1:]:
            yield Rule("type", columns, "contract", {"type": given["logicalType"]})
        if allowed := [
            _text(each.get("value") if isinstance(each, Mapping) else each) for each in given.get("enum") or []
        ]:
            yield Rule("allowed_values", columns, "contract", {"values": allowed})
        yield from self._of_options(given["name"], given.get("logicalTypeOptions") or {})
        for check in given.get("quality") or []:
            yield from self._of_quality(check, columns)

    def _of_options(self, name: str, options: Mapping[str, Any]) -> Iterator[Rule]:
        limits = {
            limit: _limit(name, option, options[option])
            for limit, option in _LIMITS.items()
            if options.get(option) is not None and not isinstance(options[option], bool)
        }
        for old, new in (("min", "above"), ("max", "below")):
            # Before 3.1 the exclusive ones were flags beside minimum and maximum.
            if options.get(_LIMITS[new]) is True and old in limits:
                limits[new] = limits.pop(old)
        if limits:
            if len({isinstance(limit, str) for limit in limits.values()}) > 1:
                raise ValueError(f"{name}: its limits are a number and a date")
            yield Rule("range", (name,), "contract", limits)
        lengths = {key: options[f"{key}Length"] for key in ("min", "max") if options.get(f"{key}Length") is not None}
        if lengths:
            if not all(isinstance(each, int) and each >= 0 for each in lengths.values()):
                raise ValueError(f"{name}: minLength and maxLength must be whole numbers")
            yield Rule("length", (name,), "contract", lengths)
        pattern = options.get("pattern") or _FORMATS.get(str(options.get("format")))
        if pattern:
            yield Rule("format", (name,), "contract", {"pattern": _checked_pattern(name, pattern)})

    def _of_quality(self, check: Any, columns: tuple[str, ...]) -> Iterator[Rule]:
        metric = check.get("metric") or check.get("rule") if isinstance(check, Mapping) else None
        kind = _METRICS.get(str(metric))
        if kind is None or (kind != "unique" and (kind == "row_count") != (not columns)):
            self._unchecked.append(_named(check, columns))
            return
        arguments = check.get("arguments") or {}
        if kind == "row_count":
            limits = _limits_of(check)
            if not all(limit is None or is_finite(limit) for limit in limits):
                raise ValueError("rowCount is compared with something that is no number")
            yield Rule(kind, (), "contract", {"min": limits[0], "max": limits[1]})
            return
        columns = columns or tuple(map(str, arguments.get("properties") or ()))
        tolerance = _tolerance(check)
        if not columns or tolerance is None:
            self._unchecked.append(_named(check, columns))
        elif kind != "allowed_values":
            yield Rule(kind, columns, "contract", tolerance=tolerance)
        else:
            yield from self._of_values(columns, arguments, tolerance)

    @staticmethod
    def _of_values(columns: tuple[str, ...], arguments: Mapping[str, Any], tolerance: float) -> Iterator[Rule]:
        if valid := arguments.get("validValues"):
            values = {"values": [_text(each) for each in valid]}
            yield Rule("allowed_values", columns, "contract", values, tolerance=tolerance)
        if pattern := arguments.get("pattern"):
            checked = {"pattern": _checked_pattern(columns[0], pattern)}
            yield Rule("format", columns, "contract", checked, tolerance=tolerance)


_LIMITS = {"min": "minimum", "max": "maximum", "above": "exclusiveMinimum", "below": "exclusiveMaximum"}


def _each_once(rules: Sequence[Rule]) -> list[Rule]:
    """A key that is also called required or unique is one rule, not two."""
    return list({json.dumps([each.kind, each.columns, each.values, each.tolerance]): each for each in rules}.values())


def _limit(name: str, option: str, limit: Any) -> Any:
    if not (is_finite(limit) or is_date(limit)):
        raise ValueError(f"{name}: {option} is neither a number nor a date: {limit!r}")
    return limit


def _checked_pattern(name: str, pattern: Any) -> str:
    fault = regex_fault(str(pattern))
    if fault:
        raise ValueError(f"{name}: pattern: {fault}")
    return str(pattern)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _limits_of(check: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """The smallest and the largest figure that a check lets pass."""
    if isinstance(between := check.get("mustBeBetween"), list) and len(between) == 2:
        return between[0], between[1]
    if (exact := check.get("mustBe")) is not None:
        return exact, exact
    low, high = check.get("mustBeGreaterOrEqualTo"), check.get("mustBeLessOrEqualTo")
    above, below = check.get("mustBeGreaterThan"), check.get("mustBeLessThan")
    return (low if above is None else above + 1), (high if below is None else below - 1)


def _tolerance(check: Mapping[str, Any]) -> float | None:
    """The share of rows that may break a rule; None where the check counts rows, which is no share."""
    if check.get("mustBe") == 0:
        return 0.0
    limit = next(
        (check[name] for name in ("mustBeLessOrEqualTo", "mustBeLessThan") if check.get(name) is not None), None
    )
    if limit is None or check.get("unit") != _PERCENT:
        return None
    return float(limit) / 100


def _named(check: Any, columns: tuple[str, ...]) -> str:
    said = (
        [check.get(name) for name in ("name", "metric", "rule", "type", "description")]
        if isinstance(check, Mapping)
        else []
    )
    what = next((str(each) for each in said if each), "a check")
    return f"{', '.join(columns)}: {what}" if columns else what
