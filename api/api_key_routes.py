"""API keys: made, listed and removed by somebody who is signed in; a key can't make another one."""

from fastapi import APIRouter

from api.account_schemas import ApiKeyAnswer, ApiKeyOrder, NewApiKey
from api.api_keys import digest_of, new_key, start_of
from api.dependencies import Database, SignedInUser, is_id
from api.refusals import refuses
from db import users
from db.database import transaction
from errors import Conflict, NotFound

router = APIRouter(prefix="/auth/api-keys", tags=["auth"])

MOST_KEYS = 50


@router.post("", status_code=201, responses=refuses(Conflict))
def create_api_key(body: ApiKeyOrder, user: SignedInUser) -> NewApiKey:
    """A new key: `key` is shown this once and works as a bearer token until it is deleted."""
    key = new_key()
    with transaction() as session:
        if len(users.api_keys(session, user.id)) >= MOST_KEYS:
            raise Conflict(f"An account has at most {MOST_KEYS} API keys.")
        made = users.add_api_key(session, user.id, body.name, start_of(key), digest_of(key))
    return NewApiKey(key=key, **ApiKeyAnswer.of(made).model_dump())


@router.get("")
def list_api_keys(user: SignedInUser, session: Database) -> list[ApiKeyAnswer]:
    """One's own keys: their names and how they begin."""
    return [ApiKeyAnswer.of(each) for each in users.api_keys(session, user.id)]


@router.delete("/{key_id}", status_code=204, responses=refuses(NotFound))
def delete_api_key(key_id: str, user: SignedInUser) -> None:
    """From now on the key opens nothing."""
    with transaction() as session:
        if not is_id(key_id) or not users.remove_api_key(session, user.id, key_id):
            raise NotFound("There is no such API key.")
