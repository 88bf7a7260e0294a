"""governance-checker: does the table say where its rows come from, what people agreed to, and how it may be used."""

from __future__ import annotations

from pydantic import Field as Parameter

from agents.base import AgentContext, AgentResult, Params, agent
from agents.table import Table

LINEAGE = ["source_system", "created_at", "updated_at"]
CLASSIFICATION = ["data_classification"]
STATUSES = [
    *("granted", "given", "opt_in", "opted_in", "yes", "true", "active"),
    *("denied", "refused", "opt_out", "opted_out", "no", "false"),
    *("withdrawn", "revoked", "expired", "pending"),
]


class GovernanceChecker(Params):
    """Which fields a table needs, which answers count as consent, and what is enough."""

    required_lineage_fields: list[str] = Parameter(LINEAGE, description="Fields that say where a row comes from.")
    required_consent_fields: list[str] | None = Parameter(
        None,
        description="Fields that say what a person agreed to; empty = consent_status and consent_date where the table "
        "holds data about people, none where it doesn't.",
    )
    required_classification_fields: list[str] = Parameter(
        CLASSIFICATION, description="Fields that say how the data may be used."
    )
    valid_consent_statuses: list[str] = Parameter(
        STATUSES,
        min_length=1,
        description="What a consent status may say; case, spaces, hyphens and underscores don't matter.",
    )
    compliance_threshold: float = Parameter(80, ge=0, le=100, description="From this score on the table complies.")


@agent(credits=45, after=("score-risk",), work="agents.governance.checker")
def run(table: Table, params: GovernanceChecker, ctx: AgentContext) -> AgentResult:
    """Check that lineage, consent and classification are there, filled and valid, in one score that adds up.

    A field may go by another name (case and signs aside, or a usual synonym), and then the report says so. Each
    required field is worth the same within its part; it earns its points by the share of rows in which it is filled,
    a consent status by the share in which it is valid. Every row with another status is listed.
    """
    from agents.governance.checker import check

    return check(table, params, ctx)
