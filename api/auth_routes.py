"""Accounts and bearer tokens."""

from functools import lru_cache
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sqlalchemy.exc import IntegrityError

from api import tokens
from api.account_schemas import Credentials, Registration, TokenAnswer, UserAnswer
from api.dependencies import CurrentUser, SettingsNow
from api.passwords import hash_password, password_fits
from api.rate_limit import RateLimit
from api.refusals import refuses
from db import users
from db.database import reading, transaction
from db.models import User
from errors import Conflict, NotAuthenticated, NotPermitted, RateLimited
from settings import Settings

router = APIRouter(prefix="/auth", tags=["auth"])


@lru_cache(maxsize=4)
def _rate_limit_of(settings: Settings) -> RateLimit:
    return RateLimit(settings.auth_tries_per_minute)


def get_rate_limit(settings: SettingsNow) -> RateLimit:
    """This process's brake on guessing."""
    return _rate_limit_of(settings)


Brake = Annotated[RateLimit, Depends(get_rate_limit)]


@router.post("/register", status_code=201, responses=refuses(NotPermitted, Conflict, RateLimited))
def register(body: Registration, request: Request, settings: SettingsNow, brake: Brake) -> TokenAnswer:
    """Open an account; its wallet is empty until an administrator grants credits."""
    if not settings.anyone_may_register:
        raise NotPermitted("Registration is closed here.")
    brake.check(f"register from {_host(request)}")
    password_hash = hash_password(body.password)
    try:
        with transaction() as session:
            user = users.add(session, body.email, password_hash)
    except IntegrityError as error:
        raise Conflict("There is an account of this e-mail address.") from error
    return _signed_in(settings, user)


@router.post("/login", responses=refuses(NotAuthenticated, RateLimited))
def login(body: Credentials, request: Request, settings: SettingsNow, brake: Brake) -> TokenAnswer:
    """A bearer token for e-mail address and password."""
    brake.check(f"login from {_host(request)}")
    brake.check(f"login as {body.email.casefold()}")
    with reading() as session:
        user = users.by_email(session, body.email)
    if not password_fits(body.password, user.password_hash if user else None) or user is None or user.disabled:
        raise NotAuthenticated("E-mail address or password is wrong.")
    return _signed_in(settings, user)


@router.get("/me")
def me(user: CurrentUser) -> UserAnswer:
    """Whose token this is."""
    return UserAnswer.of(user)


def _signed_in(settings: Settings, user: User) -> TokenAnswer:
    token, expires_at = tokens.issue_token(settings.secret, user.id, settings.token_minutes)
    return TokenAnswer(access_token=token, expires_at=expires_at, user=UserAnswer.of(user))


def _host(request: Request) -> str:
    return request.client.host if request.client else "nowhere"
