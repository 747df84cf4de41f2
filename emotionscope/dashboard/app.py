"""The script that Streamlit runs; `jobs.dashboard` starts it with the sources as JSON after ``--``."""

import json
import sys
from functools import partial

import duckdb
import numpy as np
import streamlit as st
from PIL import Image

from emotionscope.dashboard import (
    archive_page,
    compare_page,
    dialogue_page,
    markup,
    model_page,
    parts,
    review_page,
    shifts_page,
    try_page,
)
from emotionscope.evaluation.palette import COLOURS


def main(sources: parts.Sources) -> None:
    """Draw the page that the visitor is on."""
    st.set_page_config("EmotionScope", _icon(), layout="wide")
    st.html(markup.STYLE)
    pages = [
        st.Page(partial(archive_page.show, sources), title="Archive", default=True),
        st.Page(partial(dialogue_page.show, sources), title="Dialogue", url_path="dialogue"),
        st.Page(partial(shifts_page.show, sources), title="Shifts", url_path="shifts"),
        st.Page(partial(try_page.show, sources), title="Try it", url_path="try"),
        st.Page(partial(model_page.show, sources), title="Model", url_path="model"),
    ]
    if sources.scores:
        pages.insert(3, st.Page(partial(review_page.show, sources), title="Review", url_path="review"))
    if sources.against:
        pages.insert(3, st.Page(partial(compare_page.show, sources), title="Compare", url_path="compare"))
    st.session_state["pages"] = {page.title: page for page in pages}
    page = st.navigation(pages, position="hidden")
    parts.follow({each.title: each for each in pages})
    with st.container(horizontal=True, gap="medium"):  # wraps on a phone, where Streamlit's own hides behind "»"
        for each in pages:
            st.page_link(each, query_params=parts.last_address(each.title) if each is not page else None)
    try:
        page.run()
    except duckdb.Error as error:
        markup.say(f"The archive cannot be read: {str(error).splitlines()[0]}", "error")
    st.html(markup.ONE_STEP, unsafe_allow_javascript=True)


def _icon() -> Image.Image:
    """The page's icon: stripes of the emotions' colours. A named icon would be fetched from a font host."""
    colours = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in COLOURS.values()]
    return Image.fromarray(np.array([colours], np.uint8)).resize((28, 28), Image.Resampling.NEAREST)


if __name__ == "__main__":
    main(parts.Sources(**json.loads(sys.argv[1])))
