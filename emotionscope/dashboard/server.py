"""Streamlit's server with the films beside the pages. It first loads what the pages need, so that no visitor waits.

Its arguments are JSON: the sources, which `script` reads, and Streamlit's options.
"""

import gc
import json
import sys
from pathlib import Path

from altair.utils import schemapi
from streamlit.web.server.starlette import App

from emotionscope.batch import stages  # noqa: F401
from emotionscope.dashboard import charts, media  # noqa: F401
from emotionscope.vision import saliency  # noqa: F401

if __name__ == "__main__":
    # Streamlit collects garbage after each run of the page, and would look through all of these modules each time.
    gc.freeze()
    # Checking each chart against Vega's schema takes half of the time of a page; the tests do it.
    schemapi.disable_debug_mode()
    sources, options = map(json.loads, sys.argv[1:])
    routes = media.routes(sources["videos"]) if "videos" in sources else []
    App(Path(__file__).parent / "pages" / "script.py", routes=routes).run(config=options)
