"""`python main.py api`: what can be asked over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from api.app import create_app
from api.reference import operations, reference


def endpoints(
    markdown: Annotated[bool, typer.Option(help="Print the reference page docs/api.md instead.")] = False,
) -> None:
    """List the calls of the HTTP API."""
    document = create_app().openapi()
    if markdown:
        print(reference(document))
        return
    for method, path, operation in operations(document):
        print(f"{method:7}{path:40}{operation['description'].partition('. ')[0]}")
