"""Streamlit's server behind its guard, with the films beside the pages. It first loads all, so that nobody waits.

Its arguments are JSON: the sources, which `script` reads, and Streamlit's options.
"""

import gc
import json
import sys
from pathlib import Path

from altair.utils import schemapi
from starlette.middleware import Middleware
from streamlit.web.server.starlette import App

from emotionscope.batch import stages  # noqa: F401
from emotionscope.dashboard import charts, media  # noqa: F401
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
    App(Path(__file__).parent / "pages" / "script.py", routes=routes, middleware=[guard]).run(config=options)
