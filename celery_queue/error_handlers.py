"""What an error means for a task: its code, whether trying again helps, and what becomes of the row. One table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from kombu.exceptions import KombuError
from kombu.exceptions import OperationalError as KombuUnavailable

import errors
from celery_queue.broker import redis_errors, unavailable
from db.database import UNAVAILABLE as DATABASE_UNAVAILABLE
from errors import ServiceError, of_disk


class Recovery(Enum):
    """Whether trying again helps."""

    AUTOMATIC = "retried automatically"
    BY_USER = "recoverable by the user's retry"
    FINAL = "final"


class Consequence(Enum):
    """What the runner does with the row."""

    CANCEL = "the user wanted it: CANCELLED"
    DISCARD = "another attempt owns it: nothing"
    HAND_BACK = "not the task's fault: QUEUED again, not counted"
    LOST = "no verdict: QUEUED again, counted, POISON_TASK after the last attempt"
    RETRY = "a transient fault: QUEUED again after a delay, TRANSIENT_ERROR after the last retry"
    FAIL = "a verdict: FAILED with the error's code"


@dataclass(frozen=True)
class Verdict:
    """What an error means. `error`: the same in our words, with a message that the task's owner may read."""

    error: ServiceError
    recovery: Recovery
    consequence: Consequence

    @property
    def code(self) -> str:
        """The code that the row and the caller get."""
        return self.error.code


_TABLE: tuple[tuple[type[ServiceError], Recovery, Consequence], ...] = (
    (errors.Cancelled, Recovery.FINAL, Consequence.CANCEL),
    (errors.LeaseLost, Recovery.AUTOMATIC, Consequence.DISCARD),
    (errors.ShuttingDown, Recovery.AUTOMATIC, Consequence.HAND_BACK),
    (errors.DatasetMoved, Recovery.AUTOMATIC, Consequence.HAND_BACK),
    # The row can't be written now; its lease runs out and the reconciler takes over.
    (errors.DatabaseUnavailable, Recovery.AUTOMATIC, Consequence.DISCARD),
    (errors.StorageRefused, Recovery.BY_USER, Consequence.FAIL),
    (errors.Unavailable, Recovery.AUTOMATIC, Consequence.RETRY),
    (errors.ChildDied, Recovery.AUTOMATIC, Consequence.LOST),
    # With more memory or time, with credits, once the fault is mended: the same order may go well.
    (errors.OutOfMemory, Recovery.BY_USER, Consequence.FAIL),
    (errors.OutOfTime, Recovery.BY_USER, Consequence.FAIL),
    (errors.InsufficientCredits, Recovery.BY_USER, Consequence.FAIL),
    (errors.AgentFailed, Recovery.BY_USER, Consequence.FAIL),
    (errors.VerificationFailed, Recovery.BY_USER, Consequence.FAIL),
    # What was ordered or sent can't be done, however often it is tried.
    (errors.InvalidInput, Recovery.FINAL, Consequence.FAIL),
    (errors.NotFound, Recovery.FINAL, Consequence.FAIL),
    (errors.Gone, Recovery.FINAL, Consequence.FAIL),
    # INTERNAL_ERROR: none of the above.
    (ServiceError, Recovery.BY_USER, Consequence.FAIL),
)

ENDINGS = {"TRANSIENT_ERROR": Recovery.BY_USER, "POISON_TASK": Recovery.BY_USER, "HARD_TIMEOUT": Recovery.BY_USER}
"""Codes of tasks that ended without an error of their own: retries or attempts used up, a slot that was killed."""


def classify_error(error: BaseException) -> Verdict:
    """What an error means that ended an attempt, ours or a library's."""
    ours = _in_our_words(error)
    return next(Verdict(ours, recovery, then) for kind, recovery, then in _TABLE if isinstance(ours, kind))


def _in_our_words(error: BaseException) -> ServiceError:
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, MemoryError):
        return errors.OutOfMemory()
    if isinstance(error, OSError):
        return of_disk(error)
    if isinstance(error, DATABASE_UNAVAILABLE):
        return errors.DatabaseUnavailable(context=type(error).__name__)
    if isinstance(error, (KombuError, KombuUnavailable, *redis_errors())):
        return unavailable("The message broker", error)
    if type(error).__module__.partition(".")[0] in {"botocore", "boto3"}:
        from storage.s3 import in_our_words  # whoever got such an error has loaded boto3

        assert isinstance(error, Exception)
        return in_our_words(error)
    return ServiceError(reason=type(error).__name__)
