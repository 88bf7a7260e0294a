"""When it runs: the queue, the worker, and what keeps both honest."""
