"""Keep a worker alive when Redis restarts.

Celery 5.7.0 with kombu 5.7.0 acknowledges a late-acked message on a channel whose connection is already gone; kombu
then reads `hostname` of None, and the AttributeError, which is no connection error, ends the worker. Told as the
connection error that it is, Celery reconnects.
"""

import functools
from typing import Any

from kombu.transport import redis as transport
from redis.exceptions import ConnectionError as RedisConnectionError


def install() -> None:
    """Make a detached channel say so; harmless to call twice."""
    channel_class: Any = transport.Channel
    original = channel_class._connparams
    if hasattr(original, "__wrapped__"):
        return

    @functools.wraps(original)
    def guarded(channel: Any, *args: Any, **kwargs: Any) -> Any:
        if channel.connection is None or channel.connection.client is None:
            raise RedisConnectionError("this channel's connection is closed")
        return original(channel, *args, **kwargs)

    channel_class._connparams = guarded
