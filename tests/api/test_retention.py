"""What is answered once a task's files have been removed by age."""

from datetime import UTC, datetime, timedelta

import pytest

from celery_queue import retention

TODAY = f"{datetime.now(UTC):%Y-%m-%d}"


@pytest.fixture
def aged(settings, storage, make_task, finish_task, change_task, user):
    """A factory of tasks that ended so many days ago and what retention has done to them."""

    def make(days, status="COMPLETED"):
        task_id = make_task(queued=True)
        if status == "COMPLETED":
            finish_task(task_id, user.id)
        change_task(task_id, status=status, finished_at=datetime.now(UTC) - timedelta(days=days))
        retention.apply(settings, storage)
        return task_id

    return make


@pytest.mark.parametrize("path", ["report", "report.html", "downloads"])
def test_results_that_were_removed_are_gone_since_a_date(signed_in, aged, path):
    answer = signed_in.get(f"/tasks/{aged(31)}/{path}")
    assert (answer.status_code, answer.json()["error"]) == (410, "OUTPUT_GONE")
    assert answer.json()["context"]["removed_at"].startswith(TODAY)
    assert TODAY in answer.json()["detail"]


def test_a_link_that_outlives_its_file_says_that_it_is_gone(signed_in, settings, storage, aged, change_task):
    task_id = aged(1)
    url = signed_in.get(f"/tasks/{task_id}/downloads").json()["files"][0]["url"]
    change_task(task_id, finished_at=datetime.now(UTC) - timedelta(days=31))
    retention.apply(settings, storage)
    assert signed_in.get(url).status_code == 410


def test_inputs_that_were_removed_are_gone_since_a_date(signed_in, aged):
    task_id = aged(8, "FAILED")
    answer = signed_in.post(f"/tasks/{task_id}/retry")
    assert (answer.status_code, answer.json()["error"]) == (410, "INPUT_GONE")
    assert answer.json()["context"]["removed_at"].startswith(TODAY)
    assert signed_in.get(f"/tasks/{task_id}").json()["inputs_removed_at"].startswith(TODAY)


def test_an_archived_task_is_listed_no_more_and_keeps_its_story(signed_in, aged):
    task_id = aged(366)
    assert signed_in.get("/tasks").json()["items"] == []
    assert signed_in.get(f"/tasks/{task_id}").json()["archived_at"] is not None
    story = [each["event"] for each in signed_in.get(f"/tasks/{task_id}/timeline").json()["events"]]
    assert story[-3:] == ["inputs_removed", "outputs_removed", "task_archived"]
