"""Page "Review": answers one by one, the most uncertain first; the reviews become labels."""

from datetime import UTC, datetime
from functools import partial
from typing import get_args

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import streamlit as st

from emotionscope.dashboard import filters, markup, shared, utterance_card
from emotionscope.dashboard.queries import reviews
from emotionscope.dashboard.queries.archive import Archive, ReviewOrder
from emotionscope.dashboard.queries.utterances import Utterance
from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS

AHEAD = 1000  # utterances looked at for the next one that nobody has reviewed
UNKNOWN = "cannot be told"


def show(sources: shared.Sources) -> None:
    """Draw the page."""
    begun = filters.begin_page(sources, "Review")
    if begun is None or sources.scores is None:
        return
    archive, chosen = begun
    order = st.selectbox("First those that are", get_args(ReviewOrder), key="order", bind=filters.BOUND)
    filters.keep(chosen, "Review", order=order)
    try:
        done = reviews.read(sources.scores)
    except UserError as error:
        markup.say(str(error), "error")
        return
    passed = {review.key for review in done} | st.session_state.setdefault("skipped", set())
    following = [key for key in archive.keys(chosen, order, AHEAD + len(passed)) if key not in passed]
    if following:
        _ask(archive, sources.scores, following[0], sources)
    else:
        st.success("Every utterance that passes the filters is reviewed.")
    _show_done(archive, done)


def _ask(archive: Archive, scores: str, key: tuple[str, int], sources: shared.Sources) -> None:
    """One utterance, and what the visitor says of it."""
    dialogue = archive.dialogue(key[0])
    found = dialogue[dialogue["utterance_id"] == key[1]].iloc[0]
    utterance = Utterance.of(found.to_dict())
    utterance_card.show(utterance, archive.faces(key[0]).get(key[1], []), sources)
    with st.form("review", clear_on_submit=True, border=False):
        st.pills("The right emotion", [*EMOTIONS, UNKNOWN], key="right")
        st.text_input("Note", key="note")
        with st.container(horizontal=True, gap="small"):
            save = partial(_save, scores, key, utterance.emotions["fused"] or "")
            st.form_submit_button("Save", type="primary", on_click=save)
            st.form_submit_button("Skip", on_click=_skip, args=(key,))
    if problem := st.session_state.pop("problem", None):
        markup.say(problem, "error")
    shared.link_to_dialogue(key)


def _save(scores: str, key: tuple[str, int], answer: str) -> None:
    right = st.session_state["right"]
    if right is None:
        st.session_state["problem"] = "Choose an emotion, or Skip."
        return
    emotion = None if right == UNKNOWN else str(right)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        reviews.add(scores, reviews.Review(*key, answer, emotion, st.session_state["note"], now))
    except (OSError, UserError) as error:
        st.session_state["problem"] = f"The review cannot be stored: {error}"


def _skip(key: tuple[str, int]) -> None:
    st.session_state["skipped"].add(key)


def _show_done(archive: Archive, done: list[reviews.Review]) -> None:
    """How many are reviewed, and their labels as a file."""
    st.header("Reviewed so far")
    if not done:
        st.caption("Nothing yet. Reviews are stored beside the scores.")
        return
    told = [review for review in done if review.emotion]
    wrong = sum(review.answer != review.emotion for review in told)
    st.caption(f"{len(done):,} utterances: {wrong:,} answers wrong, {len(done) - len(told):,} that cannot be told.")
    st.dataframe(pd.DataFrame([vars(review) for review in reversed(done[-100:])]), hide_index=True)
    st.download_button(
        "Labels for training", partial(_labels, archive, done), "reviewed-labels.parquet", on_click="ignore"
    )
    st.caption(
        "A table that train_text takes, and train_vision and fit_fusion where the pages show keyframes; it keeps each "
        "utterance in its split."
    )


def _labels(archive: Archive, done: list[reviews.Review]) -> bytes:
    table = reviews.labels(done, archive.take([review.key for review in done]))
    file = pa.BufferOutputStream()
    pq.write_table(table, file, compression="zstd")
    return bytes(file.getvalue())
