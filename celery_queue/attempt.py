"""The Job of one attempt: its files, its lean child, its checkpoints, its publication."""

from __future__ import annotations

import hmac
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from billing import ledger
from celery_queue.dataset_state import DatasetState, state_of
from celery_queue.lease import Lease
from celery_queue.slot import Children, Event
from db import tasks
from db.database import reading, transaction
from db.models import TaskStep
from db.tasks import Claim
from errors import Cancelled, InputGone, InsufficientCredits, LeaseLost, NotFound, StorageUnavailable
from settings import Settings
from storage import Storage, keys
from transformers.manifest import describe_file
from transformers.specification import FILENAME, InputSpec, Specification
from transformers.tools import ToolSpec

log = structlog.get_logger(__name__)

OnProgress = Callable[[int, dict[str, Any]], None]

_PROGRESS_SECONDS = 0.5


class Attempt:
    """The Job of one attempt: what the transformer asks of the world, done for this claim and under its lease."""

    def __init__(
        self,
        claim: Claim,
        lease: Lease,
        settings: Settings,
        storage: Storage,
        children: Children,
        actor: str,
        on_progress: OnProgress,
    ) -> None:
        self._claim = claim
        self._lease = lease
        self._settings = settings
        self._storage = storage
        self._children = children
        self._actor = actor
        self._on_progress = on_progress
        self._folder = settings.data_dir / "work" / f"{claim.task_id}-{claim.fence}"
        self._checkpoints: list[str] = []
        self._dataset: DatasetState | None = None
        # The claim has shown the beginning already.
        self._shown: tuple[float, str | None] = (time.monotonic(), None)

    def fetch_inputs(self) -> None:
        """Bring the files, and the checkpoints of earlier attempts of this run, into the attempt's folder."""
        for role, each in self._claim.inputs.items():
            path = self._input_path(role, each["filename"])
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lease.check()
            try:
                self._storage.lend(each["key"], path)
            except NotFound as error:
                raise InputGone(f"the file {each['filename']} is not there any more", role=role) from error
        if self._claim.attempt > 1:
            self._fetch_checkpoints()
        self._dataset = state_of(self._claim)
        if self._dataset is not None:
            self._dataset.fetch(self._folder, self._storage, self._lease.check)
        log.info("inputs_fetched", roles=list(self._claim.inputs))

    def _input_path(self, role: str, filename: str) -> Path:
        return self._folder / "inputs" / role / keys.safe_filename(filename)

    def _fetch_checkpoints(self) -> None:
        with reading() as session:
            steps = tasks.steps(session, self._claim.task_id, self._claim.run_no)
        self._checkpoints = [step.checkpoint for step in steps]
        for step in steps:
            place = self._folder / "checkpoints" / step.checkpoint.rsplit("/", 1)[-1]
            place.mkdir(parents=True, exist_ok=True)
            for file in self._storage.list(step.checkpoint):
                self._lease.check()
                self._storage.get(file.key, place / file.key.rsplit("/", 1)[-1])

    def check_credits(self) -> None:
        """Confirm that this run's hold covers the price that was quoted."""
        with reading() as session:
            held = ledger.held_amount(session, self._claim.task_id, self._claim.run_no)
        if held is None or held < self._claim.credits_quoted:
            quoted = self._claim.credits_quoted
            raise InsufficientCredits(
                f"this run costs {quoted} credits and holds {held or 0}", required=quoted, available=held or 0
            )

    def run_agents(self, tool: ToolSpec) -> Mapping[str, Any]:
        """Run the pipeline in a lean child, keeping each finished agent."""
        specification = self._specification(tool)
        (self._folder / FILENAME).write_text(specification.model_dump_json(), encoding="utf-8")
        with self._children.borrow() as child:
            manifest = child.run(self._folder, self._on_event, self._lease.check)
        log.info("report_written", files=len(manifest["files"]))
        return manifest

    def _specification(self, tool: ToolSpec) -> Specification:
        claim, settings = self._claim, self._settings
        return Specification(
            task_id=claim.task_id,
            tool_id=tool.id,
            agents=claim.agents,
            parameters=claim.parameters,
            prices=claim.prices,
            inputs=tuple(
                InputSpec(
                    role=role,
                    filename=each["filename"],
                    path=self._input_path(role, each["filename"]).relative_to(self._folder).as_posix(),
                )
                for role, each in sorted(claim.inputs.items())
            ),
            created_at=claim.created_at,
            salt=hmac.digest(settings.secret.encode(), claim.task_id.encode(), "sha256").hex(),
            dataset=self._dataset.fingerprint if self._dataset else None,
            duckdb_memory=settings.duckdb_memory,
            duckdb_threads=settings.duckdb_threads,
            max_input_mb=settings.max_input_mb,
            max_columns=settings.max_columns,
            max_field_mb=settings.max_field_mb,
            max_xlsx_cells=settings.max_xlsx_cells,
            log_context=structlog.contextvars.get_contextvars(),
        )

    def _on_event(self, event: Event) -> None:
        if event["event"] == "progress":
            self._show(event["progress"], event["detail"])
        elif event["event"] == "agent":
            log.info("agent_started", agent=event["agent_id"])
        elif event["event"] == "step":
            self.checkpoint(event)

    def checkpoint(self, step: Event) -> None:
        """Upload what a finished agent left, then remember the step while the fence holds."""
        claim = self._claim
        place = self._folder / "checkpoints" / step["folder"]
        prefix = keys.checkpoint_prefix(
            claim.user_id, claim.task_id, claim.fence, step["position"] + 1, step["agent_id"]
        )
        for path in sorted(place.iterdir()):
            self._lease.check()
            self._storage.put(path, f"{prefix}/{path.name}")
        with transaction() as session:
            kept = tasks.keep_step(
                session,
                claim,
                TaskStep(
                    task_id=claim.task_id,
                    run_no=claim.run_no,
                    position=step["position"],
                    agent_id=step["agent_id"],
                    attempt=claim.attempt,
                    fence=claim.fence,
                    status=step["status"],
                    seconds=step["seconds"],
                    fingerprint=step["fingerprint"],
                    checkpoint=prefix,
                ),
            )
            if not kept:
                raise LeaseLost
            self._checkpoints.append(prefix)
            detail = {"agent": step["agent_id"], "status": step["status"], "seconds": step["seconds"]}
            tasks.record(session, claim, "agent_finished", self._actor, **detail)
        log.info("agent_finished", **detail)

    def publish(self, manifest: Mapping[str, Any]) -> None:
        """Upload every output; then, in one transaction, make them the task's and charge what was not skipped."""
        claim = self._claim
        prefix = keys.outputs_prefix(claim.user_id, claim.task_id, claim.fence)
        digests = {each["filename"]: each["sha256"] for each in manifest["files"]}
        files = []
        for path in sorted((self._folder / "outputs").iterdir()):
            self._lease.check()
            stored = self._storage.put(path, f"{prefix}/{path.name}")
            # The manifest can't hold its own digest.
            sha256 = digests.get(path.name) or describe_file(path).sha256
            files.append({"filename": path.name, "size_bytes": stored.size_bytes, "sha256": sha256})
        outputs = {"prefix": prefix, "files": files}
        kept = self._dataset.upload(self._folder, claim, self._storage, self._lease.check) if self._dataset else None
        charge = min(int(manifest["credits"]), claim.credits_quoted)
        with transaction() as session:
            if not tasks.complete(session, claim, outputs):
                raise Cancelled if tasks.pulse(session, claim).cancel_requested else LeaseLost
            if self._dataset and kept:
                self._dataset.advance(session, self._folder, claim, kept)
            ledger.settle(session, claim.user_id, claim.task_id, claim.run_no, charge)
            tasks.record(session, claim, "task_completed", self._actor, charged=charge, held=claim.credits_quoted)
        self._drop_checkpoints()

    def _drop_checkpoints(self) -> None:
        """The task is done whether or not this works; what stays behind goes with the task's files."""
        try:
            for prefix in self._checkpoints:
                self._storage.delete(prefix)
        except StorageUnavailable:
            log.warning("checkpoints_left")

    def report_progress(self, progress: int, stage: str) -> None:
        """Show how far the task is."""
        self._show(progress, {"stage": stage})

    def _show(self, progress: int, detail: dict[str, Any]) -> None:
        """Write the progress, at most twice a second while the agent is the same."""
        at, agent = time.monotonic(), detail.get("current_agent")
        if agent == self._shown[1] and at < self._shown[0] + _PROGRESS_SECONDS:
            return
        self._shown = (at, agent)
        with transaction() as session:
            tasks.report_progress(session, self._claim, progress, detail)
        self._on_progress(progress, detail)

    def clean_up(self) -> None:
        """Remove the attempt's folder."""
        shutil.rmtree(self._folder, ignore_errors=True)
