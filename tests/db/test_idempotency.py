from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import IntegrityError

from db import idempotency, tasks
from db.database import reading, transaction
from errors import IdempotencyConflict
from tests.rows import make_task, make_user


def test_an_answer_is_found_for_the_same_request_only():
    user = make_user()
    with transaction() as session:
        idempotency.keep(session, user.id, "k", "f", {"a": 1})
    with reading() as session:
        assert idempotency.find(session, user.id, "k", "f") == {"a": 1}
        assert idempotency.find(session, make_user().id, "k", "other") is None
        with pytest.raises(IdempotencyConflict):
            idempotency.find(session, user.id, "k", "other")


def test_of_many_at_once_one_is_kept_and_the_work_of_the_others_undone():
    user = make_user()
    made = [make_task(user) for _ in range(6)]

    def work(task):
        try:
            with transaction() as session:
                tasks.get(session, task.id, user.id, lock=True).progress = 42
                idempotency.keep(session, user.id, "k", "f", {"task": task.id})
        except IntegrityError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(work, made)) == 1
    with reading() as session:
        done = [task.id for task in made if tasks.get(session, task.id, user.id).progress == 42]
        assert done == [idempotency.find(session, user.id, "k", "f")["task"]]
