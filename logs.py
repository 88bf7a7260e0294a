"""How this process logs: one line an event, to stderr, values cut so that no cell of a table gets in whole."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_LONGEST = 200


def configure(level: str) -> None:
    """Log from `level` upwards, ours through structlog and the libraries' alike."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=number, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("botocore", "boto3", "urllib3", "s3transfer", "alembic", "kombu"):
        logging.getLogger(chatty).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _cut,
            structlog.processors.LogfmtRenderer(key_order=("timestamp", "level", "event"), drop_missing=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _cut(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if isinstance(value, str) and len(value) > _LONGEST and name != "trace":
            event[name] = value[:_LONGEST] + "…"
    return event
