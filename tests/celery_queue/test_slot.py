"""Lean children: one can be started ahead of its first job."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from celery_queue.slot import Children
from settings import Settings
from transformers.specification import FILENAME, InputSpec, Specification


@pytest.fixture
def children(settings: Settings) -> Iterator[Children]:
    held = Children(settings, "tests.celery_queue.scripted_child")
    yield held
    held.close()


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A folder with a script of one step."""
    script = tmp_path / "inputs" / "primary" / "script.txt"
    script.parent.mkdir(parents=True)
    script.write_text("step")
    specification = Specification(
        task_id="scripted",
        tool_id="clean-my-data",
        agents=("type-fixer",),
        parameters={},
        prices={},
        inputs=(InputSpec(role="primary", filename=script.name, path="inputs/primary/script.txt"),),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    (tmp_path / FILENAME).write_text(specification.model_dump_json())
    return tmp_path


@pytest.mark.parametrize("tool_id", ["profile-my-data", "no-such-tool"])
def test_a_child_that_was_started_ahead_serves_the_first_job(children: Children, job: Path, tool_id: str) -> None:
    children.warm(tool_id)
    (ahead,) = children._idle
    with children.borrow() as child:
        manifest = child.run(job, lambda _: None, lambda: None)
    assert child is ahead
    assert manifest["task_id"] == "scripted"
