"""k-anonymity and l-diversity are what counting groups in pandas gives."""

import pandas
import pytest

from agents.privacy.anonymity import Encoded, measure, unique_without_each
from tests.agents.conftest import MakeTable

COLUMNS = {
    "zip": [f"{i * i % 11}" for i in range(300)],
    "age": [f" {i % 7} " if i % 2 else f"{i % 7}" for i in range(300)],
    "city": [None if i % 13 == 0 else "" if i % 13 == 1 else f"c{i % 3}" for i in range(300)],
    "illness": [f"x{i % 4}" for i in range(300)],
}
QUASI = ["zip", "age", "city"]


@pytest.fixture
def frame() -> pandas.DataFrame:
    frame = pandas.DataFrame(COLUMNS)
    return frame.apply(lambda column: column.str.strip()).fillna("")


def test_classes_are_counted_exactly(make_table: MakeTable, frame: pandas.DataFrame) -> None:
    sizes = frame.groupby(QUASI).size()
    anonymity, alone = measure(Encoded(make_table(COLUMNS), QUASI), QUASI)
    assert (anonymity.k, anonymity.classes, anonymity.rows) == (sizes.min(), len(sizes), 300)
    assert anonymity.below == {k: int(sizes[sizes < k].sum()) for k in (2, 3, 5, 10)}
    own = frame.groupby(QUASI)["illness"].transform("size")
    assert [row for (row,) in alone.query("SELECT row FROM {self}")] == list(frame.index[own == 1])


def test_diversity_is_the_fewest_values_of_a_class(make_table: MakeTable, frame: pandas.DataFrame) -> None:
    for columns in (["age"], QUASI):
        anonymity, _ = measure(Encoded(make_table(COLUMNS), [*columns, "illness"]), columns, ["illness"])
        values = frame.groupby(columns)["illness"].nunique()
        alike = frame.groupby(columns)["illness"].transform("nunique") == 1
        assert anonymity.diversity == {"illness": (values.min(), alike.sum())}


def test_the_column_that_tells_most_is_the_one_to_leave_out(make_table: MakeTable, frame: pandas.DataFrame) -> None:
    expected = {}
    for left_out in QUASI:
        sizes = frame.groupby([column for column in QUASI if column != left_out]).size()
        expected[left_out] = int((sizes == 1).sum())
    assert unique_without_each(Encoded(make_table(COLUMNS), QUASI), QUASI) == expected
