"""Every query on Dataset and its runs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.models import Dataset, DatasetRun
from errors import Conflict, NotFound


def find(session: Session, user_id: str, name: str) -> Dataset | None:
    """The user's dataset of that name, if there is one."""
    return session.get(Dataset, (user_id, name))


def get(session: Session, user_id: str, name: str) -> Dataset:
    """The user's dataset of that name; NotFound."""
    found = find(session, user_id, name)
    if found is None:
        raise NotFound(f"You have no dataset called {name!r}.")
    return found


def page(session: Session, user_id: str) -> Sequence[Dataset]:
    """All datasets of a user, by name."""
    return session.scalars(select(Dataset).where(Dataset.user_id == user_id).order_by(Dataset.name)).all()


def add(session: Session, user_id: str, name: str) -> Dataset:
    """A new dataset; Conflict where there is one of that name."""
    dataset = Dataset(user_id=user_id, name=name)
    try:
        with session.begin_nested():
            session.add(dataset)
    except IntegrityError as error:
        raise Conflict(f"There is a dataset called {name!r} already.", name=name) from error
    session.refresh(dataset)
    return dataset


def ensure(session: Session, user_id: str, name: str) -> None:
    """That there is a dataset of that name, whoever made it."""
    if find(session, user_id, name) is None:
        try:
            add(session, user_id, name)
        except Conflict:
            return


def runs(session: Session, user_id: str, name: str) -> Sequence[DatasetRun]:
    """The runs of a dataset, oldest first."""
    chosen = select(DatasetRun).where(DatasetRun.user_id == user_id, DatasetRun.name == name)
    return session.scalars(chosen.order_by(DatasetRun.version)).all()


def baseline(dataset: Dataset, found: Sequence[DatasetRun]) -> DatasetRun | None:
    """The run to compare with: the one that was chosen, else the newest."""
    wanted = dataset.baseline_version or dataset.version
    return next((run for run in found if run.version == wanted), None)


def choose_baseline(session: Session, dataset: Dataset, task_id: str | None) -> None:
    """Compare with the run of a task from now on, or with the newest again; NotFound where the task is no run."""
    if task_id is None:
        dataset.baseline_version = None
        return
    chosen = [run for run in runs(session, dataset.user_id, dataset.name) if run.task_id == task_id]
    if not chosen:
        raise NotFound(f"No run of {dataset.name!r} is of that task.", task_id=task_id)
    dataset.baseline_version = chosen[-1].version


def advance(
    session: Session, user_id: str, name: str, version: int, *, task_id: str, prefix: str, figures: dict[str, Any]
) -> bool:
    """Make a run the newest of a dataset that still is at `version`; False where another run was quicker."""
    moved = session.execute(
        update(Dataset)
        .where(Dataset.user_id == user_id, Dataset.name == name, Dataset.version == version)
        .values(version=version + 1)
        .returning(Dataset.version)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if moved is None:
        return False
    session.add(
        DatasetRun(user_id=user_id, name=name, version=version + 1, task_id=task_id, prefix=prefix, figures=figures)
    )
    return True


def remove(session: Session, user_id: str, name: str) -> None:
    """Forget a dataset and its runs; NotFound."""
    get(session, user_id, name)
    session.execute(delete(DatasetRun).where(DatasetRun.user_id == user_id, DatasetRun.name == name))
    session.execute(delete(Dataset).where(Dataset.user_id == user_id, Dataset.name == name))
