"""score-risk: which columns hold personal or sensitive data, how much harm they could do, and what to do about them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from agents.base import AgentContext, AgentResult, Params, Severity, agent
from agents.privacy.kinds import JUDGED_ROWS, Method
from agents.table import Table

Level = Literal["high", "medium", "low", "none"]
Decision = Literal["accept", "public", "internal", "confidential", "restricted"]


class ScoreRisk(Params):
    """What is looked for, where the lines are drawn, and what is made of it."""

    pii_sample_size: int = Field(
        JUDGED_ROWS,
        ge=100,
        le=1_000_000,
        description="About how many rows the values of a column are judged on; what its own spelling tells, such as a "
        "card or an e-mail address, is looked for in all rows.",
    )
    high_risk_threshold: float = Field(70, ge=0, le=100, description="From this score on a column is a high risk.")
    medium_risk_threshold: float = Field(40, ge=0, le=100, description="From this score on it is a medium risk.")
    pii_detection_enabled: bool = Field(
        True, description="Look for what leads to a person: names, contacts, numbers, places, quasi-identifiers."
    )
    sensitive_field_detection_enabled: bool = Field(
        True, description="Look for special categories (health, religion …), money, secrets and children."
    )
    governance_check_enabled: bool = Field(
        True, description="Where personal data is found, look for columns of consent, retention, origin and class."
    )
    quasi_identifiers: list[str] = Field(
        [], description="Columns that together may single a person out; empty = those that are found."
    )
    classifications: dict[str, Decision] = Field(
        {}, description="Per column: accept the suggested classification, or set another one."
    )
    masked_copy: bool = Field(False, description="Also make masked.csv, a copy of the table that can be shared.")
    mask_methods: dict[str, Method] = Field(
        {}, description="Per column: how masked.csv treats it; the others as what they hold asks for."
    )
    mask_salt: str = Field(
        "",
        max_length=200,
        description="Key of the hashes and pseudonyms in masked.csv, to get the same in several tables; it is kept "
        "with the task's parameters. Empty = a secret of this task, which is kept nowhere.",
    )
    target_k: int = Field(
        5,
        ge=1,
        le=10_000,
        description="In masked.csv each row is one of so many with its quasi-identifiers.",
    )

    @model_validator(mode="after")
    def _make_sense(self) -> ScoreRisk:
        if self.medium_risk_threshold > self.high_risk_threshold:
            raise ValueError("medium_risk_threshold is above high_risk_threshold")
        return self

    def severity(self, score: float) -> Severity:
        """How bad a finding of that score is."""
        level = self.level(score)
        return "low" if level == "none" else level

    def level(self, score: float) -> Level:
        """What a score is called."""
        if score >= self.high_risk_threshold:
            return "high"
        if score >= self.medium_risk_threshold:
            return "medium"
        return "low" if score else "none"


@agent(credits=35, after=("drift-detector", "unified-profiler"), work="agents.privacy.risk")
def run(table: Table, params: ScoreRisk, ctx: AgentContext) -> AgentResult:
    """Find personal and sensitive data, score its risk, and measure how few rows a person hides among.

    Values are checked (check digits, assigned ranges, real parsing); the names of columns and what stands beside them
    decide where values can't. A card or an e-mail address in a single note of a million is found too. The risk of a
    table is that of its worst column. Every value is shown masked, and every classification is a suggestion that a
    parameter accepts or replaces.
    """
    from agents.privacy.risk import assess

    return assess(table, params, ctx)
