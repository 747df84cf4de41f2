"""A proxy before a real S3 server that disturbs some answers: it says 503, is late, or cuts the connection half-way.

If told, it also sends half of a range without telling a length, so that what is missing does not show. Which answers it
disturbs follows from a seed and from the order in which the requests come.
"""

import http.client
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import inf
from random import Random
from typing import Literal
from urllib.parse import urlsplit

Fault = Literal["busy", "late", "cut", "short"]
FAULTS: tuple[Fault, ...] = "busy", "late", "cut"
SHARE = 0.05  # of the answers, for each kind of fault
LATEST = 2.0  # seconds
BUSY = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"


class FaultyS3(ThreadingHTTPServer):
    """The proxy of the server at `url`, on a port of its own; `seen` counts the requests and the faults.

    `answered` is called with the number of each request, from 1, once the server has done it and before the client
    is told.
    """

    def __init__(self, url: str, seed: int, share: float, latest: float, first: float, kinds: Sequence[Fault]) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.target = urlsplit(url).netloc
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.seen: Counter[str] = Counter()
        self.over = threading.Event()
        self._random, self._share, self._lock = Random(seed), share, threading.Lock()
        self.latest, self._first, self._kinds = latest, first, kinds
        self.answered: Callable[[int], None] = lambda _: None

    def shutdown_request(self, request: "socket.socket | tuple[bytes, socket.socket]") -> None:
        """Close without a farewell, as a reset would not be one after it."""
        self.close_request(request)

    def draw(self) -> tuple[int, Fault | None, float]:
        """The number of the next request, what happens to it, and how late, or where in the answer, in [0, 1)."""
        with self._lock:
            kind, where = self._random.random(), self._random.random()
            share = self._share if self.seen["requests"] < self._first else 0
            fault = next((each for n, each in enumerate(self._kinds, 1) if kind < n * share), None)
            self.seen.update(["requests", *([fault] if fault else [])])
            return self.seen["requests"], fault, where


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyS3

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        number, fault, where = self.server.draw()
        if fault == "late":
            self.server.over.wait(where * self.server.latest)
        answer = self._busy() if fault == "busy" else self._forward(body, fault == "short")
        self.server.answered(number)
        with suppress(ConnectionError):  # a client that was killed
            if fault == "cut":
                self.wfile.write(answer[: int(where * len(answer))])
                self._reset()
            else:
                self.wfile.write(answer)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

    def _forward(self, body: bytes, short: bool) -> bytes:
        """The server's answer, as bytes; the request's headers stay as they were signed."""
        server = http.client.HTTPConnection(self.server.target, timeout=60)
        try:
            server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                server.putheader(name, value)
            server.endheaders(body)
            found = server.getresponse()
            content = found.read()
            headers = {name: value for name, value in found.getheaders() if name != "Transfer-Encoding"}
        finally:
            server.close()
        if short and found.status == 206:
            headers.pop("Content-Length", None)
            content = content[: len(content) // 2]
            self.close_connection = True
        elif self.command != "HEAD" and found.status != 204:
            headers["Content-Length"] = str(len(content))
        lines = [f"HTTP/1.1 {found.status} {found.reason}", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + content

    def _busy(self) -> bytes:
        content = b"" if self.command == "HEAD" else BUSY
        return b"HTTP/1.1 503 Slow Down\r\nContent-Length: %d\r\n\r\n" % len(content) + content

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def faulty(
    url: str,
    seed: int,
    share: float = SHARE,
    latest: float = LATEST,
    first: float = inf,
    kinds: Sequence[Fault] = FAULTS,
) -> Iterator[FaultyS3]:
    """A proxy of the S3 server at `url` until the block ends; `share` is that of each kind of fault.

    What is late is so by `latest` seconds at most. Only the `first` requests are disturbed.
    """
    with FaultyS3(url, seed, share, latest, first, kinds) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.over.set()
        proxy.shutdown()
