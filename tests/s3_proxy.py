"""A proxy before the S3 server that fails to order: it answers 500, never answers, or hangs up in the middle."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Literal
from urllib.parse import urlsplit

Mode = Literal["pass", "error", "hang", "cut"]

PIECE = 1 << 16
CUT_AFTER = 200
ERROR_BODY = b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>ordered</Message></Error>"
ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/xml\r\nConnection: close\r\n"
ERROR += b"Content-Length: %d\r\n\r\n%s" % (len(ERROR_BODY), ERROR_BODY)


class S3Proxy:
    """Passes bytes to and fro at an address of its own; use as a context."""

    def __init__(self, endpoint_url: str) -> None:
        address = urlsplit(endpoint_url)
        self._upstream = (str(address.hostname), address.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._mode: Mode = "pass"
        self._cut_after = CUT_AFTER
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> S3Proxy:
        threading.Thread(target=self._listen, name="s3-proxy", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.turn("pass")

    def turn(self, mode: Mode, cut_after: int = CUT_AFTER) -> None:
        """Treat connections so from now on; those that are open are closed, so that none goes on as before.

        cut_after: bytes of an answer that `cut` lets through.
        """
        with self._lock:
            self._mode, self._cut_after = mode, cut_after
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            self._open.add(client)
            mode = self._mode
        try:
            with client, contextlib.suppress(OSError):
                self._treat(client, mode)
        finally:
            with self._lock:
                self._open.discard(client)

    def _treat(self, client: socket.socket, mode: Mode) -> None:
        if mode == "hang":
            while client.recv(PIECE):
                pass
        elif mode == "error":
            client.recv(PIECE)
            client.sendall(ERROR)
        else:
            with socket.create_connection(self._upstream, timeout=60) as upstream:
                asking = threading.Thread(target=_pump, args=(client, upstream), daemon=True)
                asking.start()
                _pump(upstream, client, self._cut_after if mode == "cut" else None)


def _pump(source: socket.socket, target: socket.socket, most: int | None = None) -> None:
    """Pass on until one side hangs up, or `most` bytes are through."""
    sent = 0
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece if most is None else piece[: most - sent])
            sent += len(piece)
            if most is not None and sent >= most:
                break
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
