"""The Celery app: `celery -A celery_queue.celery_app worker|beat|flower`."""

from celery import Celery

from celery_queue.celery_config import configuration
from settings import get_settings

app = Celery("agensium", include=["celery_queue.tasks", "celery_queue.maintenance", "celery_queue.callbacks"])
app.conf.update(configuration(get_settings()))
app.loader.override_backends = dict.fromkeys(("redis", "rediss"), "celery_queue.results:RedisResults")
if not get_settings().embedded:
    # It brings Redis along, which takes a tenth of an embedded process's start.
    from celery_queue.redis_guard import install

    install()
