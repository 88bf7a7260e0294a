"""The long-running parts: the API with its embedded worker, and thin wrappers around plain Celery commands."""

from __future__ import annotations

import shlex
import subprocess
import sys

import typer
import uvicorn

import logs
from db.database import connect
from db.migrations import upgrade
from settings import get_settings

CELERY_APP = "celery_queue.celery_app"
_GRACEFUL_SECONDS = 3
"""What open event streams may take when the server stops."""


def serve(host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve the API; without a broker's address also work in this process."""
    settings = get_settings()
    logs.configure(settings.log_level, "api", settings.log_folder)
    uvicorn.run(
        "main:app",
        host=host,
        port=port,
        log_level=settings.log_level.lower(),
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
    )


def worker(context: typer.Context) -> None:
    """Work for the queue: a Celery worker. What follows is passed on to Celery."""
    _celery("worker", "--loglevel=info", *context.args)


def beat(context: typer.Context) -> None:
    """Call the maintenance tasks on time: Celery Beat."""
    _celery("beat", "--loglevel=info", *context.args)


def flower(context: typer.Context) -> None:
    """Show workers and queues to operators: Flower."""
    _celery("flower", f"--port={get_settings().flower_port}", *context.args)


def migrate() -> None:
    """Bring the database up to date."""
    logs.configure(get_settings().log_level)
    upgrade(connect(get_settings()))
    print("The database is up to date.")


def _celery(*arguments: str) -> None:
    command = ["celery", "-A", CELERY_APP, *arguments]
    print(shlex.join(command), flush=True)
    try:
        ended = subprocess.run([sys.executable, "-m", *command], check=False)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(ended.returncode)
