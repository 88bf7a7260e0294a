"""The one analysis task.

An API writes a row and queues its ids; `process_analysis(task_id, user_id)` loads the Task row and dispatches on
`tool_id` to the profile, clean or master transformer, which reads its input from S3 (or the local folder), checks
billing (credits), runs the tool's agents in sequence, reports progress and uploads the outputs.
"""

from typing import Any

from celery import Task as CeleryTask
from celery.exceptions import Ignore

from celery_queue.celery_app import app
from celery_queue.celery_config import ANALYSIS_TASK, HEALTH_TASK
from celery_queue.progress import report_to_celery, tell_celery
from celery_queue.runner import Outcome, Transformer
from celery_queue.world import runner
from errors import DatabaseUnavailable, ServiceError, TaskNotFound, UnknownTool, UserNotFound
from transformers import clean_my_data_transformer, master_my_data_transformer, profile_my_data_transformer

Result = dict[str, Any]
AnyTask = CeleryTask[Any, Any]

TRANSFORMERS: dict[str, Transformer] = {
    "profile-my-data": profile_my_data_transformer.run,
    "clean-my-data": clean_my_data_transformer.run,
    "master-my-data": master_my_data_transformer.run,
}


@app.task(
    bind=True,
    name=ANALYSIS_TASK,
    max_retries=None,
    # Only for what fails before the claim; afterwards the row decides.
    autoretry_for=(DatabaseUnavailable,),
    retry_backoff=5,
    retry_backoff_max=60,
)
def process_analysis(self: AnyTask, task_id: str, user_id: str) -> Result:
    """Load the Task row and dispatch on its tool_id to the profile, clean or master transformer."""
    try:
        transformer = transformer_of(task_id, user_id)
    except (TaskNotFound, UserNotFound, UnknownTool) as error:
        return _refused(task_id, user_id, error)

    def on_progress(progress: int, detail: dict[str, Any]) -> None:
        report_to_celery(progress, detail.get("current_agent"), str(self.request.id))

    outcome = runner().run_attempt(task_id, user_id, transformer, on_progress)
    return _answer(self, task_id, outcome)


def transformer_of(task_id: str, user_id: str) -> Transformer:
    """The transformer of the tool that the Task row orders; raises TaskNotFound, UserNotFound or UnknownTool."""
    transformer = TRANSFORMERS.get(runner().tool_of(task_id, user_id))
    if transformer is None:
        raise UnknownTool
    return transformer


def _refused(task_id: str, user_id: str, error: ServiceError) -> Result:
    runner().refuse(task_id, user_id, error)
    return {"task_id": task_id, "status": "FAILED", "error": error.code}


def _answer(task: AnyTask, task_id: str, outcome: Outcome) -> Result:
    """Tell Celery how the attempt ended: ids and codes, nothing else."""
    if outcome.status == "FAILED":
        _end_as_failure(task, task_id, str(outcome.code))
    if outcome.status == "RETRY":
        raise task.retry(countdown=outcome.delay)
    return {"task_id": task_id, "status": outcome.status, "error": outcome.code}


def _end_as_failure(task: AnyTask, task_id: str, code: str) -> None:
    """FAILURE with the code; raising an error instead would put a traceback of ours into the result and into Flower."""
    meta = {"exc_type": "AnalysisFailed", "exc_message": [code, task_id], "exc_module": "celery_queue.tasks"}
    shown = f"AnalysisFailed({code!r})"
    tell_celery("FAILURE", meta, str(task.request.id), "task-failed", exception=shown, traceback="")
    raise Ignore


class AnalysisFailed(Exception):
    """How a failed analysis looks to a reader of Celery's results: its code and its task's id."""


@app.task(name=HEALTH_TASK)
def health_check() -> Result:
    """Whether a worker takes messages."""
    return {"status": "healthy", "worker": "ok"}
