"""Page "Dialogue": one conversation as its viewer would tell it."""

import html
from typing import Any

import streamlit as st

from emotionscope.dashboard import charts, parts
from emotionscope.dashboard.archive import most_likely
from emotionscope.labels import MODELS, canonical


def show(sources: parts.Sources) -> None:
    """Draw the page."""
    st.title("Dialogue")
    archive = parts.open_archive(sources)
    if archive is None:
        return
    with st.sidebar:
        search = st.text_input("Find a dialogue", help="Part of its id; the first 200 that match are listed.")
        found = archive.dialogues(search.strip())
        if not found:
            st.warning("No dialogue has this in its id.")
            return
        chosen = st.selectbox("Dialogue", found)
        model = st.selectbox("Line of feeling by", MODELS, index=MODELS.index("fused"))
    rows = archive.dialogue(chosen)
    st.caption(f"{chosen}: {len(rows):,} utterances")
    if rows[f"{model}_emotion"].notna().any():
        st.altair_chart(charts.line_of_feeling(rows, model), width="stretch")
    else:
        st.caption(f"The {model} model has no answer in this dialogue.")
    faces = archive.faces(chosen)
    for row in rows.to_dict("records"):
        _utterance({str(name): value for name, value in row.items()}, faces.get(int(row["utterance_id"]), []))
    if not archive.has_keyframes:
        st.caption("Start with --keyframes to see the faces too.")


def _utterance(row: dict[str, Any], faces: list[dict[str, Any]]) -> None:
    speaker, text, label = (row.get(name) for name in ("speaker", "utterance", "emotion"))
    with st.container(border=True):
        said = html.escape(text) if isinstance(text, str) and text.strip() else "<i>no text</i>"
        who = f'<span class="speaker">{html.escape(speaker)}</span>' if isinstance(speaker, str) else ""
        st.html(f'<p class="words">{who}{said}</p>{"".join(_answer(row, model) for model in MODELS)}{_label(label)}')
        if faces:
            st.html(
                parts.pictures(
                    (face["image"], f"person {face['person'] + 1} at {face['time']:.1f} s") for face in faces
                )
            )
        if isinstance(row.get("error"), str):
            st.caption(f":material/warning: {row['error']}")


def _answer(row: dict[str, Any], model: str) -> str:
    found = most_likely(row, model)
    return parts.chip(model, *found) if found else parts.chip(model, None)


def _label(label: object) -> str:
    emotion = canonical(label)
    return parts.chip("label", emotion) if emotion else ""
