"""The web application: its routes, and what all of them share."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI

from api import (
    admin_routes,
    api_key_routes,
    auth_routes,
    billing_routes,
    dataset_routes,
    errors,
    file_routes,
    health_routes,
    metrics_routes,
    submission_routes,
    task_routes,
    tool_routes,
    upload_routes,
)
from api.events import LiveEvents
from api.middleware import BodyLimit, RequestId
from api.openapi import DescribedApp
from api.upload_routes import Previewer
from settings import get_settings

VERSION = "0.1.0"
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

_MEGABYTE = 1 << 20
_ROUTES = (
    health_routes,
    metrics_routes,
    auth_routes,
    api_key_routes,
    tool_routes,
    task_routes,
    upload_routes,
    submission_routes,
    dataset_routes,
    billing_routes,
    admin_routes,
    file_routes,
)


@asynccontextmanager
async def _alone(_: FastAPI) -> AsyncIterator[None]:
    yield


def create_app(lifespan: Lifespan = _alone, previewer: Previewer | None = None) -> FastAPI:
    """The application; `lifespan` starts and stops what the process runs beside it, `previewer` looks into files."""
    settings = get_settings()
    app = DescribedApp(
        title="Agensium",
        version=VERSION,
        lifespan=lifespan,
        description="Profile, clean and master tables: order a tool, send the files, watch, download.",
    )
    app.state.previewer = previewer
    app.state.live_events = LiveEvents(settings.events_seconds)
    app.add_middleware(BodyLimit, limit=settings.max_request_mb * _MEGABYTE, unlimited=("/files/", "/analyze"))
    app.add_middleware(RequestId)
    errors.install(app)
    for module in _ROUTES:
        app.include_router(module.router)
    return app
