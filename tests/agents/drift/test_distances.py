"""The distances are those that scipy computes from the same counts."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from agents.drift.distances import (
    chi_squared,
    jensen_shannon_distance,
    population_stability_index,
    stability_p_value,
)

ALIKE = np.array([100, 200, 300])
OTHER = np.array([120, 150, 500])


def test_chi_squared_is_scipys() -> None:
    expected = stats.chi2_contingency(np.array([ALIKE, OTHER]), correction=False)
    found = chi_squared(ALIKE, OTHER)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.cramers_v == pytest.approx(stats.contingency.association(np.array([ALIKE, OTHER])), rel=1e-9)


def test_small_cells_are_pooled() -> None:
    found = chi_squared(np.array([100, 200, 3, 4, 0]), np.array([120, 150, 2, 5, 0]))
    expected = stats.chi2_contingency(np.array([[100, 200, 7], [120, 150, 7]]), correction=False)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9)


def test_what_is_too_small_together_joins_the_smallest_other() -> None:
    found = chi_squared(np.array([100, 200, 1]), np.array([120, 150, 0]))
    expected = stats.chi2_contingency(np.array([[101, 200], [120, 150]]), correction=False)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9)


def test_one_cell_says_nothing() -> None:
    assert chi_squared(np.array([9]), np.array([70])).p_value == 1
    assert stability_p_value(0.0, np.array([9]), np.array([70])) == 1


def test_jensen_shannon_is_scipys() -> None:
    assert jensen_shannon_distance(ALIKE, OTHER) == pytest.approx(jensenshannon(ALIKE, OTHER, base=2), rel=1e-9)
    assert jensen_shannon_distance(np.array([5, 0]), np.array([0, 9])) == 1
    assert jensen_shannon_distance(ALIKE, 2 * ALIKE) == 0


def test_the_stability_index_is_a_symmetric_divergence() -> None:
    before, after = ALIKE / ALIKE.sum(), OTHER / OTHER.sum()
    expected = stats.entropy(before, after) + stats.entropy(after, before)
    assert population_stability_index(ALIKE, OTHER) == pytest.approx(expected, rel=1e-9)
    assert population_stability_index(ALIKE, 3 * ALIKE) == pytest.approx(0, abs=1e-15)


def test_an_empty_cell_counts_as_half_a_row() -> None:
    found = population_stability_index(np.array([90, 10, 0]), np.array([50, 50, 0]))
    assert found == pytest.approx(population_stability_index(np.array([90, 10]), np.array([50, 50])))
    unseen = population_stability_index(np.array([100, 0]), np.array([90, 10]))
    assert unseen == pytest.approx(0.1 * np.log(1 / 0.9) + (0.1 - 0.005) * np.log(0.1 / 0.005))


def test_samples_of_one_distribution_seldom_look_unstable() -> None:
    chance = np.random.default_rng(3)
    drawn = [chance.multinomial(500, [0.2] * 5) for _ in range(400)]
    found = [
        stability_p_value(population_stability_index(a, b), a, b) for a, b in zip(drawn[::2], drawn[1::2], strict=True)
    ]
    assert 0.01 < np.mean(np.array(found) < 0.05) < 0.12
