"""What a dataset keeps, brought to a run and taken back from it.

    store/                     what the run may read: the state as the newest run left it, the profile as the baseline
                               run left it, and runs.json, the figures of all runs
    outputs' neighbour `kept/` what the run leaves: files of the next state; run.json among them is its own figures

Every state is a folder of its own and is never changed; files that a run didn't write again are copied into the next.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from db import datasets
from db.database import reading
from db.models import DatasetRun
from db.tasks import Claim
from errors import DatasetMoved
from storage import Storage, keys
from transformers.specification import KEPT, STORE

FIGURES = "run.json"
RUNS = "runs.json"
PROFILE = "profile"
"""Files of this name are read as the baseline run left them, all others as the newest did."""


@dataclass(frozen=True)
class DatasetState:
    """The state of a dataset as one attempt found it."""

    name: str
    version: int
    newest: DatasetRun | None
    baseline: DatasetRun | None
    runs: tuple[DatasetRun, ...]

    @property
    def fingerprint(self) -> str:
        """Changes whenever the run would read something else."""
        return f"{self.name} {self.version} {self.baseline.version if self.baseline else 0}"

    def fetch(self, folder: Path, storage: Storage, check: Callable[[], None]) -> None:
        """Bring the state into a folder."""
        store = folder / STORE
        store.mkdir(parents=True, exist_ok=True)
        for run, of_profile in ((self.newest, False), (self.baseline, True)):
            for file in storage.list(run.prefix) if run else ():
                name = file.key.rsplit("/", 1)[-1]
                if name.startswith(PROFILE) == of_profile and name != FIGURES:
                    check()
                    storage.get(file.key, store / name)
        told = [
            {"run": run.version, "task_id": run.task_id, "at": run.created_at.isoformat(), **run.figures}
            for run in self.runs
        ]
        (store / RUNS).write_text(json.dumps(told), encoding="utf-8")

    def upload(self, folder: Path, claim: Claim, storage: Storage, check: Callable[[], None]) -> str | None:
        """Store the state that follows; its folder, or None where the run leaves nothing."""
        kept = sorted((folder / KEPT).glob("*")) if (folder / KEPT).is_dir() else []
        if not kept:
            return None
        prefix = keys.dataset_version_prefix(claim.user_id, self.name, self.version + 1, claim.task_id, claim.fence)
        for path in kept:
            check()
            storage.put(path, f"{prefix}/{path.name}")
        written = {path.name for path in kept}
        for file in storage.list(self.newest.prefix) if self.newest else ():
            name = file.key.rsplit("/", 1)[-1]
            if name not in written:
                check()
                storage.copy(file.key, f"{prefix}/{name}")
        return prefix

    def advance(self, session: Session, folder: Path, claim: Claim, prefix: str) -> None:
        """Make the uploaded state the dataset's; DatasetMoved where another run was quicker."""
        figures: dict[str, Any] = {}
        if (folder / KEPT / FIGURES).exists():
            figures = json.loads((folder / KEPT / FIGURES).read_text(encoding="utf-8"))
        if not datasets.advance(
            session, claim.user_id, self.name, self.version, task_id=claim.task_id, prefix=prefix, figures=figures
        ):
            raise DatasetMoved


def state_of(claim: Claim) -> DatasetState | None:
    """The state of the task's dataset now; None where it has none, or none any more."""
    if claim.dataset is None:
        return None
    with reading() as session:
        dataset = datasets.find(session, claim.user_id, claim.dataset)
        if dataset is None:
            return None
        runs = tuple(datasets.runs(session, claim.user_id, claim.dataset))
    newest = next((run for run in runs if run.version == dataset.version), None)
    return DatasetState(dataset.name, dataset.version, newest, datasets.baseline(dataset, runs), runs)
