"""How an error is said over HTTP: one shape, `{"error", "detail", "context"}`, and one table of status codes."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

import errors
from errors import ServiceError

STATUS: Mapping[type[ServiceError], int] = {
    errors.ServiceError: 500,
    errors.InvalidInput: 422,
    errors.BadRequest: 400,
    errors.UnknownTool: 400,
    errors.MissingInput: 400,
    errors.TooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.NotAuthenticated: 401,
    errors.InsufficientCredits: 402,
    errors.NotPermitted: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.RateLimited: 429,
    errors.Unavailable: 503,
}
"""The nearest ancestor of an error decides."""

_FRAMEWORK_CODES = {
    400: errors.BadRequest.code,
    401: errors.NotAuthenticated.code,
    403: errors.NotPermitted.code,
    404: errors.NotFound.code,
    405: "METHOD_NOT_ALLOWED",
    413: errors.TooLarge.code,
    415: errors.UnsupportedMediaType.code,
}
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "60"}, 503: {"Retry-After": "5"}}
_CLIENT_CLOSED_REQUEST = 499

log = logging.getLogger(__name__)


class ErrorAnswer(JSONResponse):
    """JSON that can quote whatever a client sent, half a surrogate pair included."""

    def render(self, content: Any) -> bytes:
        """Encode with a question mark for what UTF-8 has no place for."""
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=str)
        return text.encode("utf-8", "replace")


def install(app: FastAPI) -> None:
    """Make every error of the app, ours and the framework's, take the one shape."""
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _framework_error)
    app.add_exception_handler(ClientDisconnect, _client_left)
    app.add_exception_handler(Exception, _unexpected_error)


def status_of(kind: type[ServiceError]) -> int:
    """The HTTP status of one kind of our errors."""
    return next(STATUS[ancestor] for ancestor in kind.__mro__ if ancestor in STATUS)


def answer(status: int, code: str, detail: str, context: Mapping[str, Any], headers: Any = None) -> ErrorAnswer:
    """The one shape."""
    content = {"error": code, "detail": detail, "context": dict(context)}
    return ErrorAnswer(content, status, headers or _HEADERS.get(status))


async def _service_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    status = status_of(type(error))
    if status >= 500:
        log.warning("%s: %s", error.code, error.message, exc_info=error)
    return answer(status, error.code, error.message, error.context)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [_fault(each) for each in error.errors()]
    if any(each["type"] == "json_invalid" for each in error.errors()):
        return await _service_error(request, errors.BadRequest("The body is not JSON.", faults=faults))
    return await _service_error(request, errors.InvalidParameters(faults))


def _fault(error: Mapping[str, Any]) -> dict[str, str]:
    """Where and what; never the value, which may be a password."""
    return {"path": ".".join(str(part) for part in error["loc"]), "message": error["msg"].removeprefix("Value error, ")}


async def _framework_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _FRAMEWORK_CODES.get(error.status_code, f"HTTP_{error.status_code}")
    return answer(error.status_code, code, str(error.detail), {}, error.headers)


async def _client_left(_: Request, error: Exception) -> Response:  # noqa: ARG001 - the handler's form
    return Response(status_code=_CLIENT_CLOSED_REQUEST)


async def _unexpected_error(request: Request, error: Exception) -> Response:
    request_id = getattr(request.state, "request_id", None)
    log.error("unexpected error, request %s", request_id, exc_info=error)
    return answer(500, ServiceError.code, "Something went wrong here.", {"request_id": request_id})
