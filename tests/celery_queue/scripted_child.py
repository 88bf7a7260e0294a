"""A lean child that does what its input file says, one order a line: what a run does to its process, without a table.

step                a finished agent with a checkpoint
die                 end without a word
die-first           the same, but only where no checkpoint of an earlier attempt was there
sleep SECONDS
query               of the table engine, that takes minutes
take MEGABYTES      of memory, and keep them
stick               the worker's slot itself hangs for a minute
refuse              the file can't be read
resist              go on whatever is raised
break               an agent failed
crash               an error that nobody foresaw
fill                write to a disk that is full
"""

import os
import time
from contextlib import suppress
from pathlib import Path

import duckdb

from celery_queue.child import main
from errors import AgentFailed, UnreadableFile
from transformers.manifest import Manifest, Step, describe_file
from transformers.pipeline import Emit
from transformers.specification import Specification

kept = []
LONG_QUERY = "SELECT count(*) FROM range(10_000_000) a, range(10_000_000) b WHERE a.range * b.range % 7 = 3"


def follow(folder: Path, specification: Specification, emit: Emit) -> Manifest:
    """Follow the script, then write one output file."""
    (script,) = (folder / "inputs" / "primary").iterdir()
    resumed = bool(_checkpoints(folder))
    steps = []
    for line in script.read_text().splitlines():
        order, _, argument = line.partition(" ")
        if order == "step":
            steps.append(_step(folder, specification, len(steps), emit))
        elif order == "query":
            duckdb.sql(LONG_QUERY).fetchall()
        elif order == "stick":
            emit({"event": "progress", "progress": 50, "detail": {"current_agent": "stick"}})
        else:
            _obey(order, argument, resumed)
    outputs = folder / "outputs"
    outputs.mkdir()
    (outputs / "result.txt").write_text(f"resumed after {len(_checkpoints(folder)) - sum(steps)}")
    return _manifest(specification, outputs / "result.txt")


def _step(folder: Path, specification: Specification, position: int, emit: Emit) -> bool:
    """Whether the step was run; one whose checkpoint is there is passed over."""
    place = folder / "checkpoints" / f"{position + 1:02d}-{specification.agents[0]}"
    if place.exists():
        return False
    place.mkdir(parents=True)
    (place / "result.json").write_text("{}")
    facts = {"agent_id": specification.agents[0], "status": "done", "seconds": 0.0, "fingerprint": "same"}
    emit({"event": "step", "position": position, "folder": place.name, **facts})
    return True


def _obey(order: str, argument: str, resumed: bool) -> None:
    match order:
        case "die":
            _die()
        case "die-first" if not resumed:
            _die()
        case "sleep":
            time.sleep(float(argument))
        case "take":
            kept.append(bytearray(os.urandom(1 << 20) * int(argument)))
            time.sleep(5)
        case "resist":
            while True:
                with suppress(BaseException):
                    time.sleep(60)
        case _:
            _fail(order)


def _fail(order: str) -> None:
    match order:
        case "refuse":
            raise UnreadableFile("this is not a table")
        case "break":
            raise AgentFailed("type-fixer met a table it wasn't made for")
        case "crash":
            raise ZeroDivisionError
        case "fill":
            Path("/dev/full").write_bytes(b"a")


def _die() -> None:
    time.sleep(0.5)  # time for the worker to keep the steps before
    os._exit(9)


def _checkpoints(folder: Path) -> list[Path]:
    place = folder / "checkpoints"
    return sorted(place.iterdir()) if place.exists() else []


def _manifest(specification: Specification, result: Path) -> Manifest:
    done = Step("type-fixer", "done", {}, 0.0, 1, 1)
    return Manifest(
        task_id=specification.task_id,
        tool_id=specification.tool_id,
        versions={},
        parameters={},
        started="",
        finished="",
        inputs=(),
        steps=(done,),
        credits=20,
        files=(describe_file(result),),
    )


if __name__ == "__main__":
    main(follow)
