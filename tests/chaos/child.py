"""The real lean child, except for inputs whose file name says otherwise.

poison-…    ends its process as soon as it reads
hungry-…    takes memory until it is ended
slow-…      takes its time before each agent, so that faults find it at work
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from celery_queue.child import main
from transformers.manifest import Manifest
from transformers.pipeline import Emit, run
from transformers.specification import Specification

SLOW_SECONDS = 1.5
PIECE = 50 << 20


def follow(folder: Path, specification: Specification, emit: Emit) -> Manifest:
    """Run the pipeline and misbehave as ordered."""
    order = specification.inputs[0].filename.partition("-")[0]

    def tell(event: Mapping[str, Any]) -> None:
        emit(event)
        if order == "poison":
            os._exit(9)
        if order == "hungry":
            take_memory()
        if order == "slow" and event["event"] == "agent":
            time.sleep(SLOW_SECONDS)

    return run(folder, specification, tell)


def take_memory() -> None:
    """Until somebody ends this process."""
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1 << 20)) * (PIECE >> 20))
        time.sleep(0.05)


if __name__ == "__main__":
    main(follow)
