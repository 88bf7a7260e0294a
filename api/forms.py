"""The multipart form of POST /analyze.

Starlette's parser keeps a file's first MiB in memory and spools the rest to the temporary folder (TMPDIR); from there
it streams to storage in pieces. So a body of any size costs a few MiB of memory, and disk of its size for as long as
the request lasts; the whole body may be MAX_INPUT_MB. Larger sets of files go through upload links.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, get_args

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.dependencies import CurrentUser, SettingsNow
from api.schemas import ROLE, ExecutionMode, TaskOrder
from errors import BadRequest, InvalidParameters, TooLarge, UnsupportedMediaType

MOST_PARTS = 64
_MEGABYTE = 1 << 20
_FIELDS = {"tool_id", "agents", "parameters", "dataset", "execution_mode"}


@dataclass(frozen=True)
class AnalyzeForm:
    """An order and its files by role."""

    order: TaskOrder
    files: dict[str, UploadFile]
    execution_mode: ExecutionMode | None = None


async def read_form(request: Request, settings: SettingsNow, _: CurrentUser) -> AsyncIterator[AnalyzeForm]:
    """Receive the whole form, files on disk, and drop them when the request is done; nothing from a stranger."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise UnsupportedMediaType("This address takes multipart/form-data.")
    body = _limited(request, settings.max_input_mb * _MEGABYTE)
    try:
        form = await MultiPartParser(request.headers, body, max_files=MOST_PARTS, max_fields=MOST_PARTS).parse()
    except MultiPartException as error:
        raise BadRequest(error.message) from error
    try:
        yield await _read(form)
    finally:
        await form.close()


async def _limited(request: Request, most: int) -> Any:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise TooLarge(
                f"The form is over the limit of {most // _MEGABYTE} MB for all its files. Each may have as much "
                "when it is sent by an upload link of its own.",
                limit=most,
            )
        yield chunk


async def _read(form: FormData) -> AnalyzeForm:
    names = [name for name, _ in form.multi_items()]
    faults = [_fault(name, "is given more than once") for name in sorted({n for n in names if names.count(n) > 1})]
    values = dict(form.multi_items())
    fields = {name: value for name, value in values.items() if isinstance(value, str)}
    files = {name: value for name, value in values.items() if isinstance(value, UploadFile)}
    if isinstance(uploaded := files.pop("parameters", None), UploadFile):
        fields["parameters"] = await _text(uploaded)
    faults += [_fault(name, "is not a field of this form; a role needs a file") for name in fields.keys() - _FIELDS]
    faults += [_fault(role, "is not the name of a role") for role in files if not ROLE.fullmatch(role)]
    mode = next((each for each in get_args(ExecutionMode) if each == fields.get("execution_mode")), None)
    if fields.get("execution_mode") and mode is None:
        faults.append(_fault("execution_mode", f"is one of {', '.join(get_args(ExecutionMode))}"))
    if faults:
        raise InvalidParameters(faults)
    return AnalyzeForm(_order(fields), files, mode)


async def _text(upload: UploadFile) -> str:
    if (upload.size or 0) > _MEGABYTE:
        raise TooLarge("parameters.json is over 1 MB.")
    return (await upload.read()).decode(errors="replace")


def _order(fields: dict[str, str]) -> TaskOrder:
    content: dict[str, Any] = {name: fields[name] for name in ("tool_id", "dataset") if fields.get(name)}
    if fields.get("parameters"):
        content["parameters"] = _json("parameters", fields["parameters"])
    if agents := fields.get("agents", "").strip():
        listed = agents.startswith("[")
        content["agents"] = _json("agents", agents) if listed else [each.strip() for each in agents.split(",")]
    try:
        return TaskOrder.model_validate(content)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidParameters([_fault(name, f"is not JSON: {error}")]) from error


def _fault(path: str, message: str) -> dict[str, str]:
    return {"path": path, "message": message}
