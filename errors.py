"""Every error that this service raises on purpose.

    ServiceError                      code, message, context, retryable
    ├── InvalidInput                  the user can fix it
    │   ├── BadRequest
    │   ├── UnreadableFile            UNREADABLE_FILE
    │   ├── InvalidParameters         INVALID_PARAMETERS (context["faults"]: every fault at once, with its path)
    │   ├── UnknownTool               UNKNOWN_TOOL
    │   ├── UnknownAgent              UNKNOWN_AGENT
    │   ├── ColumnNotFound            COLUMN_NOT_FOUND
    │   ├── MissingInput              FILES_NOT_FOUND
    │   ├── TooLarge                  TOO_LARGE
    │   ├── UnsupportedMediaType      UNSUPPORTED_MEDIA_TYPE
    │   └── ContractViolated          CONTRACT_VIOLATED
    ├── NotApplicable                 an agent's polite refusal; never leaves the pipeline
    ├── NotFound                      NOT_FOUND
    │   ├── TaskNotFound              TASK_NOT_FOUND
    │   └── UserNotFound              USER_NOT_FOUND
    ├── NotAuthenticated              NOT_AUTHENTICATED
    ├── NotPermitted                  NOT_PERMITTED
    ├── RateLimited                   RATE_LIMITED
    ├── Conflict                      CONFLICT
    │   ├── TaskAlreadyProcessing     TASK_ALREADY_PROCESSING
    │   ├── IdempotencyConflict       IDEMPOTENCY_CONFLICT
    │   ├── TaskNotCancellable        TASK_NOT_CANCELLABLE
    │   ├── TaskNotRetryable          TASK_NOT_RETRYABLE
    │   ├── NotCompleted              NOT_COMPLETED
    │   └── WrongState                WRONG_STATE
    ├── Gone
    │   ├── InputGone                 INPUT_GONE
    │   └── OutputGone                OUTPUT_GONE
    ├── InsufficientCredits           INSUFFICIENT_CREDITS (context: required, available)
    ├── Stopped                       the run was told to end before its end
    │   ├── Cancelled                 CANCELLED
    │   ├── OutOfTime                 TIMEOUT
    │   ├── LeaseLost                 LEASE_LOST: another attempt owns the task now
    │   ├── DatasetMoved              DATASET_MOVED: another run changed the dataset meanwhile; not an attempt
    │   └── ShuttingDown              SHUTTING_DOWN: the worker is stopping; not an attempt
    ├── Unavailable                   retryable: adapters translate foreign exceptions at their edge
    │   ├── StorageUnavailable        STORAGE_UNAVAILABLE
    │   │   └── StorageRefused        the same code, not retryable: its keys or rights need an operator
    │   ├── DatabaseUnavailable       DATABASE_UNAVAILABLE
    │   └── BrokerUnavailable         BROKER_UNAVAILABLE
    ├── OutOfMemory                   OUT_OF_MEMORY
    ├── Unforeseen                    INTERNAL_ERROR: an exception outside of the agents that nobody foresaw
    ├── ChildDied                     CHILD_DIED: the lean child ended without a verdict; an attempt
    ├── VerificationFailed            VERIFICATION_FAILED: a writeback agent found the result wrong
    └── AgentFailed                   AGENT_ERROR: an unexpected exception inside an agent

Builtin ConnectionError and TimeoutError catch no error of redis, botocore or SQLAlchemy, so none of these derives
from them.
"""

import errno
import os
from typing import Any, ClassVar

_NO_RIGHTS = {errno.EACCES, errno.EPERM, errno.EROFS}
DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EIO} | _NO_RIGHTS
"""What makes an OSError one of a disk, whatever was read or written."""


class ServiceError(Exception):
    """Something went wrong that this service has a name for."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None, **context: Any) -> None:
        self.message = message or (type(self).__doc__ or type(self).code).strip()
        self.context = context
        super().__init__(self.message)


class InvalidInput(ServiceError):
    """The request or the file can't be used as it is."""

    code = "INVALID_INPUT"


class BadRequest(InvalidInput):
    """The request is not of the form that this address takes."""

    code = "BAD_REQUEST"


class UnreadableFile(InvalidInput):
    """The file can't be read as a table."""

    code = "UNREADABLE_FILE"


class InvalidParameters(InvalidInput):
    """A parameter is unknown, of the wrong type, or out of its range."""

    code = "INVALID_PARAMETERS"

    def __init__(self, faults: list[dict[str, str]], message: str | None = None) -> None:
        text = message or "; ".join(": ".join(filter(None, (fault["path"], fault["message"]))) for fault in faults)
        super().__init__(text, faults=faults)


class UnknownTool(InvalidInput):
    """There is no tool of that name."""

    code = "UNKNOWN_TOOL"


class UnknownAgent(InvalidInput):
    """The tool has no agent of that name."""

    code = "UNKNOWN_AGENT"


class ColumnNotFound(InvalidInput):
    """A parameter names a column that the table doesn't have."""

    code = "COLUMN_NOT_FOUND"


class MissingInput(InvalidInput):
    """A file that this tool needs is not there."""

    code = "FILES_NOT_FOUND"


class TooLarge(InvalidInput):
    """The input is over a limit of this service."""

    code = "TOO_LARGE"


class UnsupportedMediaType(InvalidInput):
    """This kind of file is not read here."""

    code = "UNSUPPORTED_MEDIA_TYPE"


class ContractViolated(InvalidInput):
    """The table breaks its data contract."""

    code = "CONTRACT_VIOLATED"


class NotApplicable(ServiceError):
    """There is nothing for this agent to do here."""

    code = "NOT_APPLICABLE"


class NotFound(ServiceError):
    """There is no such thing here."""

    code = "NOT_FOUND"


class TaskNotFound(NotFound):
    """There is no such task."""

    code = "TASK_NOT_FOUND"


class UserNotFound(NotFound):
    """There is no such user."""

    code = "USER_NOT_FOUND"


class NotAuthenticated(ServiceError):
    """Sign in first: the request carries no valid token."""

    code = "NOT_AUTHENTICATED"


class NotPermitted(ServiceError):
    """This is not allowed for you."""

    code = "NOT_PERMITTED"


class RateLimited(ServiceError):
    """Too many tries; wait a little."""

    code = "RATE_LIMITED"


class Conflict(ServiceError):
    """The thing is not in a state that allows this."""

    code = "CONFLICT"


class TaskAlreadyProcessing(Conflict):
    """The task was submitted already."""

    code = "TASK_ALREADY_PROCESSING"


class TaskNotCancellable(Conflict):
    """The task has ended already."""

    code = "TASK_NOT_CANCELLABLE"


class TaskNotRetryable(Conflict):
    """Only a task that failed can be run again."""

    code = "TASK_NOT_RETRYABLE"


class IdempotencyConflict(Conflict):
    """This Idempotency-Key was used for another request."""

    code = "IDEMPOTENCY_CONFLICT"


class NotCompleted(Conflict):
    """The task has no result yet."""

    code = "NOT_COMPLETED"


class WrongState(Conflict):
    """The task takes no files any more."""

    code = "WRONG_STATE"


class Gone(ServiceError):
    """The file was removed."""

    code = "GONE"


class InputGone(Gone):
    """The task's input was removed."""

    code = "INPUT_GONE"


class OutputGone(Gone):
    """The task's output was removed."""

    code = "OUTPUT_GONE"


class InsufficientCredits(ServiceError):
    """There are not enough credits for this run."""

    code = "INSUFFICIENT_CREDITS"


class Stopped(ServiceError):
    """The run was told to end."""

    code = "STOPPED"


class Cancelled(Stopped):
    """The task was cancelled."""

    code = "CANCELLED"


class OutOfTime(Stopped):
    """The task ran longer than its time limit."""

    code = "TIMEOUT"


class LeaseLost(Stopped):
    """Another attempt owns this task now."""

    code = "LEASE_LOST"


class DatasetMoved(Stopped):
    """Another run has changed the dataset since this one read it."""

    code = "DATASET_MOVED"


class ShuttingDown(Stopped):
    """The worker is stopping; the task goes back to the queue."""

    code = "SHUTTING_DOWN"


class Unavailable(ServiceError):
    """A service that this one needs doesn't answer."""

    retryable = True


class StorageUnavailable(Unavailable):
    """The file storage doesn't answer."""

    code = "STORAGE_UNAVAILABLE"


class StorageRefused(StorageUnavailable):
    """The file storage doesn't let this service in."""

    retryable = False


class DatabaseUnavailable(Unavailable):
    """The database doesn't answer."""

    code = "DATABASE_UNAVAILABLE"


class BrokerUnavailable(Unavailable):
    """The message broker doesn't answer."""

    code = "BROKER_UNAVAILABLE"


class OutOfMemory(ServiceError):
    """This run needs more memory than a worker has. Send fewer columns, or fewer rows at a time."""

    code = "OUT_OF_MEMORY"


class Unforeseen(ServiceError):
    """Something went wrong in this service that it wasn't made for. The run was not charged."""

    code = "INTERNAL_ERROR"


class ChildDied(ServiceError):
    """The process that ran the agents ended without a verdict."""

    code = "CHILD_DIED"


class VerificationFailed(ServiceError):
    """The result doesn't agree with the record of what was done to it."""

    code = "VERIFICATION_FAILED"


class AgentFailed(ServiceError):
    """An agent met something that it wasn't made for."""

    code = "AGENT_ERROR"


def named(kind: str, message: str, context: dict[str, Any]) -> ServiceError:
    """The error of that class, made again on this side of a process boundary."""
    found = next((each for each in _descendants(ServiceError) if each.__name__ == kind), ServiceError)
    error = found.__new__(found)
    ServiceError.__init__(error, message, **context)
    return error


def _descendants(kind: type[ServiceError]) -> list[type[ServiceError]]:
    children = kind.__subclasses__()
    return children + [each for child in children for each in _descendants(child)]


def of_disk(error: OSError, **context: Any) -> StorageUnavailable:
    """What a disk's error means: one that lacks rights stays so until somebody changes it, a full one may not."""
    kind = StorageRefused if error.errno in _NO_RIGHTS else StorageUnavailable
    # The system's own words for the number: an error that somebody made may quote a file's contents.
    told = os.strerror(error.errno) if error.errno else type(error).__name__
    return kind(f"The disk refused: {told}.", **context)
