"""Page "Dialogue": one conversation as its viewer would tell it."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from emotionscope.dashboard import charts, drawing, markup, parts
from emotionscope.dashboard.archive import Archive, most_likely
from emotionscope.dashboard.reasons import why_fused
from emotionscope.labels import MODELS, canonical, probability_columns

CARDS = 100  # utterances on one page
_SCROLL = "<script>document.querySelector('.utterance.chosen')?.scrollIntoView({block: 'center'});</script>"


def show(sources: parts.Sources) -> None:
    """Draw the page; the address may name ``dialogue`` and ``utterance``."""
    st.title("Dialogue")
    archive = parts.open_archive(sources)
    if archive is None:
        return
    wanted = st.query_params.get("utterance")
    with st.sidebar:
        dialogue = _choose(archive)
        if dialogue is None:
            st.warning("No dialogue has this in its id.")
            return
        model = st.selectbox("Line of feeling by", MODELS, MODELS.index("fused"), key="model", bind="query-params")
    shown = {"dialogue": [dialogue], "model": [model or "fused"], "utterance": [wanted] if wanted else []}
    parts.keep_address("Dialogue", shown)
    rows = archive.dialogue(dialogue)
    st.html(f'<p class="plain">{markup.escape(dialogue)}: {len(rows):,} utterances</p>')
    rows = _page_of(rows, wanted)
    if rows[f"{model}_emotion"].notna().any() and rows["utterance_id"].notna().any():
        drawing.draw(charts.line_of_feeling(rows, model or "fused"), "line-of-feeling", _pick_utterance)
    else:
        st.caption("The model has no answer in this dialogue." if len(rows) else "")
    faces = archive.faces(dialogue)
    for row in rows.to_dict("records"):
        number = None if pd.isna(row["utterance_id"]) else int(row["utterance_id"])
        values = {str(name): value for name, value in row.items()}
        _utterance(values, number, faces.get(number, []), wanted, _why_fused(values, sources.bundle))
    if wanted:
        st.html(_SCROLL, unsafe_allow_javascript=True)
    if archive.keyframes is None:
        st.caption("Start with --keyframes to see the faces too.")


def _pick_utterance(mark: dict[str, Any]) -> None:
    st.query_params["utterance"] = str(int(mark["utterance_id"]))


def _choose(archive: Archive) -> str | None:
    """The dialogue that the address names or the visitor picks."""
    search = st.text_input("Find a dialogue", help="Part of its id; the first 200 that match are listed.")
    found = archive.dialogues((search or "").strip())
    named = st.query_params.get("dialogue")
    if named is not None and named not in found and not search and archive.has_dialogue(named):
        found = [named, *found]
    return st.selectbox("Dialogue", found, key="dialogue", bind="query-params") if found else None


def _page_of(rows: pd.DataFrame, wanted: str | None) -> pd.DataFrame:
    """The rows of a long dialogue that one page holds, those around the wanted utterance first."""
    pages = -(-len(rows) // CARDS)
    if pages < 2:
        return rows
    places = [place for place, number in enumerate(rows["utterance_id"].astype(str)) if number == wanted]
    page = st.number_input(f"Page of {pages:,}", 1, pages, places[0] // CARDS + 1 if places else 1)
    return rows.iloc[(page - 1) * CARDS : page * CARDS]


def _why_fused(row: dict[str, Any], bundle: str | None) -> str | None:
    """What text, faces and bias added; None where the bundle that scored the row is not open."""
    fusion = parts.fusion(bundle, str(row["bundle"])) if bundle else None
    if fusion is None:
        return None
    text, vision = (np.array([row[name] for name in probability_columns(model)], np.float32) for model in MODELS[:2])
    return why_fused(fusion, text, vision)


def _utterance(row: dict[str, Any], number: int | None, faces: list[Any], wanted: str | None, why: str | None) -> None:
    speaker, text, label, error = (row.get(name) for name in ("speaker", "utterance", "emotion", "error"))
    said = markup.escape(text) if isinstance(text, str) and text.strip() else "<i>no text</i>"
    who = f'<span class="speaker">{markup.escape(speaker)}</span>' if isinstance(speaker, str) and speaker else ""
    place = f'<span class="number">{"–" if number is None else number}</span>'
    answers = "".join(_answer(row, model) for model in MODELS)
    shown = markup.pictures(
        (face["image"], f"person {face['person'] + 1} at {face['time']:.1f} s") for face in faces if face["image"]
    )
    trouble = f'<p class="plain">⚠ {markup.escape(error)}</p>' if isinstance(error, str) else ""
    reason = f"<details><summary>Why fused says so</summary>{markup.escape(why)}</details>" if why else ""
    chosen = " chosen" if number is not None and str(number) == wanted else ""
    with st.container(border=True):
        st.html(
            f'<div class="utterance{chosen}"><p class="words">{place}{who}{said}</p>{answers}{_label(label)}'
            f"{reason}<div>{shown}</div>{trouble}</div>"
        )


def _answer(row: dict[str, Any], model: str) -> str:
    found = most_likely(row, model)
    return markup.chip(model, *found) if found else markup.chip(model, None)


def _label(label: object) -> str:
    """The row's label as it is where it is none of the seven, too."""
    emotion = canonical(label) or (str(label) if isinstance(label, str) and label.strip() else None)
    return markup.chip("label", emotion) if emotion else ""
