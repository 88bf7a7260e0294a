"""What becomes of a task whose attempt ended in an error: one table."""

from enum import Enum

from errors import (
    Cancelled,
    ChildDied,
    DatabaseUnavailable,
    LeaseLost,
    ServiceError,
    ShuttingDown,
)


class Consequence(Enum):
    """What the runner does with the row."""

    CANCEL = "the user wanted it: CANCELLED"
    DISCARD = "another attempt owns it: nothing"
    HAND_BACK = "not the task's fault: QUEUED again, not counted"
    LOST = "no verdict: QUEUED again, counted, POISON_TASK after the last attempt"
    RETRY = "a transient fault: QUEUED again after a delay, TRANSIENT_ERROR after the last retry"
    FAIL = "a verdict: FAILED with the error's code"


_TABLE: tuple[tuple[type[ServiceError], Consequence], ...] = (
    (Cancelled, Consequence.CANCEL),
    (LeaseLost, Consequence.DISCARD),
    # The row can't be written now; its lease runs out and the reconciler takes over.
    (DatabaseUnavailable, Consequence.DISCARD),
    (ShuttingDown, Consequence.HAND_BACK),
    (ChildDied, Consequence.LOST),
)


def consequence(error: ServiceError) -> Consequence:
    """What follows from an error that ended an attempt."""
    for kind, follows in _TABLE:
        if isinstance(error, kind):
            return follows
    return Consequence.RETRY if error.retryable else Consequence.FAIL
