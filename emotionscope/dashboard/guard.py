"""Who is answered: the pages that this server has sent, under an address of this machine, and nobody else.

A page of the internet can send a visitor's browser here, under this machine's address or, by a name of its own that it
lets point here, under that one (DNS rebinding). So can another program that serves pages on this machine.
"""

import ipaddress
import secrets
import socket
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emotionscope.dashboard.uploads import PATH, uploads

LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
FRAMES = "frame-ancestors 'self'"  # no other site shows the pages in a frame of its own


class Guard:
    """Refuses what another site's page, or a program that has loaded no page, asks; an ASGI middleware."""

    def __init__(self, app: ASGIApp, address: str, port: int) -> None:
        self.app = app
        self.hosts = LOCAL | {address.lower()}
        self.everywhere = _is_everywhere(address)
        if self.everywhere:
            self.hosts |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        self.cookie = f"emotionscope-{port}"  # a browser sends a cookie to all ports of a machine
        self.key = secrets.token_urlsafe()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may be answered, with the key that the page needs to open its socket."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        known = cookie_parser(headers.get("cookie", "")).get(self.cookie) == self.key
        visit, _, file = scope["path"].removeprefix(PATH).partition("/")
        is_upload = scope["path"].startswith(PATH) and scope.get("method") == "PUT"
        reason = self._refusal(scope["type"], headers, known)
        if not reason and is_upload and not uploads.is_asked(visit):
            reason = "no page asks for a file"
        if reason and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": reason})
        elif reason:
            await PlainTextResponse(f"Refused: {reason}.\n", 403)(scope, receive, send)
        else:
            await self.app(scope, receive, self._with_key(send))
            if is_upload:
                uploads.keep(visit, file)

    def _refusal(self, kind: str, headers: Headers, known: bool) -> str | None:
        hosts, origin = headers.getlist("host"), headers.get("origin")
        if len(hosts) != 1 or not self._is_own(hosts[0]):
            return "the dashboard has another address; --address names a further one"
        if origin is not None and urlsplit(origin).netloc.lower() != hosts[0].lower():
            return "another site asks"
        if kind == "websocket":
            return None if known and origin is not None else "load a page first"
        is_visit = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not is_visit:
            return "another site asks"
        return None

    def _is_own(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self.hosts or (self.everywhere and _is_number(name))

    def _with_key(self, send: Send) -> Send:
        """Sends the key along with the answer. Only a page of this server gets it back from the browser."""

        async def send_with_key(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.append("set-cookie", f"{self.cookie}={self.key}; Path=/; HttpOnly; SameSite=Strict")
                headers.append("content-security-policy", FRAMES)
            await send(message)

        return send_with_key


def _is_everywhere(address: str) -> bool:
    """Whether who listens at an address listens at all of the machine's."""
    return _is_number(address) and ipaddress.ip_address(address).is_unspecified


def _is_number(name: str) -> bool:
    """Whether a host is named by its number, which no one else can let point here."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
