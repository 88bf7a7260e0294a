"""An order's faults, each with its place, in words."""

from typing import Any

import pytest

from errors import InvalidParameters
from transformers.tools import order


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"null-handler": {"knn_neighbors": 0}}, "null-handler.knn_neighbors: Input should be greater than or equal "),
        ({"null-handler": {"knn_neighbors": "many"}}, "(given: 'many')"),
        ({"null-handler": None}, "null-handler: must be an object of parameters"),
        ({"null-handler": {"fill_values": {"a": "x\0y"}}}, "null-handler.fill_values.a: holds a character that is not"),
        ({"null-handler": {"fill_values": {"\ud800": "x"}}}, "null-handler.fill_values: holds a character that is not"),
        ({"null-handler": {"knn_neighbors": float("inf")}}, "null-handler.knn_neighbors: holds a number that is not"),
        ({"field-standardization": {"unit_mappings": {"a": {"lb": "km"}}}}, "unit_mappings: can't convert 'lb'"),
    ],
)
def test_a_fault_says_where_and_what(parameters: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidParameters) as refused:
        order("clean-my-data", None, parameters)
    assert says in str(refused.value)
    assert "Value error" not in str(refused.value)
