"""What an order asks for beyond the usual stands in the task's timeline, with who asked."""

import pytest

from celery_queue import orders
from db import tasks
from db.database import reading
from tests.rows import make_user


@pytest.mark.parametrize("unmask", [True, False])
def test_whoever_wants_files_unmasked_is_written_down(runner, tmp_path, unmask):
    user, file = make_user(), tmp_path / "people.csv"
    file.write_text("name\nAnn\n")
    task = orders.create(user.id, "profile-my-data", ["score-risk"], {"output": {"unmask": unmask}})
    _, links = orders.expect_uploads(task.id, user.id, {"primary": orders.Upload(file.name)}, runner.storage)
    runner.storage.put(file, links["primary"].key)
    orders.submit(task.id, user.id, runner.storage)
    with reading() as session:
        actors = {event.event: event.actor for event in tasks.events(session, task.id)}
    assert actors.get("unmasked_files_ordered") == (f"user {user.id}" if unmask else None)
