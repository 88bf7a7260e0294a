import json
import threading
import time

import pytest


def read_stream(answer):
    """The messages of a stream, each as (name, id, data), until it ends."""
    fields = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield fields["event"], fields.get("id"), json.loads(fields["data"])
            fields = {}


def watch(client, task_id, **options):
    with client.stream("GET", f"/tasks/{task_id}/events", **options) as answer:
        answer.raise_for_status()
        assert answer.headers["content-type"].startswith("text/event-stream")
        return list(read_stream(answer))


def in_background(*steps):
    def run():
        for step in steps:
            time.sleep(0.15)
            step()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_stream_tells_the_past_follows_the_run_and_ends(signed_in, make_task, change_task):
    task_id = make_task(queued=True)
    worker = in_background(
        lambda: change_task(task_id, "task_claimed", status="PROCESSING", progress=20),
        lambda: change_task(task_id, progress=60, progress_detail={"current_agent": "type-fixer"}),
        lambda: change_task(task_id, "task_completed", status="COMPLETED", progress=100),
    )
    messages = watch(signed_in, task_id)
    worker.join()
    names = [data["event"] for kind, _, data in messages if kind == "event"]
    assert names == ["task_created", "uploads_expected", "task_queued", "task_claimed", "task_completed"]
    assert [data["progress"] for kind, _, data in messages if kind == "progress"] == [15, 20, 60, 100]
    assert messages[-1] == ("end", None, {"status": "COMPLETED"})


def test_a_client_that_comes_back_misses_nothing_and_repeats_nothing(signed_in, make_task, change_task):
    task_id = make_task(queued=True)
    change_task(task_id, "task_failed", status="FAILED", error_code="AGENT_ERROR")
    everything = [(key, data["event"]) for kind, key, data in watch(signed_in, task_id) if kind == "event"]
    rest = watch(signed_in, task_id, headers={"Last-Event-ID": everything[1][0]})
    assert [(key, data["event"]) for kind, key, data in rest if kind == "event"] == everything[2:]


def test_who_has_seen_the_end_is_told_to_stay_away(signed_in, make_task, change_task):
    task_id = make_task(queued=True)
    change_task(task_id, "task_failed", status="FAILED")
    last = [key for kind, key, _ in watch(signed_in, task_id) if kind == "event"][-1]
    assert signed_in.get(f"/tasks/{task_id}/events", headers={"Last-Event-ID": last}).status_code == 204


def test_streams_that_began_at_different_events_each_get_their_own(signed_in, make_task, change_task):
    task_id = make_task(queued=True)
    seen = signed_in.get(f"/tasks/{task_id}/timeline").json()["events"]
    heard = {}

    def listen(after):
        messages = watch(signed_in, task_id, headers={"Last-Event-ID": str(after)})
        heard[after] = [data["event"] for kind, _, data in messages if kind == "event"]

    threads = [threading.Thread(target=listen, args=(after,)) for after in (0, seen[-1]["id"])]
    for thread in threads:
        thread.start()
    time.sleep(0.4)
    change_task(task_id, "task_failed", status="FAILED")
    for thread in threads:
        thread.join()
    assert heard[0] == [event["event"] for event in seen] + ["task_failed"]
    assert heard[seen[-1]["id"]] == ["task_failed"]


def test_progress_is_told_only_when_it_changes(signed_in, make_task, change_task):
    task_id = make_task(queued=True)
    worker = in_background(
        lambda: change_task(task_id, "agent_started"),
        lambda: change_task(task_id, "agent_finished"),
        lambda: change_task(task_id, "task_failed", status="FAILED"),
    )
    states = [data["status"] for kind, _, data in watch(signed_in, task_id) if kind == "progress"]
    worker.join()
    assert states == ["QUEUED", "FAILED"]


@pytest.mark.parametrize("strange", ["x", "-1", "1e9", "9" * 40, ""])
def test_a_strange_event_id_is_no_event_id(signed_in, make_task, change_task, strange):
    task_id = make_task(queued=True)
    change_task(task_id, "task_failed", status="FAILED")
    messages = watch(signed_in, task_id, headers={"Last-Event-ID": strange})
    assert len([kind for kind, _, _ in messages if kind == "event"]) == 4


def test_many_streams_share_one_poller(signed_in, app, make_task, change_task):
    reads = []
    live = app.state.live_events
    read = live._read
    live._read = lambda task_ids, after: reads.append(len(task_ids)) or read(task_ids, after)
    tasks = [make_task(queued=True) for _ in range(3)]
    threads = [threading.Thread(target=watch, args=(signed_in, task_id)) for task_id in tasks * 2]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    for task_id in tasks:
        change_task(task_id, "task_failed", status="FAILED")
    for thread in threads:
        thread.join()
    assert max(reads) == 3
    assert len(reads) < 40
    before = len(reads)
    time.sleep(0.2)
    assert len(reads) == before


def test_a_task_deleted_under_a_stream_ends_it(signed_in, make_task, change_task):
    task_id = make_task(queued=True)
    worker = in_background(lambda: change_task(task_id, deleted_at=__import__("datetime").datetime.now()))
    assert watch(signed_in, task_id)[-1] == ("end", None, {"status": "DELETED"})
    worker.join()


def test_a_ticket_opens_the_stream_of_its_task_only(client, signed_in, make_task, change_task):
    first, second = make_task(queued=True), make_task(queued=True)
    ticket = signed_in.post(f"/tasks/{first}/events/ticket").json()
    for task_id in (first, second):
        change_task(task_id, "task_failed", status="FAILED")
    client.headers.pop("Authorization")
    assert client.get(ticket["url"]).status_code == 200
    assert client.get(f"/tasks/{second}/events", params={"token": ticket["token"]}).status_code == 401
    assert client.get(f"/tasks/{first}/events").status_code == 401
    assert client.get(f"/tasks/{first}", params={"token": ticket["token"]}).status_code == 401
