"""The web process (`uvicorn main:app`) and the command line (`python main.py`): it composes, and decides nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """What the web process runs beside the API: previews, and the embedded worker or only reconciler and publisher."""
    from starlette.concurrency import run_in_threadpool

    from celery_queue.previews import Previews
    from cli.companion import Companion
    from settings import get_settings

    companion, previews = Companion(get_settings()), Previews(get_settings())
    await run_in_threadpool(companion.start)
    app.state.previewer = previews
    try:
        yield
    finally:
        previews.close()
        await run_in_threadpool(companion.stop)


if __name__ == "__main__":
    import gc

    # Importing makes many objects and no garbage; to look for some took a tenth of the time until the first line.
    gc.set_threshold(100_000)
    from cli.app import app as command_line

    command_line()
else:
    from api.app import create_app

    app = create_app(lifespan)
