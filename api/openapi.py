"""The OpenAPI document: what FastAPI reads off the routes, and what only the tools know."""

from typing import Any, get_args

from fastapi import FastAPI
from pydantic import BaseModel, create_model
from pydantic.json_schema import models_json_schema

from api.refusals import described_by_status
from api.schemas import ErrorBody, ExecutionMode, TaskOrder
from errors import (
    BadRequest,
    DatabaseUnavailable,
    InvalidParameters,
    NotAuthenticated,
    ServiceError,
    StorageUnavailable,
    TaskNotFound,
    TooLarge,
)
from transformers.tools import request_models

_REFERENCE = "#/components/schemas/{model}"
_ALWAYS_THERE = {"/", "/health", "/tools", "/tools/{tool_id}"}
"""What asks neither database nor storage."""
_TEXT = {"type": "string"}


class DescribedApp(FastAPI):
    """FastAPI whose document shows every agent's own parameters in the body of POST /tasks."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            _show_orders(document)
            _show_refusals(document)
        return super().openapi()


def analyze_body() -> dict[str, Any]:
    """The multipart form of POST /analyze."""
    file = {"type": "string", "format": "binary"}
    fields = {
        "tool_id": _TEXT,
        "agents": _TEXT | {"description": "Agents by comma, or a JSON list; empty = the tool's defaults."},
        "parameters": _TEXT | {"description": "Parameters by agent, as JSON or as a file."},
        "dataset": _TEXT,
        "execution_mode": _TEXT | {"enum": list(get_args(ExecutionMode))},
        "primary": file,
    }
    schema = {
        "type": "object",
        "required": ["tool_id"],
        "properties": fields,
        "additionalProperties": file | {"description": "Further files by role, as GET /tools names them."},
    }
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def _show_refusals(document: dict[str, Any]) -> None:
    """Beside what a route itself refuses: what is refused before it is reached, and what may be down."""
    schema = {"content": {"application/json": {"schema": {"$ref": _REFERENCE.format(model=ErrorBody.__name__)}}}}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            answers = operation["responses"]
            if "HTTPValidationError" in str(answers.get("422")):
                del answers["422"]
            for status, text in described_by_status(_shared(path, operation)).items():
                own = answers.get(str(status), {}).get("description", "")
                both = " · ".join(dict.fromkeys([*filter(None, own.split(" · ")), *text.split(" · ")]))
                answers[str(status)] = {"description": both, **schema}
            operation["responses"] = dict(sorted(answers.items()))
    for unused in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(unused, None)


def _shared(path: str, operation: dict[str, Any]) -> list[type[ServiceError]]:
    """What any route of this form may refuse."""
    kinds: list[type[ServiceError]] = []
    if path not in _ALWAYS_THERE:
        kinds += [DatabaseUnavailable, StorageUnavailable]
    if "security" in operation:
        kinds.append(NotAuthenticated)
    if "{task_id}" in path:
        kinds.append(TaskNotFound)
    if operation.get("requestBody"):
        kinds += [BadRequest, TooLarge]
    if operation.get("requestBody") or any(each["in"] != "path" for each in operation.get("parameters", ())):
        kinds.append(InvalidParameters)
    if any(each["name"] == "cursor" for each in operation.get("parameters", ())):
        kinds.append(BadRequest)
    return list(dict.fromkeys(kinds))


def _show_orders(document: dict[str, Any]) -> None:
    orders = {tool_id: _complete(model) for tool_id, model in request_models().items()}
    references, definitions = models_json_schema(
        [(model, "validation") for model in orders.values()], ref_template=_REFERENCE
    )
    document["components"]["schemas"] |= definitions["$defs"]
    choice = {"oneOf": [references[model, "validation"] for model in orders.values()]}
    content = document["paths"]["/tasks"]["post"]["requestBody"]["content"]["application/json"]
    content["schema"] = choice
    content["examples"] = {"clean": {"value": TaskOrder.model_json_schema()["examples"][0]}}


def _complete(order: type[BaseModel]) -> type[BaseModel]:
    """A tool's order with the fields that every order has."""
    fields: dict[str, Any] = {
        name: (field.annotation, field)
        for name, field in TaskOrder.model_fields.items()
        if name not in order.model_fields
    }
    return create_model(order.__name__, __base__=order, __doc__=order.__doc__, **fields)
