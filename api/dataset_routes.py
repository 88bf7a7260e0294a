"""Datasets: what lives longer than one run. A task names the one that it belongs to."""

from typing import Annotated

from fastapi import APIRouter, Path
from sqlalchemy.orm import Session

from api.dataset_schemas import DATASET_NAME, DatasetAnswer, DatasetChange, DatasetDetail, DatasetOrder
from api.dependencies import CurrentUser, Database, StorageNow
from api.refusals import refuses
from db import datasets
from db.database import reading, transaction
from db.models import Dataset
from errors import Conflict, InvalidParameters, NotFound
from storage import keys

router = APIRouter(prefix="/datasets", tags=["datasets"])

Name = Annotated[str, Path(pattern=DATASET_NAME)]
_BY_NAME = refuses(NotFound, InvalidParameters)


@router.get("")
def list_datasets(user: CurrentUser, session: Database) -> list[DatasetAnswer]:
    """One's own datasets, by name."""
    return [_answer(session, each) for each in datasets.page(session, user.id)]


@router.post("", status_code=201, responses=refuses(Conflict))
def create_dataset(body: DatasetOrder, user: CurrentUser) -> DatasetAnswer:
    """A new dataset. A task may also name one that isn't there yet, which makes it."""
    with transaction() as session:
        return _answer(session, datasets.add(session, user.id, body.name))


@router.get("/{name}", responses=_BY_NAME)
def show_dataset(name: Name, user: CurrentUser, session: Database) -> DatasetDetail:
    """The dataset with its runs and the one that later runs are compared with."""
    return _detail(session, datasets.get(session, user.id, name))


@router.patch("/{name}", responses=_BY_NAME)
def change_dataset(name: Name, body: DatasetChange, user: CurrentUser) -> DatasetDetail:
    """Choose the run that later runs are compared with, or let it be the newest again."""
    with transaction() as session:
        datasets.choose_baseline(session, datasets.get(session, user.id, name), body.baseline_task_id)
    with reading() as session:
        return _detail(session, datasets.get(session, user.id, name))


@router.delete("/{name}", status_code=204, responses=_BY_NAME)
def delete_dataset(name: Name, user: CurrentUser, storage: StorageNow) -> None:
    """Forget the dataset and all that it keeps; its tasks stay."""
    with transaction() as session:
        datasets.remove(session, user.id, name)
    storage.delete(keys.dataset_prefix(user.id, name))


def _answer(session: Session, dataset: Dataset) -> DatasetAnswer:
    return DatasetAnswer.of(dataset, datasets.baseline(dataset, datasets.runs(session, dataset.user_id, dataset.name)))


def _detail(session: Session, dataset: Dataset) -> DatasetDetail:
    runs = datasets.runs(session, dataset.user_id, dataset.name)
    return DatasetDetail.with_runs(dataset, runs, datasets.baseline(dataset, runs))
