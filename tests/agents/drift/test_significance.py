"""Our survival functions are scipy's, over the whole range in which tests use them."""

import numpy as np
import pytest
from scipy import stats

from agents.drift.significance import benjamini_hochberg, chi_squared_sf, kolmogorov_sf, two_sample_ks


@pytest.mark.parametrize("degrees", [1, 2, 3, 9, 50, 1_000, 100_000])
def test_chi_squared_is_scipys(degrees: int) -> None:
    for factor in (1e-6, 0.01, 0.5, 0.9, 1, 1.01, 1.1, 2, 5):
        expected = float(stats.chi2.sf(degrees * factor, degrees))
        assert chi_squared_sf(degrees * factor, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_nothing_measured_is_certain() -> None:
    assert chi_squared_sf(0, 3) == kolmogorov_sf(0) == 1


def test_kolmogorov_is_scipys() -> None:
    for argument in np.linspace(0.05, 8, 200):
        expected = float(stats.kstwobign.sf(argument))
        assert kolmogorov_sf(float(argument)) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_the_size_of_both_samples_counts() -> None:
    expected = float(stats.kstwobign.sf(0.1 * np.sqrt(300 * 700 / 1000)))
    assert two_sample_ks(0.1, 300, 700) == pytest.approx(expected, rel=1e-9)


def test_the_correction_is_scipys() -> None:
    p_values = np.random.default_rng(1).uniform(size=50) ** 3
    assert benjamini_hochberg(p_values.tolist()) == pytest.approx(stats.false_discovery_control(p_values), rel=1e-9)
    assert benjamini_hochberg([]) == []
