"""Streamlit's server behind its guard, with the films beside the pages. It first loads all, so that nobody waits.

Its arguments are JSON: the sources, which `script` reads, and Streamlit's options.
"""

import gc
import json
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from altair.utils import schemapi
from starlette.middleware import Middleware
from streamlit.web.server.starlette import App

from emotionscope.batch import stages  # noqa: F401
from emotionscope.dashboard import charts, media, shared  # noqa: F401
from emotionscope.dashboard.guard import Guard
from emotionscope.vision import saliency  # noqa: F401

if __name__ == "__main__":
    # Streamlit collects garbage after each run of the page, and would look through all of these modules each time.
    gc.freeze()
    # Checking each chart against Vega's schema takes half of the time of a page; the tests do it.
    schemapi.disable_debug_mode()
    sources, options = map(json.loads, sys.argv[1:])
    guard = Middleware(Guard, address=options["server.address"], port=options["server.port"])
    routes = media.routes(sources["videos"]) if "videos" in sources else []

    def warm() -> None:
        """Open the archive while nobody waits for it yet."""
        from emotionscope.dashboard import app  # whose caches ask for the server when they are made

        app.warm(shared.Sources(**sources))

    @asynccontextmanager
    async def warming(_: App) -> AsyncIterator[None]:
        """Begin to warm once the server runs."""
        threading.Thread(target=warm, daemon=True).start()
        yield

    script = Path(__file__).parent / "pages" / "script.py"
    App(script, routes=routes, middleware=[guard], lifespan=warming).run(config=options)
