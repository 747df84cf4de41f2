"""Tells a browser with the page which of Streamlit's files its first chart needs, so that it fetches them at once.

Else it would learn of them one after another: the page's words name the chart, whose file names Vega's, and so on.
"""

import re
from pathlib import Path

import streamlit
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FIRST = ("ArrowVegaLiteChart", "Metric", "Html", "PageLink", "Selectbox", "Multiselect", "TextInput", "Slider")
_STATIC = Path(streamlit.__file__).parent / "static"
_IMPORT = re.compile(r'(?:from|import)\s*"\./([\w.-]+\.js)"')


def files() -> list[str]:
    """The files that the elements of `FIRST` load and the page does not name, below ``static``; none where unknown."""
    scripts = _STATIC / "static" / "js"
    waiting = [path.name for name in FIRST for path in scripts.glob(f"{name}.*.js")]
    found: list[str] = []
    page = (_STATIC / "index.html").read_text("utf-8")
    while waiting:
        name = waiting.pop(0)
        if name not in found and name not in page:
            found.append(name)
            waiting += _IMPORT.findall((scripts / name).read_text("utf-8"))
    return [f"static/js/{name}" for name in found]


class Preloading:
    """Names these files in the head of each page; an ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.links = ", ".join(f"</{name}>; rel=modulepreload" for name in files())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""

        async def send_with_links(message: Message) -> None:
            if message["type"] == "http.response.start" and self.links:
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append("link", self.links)
            await send(message)

        await self.app(scope, receive, send_with_links)
