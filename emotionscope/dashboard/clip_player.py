"""Plays the clip of an utterance, where its file can be read."""

import streamlit as st

from emotionscope.dashboard import markup
from emotionscope.dashboard.queries.utterances import Utterance
from emotionscope.errors import RowError
from emotionscope.video.clips import Clip
from emotionscope.video.faces import Span
from emotionscope.video.sandbox import IsolatedClips

KEPT = 4  # clips in memory
WIDTH = 480  # pixels


def show(utterance: Utterance, videos: str) -> None:
    """A button, and below it, once it is clicked, the clip or why it cannot be played."""
    if utterance.video is None:
        return
    key = f"{utterance.dialogue}/{utterance.number}"
    st.button("▶ Play", key=f"play-{key}", on_click=_play, args=(key,), type="tertiary", help="Play its clip")
    if st.session_state.get("playing") != key:
        return
    try:
        clip = _cut(utterance.video, videos, utterance.span)
    except RowError as error:
        markup.say(str(error), "error")
        return
    words = f"The clip of utterance {utterance.number}"
    st.video(clip.content, clip.kind, start_time=clip.start, autoplay=True, width=WIDTH, alt=words)
    if clip.note:
        st.caption(clip.note)


def _play(key: str) -> None:
    st.session_state["playing"] = key


@st.cache_resource(show_spinner=False)
def _cutter() -> IsolatedClips:
    return IsolatedClips()


@st.cache_data(show_spinner="Cutting the clip …", max_entries=KEPT)
def _cut(video: str, videos: str, span: Span) -> Clip:
    return _cutter()(video, videos, span)
