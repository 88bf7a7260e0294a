"""docs/api.md: every call with its parameters and an example, read from the OpenAPI document."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from api.errors import STATUS, status_of
from errors import ServiceError

Document = Mapping[str, Any]

_HEAD = """# The API

Printed by `python main.py api --markdown` from the OpenAPI document, which a running service shows at `/docs`.
The examples are for a shell:

```
API=http://127.0.0.1:8000
TOKEN=$(cat var/admin-token)          # or what POST /auth/login answers, or an API key
H="Authorization: Bearer $TOKEN"
```

Every error is `{"error": CODE, "detail": text, "context": {...}}`. Times are UTC, ISO 8601. Pages continue with the
`next_cursor` of the page before as `cursor`. Every answer carries `X-Request-ID`; one that the client sends is kept.
"""
_TITLES = {
    "health": "Health",
    "auth": "Accounts and keys",
    "tools": "Tools",
    "tasks": "Tasks",
    "datasets": "Datasets",
    "billing": "Credits",
    "admin": "For operators",
    "files": "Files (without a bucket)",
}
_IN_ADDRESS = {
    "task_id": "$TASK",
    "key_id": "$KEY_ID",
    "name": "monthly-orders",
    "tool_id": "clean-my-data",
    "celery_task_id": "$CELERY_TASK",
    "key": "...",
}
_FORM = "-F tool_id=clean-my-data -F primary=@examples/customers_messy.csv"


def reference(document: Document) -> str:
    """The page."""
    sections = [_section(document, tag, title) for tag, title in _TITLES.items()]
    return "\n".join([_HEAD, *sections, _refusals()]).rstrip()


def example_of(document: Document, content: Document) -> Any:
    """The example of a request's body."""
    schema = content["schema"]
    if "examples" in content:
        return next(iter(content["examples"].values()))["value"]
    return _resolved(document, schema)["examples"][0]


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Every call: method, path, description."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _refusals() -> str:
    """Every code that an answer may carry, with its status."""
    kinds = {kind.code: (status_of(kind), kind) for kind in _kinds(ServiceError) if _is_an_answer(kind)}
    rows = [f"| {status} | `{code}` | {_told_by(kind)} |" for code, (status, kind) in kinds.items()]
    return "\n".join(["## Refusals", "", "| status | code | meaning |", "|---|---|---|", *sorted(rows)])


def _kinds(kind: type[ServiceError]) -> list[type[ServiceError]]:
    return [each for child in kind.__subclasses__() for each in [child, *_kinds(child)]]


def _is_an_answer(kind: type[ServiceError]) -> bool:
    return "code" in vars(kind) and bool(STATUS.keys() & set(kind.__mro__[: kind.__mro__.index(ServiceError)]))


def _told_by(kind: type[ServiceError]) -> str:
    return (kind.__doc__ or "").strip()


def _section(document: Document, tag: str, title: str) -> str:
    calls = [_call(document, *each) for each in operations(document) if each[2]["tags"] == [tag]]
    return "\n".join([f"## {title}", "", *calls])


def _call(document: Document, method: str, path: str, operation: Document) -> str:
    parts = [f"### {method} {path}", "", operation["description"], ""]
    free = [each for each in operation.get("parameters", ()) if each["in"] != "path"]
    parts += [f"- `{each['name']}` ({each['in']}){_told(each)}" for each in free]
    parts += [""] if parts[-1] else []
    parts += ["```", _curl(document, method, path, operation), "```", "", f"Answers {_answers(operation)}.", ""]
    return "\n".join(parts)


def _told(parameter: Document) -> str:
    text = parameter.get("description") or parameter["schema"].get("description") or ""
    return f": {text}" if text else ""


def _curl(document: Document, method: str, path: str, operation: Document) -> str:
    address = path
    for name, stand_in in _IN_ADDRESS.items():
        address = address.replace(f"{{{name}}}", stand_in)
    words = ["curl"] + (["-X", method] if method != "GET" else []) + (['-H "$H"'] if "security" in operation else [])
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        words.append(_body(document, content) if kind == "application/json" else _FORM)
    return " ".join([*words, f"$API{address}"])


def _body(document: Document, content: Document) -> str:
    text = json.dumps(example_of(document, content), ensure_ascii=False)
    return f"-H 'Content-Type: application/json' \\\n  -d '{text}' \\\n "


def _answers(operation: Document) -> str:
    answers = sorted(operation["responses"].items())
    good = ", ".join(f"{status} {_content(answer)}".strip() for status, answer in answers if status < "400")
    refusals = ", ".join(status for status, _ in answers if status >= "400")
    return f"{good}; refuses with {refusals}" if refusals else good


def _content(answer: Document) -> str:
    return "".join(_named(each.get("schema", {})) for each in answer.get("content", {}).values())


def _named(schema: Document) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(filter(None, (_named(each) for each in schema["anyOf"])))
    inner = _named(schema["items"]) if "items" in schema else ""
    return f"list of {inner}" if inner else ""


def _resolved(document: Document, schema: Document) -> Document:
    for each in [schema, *schema.get("anyOf", ())]:
        if "$ref" in each:
            found: Document = document["components"]["schemas"][each["$ref"].rpartition("/")[2]]
            return found
    return schema
