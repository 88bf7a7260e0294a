"""drift-detector: whether the table still is what it was: its columns, their values and what is missing."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from agents.base import AgentContext, AgentResult, Params, agent
from agents.table import Table

Test = Literal["auto", "kolmogorov_smirnov", "chi2", "wasserstein", "psi"]


class DriftDetector(Params):
    """Which test decides, and from which size of effect on a difference matters."""

    statistical_test: Test = Field(
        "auto",
        description="Test of every column; auto = Kolmogorov-Smirnov for numbers and dates, chi-squared for categories "
        "and for numbers of at most 20 values. A test that doesn't fit a column gives way to that.",
    )
    significance_level: float = Field(
        0.05, gt=0, lt=1, description="Chance of a false alarm, after Benjamini-Hochberg over all columns."
    )
    min_sample_size: int = Field(
        100, ge=2, le=1_000_000_000, description="A column with fewer values on one side is not tested."
    )
    psi_medium: float = Field(
        0.1, gt=0, le=100, description="Population stability index from which on a drift is of medium severity."
    )
    psi_high: float = Field(0.25, gt=0, le=100, description="And from which on of high severity.")

    @model_validator(mode="after")
    def _make_sense(self) -> DriftDetector:
        if self.psi_medium > self.psi_high:
            raise ValueError("psi_medium is above psi_high")
        return self


@agent(credits=40, after=("unified-profiler",), work="agents.drift.detector")
def run(table: Table, params: DriftDetector, ctx: AgentContext) -> AgentResult:
    """Compare the table with an earlier state of it: columns that came and went, distributions, missing values.

    The earlier state is the file given as baseline or, in a dataset, the profile that an earlier run has saved. A
    column has drifted where a test says that its difference isn't chance, corrected over all columns, and where the
    difference is large enough to matter; the size alone decides the severity.
    """
    from agents.drift.detector import detect

    return detect(table, params, ctx)
