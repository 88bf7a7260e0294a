"""How any tool is run: read inputs, check credits, run the agents in sequence, report, upload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from transformers.tools import ToolSpec


class Job(Protocol):
    """What a transformer may ask of the world for one attempt at one task; a call raises where the attempt must end."""

    def fetch_inputs(self) -> None:
        """Bring the task's files from storage into the job's folder."""

    def check_credits(self) -> None:
        """Confirm that the run's credits are held and cover the price that was quoted."""

    def run_agents(self, tool: ToolSpec) -> Mapping[str, Any]:
        """Run the pipeline, reports included, in the lean child; keep a checkpoint per agent; answer the manifest."""

    def publish(self, manifest: Mapping[str, Any]) -> None:
        """Upload the outputs, then make them the task's and charge the run, both in one transaction."""

    def report_progress(self, progress: int, stage: str) -> None:
        """Show how far the task is."""


def run_analysis(tool: ToolSpec, job: Job) -> None:
    """Run a tool on a job's files from beginning to end."""
    job.report_progress(15, "inputs")
    job.fetch_inputs()
    job.check_credits()
    manifest = job.run_agents(tool)
    job.report_progress(95, "uploading")
    job.publish(manifest)
