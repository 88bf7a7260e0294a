"""The folder's files by signed link. With a bucket as storage these addresses don't exist: clients go to the bucket."""

from typing import Annotated, BinaryIO

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import contextmanager_in_threadpool
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from api.dependencies import StorageNow
from api.refusals import Answers, refuses
from errors import BadRequest, NotFound, NotPermitted, OutputGone, TooLarge, UnsupportedMediaType
from storage import LocalStorage
from storage.local import Grant

router = APIRouter(prefix="/files", tags=["files"])

_LINK = refuses(BadRequest, NotPermitted, NotFound)
_FILE: Answers = {200: {"content": {"*/*": {}}, "description": "The file."}, 206: {"description": "A part of it."}}
_PIECE = 1 << 20
_UNTRUSTED = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}
"""A user's file is data, whatever it claims to be: it must not run as a page of this service."""


def get_folder(storage: StorageNow) -> LocalStorage:
    """The storage, if it is a folder."""
    if not isinstance(storage, LocalStorage):
        raise NotFound
    return storage


Folder = Annotated[LocalStorage, Depends(get_folder)]


@router.get("/{key:path}", response_class=FileResponse, responses=_LINK | _FILE)
def get_file(key: str, request: Request, folder: Folder) -> FileResponse:
    """Download what the link is for; ranges are answered."""
    grant = folder.verified("GET", key, request.query_params)
    stored = folder.stat(key)
    if stored is None:
        raise OutputGone("The file is not there any more.")
    return FileResponse(
        folder.path(key), media_type=stored.content_type, filename=grant.filename or None, headers=_UNTRUSTED
    )


@router.put("/{key:path}", responses=_LINK | refuses(TooLarge, UnsupportedMediaType))
async def put_file(key: str, request: Request, folder: Folder) -> dict[str, str | int]:
    """Upload what the link is for: this content type, and no byte more than the link allows."""
    grant = folder.verified("PUT", key, request.query_params)
    if request.headers.get("content-type", "") != grant.content_type:
        raise UnsupportedMediaType(f"This link takes {grant.content_type}.")
    most = grant.size_limit if grant.size_bytes < 0 else grant.size_bytes
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise TooLarge(f"This link takes {most} bytes.", limit=most)
    async with contextmanager_in_threadpool(folder.writing(key)) as target:
        size = await _receive(request, target, most)
        _check_whole(size, grant)
    return {"key": key, "size_bytes": size}


async def _receive(request: Request, target: BinaryIO, most: int) -> int:
    """Write the body as it comes, in pieces large enough that going to a thread for each is cheap."""
    size, piece = 0, bytearray()
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise TooLarge(f"This link takes {most} bytes.", limit=most)
        piece += chunk
        if len(piece) >= _PIECE:
            await run_in_threadpool(target.write, bytes(piece))
            piece.clear()
    await run_in_threadpool(target.write, bytes(piece))
    return size


def _check_whole(size: int, grant: Grant) -> None:
    if 0 <= grant.size_bytes != size:
        raise BadRequest(f"{size} bytes came; this link takes exactly {grant.size_bytes}.")
