"""The database's own clock: leases compare moments of one clock, whatever the hosts believe."""

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from db.types import UtcDateTime


class moment(FunctionElement[Any]):
    """Now, plus a number of seconds: `moment()`, `moment(90)`, `moment(-15)`."""

    type = UtcDateTime()
    inherit_cache = True
    name = "moment"

    def __init__(self, seconds: float | ColumnElement[Any] = 0) -> None:
        super().__init__(seconds)


@compiles(moment, "postgresql")
def _postgresql(element: moment, compiler: Any, **kw: Any) -> str:
    seconds = compiler.process(element.clauses, **kw)
    # clock_timestamp moves within a transaction, now() doesn't.
    return f"(clock_timestamp() + make_interval(secs => CAST({seconds} AS DOUBLE PRECISION)))"


@compiles(moment, "sqlite")
def _sqlite(element: moment, compiler: Any, **kw: Any) -> str:
    seconds = compiler.process(element.clauses, **kw)
    # Six decimals, as SQLAlchemy writes datetimes there: they are compared as texts.
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', {seconds} || ' seconds') || '000')"
