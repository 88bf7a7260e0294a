"""The lean process in which agents run: no Celery, no database, no web.

It reads jobs from stdin, one JSON line each ({"folder": …}; {"tool": …} says what is to come), runs the pipeline and
tells its progress, finished steps and verdict as JSON lines on stdout. It ends when its stdin closes, so none outlives
its worker, however that died.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from errors import OutOfMemory, ServiceError, Unforeseen, UnknownTool
from transformers.manifest import Manifest, jsonable
from transformers.pipeline import Emit, run, unforeseen_as
from transformers.preview import Preview
from transformers.specification import FILENAME, Specification
from transformers.tools import tool_of

RunJob = Callable[[Path, Specification, Emit], Manifest | Preview]


def main(run_job: RunJob = run) -> None:
    """Serve jobs until stdin closes, each by one call of `run_job`."""
    # Ctrl-C in a terminal reaches the whole group of processes; when to end is the worker's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = _take_stdout()
    logging.captureWarnings(True)
    sys.excepthook = _log_crash
    jobs = _listen(sys.stdin)
    # What was imported stays; looking through it again and again is half of what collecting garbage costs.
    gc.freeze()
    _tell(channel, {"event": "ready"})
    while True:
        job = jobs.get()
        if "tool" in job:
            _prepare(job["tool"])
        else:
            _serve(run_job, Path(job["folder"]), channel)


def _prepare(tool_id: str) -> None:
    """Import a tool's agents before the first job; a wrong tool is told to whoever orders it."""
    with suppress(UnknownTool):
        for module in tool_of(tool_id).work:
            importlib.import_module(module)
    gc.freeze()


def _take_stdout() -> TextIO:
    """Keep stdout for the channel, and send what libraries print to stderr."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return channel


def _listen(stream: TextIO) -> queue.Queue[dict[str, Any]]:
    jobs: queue.Queue[dict[str, Any]] = queue.Queue()

    def listen() -> None:
        for line in stream:
            jobs.put(json.loads(line))
        # The worker is gone, perhaps in the middle of a job: nobody would take the result.
        os._exit(0)

    threading.Thread(target=listen, name="stdin", daemon=True).start()
    return jobs


def _serve(run_job: RunJob, folder: Path, channel: TextIO) -> None:
    def emit(event: Mapping[str, Any]) -> None:
        _tell(channel, event)

    try:
        with unforeseen_as(Unforeseen):
            specification = Specification.model_validate_json((folder / FILENAME).read_bytes())
            _log_about(specification.log_context)
            manifest = run_job(folder, specification, emit)
    except ServiceError as error:
        emit(_failure(error))
    except MemoryError as error:
        emit(_failure(OutOfMemory(str(error) or None)))
    else:
        emit({"event": "done", "manifest": asdict(manifest)})


def _log_about(context: Mapping[str, Any]) -> None:
    """Whatever is logged here says which request it belongs to."""
    about = " ".join(f"{name}={value}" for name, value in context.items()).replace("%", "%%")
    form = f"%(asctime)s %(levelname)s %(name)s %(message)s {about}"
    logging.basicConfig(force=True, level=logging.WARNING, stream=sys.stderr, format=form)


def _log_crash(kind: type[BaseException], _: BaseException, trace: TracebackType | None) -> None:
    """Type and places alone: the message of an error may quote a cell."""
    places = [f"{Path(each.filename).name}:{each.lineno}" for each in traceback.extract_tb(trace)]
    logging.getLogger("child").critical("child_crashed error=%s trace=%s", kind.__name__, " < ".join(reversed(places)))


def _failure(error: ServiceError) -> dict[str, Any]:
    trace = "".join(traceback.format_exception(error))
    # A reader's own kind of TooLarge is TooLarge to the worker, which doesn't know readers.
    known = next(kind for kind in type(error).__mro__ if kind.__module__ == ServiceError.__module__)
    return {
        "event": "failed",
        "kind": known.__name__,
        "message": error.message,
        "context": error.context,
        "traceback": trace,
    }


def _tell(channel: TextIO, event: Mapping[str, Any]) -> None:
    channel.write(json.dumps(jsonable(event)) + "\n")
    channel.flush()


if __name__ == "__main__":
    main()
