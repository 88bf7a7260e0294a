"""readiness-rater: can this table be built on, what does it lose points for, and what would mend that."""

from __future__ import annotations

from pydantic import Field, model_validator

from agents.base import AgentContext, AgentResult, Params, agent
from agents.table import Table


class ReadinessRater(Params):
    """How much each dimension counts, and where the lines are drawn."""

    ready_threshold: float = Field(80, ge=0, le=100, description="From this score on the table is ready.")
    needs_review_threshold: float = Field(
        50, ge=0, le=100, description="From this score on it needs a review; below, it is not ready."
    )
    completeness_weight: float = Field(0.3, ge=0, le=1, description="How much filled cells count.")
    consistency_weight: float = Field(
        0.3, ge=0, le=1, description="How much it counts that rows don't repeat and values are spelled alike."
    )
    schema_health_weight: float = Field(
        0.4, ge=0, le=1, description="How much it counts that every column holds something of one kind."
    )

    @model_validator(mode="after")
    def _make_sense(self) -> ReadinessRater:
        if self.needs_review_threshold > self.ready_threshold:
            raise ValueError("needs_review_threshold is above ready_threshold")
        if not self.completeness_weight + self.consistency_weight + self.schema_health_weight:
            raise ValueError("at least one weight must be above 0")
        return self

    @property
    def weights(self) -> dict[str, float]:
        """The weights, scaled so that they add up to 1."""
        given = {
            "completeness": self.completeness_weight,
            "consistency": self.consistency_weight,
            "schema_health": self.schema_health_weight,
        }
        return {name: weight / sum(given.values()) for name, weight in given.items()}


@agent(credits=25, after=("test-coverage-agent", "unified-profiler"), work="agents.profiling.readiness")
def run(table: Table, params: ReadinessRater, ctx: AgentContext) -> AgentResult:
    """Rate from 0 to 100 whether the table is ready to be used; every point lost is listed with its remedy.

    Three dimensions are weighed: completeness, consistency (repeated rows, odd spellings) and schema health (cells of
    another kind, empty and constant columns). What clean-my-data can mend comes as parameters ready to post.
    """
    from agents.profiling.readiness import rate

    return rate(table, params, ctx)
