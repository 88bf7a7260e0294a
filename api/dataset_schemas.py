"""Bodies of the dataset routes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from api.body import Body, example
from db.models import Dataset, DatasetRun

DATASET_NAME = r"^[a-z0-9-]{1,64}$"


class DatasetOrder(Body):
    """A new dataset."""

    model_config = example({"name": "monthly-orders"})

    name: str = Field(pattern=DATASET_NAME, description="Small letters, digits and hyphens, at most 64.")


class DatasetChange(Body):
    """Which run later runs are compared with."""

    model_config = example({"baseline_task_id": "6f1c2a5e-3b7d-4c8e-9a10-2d4e6f8a0b1c"})

    baseline_task_id: str | None = Field(description="The task of a run of this dataset; null = always the newest run.")


class DatasetRunAnswer(BaseModel):
    """One run: the figures that its drift-detector gave, and whether later runs are compared with it."""

    run: int
    task_id: str
    created_at: datetime
    is_baseline: bool
    figures: dict[str, Any]


class DatasetAnswer(BaseModel):
    """A dataset. `baseline_task_id`: the run that later ones are compared with; `baseline_chosen`: that somebody chose
    it, so that it stays when newer runs come."""

    name: str
    created_at: datetime
    updated_at: datetime
    version: int
    baseline_task_id: str | None
    baseline_chosen: bool

    @classmethod
    def of(cls, dataset: Dataset, baseline: DatasetRun | None) -> DatasetAnswer:
        """The dataset, and the run that stands for it."""
        return cls(
            name=dataset.name,
            created_at=dataset.created_at,
            updated_at=dataset.updated_at,
            version=dataset.version,
            baseline_task_id=baseline.task_id if baseline else None,
            baseline_chosen=dataset.baseline_version is not None,
        )


class DatasetDetail(DatasetAnswer):
    """A dataset with its runs, oldest first."""

    runs: list[DatasetRunAnswer]

    @classmethod
    def with_runs(cls, dataset: Dataset, runs: Sequence[DatasetRun], baseline: DatasetRun | None) -> DatasetDetail:
        """The dataset and all that ran in it."""
        return cls(
            **DatasetAnswer.of(dataset, baseline).model_dump(),
            runs=[
                DatasetRunAnswer(
                    run=each.version,
                    task_id=each.task_id,
                    created_at=each.created_at,
                    is_baseline=each is baseline,
                    figures=each.figures,
                )
                for each in runs
            ],
        )
