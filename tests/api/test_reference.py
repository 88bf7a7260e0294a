"""The page of the API says what the API does."""

from pathlib import Path

import pytest

from api import schemas
from api.body import Body
from api.reference import example_of, operations, reference

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


@pytest.fixture
def document(app):
    return app.openapi()


def test_the_page_is_fresh(document):
    """Stale? `make docs`."""
    assert PAGE.read_text(encoding="utf-8") == reference(document) + "\n"


def test_every_call_is_on_the_page(document):
    page = reference(document)
    assert [path for method, path, _ in operations(document) if f"### {method} {path}\n" not in page] == []
    assert "| 409 | `IDEMPOTENCY_CONFLICT` |" in page


def test_every_body_has_an_example_that_is_accepted(document):
    contents = [
        operation["requestBody"]["content"]["application/json"]
        for _, _, operation in operations(document)
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]
    assert len(contents) >= 8
    assert all(example_of(document, content) for content in contents)
    for kind in Body.__subclasses__():
        for example in kind.model_json_schema().get("examples", []):
            kind.model_validate(example)


def test_the_example_of_an_order_is_taken(signed_in, document):
    content = document["paths"]["/tasks"]["post"]["requestBody"]["content"]["application/json"]
    assert signed_in.post("/tasks", json=example_of(document, content)).status_code == 201
    assert schemas.TaskOrder.model_config["extra"] == "forbid"
