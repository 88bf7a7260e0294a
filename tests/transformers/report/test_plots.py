"""What a plot shows, its text says too."""

import json
import re

from transformers.report import plots


def test_a_line_has_a_dot_for_each_run_and_a_gap_where_a_run_has_no_figure() -> None:
    drawn = str(plots.line(["Mon", "Tue", "Wed", "Thu"], [2, 4, None, 1], "rows", height=58))
    assert re.search('class="line" d="([^"]*)"', drawn)[1] == "M5 29.0L15 4.0M35 41.5"
    assert re.search('class="dots" d="([^"]*)"', drawn)[1] == "M5 29.0h0M15 4.0h0M35 41.5h0"
    assert 'aria-label="4 runs, from 2 to 1 rows; lowest 1, highest 4."' in drawn
    tips = json.loads(re.search('data-tips="([^"]*)"', drawn)[1].replace("&#34;", '"'))
    assert tips == ["Mon: 2 rows", "Tue: 4 rows", "Wed: – rows", "Thu: 1 rows"]


def test_a_line_of_nothing_is_flat_and_one_without_figures_is_none() -> None:
    assert 'd="M5 54.0L15 54.0"' in plots.line(["Mon", "Tue"], [0, 0], "columns", height=58)
    assert plots.line(["Mon"], [None], "rows") == ""
