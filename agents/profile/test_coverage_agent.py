"""test-coverage-agent: which rules the table keeps, which rows break them, and which rules one should ask of it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from agents.base import AgentContext, AgentResult, Params, agent
from agents.rules.limits import is_date, is_finite, whole
from agents.table import Table, regex_fault

Strategy = Literal["stratified", "boundary", "anomaly", "random"]


class RangeTest(Params):
    """Bounds of a column's numbers or dates; at least one of them."""

    min: float | str | None = Field(None, description="Smallest allowed number, or date as ISO 8601 writes it.")
    max: float | str | None = Field(None, description="Largest allowed number or date.")

    @model_validator(mode="after")
    def _make_sense(self) -> RangeTest:
        given = [limit for limit in (self.min, self.max) if limit is not None]
        if not given:
            raise ValueError("min or max must be given")
        if not (all(map(is_finite, given)) or all(map(is_date, given))):
            raise ValueError("min and max must be numbers, or dates like 2025-12-31")
        if len(given) == 2 and self.min > self.max:  # type: ignore[operator]
            raise ValueError("min is above max")
        return self


class FormatTest(Params):
    """A regular expression, and what it stands for."""

    pattern: str = Field(description="Regular expression (RE2) that fits the whole cell.")
    description: str = Field("", max_length=500, description="What it stands for, in words.")

    @field_validator("pattern")
    @classmethod
    def _is_regex(cls, pattern: str) -> str:
        return _regex(pattern)


def _regex(pattern: str, named: str = "") -> str:
    """The pattern, if it is one of RE2's; else ValueError, which begins with what it was `named`."""
    if fault := regex_fault(whole(pattern)):
        raise ValueError(f"{named}no regular expression that RE2 can read: {fault}")
    return pattern


class TestCoverageAgent(Params):
    """The rules to check, and the sample to draw."""

    unique_columns: list[str | list[str]] = Field(
        [], description="Columns whose values come once each; a list of several columns is one key together."
    )
    range_tests: dict[str, RangeTest] = Field(
        {}, description="Smallest and largest value by column: {column: {min, max}}."
    )
    format_tests: dict[str, str | FormatTest] = Field(
        {}, description="Regular expression (RE2) of the whole cell by column, or {pattern, description}."
    )
    contract: dict[str, Any] | str | None = Field(
        None,
        description="A data contract (Open Data Contract Standard, version 3): an object, or JSON or YAML as text.",
    )
    sample_size: int = Field(100, ge=0, le=100_000, description="How many rows sample.csv has; 0 = none.")
    sample_strategies: list[Strategy] = Field(
        ["stratified", "boundary", "anomaly", "random"],
        description="How rows are chosen, in this order, an equal share each.",
    )
    seed: int = Field(
        0, ge=0, le=2**31 - 1, description="Decides what is left to chance; the same seed, the same sample."
    )

    @field_validator("format_tests")
    @classmethod
    def _are_regexes(cls, tests: dict[str, str | FormatTest]) -> dict[str, str | FormatTest]:
        for column, test in tests.items():
            if isinstance(test, str):
                _regex(test, f"of {column!r}, ")
        return tests

    @field_validator("contract")
    @classmethod
    def _is_contract(cls, contract: dict[str, Any] | str | None) -> dict[str, Any] | str | None:
        from agents.rules.contracts import read_contract

        if contract is not None:
            read_contract(contract)
        return contract


@agent(credits=30, after=("governance-checker",), work="agents.rules.coverage")
def run(table: Table, params: TestCoverageAgent, ctx: AgentContext) -> AgentResult:
    """Check the rules given, list every row that breaks one, and suggest rules that the table keeps already.

    Rules come from the parameters, from a data contract, and from the data; the last are exported for other tools. A
    missing cell breaks the rule that it be filled, and no other. valid.csv and invalid.csv part the rows by the rules
    given; what is only suggested calls no row invalid. Says which columns to test first, and draws a sample.
    """
    from agents.rules.coverage import cover

    return cover(table, params, ctx)
