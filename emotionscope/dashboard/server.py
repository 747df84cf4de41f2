"""Streamlit's server. It loads what the pages need before it starts, so that no visitor waits for it."""

import gc

from altair.utils import schemapi
from streamlit.web import cli

from emotionscope.batch import stages  # noqa: F401
from emotionscope.dashboard import charts  # noqa: F401
from emotionscope.vision import saliency  # noqa: F401

if __name__ == "__main__":
    # Streamlit collects garbage after each run of the page, and would look through all of these modules each time.
    gc.freeze()
    # Checking each chart against Vega's schema takes half of the time of a page; the tests do it.
    schemapi.disable_debug_mode()
    cli.main()
