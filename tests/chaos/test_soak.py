"""A short soak through the same code as `make chaos`."""

import pytest

from tests.chaos.soak import soak

pytestmark = pytest.mark.service
MINUTES = 0.2


def test_a_short_soak_breaks_no_promise(tmp_path):
    verdict = soak(3, MINUTES, tmp_path, hurry=3)
    assert verdict.violations == []
    assert verdict.tasks > 5
    assert verdict.number_of_faults >= 2
