"""What a route asks for: the settings, the storage, who is asking, and which task."""

import re
from functools import lru_cache
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from api import api_keys, tokens
from db import tasks, users
from db.database import get_db, reading
from db.models import Task, User
from errors import NotAuthenticated, NotPermitted, TaskNotFound
from settings import Settings, get_settings
from storage import Storage, open_storage

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_bearer = HTTPBearer(auto_error=False, description="What POST /auth/login answers, or an API key.")

SettingsNow = Annotated[Settings, Depends(get_settings)]
Database = Annotated[Session, Depends(get_db, scope="function")]
"""A reading session that is closed before the answer is sent. A route that writes opens its own, one after another:
holding this one meanwhile would take two connections."""


@lru_cache(maxsize=16)
def _storage_of(settings: Settings, reached_at: str) -> Storage:
    return open_storage(settings, settings.secret, reached_at)


def get_storage(request: Request, settings: SettingsNow) -> Storage:
    """The storage of this process; the links of a folder lead to PUBLIC_URL, else to where this request came to."""
    given = settings.s3_bucket or settings.public_url
    return _storage_of(settings, "" if given else str(request.base_url))


StorageNow = Annotated[Storage, Depends(get_storage)]


def get_request_id(request: Request) -> str:
    """The id that the middleware gave the request."""
    return str(request.state.request_id)


RequestIdNow = Annotated[str, Depends(get_request_id)]


def enabled_user(user_id: str) -> User:
    """The user, unless there is none any more or it is disabled."""
    with reading() as session:
        user = users.get(session, user_id)
    if user is None or user.disabled:
        raise NotAuthenticated("This account is not active.")
    return user


Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def current_user(credentials: Credentials, settings: SettingsNow) -> User:
    """Whoever the bearer token or API key stands for."""
    if credentials is not None and credentials.credentials.startswith(api_keys.PREFIX):
        return _user_of_key(credentials.credentials)
    return signed_in_user(credentials, settings)


def _user_of_key(key: str) -> User:
    with reading() as session:
        user = users.by_api_key(session, api_keys.digest_of(key))
    if user is None or user.disabled:
        raise NotAuthenticated("This API key is not valid here.")
    return user


def signed_in_user(credentials: Credentials, settings: SettingsNow) -> User:
    """Whoever the bearer token stands for; an API key isn't enough."""
    if credentials is None:
        raise NotAuthenticated
    return enabled_user(tokens.user_of_token(settings.secret, credentials.credentials))


CurrentUser = Annotated[User, Depends(current_user)]
SignedInUser = Annotated[User, Depends(signed_in_user)]


def admin_user(user: CurrentUser) -> User:
    """Who is asking, if it is an administrator."""
    if not user.is_admin:
        raise NotPermitted("This is for administrators.")
    return user


AdminUser = Annotated[User, Depends(admin_user)]


def is_id(text: str) -> bool:
    """Whether a row could have this id; a database needn't be asked for any other."""
    return _ID.fullmatch(text) is not None


def valid_task_id(task_id: str) -> str:
    """The id from the address; one that no task can have is simply not found."""
    if not is_id(task_id):
        raise TaskNotFound
    return task_id


TaskId = Annotated[str, Depends(valid_task_id)]


def own_task(task_id: TaskId, user: CurrentUser) -> Task:
    """The user's own task; another's is not found."""
    with reading() as session:
        return tasks.get(session, task_id, user.id)


OwnTask = Annotated[Task, Depends(own_task)]


def watched_task(task_id: TaskId, credentials: Credentials, settings: SettingsNow, token: str | None = None) -> Task:
    """The user's own task, for a bearer token or, because EventSource can't send one, a ticket in the address."""
    if token is None:
        return own_task(task_id, current_user(credentials, settings))
    return own_task(task_id, enabled_user(tokens.user_of_ticket(settings.secret, token, task_id)))


WatchedTask = Annotated[Task, Depends(watched_task)]
