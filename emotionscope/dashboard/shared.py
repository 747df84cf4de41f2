"""What several pages share: the dashboard's inputs, and what is loaded once for all visitors."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import streamlit as st
from streamlit.navigation.page import StreamlitPage

from emotionscope.bundle import store as bundles
from emotionscope.dashboard import markup
from emotionscope.dashboard.queries.archive import Archive
from emotionscope.dashboard.queries.people import People
from emotionscope.errors import UserError
from emotionscope.fusion import Fusion
from emotionscope.identities.people import who_is_who
from emotionscope.storage.place import Place
from emotionscope.tables.corrections import Person, Who


@dataclass(frozen=True)
class Sources:
    """What the dashboard was started on, any of which may be None, and the folder for large files.

    `query_uri` is where the pages query the scores: a copy on this machine, or the table itself.
    """

    exports: str
    scores: str | None = None
    query_uri: str | None = None
    keyframes: str | None = None
    faces: str | None = None
    people: str | None = None
    videos: str | None = None
    bundle: str | None = None
    against: str | None = None
    summaries: str | None = None

    @property
    def name(self) -> str:
        """The archive's name: the last two parts of where it lies."""
        return "/".join((self.scores or "").split("/")[-2:])


Address = dict[str, list[str]]  # what stands behind the "?" of a page's address: values by the names of its widgets
_CLICK = "<script>document.querySelector('.st-key-going a')?.click();</script>"


def keep_address(page: str, address: Address) -> None:
    """Remember what a page shows, so that a link from another page leads back to it."""
    st.session_state.setdefault("addresses", {})[page] = address


def last_address(page: str) -> Address | None:
    """What a link must add to the present address so that it shows again what a page showed last."""
    found: Address = st.session_state.get("addresses", {}).get(page, {})
    return _missing(found)


def _missing(address: Address) -> Address | None:
    """What the present address lacks of another; a link takes along what both have."""
    return {name: values for name, values in address.items() if name not in st.query_params} or None


def go_to(page: str, address: Address) -> None:
    """Open another page at the next run; for the callbacks of widgets, which cannot do it themselves."""
    st.session_state["going"] = (page, address)


def follow(pages: Mapping[str, StreamlitPage]) -> None:
    """Open the page that `go_to` named, if any.

    By a link, since `st.switch_page` refuses an address that names a widget of the page it leaves.
    """
    if "going" in st.session_state:
        page, address = st.session_state.pop("going")
        with st.container(key="going"):
            st.page_link(pages[page], query_params=_missing(address))
        st.html(_CLICK, unsafe_allow_javascript=True)


def open_ticked(picked: object, table: pd.DataFrame) -> None:
    """Open the dialogue of the row that is ticked in a table, if one is, at its utterance."""
    ticked = picked["selection"]["rows"] if isinstance(picked, dict) else []
    if not ticked or ticked[0] >= len(table):
        return
    row = table.iloc[ticked[0]]
    wanted = {"dialogue": str(row["dialogue_id"])}
    if not pd.isna(row["utterance_id"]):
        wanted["utterance"] = str(int(row["utterance_id"]))
    st.switch_page(st.session_state["pages"]["Dialogue"], query_params=wanted)


def show_counts(counts: Mapping[str, int]) -> None:
    """Large numbers in a row, each below its name."""
    with st.container(horizontal=True, gap="medium"):  # wraps where the screen is narrow
        for name, count in counts.items():
            st.metric(name, f"{count:,}", width="content")


def link_to_dialogue(key: tuple[str, int]) -> None:
    """A link to an utterance in its dialogue."""
    pages = st.session_state.get("pages", {})
    if "Dialogue" in pages:
        address = {"dialogue": key[0], "utterance": str(key[1])}
        st.page_link(pages["Dialogue"], label="See it in its dialogue", query_params=address)


@st.cache_resource(show_spinner="Opening the archive …")
def archive(sources: Sources) -> Archive:
    """The archive, opened once for all visitors."""
    return Archive(sources.query_uri or "", sources.keyframes)


@st.cache_resource(show_spinner="Opening the faces …")
def people(faces: str) -> People:
    """The faces table, opened once for all visitors."""
    return People(faces)


@st.cache_resource(show_spinner="Opening the people …")
def who(people: str) -> dict[Person, Who]:
    """What the job people found, read once for all visitors. Raises UserError where it cannot be read."""
    return who_is_who(Place(people))


@st.cache_resource(show_spinner="Loading the models …")
def models(uri: str) -> bundles.Bundle:
    """The bundle, loaded once for all visitors."""
    return bundles.load(uri)


@st.cache_resource(show_spinner=False)
def fusion(uri: str, version: str) -> Fusion | None:
    """The fusion of a bundle's version; None where it has none or is not there."""
    base, _ = bundles.split_version(uri)
    try:
        newest = bundles.read_manifest(base)["version"] == version
        return bundles.load_fusion(base if newest else f"{base}@{version}")
    except UserError:
        return None


def open_archive(sources: Sources) -> Archive | None:
    """The archive, or None after saying on the page what is missing."""
    if not sources.scores:
        st.info("No archive is open. Start with `python -m jobs.dashboard --scores FOLDER`.")
        return None
    try:
        return archive(sources)
    except UserError as error:
        markup.say(f"The archive cannot be opened: {error}", "error")
        return None


def open_models(sources: Sources) -> bundles.Bundle | None:
    """The bundle, or None after saying on the page what is missing."""
    if not sources.bundle:
        st.info("No models are open. Start with `python -m jobs.dashboard --bundle FOLDER`.")
        return None
    try:
        return models(sources.bundle)
    except UserError as error:
        markup.say(f"The models cannot be loaded: {error}", "error")
        return None
