"""What a route says of its own refusals in the OpenAPI document; what all routes share is added there."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from api.errors import status_of
from api.schemas import ErrorBody
from errors import ServiceError

Answers = dict[int | str, dict[str, Any]]


def refuses(*kinds: type[ServiceError]) -> Answers:
    """The `responses` of a route that may raise these errors: by status, each code with its meaning."""
    described = described_by_status(kinds)
    return {status: {"model": ErrorBody, "description": text} for status, text in described.items()}


def described_by_status(kinds: Iterable[type[ServiceError]]) -> Mapping[int, str]:
    """Status of each answer and what its codes mean."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for kind in kinds:
        by_status[status_of(kind)].append(f"`{kind.code}`: {(kind.__doc__ or '').strip()}")
    return {status: " · ".join(told) for status, told in sorted(by_status.items())}
