"""Whether the message broker answers."""

import ssl
import sys

from kombu import Connection
from kombu.exceptions import KombuError, OperationalError

from celery_queue.celery_config import configuration
from errors import BrokerUnavailable
from settings import Settings

_SECONDS = 2


def check_broker(settings: Settings) -> None:
    """Raise BrokerUnavailable unless the broker answers within a few seconds; an embedded one is always there."""
    if settings.embedded:
        return
    config = configuration(settings)
    options = dict(config["broker_transport_options"])
    if settings.broker.startswith("redis"):
        options |= {"socket_timeout": _SECONDS, "socket_connect_timeout": _SECONDS, "retry_on_timeout": False}
    connection = Connection(
        config["broker_url"], ssl=config["broker_use_ssl"], connect_timeout=_SECONDS, transport_options=options
    )
    try:
        with connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=_SECONDS)
    except (OperationalError, KombuError, OSError) as error:
        raise unavailable("The message broker", error) from error


def redis_errors() -> tuple[type[Exception], ...]:
    """What Redis raises, where anything has imported it: nobody else can meet one."""
    loaded = sys.modules.get("redis.exceptions")
    return (loaded.RedisError,) if loaded else ()


def unavailable(what: str, error: BaseException) -> BrokerUnavailable:
    """BrokerUnavailable in words for operators: a certificate that isn't trusted is told from a server that is away."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return BrokerUnavailable(
                f"{what} shows a certificate that isn't trusted here (REDIS_CA_FILE): {cause.verify_message}."
            )
        cause = cause.__cause__ or cause.__context__
    return BrokerUnavailable(f"{what} doesn't answer: {type(error).__name__}.")
