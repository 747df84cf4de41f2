"""Page "Dialogue": one conversation, utterance by utterance."""

import pandas as pd
import streamlit as st

from emotionscope.dashboard import dialogue_charts, drawing, markup, shared, utterance_card
from emotionscope.dashboard.filters import BOUND
from emotionscope.dashboard.queries.archive import Archive
from emotionscope.dashboard.queries.utterances import Utterance
from emotionscope.errors import UserError
from emotionscope.labels import MODELS
from emotionscope.storage.place import JsonObject

CARDS = 100  # utterances on one page
_SCROLL = "<script>document.querySelector('.utterance.chosen')?.scrollIntoView({block: 'center'});</script>"


def show(sources: shared.Sources) -> None:
    """Draw the page; the address may name ``dialogue`` and ``utterance``."""
    st.title("Dialogue")
    archive = shared.open_archive(sources)
    if archive is None:
        return
    wanted = st.query_params.get("utterance")
    with st.sidebar:
        dialogue = _choose(archive)
        if dialogue is None:
            st.warning("No dialogue has this in its id.")
            return
        model = st.selectbox("Emotion curve from", MODELS, MODELS.index("fused"), key="line", bind=BOUND)
    shown = {"dialogue": [dialogue], "line": [model or "fused"], "utterance": [wanted] if wanted else []}
    shared.keep_address("Dialogue", shown)
    rows = archive.dialogue(dialogue)
    st.html(f'<p class="plain">{markup.escape(dialogue)}: {len(rows):,} utterances</p>')
    rows = _page_of(rows, wanted)
    if rows[f"{model}_emotion"].notna().any() and rows["utterance_id"].notna().any():
        drawing.draw(dialogue_charts.emotion_curve(rows, model or "fused"), "emotion-curve", _pick_utterance)
    else:
        st.caption("The model has no answer in this dialogue." if len(rows) else "")
    if sources.faces:
        _show_people(sources.faces, dialogue, rows)
    faces = archive.faces(dialogue)
    for row in rows.to_dict("records"):
        utterance = Utterance.of(row)
        is_wanted = utterance.number is not None and str(utterance.number) == wanted
        utterance_card.show(utterance, faces.get(utterance.number, []), sources, is_wanted)
    if wanted:
        st.html(_SCROLL, unsafe_allow_javascript=True)
    if archive.keyframes is None:
        st.caption("Start with --keyframes to see the faces too.")


def _show_people(table: str, dialogue: str, rows: pd.DataFrame) -> None:
    """The faces of the utterances shown, in a lane for each person."""
    try:
        faces = shared.people(table).of_dialogue(dialogue)
    except UserError as error:
        markup.say(f"The faces cannot be opened: {error}", "error")
        return
    faces = faces[faces["utterance_id"].isin(rows["utterance_id"].dropna())]
    if faces.empty:
        st.caption("The faces table has no face of these utterances.")
    elif faces["video"].nunique(dropna=False) > 1:
        st.caption("No lanes of people: each utterance has a video of its own, and people are numbered within a video.")
    else:
        st.header("Who is seen, and how they look")
        chart = dialogue_charts.lanes(faces, dialogue_charts.time_range(rows))
        drawing.draw(chart, "people", _pick_utterance)
        people = faces["person"].nunique()
        if people > dialogue_charts.PEOPLE:
            st.caption(f"Of {people:,} people, the {dialogue_charts.PEOPLE} with the most faces.")


def _pick_utterance(mark: JsonObject) -> None:
    st.query_params["utterance"] = str(int(mark["utterance_id"]))


def _choose(archive: Archive) -> str | None:
    """The dialogue that the address names or the visitor picks."""
    search = st.text_input("Find a dialogue", help="Part of its id; the first 200 that match are listed.")
    found = archive.dialogues((search or "").strip())
    named = st.query_params.get("dialogue")
    if named is not None and named not in found and not search and archive.has_dialogue(named):
        found = [named, *found]
    return st.selectbox("Dialogue", found, key="dialogue", bind=BOUND) if found else None


def _page_of(rows: pd.DataFrame, wanted: str | None) -> pd.DataFrame:
    """The rows of a long dialogue that one page holds, those around the wanted utterance first."""
    pages = -(-len(rows) // CARDS)
    if pages < 2:
        return rows
    places = [place for place, number in enumerate(rows["utterance_id"].astype(str)) if number == wanted]
    page = st.number_input(
        f"Page of {pages:,}", 1, pages, places[0] // CARDS + 1 if places else 1, key="page", bind=BOUND
    )
    return rows.iloc[(page - 1) * CARDS : page * CARDS]
