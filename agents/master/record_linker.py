"""record-linker: which rows are the same real thing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field as Described
from pydantic import model_validator

from agents.base import AgentContext, AgentResult, Params, agent
from agents.table import Table

RowReference = int | tuple[str, int]
RowPair = tuple[RowReference, RowReference]


class RecordLinker(Params):
    match_key_columns: tuple[str, ...] = Described(
        (), description="Compare only these columns. Empty: the columns that tell rows apart are found by themselves."
    )
    match_key_weights: dict[str, Annotated[float, Described(ge=0, le=10)]] = Described(
        default_factory=dict, description="How much a column counts, 1 being as much as its values say."
    )
    enable_fuzzy_matching: bool = Described(
        True, description="Off: rows match only where every compared column is equal, upper case and punctuation aside."
    )
    match_threshold: Literal["auto"] | Annotated[float, Described(gt=0, lt=1)] = Described(
        "auto", description="The least probability of a match; auto draws the line where the table shows it, at 0.5."
    )
    source_column: str | None = Described(
        None, description="The column that names a row's source. Empty: found by its name, or the source files."
    )
    one_to_one: Literal["auto"] | bool = Described(
        "auto", description="An entity holds at most one row of each source. auto: if sources have no duplicates."
    )
    must_link: tuple[RowPair, ...] = Described(
        (), description='Pairs of rows that are the same thing: [12, 40], or [["source_a", 12], ["source_b", 7]].'
    )
    cannot_link: tuple[RowPair, ...] = Described((), description="Pairs of rows that are never the same thing.")

    @model_validator(mode="after")
    def _weights_of_compared_columns(self) -> RecordLinker:
        strangers = set(self.match_key_weights) - set(self.match_key_columns or self.match_key_weights)
        if strangers:
            raise ValueError(f"match_key_weights names {sorted(strangers)}, which match_key_columns doesn't")
        return self


@agent(credits=120, after=("key-identifier", "contract-enforcer", "semantic-mapper"), work="agents.linkage.linker")
def run(table: Table, params: RecordLinker, ctx: AgentContext) -> AgentResult:
    """Find which rows are the same real thing, within one table or across several.

    Compares rows that share rare values, words or beginnings. Each column's agreement or disagreement counts as much
    as it tells matches from chance in this very table; a rare value counts more than a common one, a missing one
    nothing. Pairs just below the threshold are left for review. A number that merely counts the rows is not compared.
    """
    from agents.linkage.linker import link_rows

    return link_rows(table, params, ctx)
