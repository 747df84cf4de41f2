"""Pieces that several pages show: an emotion as a chip, faces, messages, and what is loaded once for all."""

import base64
import html
from collections.abc import Iterable
from dataclasses import dataclass

import streamlit as st

from emotionscope.bundle import store as bundles
from emotionscope.dashboard.archive import Archive
from emotionscope.errors import UserError
from emotionscope.evaluation.palette import COLOURS


@dataclass(frozen=True)
class Sources:
    """What the dashboard was started on, any of which may be None, and the folder for large files.

    `query_uri` is where the pages query the scores: a copy on this machine, or the table itself.
    """

    exports: str
    scores: str | None = None
    query_uri: str | None = None
    keyframes: str | None = None
    bundle: str | None = None


@st.cache_resource(show_spinner="Opening the archive …")
def archive(sources: Sources) -> Archive:
    """The archive, opened once for all visitors."""
    return Archive(sources.query_uri or "", sources.keyframes)


@st.cache_resource(show_spinner="Loading the models …")
def models(uri: str) -> bundles.Bundle:
    """The bundle, loaded once for all visitors."""
    return bundles.load(uri)


def open_archive(sources: Sources) -> Archive | None:
    """The archive, or None after saying on the page what is missing."""
    if not sources.scores:
        st.info(
            "No archive is open. Start with `python -m jobs.dashboard --scores FOLDER`.", icon=":material/folder_open:"
        )
        return None
    try:
        return archive(sources)
    except UserError as error:
        st.error(f"The archive cannot be opened: {error}", icon=":material/error:")
        return None


def open_models(sources: Sources) -> bundles.Bundle | None:
    """The bundle, or None after saying on the page what is missing."""
    if not sources.bundle:
        st.info(
            "No models are open. Start with `python -m jobs.dashboard --bundle FOLDER`.",
            icon=":material/model_training:",
        )
        return None
    try:
        return models(sources.bundle)
    except UserError as error:
        st.error(f"The models cannot be loaded: {error}", icon=":material/error:")
        return None


def chip(title: str, emotion: str | None, probability: float | None = None) -> str:
    """An emotion as HTML: its colour, its name in the page's ink, and how likely it is."""
    if not emotion:
        return f'<span class="chip quiet">{html.escape(title)} <b>–</b></span>'
    share = f" {probability:.0%}" if probability is not None else ""
    mark = f'<i style="background:{COLOURS.get(emotion, "#888")}"></i>'
    return f'<span class="chip">{mark}{html.escape(title)} <b>{html.escape(emotion)}</b>{share}</span>'


def pictures(images: Iterable[tuple[bytes, str]], height: int = 72) -> str:
    """JPEG pictures in a row, as HTML, each with a description."""
    return "".join(
        f'<img class="face" height="{height}" alt="{html.escape(words)}" title="{html.escape(words)}" '
        f'src="data:image/jpeg;base64,{base64.b64encode(image).decode()}">'
        for image, words in images
    )


STYLE = """<style>
.chip { display: inline-block; border: 1px solid rgba(128,128,128,.35); border-radius: 999px; padding: .05rem .6rem;
  margin: .1rem .3rem .1rem 0; font-size: .85rem; white-space: nowrap; }
.chip i { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .4em; }
.chip.quiet { opacity: .65; }
.face { border-radius: 6px; margin: .2rem .3rem .2rem 0; }
.words { font-size: 1.05rem; margin: 0 0 .2rem; overflow-wrap: anywhere; }
.speaker { font-weight: 600; margin-right: .5rem; }
</style>"""
