"""A lean child whose reader never comes to an end."""

import time

from celery_queue.child import main


def sleep(folder, specification, emit):
    emit({"event": "started"})
    time.sleep(60)


if __name__ == "__main__":
    main(sleep)
