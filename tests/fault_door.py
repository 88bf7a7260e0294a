"""A door before a real HTTP server: it lets requests through, or does to them what networks and servers do.

What a fault does: "500" answers so and forwards nothing; "hang" never answers; "cut" takes half of the body and closes
the connection; "swallow" forwards the request and closes the connection before the answer.
"""

import http.client
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "expect"}
Fault = Callable[[str, str], str | None]


class FaultDoor:
    """Forwards to a server. `fault` is asked for every request's method and path, `passed` told of each forwarded."""

    def __init__(self, server_url: str) -> None:
        self.target = urlsplit(server_url).netloc
        self.fault: Fault = lambda method, path: None
        self.passed: Callable[[str, str], None] = lambda method, path: None
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.door = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def open(self) -> Iterator["FaultDoor"]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    door: FaultDoor


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        door = self.server.door
        fault = door.fault(self.command, self.path)
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length // 2 if fault == "cut" else length)
        if fault is None:
            self._answer(*self._forward(body))
        elif fault == "500":
            self._answer(500, {}, b"")
        else:
            self.close_connection = True
            if fault == "hang":
                door.closing.wait(60)
            elif fault == "swallow":
                self._forward(body)

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.server.door.target, timeout=30)
        connection.request(self.command, self.path, body, _end_to_end(self.headers.items()))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self.server.door.passed(self.command, self.path)
        return answer.status, _end_to_end(answer.getheaders()), content

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _end_to_end(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in HOP_BY_HOP}
