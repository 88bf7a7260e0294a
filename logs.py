"""How this process logs: one line an event, to stderr and, with a folder, to files that several processes share.

No cell of a table and nobody's address gets in: values are cut, and of an error only its type and its place are told,
because a message may quote what it is about.
"""

import logging
import re
import sys
import time
import traceback
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import structlog
from filelock import FileLock, Timeout
from structlog.stdlib import ProcessorFormatter

_LONGEST = 200
_LARGEST_BYTES = 10 << 20
_KEPT = 5
_TASK_LOG_SECONDS = 14 * 24 * 3600
_LOCK_SECONDS = 5
_CHATTY = ("botocore", "boto3", "urllib3", "s3transfer", "alembic", "kombu", "filelock", "httpx")
_FRAME = re.compile(r'^ *File "(.+)", line (\d+), in (\S+)|^([A-Za-z_][\w.]*)(?::|$)', re.MULTILINE)
_TASK_ID = re.compile(r"[0-9a-f-]{36}")

Event = MutableMapping[str, Any]
_handlers: list[logging.Handler] = []


def configure(level: str, name: str = "", folder: Path | None = None) -> None:
    """Log from `level` upwards, ours and the libraries' alike; with a folder also to `<name>.log` and its siblings.

    folder: receives `<name>.log`, `task-<id>.log` for whatever concerns one task, and `errors/<name>.log`.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    for handler in _handlers:
        logging.root.removeHandler(handler)
    _handlers[:] = [_ready(logging.StreamHandler(sys.stderr), number, _logfmt)]
    if folder and name:
        _remove_old(folder)
        for path_of in (lambda _: f"{name}.log", _task_file, lambda record: _error_file(record, name)):
            _handlers.append(_ready(SharedFile(folder, path_of), min(number, logging.INFO), _json))
    for handler in _handlers:
        logging.root.addHandler(handler)
    _take_over_uvicorn()
    logging.root.setLevel(min(handler.level for handler in _handlers))
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[*_SHARED, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def configured() -> bool:
    """Whether this process logs already."""
    return bool(_handlers)


def _take_over_uvicorn() -> None:
    """The web server's lines in our form, with the request's id and without the query, which may hold a ticket."""
    for name in ("uvicorn", "uvicorn.access"):
        for handler in logging.getLogger(name).handlers:
            _ready(handler, logging.NOTSET, _logfmt)
    logging.getLogger("uvicorn.access").addFilter(_without_query)


def _without_query(record: logging.LogRecord) -> bool:
    record.args = tuple(each.partition("?")[0] if isinstance(each, str) else each for each in record.args or ())
    return True


def _ready(handler: logging.Handler, level: int, render: Any) -> logging.Handler:
    handler.setLevel(level)
    processors = [ProcessorFormatter.remove_processors_meta, render]
    handler.setFormatter(ProcessorFormatter(processors=processors, foreign_pre_chain=_SHARED))
    return handler


class SharedFile(logging.Handler):
    """Appends lines to files of one folder, each opened and rotated under a lock, so that any process may write them.

    path_of: the file of a record, relative to the folder; empty = none.
    """

    def __init__(self, folder: Path, path_of: Callable[[logging.LogRecord], str]) -> None:
        super().__init__()
        self._folder = folder.resolve()
        self._path_of = path_of

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        name = self._path_of(record)
        if not name:
            return
        try:
            self._append(self._folder / name, self.format(record) + "\n")
        except (OSError, Timeout):
            self.handleError(record)

    def _append(self, path: Path, line: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / ".lock", timeout=_LOCK_SECONDS):
            if path.exists() and path.stat().st_size > _LARGEST_BYTES:
                _rotate(path)
            with path.open("a", encoding="utf-8") as stream:
                stream.write(line)


def _rotate(path: Path) -> None:
    for number in range(_KEPT - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    path.replace(path.with_name(f"{path.name}.1"))


def _remove_old(folder: Path) -> None:
    for path in folder.glob("task-*.log*"):
        if path.stat().st_mtime < time.time() - _TASK_LOG_SECONDS:
            path.unlink(missing_ok=True)


def _task_file(record: logging.LogRecord) -> str:
    event = record.msg if isinstance(record.msg, dict) else structlog.contextvars.get_contextvars()
    task_id = str(event.get("task_id", ""))
    return f"task-{task_id}.log" if _TASK_ID.fullmatch(task_id) else ""


def _error_file(record: logging.LogRecord, name: str) -> str:
    return f"errors/{name}.log" if record.levelno >= logging.ERROR else ""


def without_values(trace: str) -> str:
    """Of a traceback only the places and the types of its errors: `errors.py:12 run < ValueError`."""
    found = [
        f"{Path(match[1]).name}:{match[2]} {match[3]}" if match[1] else match[4]
        for match in _FRAME.finditer(trace)
        if match[1] or match[4].endswith(("Error", "Exception")) or "." in match[4]
    ]
    return " < ".join(found)


def _told(_: Any, __: str, event: Event) -> Event:
    error = event.pop("exc_info", None)
    error = sys.exc_info() if error is True else error
    if isinstance(error, BaseException):
        event["trace"] = "".join(traceback.format_exception(error))
    elif isinstance(error, tuple) and error[1] is not None:
        event["trace"] = "".join(traceback.format_exception(error[1]))
    if "trace" in event:
        event["trace"] = without_values(event["trace"])
    return event


def _cut(_: Any, __: str, event: Event) -> Event:
    for name, value in event.items():
        if isinstance(value, str) and len(value) > _LONGEST and name != "trace":
            event[name] = value[:_LONGEST] + "…"
    return event


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _told,
    _cut,
]
_logfmt = structlog.processors.LogfmtRenderer(key_order=("timestamp", "level", "event"), drop_missing=True)
_json = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
