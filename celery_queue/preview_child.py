"""The lean process in which files are previewed: the child of a run, with another job."""

from celery_queue.child import main
from transformers.preview import preview

if __name__ == "__main__":
    main(preview)
