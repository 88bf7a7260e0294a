"""What linkage decided, row by row and pair by pair, each pair with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
import numpy.typing
import pandas

from agents.linkage.candidates import Pairs
from agents.linkage.clusters import components
from agents.linkage.comparison import Floats, Integers
from agents.linkage.engine import REVIEW_BITS, Linkage
from agents.linkage.fields import Field
from agents.linkage.records import Records
from agents.linkage.weights import contribution
from agents.table import Table, literal

MOST_REVIEWED = 20_000

_CERTAIN = 40.0
_EQUAL = "equal in every compared column"
_TOO_COMMON = "equal in every compared column, but chance makes rows so equal too"
_ONE_EACH = "equal in every compared column, but this source seems to hold each thing once"
_ASKED = "linked by must_link"
_TAKEN = "; but with the rest of their groups they don't fit, or another row fits better"

Flags = numpy.typing.NDArray[numpy.bool_]


@dataclass(frozen=True)
class Matches:
    """entity: the entity of each of `rows`, by the `__row` of its first member. pairs: a table of PAIR_COLUMNS."""

    rows: Integers
    entity: Integers
    pairs: Table


def exact(found: Records, fields: Sequence[Field], together: Pairs, sides: Sequence[str] | None) -> Matches:
    """Rows that are equal in every compared column; sides: each row's source where an entity has one row of each."""
    label = components(found.count, together)
    values = ", ".join(field.name for field in fields)
    blank = found.values.df(f"SELECT coalesce({values}) IS NULL AS blank FROM {{self}} ORDER BY p")["blank"].to_numpy(
        bool
    )
    alone = (blank & (_sizes(label) == 1))[found.of_row] & _extra_rows(found)
    if sides is not None:
        alone |= pandas.DataFrame({"label": label[found.of_row], "side": sides}).duplicated().to_numpy()
    extra = _extra_rows(found) & ~alone
    pairs = _row_pairs(found, extra, numpy.full(int(extra.sum()), _CERTAIN), "match", _EQUAL)
    return Matches(found.rows, _by_row(found, label, alone), _table(found, [pairs, _asked(found, together)]))


def decided(found: Records, fields: Sequence[Field], linkage: Linkage, together: Pairs) -> Matches:
    """What a linkage means for the rows of its records."""
    split = (linkage.whole < 0) & ((_sizes(linkage.label) == 1) | (linkage.sides is not None))
    alone = split[found.of_row] & _extra_rows(found)
    extra = _extra_rows(found) & ~alone
    near = alone & (linkage.whole > -REVIEW_BITS)[found.of_row]
    whole = linkage.whole[found.of_row]
    parts = [
        _row_pairs(found, extra, whole[extra], "match", _EQUAL),
        _row_pairs(found, near, whole[near], "review", _TOO_COMMON if linkage.sides is None else _ONE_EACH),
        _asked(found, together),
    ]
    return Matches(
        found.rows, _by_row(found, linkage.label, alone), _table(found, parts, _explained(found, fields, linkage))
    )


def _sizes(label: Integers) -> Integers:
    return numpy.bincount(label, minlength=len(label))[label]


def _extra_rows(found: Records) -> Flags:
    """All but the first row of each record."""
    extra = numpy.ones(len(found.rows), dtype=bool)
    extra[found.first_row] = False
    return extra


def _by_row(found: Records, label: Integers, alone: Flags) -> Integers:
    entity = found.rows[found.first_row[label]][found.of_row]
    return numpy.where(alone, found.rows, entity)


def _row_pairs(found: Records, extra: Flags, bits: Floats, decision: str, explanation: str) -> pandas.DataFrame:
    """Each of the `extra` rows with the first row of its record."""
    return pandas.DataFrame(
        {
            "row_a": found.rows[found.first_row[found.of_row[extra]]],
            "row_b": found.rows[extra],
            "bits": numpy.clip(bits, -_CERTAIN, _CERTAIN),
            "decision": decision,
            "explanation": explanation,
        }
    )


def _asked(found: Records, together: Pairs) -> pandas.DataFrame:
    return _between(found, together).assign(bits=_CERTAIN, decision="match", explanation=_ASKED)


def _between(found: Records, pairs: Pairs) -> pandas.DataFrame:
    rows = found.rows[found.first_row]
    one, other = rows[pairs[0]], rows[pairs[1]]
    return pandas.DataFrame({"row_a": numpy.minimum(one, other), "row_b": numpy.maximum(one, other)})


def _explained(found: Records, fields: Sequence[Field], linkage: Linkage) -> Table:
    """The candidate pairs that matched or nearly did, with what each column added to their score."""
    joined = linkage.label[linkage.pairs[0]] == linkage.label[linkage.pairs[1]]
    match = numpy.flatnonzero(joined & (linkage.bits >= 0) & (linkage.pairs[0] != linkage.pairs[1]))
    review = _to_review(linkage, joined)
    chosen = numpy.concatenate([match, review])
    pairs = linkage.pairs[0][chosen], linkage.pairs[1][chosen]
    agreement = linkage.agreement(pairs)
    frame = _between(found, pairs).assign(bits=linkage.bits[chosen], review=numpy.arange(len(chosen)) >= len(match))
    for number in range(len(fields)):
        frame[f"w{number}"] = contribution(linkage.model, number, agreement)
    start = linkage.model.prior - linkage.threshold.bits
    reasons = ", ".join(
        f"CASE WHEN abs(w{number}) >= 0.05 THEN {literal(field.column)} || printf(' %+.1f', w{number}) END"
        for number, field in enumerate(fields)
    )
    return found.values.replace(frame).sql(
        f"""
        SELECT row_a, row_b, bits, CASE WHEN review THEN 'review' ELSE 'match' END AS decision,
            concat_ws(', ', {reasons}, {literal(f"before any comparison {start:+.1f}")})
            || CASE WHEN review AND bits >= 0 THEN {literal(_TAKEN)} ELSE '' END AS explanation
        FROM {{self}}
        """
    )


def _to_review(linkage: Linkage, joined: Flags) -> Integers:
    """The best undecided pairs; between sources, those of which a row is still without a partner."""
    near = ~joined & (linkage.bits >= -REVIEW_BITS)
    if linkage.sides is not None:
        linked = _sizes(linkage.label) > 1
        near &= ~(linked[linkage.pairs[0]] & linked[linkage.pairs[1]])
    places = numpy.flatnonzero(near)
    return places[numpy.argsort(-linkage.bits[places], kind="stable")][:MOST_REVIEWED]


def _table(found: Records, parts: Sequence[pandas.DataFrame], explained: Table | None = None) -> Table:
    """All pairs once, each with its probability."""
    frame = found.values.replace(pandas.concat(parts, ignore_index=True))
    both = "SELECT * FROM {self}" + (" UNION ALL BY NAME SELECT * FROM {explained}" if explained else "")
    return frame.sql(
        f"""
        SELECT row_a::BIGINT AS row_a, row_b::BIGINT AS row_b, round(1 / (1 + 2 ** -bits), 4) AS score,
            round(bits::DOUBLE, 2) AS bits, decision::VARCHAR AS decision, explanation::VARCHAR AS explanation
        FROM ({both})
        QUALIFY row_number() OVER (PARTITION BY row_a, row_b ORDER BY bits DESC, decision) = 1
        ORDER BY decision, bits DESC, row_a, row_b
        """,
        **({"explained": explained} if explained else {}),
    )
