"""unified-profiler: what every column holds, how much of it can be trusted, and which cells stand out."""

from pydantic import Field

from agents.base import AgentContext, AgentResult, Params, agent
from agents.table import Table


class UnifiedProfiler(Params):
    """What is worth an alert, and how the columns are told apart."""

    null_alert_threshold: float = Field(
        50, ge=0, le=100, description="Alert when this percentage of a column is missing."
    )
    categorical_threshold: int = Field(
        20, ge=1, le=10_000, description="A column with at most this many distinct values is a category."
    )
    categorical_ratio_threshold: float = Field(
        0.05,
        ge=0,
        le=1,
        description="So is a column of texts with at most this share of distinct values.",
    )
    top_n_values: int = Field(10, ge=1, le=100, description="How many of each column's most frequent values to list.")
    outlier_iqr_multiplier: float = Field(
        1.5, gt=0, le=100, description="An outlier lies this many interquartile ranges outside the quartiles."
    )
    outlier_alert_threshold: float = Field(
        5, ge=0, le=100, description="Alert when this percentage of a column's numbers are outliers."
    )


@agent(credits=30, work="agents.profiling.profiler")
def run(table: Table, params: UnifiedProfiler, ctx: AgentContext) -> AgentResult:
    """Describe every column and what the columns have to do with each other.

    Of each column: its kind and meaning, missing and distinct values, distribution, outliers, patterns, dates and
    quality. Of the table: repeated rows, keys, dependencies, correlations, and which columns are missing together or
    were in the baseline. Counts, distinct values, moments, quantiles and repeated rows are exact. Meanings, patterns,
    dependencies and the correlations of ranks and categories of a table of 200,000 rows or more are found on a sample
    of at least 100,000, and say so; a key or dependency that is reported was confirmed on all rows.
    """
    from agents.profiling.profiler import describe

    return describe(table, params, ctx)
