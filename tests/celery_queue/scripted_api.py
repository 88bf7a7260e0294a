"""The web process with lean children that follow scripts, wherever it runs tasks: `uvicorn …scripted_api:app`."""

from main import app
from tests.celery_queue import scripted_worker

__all__ = ["app", "scripted_worker"]
