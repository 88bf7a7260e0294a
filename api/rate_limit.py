"""A brake on guessing passwords: so many tries a minute per name, counted in this process."""

import threading
import time
from collections import deque
from collections.abc import Callable

from errors import RateLimited

WINDOW = 60.0
MOST_NAMES = 10_000


class RateLimit:
    """A sliding window of a minute per name. Names that have been quiet are forgotten."""

    def __init__(self, tries: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._tries = tries
        self._clock = clock
        self._seen: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def check(self, name: str) -> None:
        """Count one try; RateLimited where there were too many within the last minute."""
        now = self._clock()
        with self._lock:
            if len(self._seen) >= MOST_NAMES:
                self._forget(now)
            tries = self._seen.setdefault(name, deque())
            while tries and tries[0] <= now - WINDOW:
                tries.popleft()
            if len(tries) >= self._tries:
                raise RateLimited
            tries.append(now)

    def _forget(self, now: float) -> None:
        self._seen = {name: tries for name, tries in self._seen.items() if tries and tries[-1] > now - WINDOW}
