"""`python main.py start worker|beat`, `stop`: a worker or Beat in the background, its id and log in DATA_DIR/run."""

from __future__ import annotations

import subprocess
import sys
from enum import StrEnum
from pathlib import Path

import psutil
import typer

from cli.services import CELERY_APP
from settings import get_settings

_STOP_SECONDS = 60


class Part(StrEnum):
    """What may run in the background."""

    WORKER = "worker"
    BEAT = "beat"


def start(part: Part, context: typer.Context) -> None:
    """Start a worker or Beat in the background, unless it runs. What follows is passed on to Celery."""
    file = _folder() / f"{part}.pid"
    if running := _process(file):
        print(f"{part} runs already, as process {running.pid}.")
        raise typer.Exit(1)
    command = [sys.executable, "-m", "celery", "-A", CELERY_APP, str(part), "--loglevel=info", *context.args]
    log = file.with_suffix(".log")
    with log.open("ab") as output:
        started = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    # A process id is given again once it is free: only together with the time of its start it names one process.
    file.write_text(f"{started.pid} {psutil.Process(started.pid).create_time()}", encoding="ascii")
    print(f"{part} runs as process {started.pid}; its log is {log}")


def stop() -> None:
    """End what `start` started and nothing else; a worker hands its tasks back to the queue first."""
    ended, files = True, sorted(_folder().glob("*.pid"))
    if not files:
        print("Nothing runs in the background.")
    for file in files:
        if process := _process(file):
            ended &= _end(process, file.stem)
        else:
            print(f"{file.stem} had ended.")
        file.unlink()
    raise typer.Exit(0 if ended else 1)


def _folder() -> Path:
    folder = get_settings().data_dir / "run"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _process(file: Path) -> psutil.Process | None:
    """The process that a file names, if it runs."""
    try:
        number, started = file.read_text(encoding="ascii").split()
        process = psutil.Process(int(number))
        return process if process.is_running() and process.create_time() == float(started) else None
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None


def _end(process: psutil.Process, name: str) -> bool:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except psutil.TimeoutExpired:
        print(f"{name} didn't end within {_STOP_SECONDS} s and was killed; its tasks go on once their lease has ended.")
        for each in [*process.children(recursive=True), process]:
            each.kill()
        return False
    print(f"{name} has ended.")
    return True
