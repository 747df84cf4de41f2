"""The app: the list of pages, and the page that is open."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import cast

import duckdb
import numpy as np
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import StreamlitPage

from emotionscope.dashboard import addresses, keyboard, markup, shared, uploads
from emotionscope.dashboard.pages import (
    archive_page,
    compare_page,
    dialogue_page,
    groups_page,
    model_page,
    review_page,
    shifts_page,
    summaries_page,
    try_page,
)
from emotionscope.dashboard.queries.selection import Selection
from emotionscope.errors import UserError
from emotionscope.palette import COLOURS

Show = Callable[[shared.Sources], None]


def main(sources: shared.Sources) -> None:
    """Draw the page that the visitor is on."""
    st.set_page_config("EmotionScope", _icon(), layout="wide")
    wanted = addresses.asked()
    st.html(markup.STYLE)
    st.html(markup.brand(sources.name))
    shows = {
        "Archive": archive_page.show,
        "Dialogue": dialogue_page.show,
        "Shifts": shifts_page.show,
        "Groups": groups_page.show,
        "Summaries": summaries_page.show if sources.summaries else None,
        "Compare": compare_page.show if sources.against else None,
        "Review": review_page.show if sources.scores else None,
        "Try it": try_page.show,
        "Model": model_page.show,
    }
    pages = {
        title: st.Page(partial(show, sources), title=title, url_path=title.split()[0].lower(), default=not number)
        for number, (title, show) in enumerate(shows.items())
        if show
    }
    st.session_state["pages"] = pages
    page = st.navigation(list(pages.values()), position="hidden")
    uploads.follow(page.title == "Try it")
    links = st.empty()
    _draw_links(links, page)
    unknown = st.empty()
    st.html(markup.HISTORY + keyboard.SCRIPT, unsafe_allow_javascript=True)
    try:
        # Not by `page.run`: a filter that one page holds would be cut out of the address of another that has it, too.
        cast(Show, shows[page.title])(sources)
    except duckdb.Error as error:
        markup.say(f"The archive cannot be read: {str(error).splitlines()[0]}", "error")
    addresses.tell_unknown(wanted, unknown)
    _draw_links(links, page)  # which take along what this run was asked
    shared.follow(pages)


@st.cache_resource(show_spinner=False)  # within which those of others show no spinner, which needs a visitor
def warm(sources: shared.Sources) -> None:
    """Open and count what the first visitor will ask for."""
    with suppress(UserError, duckdb.Error):  # which are told to visitors
        if sources.scores:
            archive = shared.archive(sources)
            archive_page.warm(archive)
            shifts_page.count(archive, Selection())
        if sources.bundle:
            shared.models(sources.bundle)


def _draw_links(place: DeltaGenerator, page: StreamlitPage) -> None:
    """The pages' names in a row that wraps on a phone, where Streamlit's own hides behind "»"."""
    with place.container(horizontal=True, gap="medium"):
        for each in st.session_state["pages"].values():
            st.page_link(each, query_params=shared.last_address(each.title) if each is not page else None)


def _icon() -> Image.Image:
    """The page's icon: stripes of the emotions' colours. A named icon would be fetched from a font host."""
    colours = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in COLOURS.values()]
    return Image.fromarray(np.array([colours], np.uint8)).resize((28, 28), Image.Resampling.NEAREST)
