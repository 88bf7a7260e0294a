"""Grouping more rows than fit in memory: in turns, each of those rows whose hash leaves one remainder.

DuckDB moves a hash table that is too large to disk, but now and then too late.
"""

from collections.abc import Iterator

GROUPS_AT_ONCE = 1_000_000


def turns(rows: int, expression: str, *, times: float = 1) -> Iterator[str]:
    """Conditions that part so many rows by an expression: rows that are equal in it meet one and the same of them.

    times: so many times as many groups at once, where they are smaller, or larger, than usual.
    """
    yield from parted(1 + int(rows // (times * GROUPS_AT_ONCE)), expression)


def parted(count: int, expression: str) -> Iterator[str]:
    """The same for so many turns."""
    if count == 1:
        yield "true"
        return
    for turn in range(count):
        yield f"hash({expression}) % {count} = {turn}"
