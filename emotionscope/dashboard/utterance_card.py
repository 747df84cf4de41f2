"""One utterance with its faces, the three answers and why fused said so."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from emotionscope.dashboard import markup, parts
from emotionscope.dashboard.archive import most_likely
from emotionscope.dashboard.reasons import why_fused
from emotionscope.labels import MODELS, canonical, probability_columns


def show(row: dict[str, Any], faces: list[Any], bundle: str | None, chosen: bool = False) -> None:
    """Draw a scores row with its faces, marked where it is the chosen one.

    Why fused said so is told where `bundle` holds the version that scored it.
    """
    number = None if pd.isna(row["utterance_id"]) else int(row["utterance_id"])
    why = _why_fused(row, bundle)
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
    mark = " chosen" if chosen else ""
    with st.container(border=True):
        st.html(
            f'<div class="utterance{mark}"><p class="words">{place}{who}{said}</p>{answers}{_label(label)}'
            f"{reason}<div>{shown}</div>{trouble}</div>"
        )


def _why_fused(row: dict[str, Any], bundle: str | None) -> str | None:
    """What text, faces and bias added; None where the bundle that scored the row is not open."""
    fusion = parts.fusion(bundle, str(row["bundle"])) if bundle else None
    if fusion is None:
        return None
    text, vision = (np.array([row[name] for name in probability_columns(model)], np.float32) for model in MODELS[:2])
    return why_fused(fusion, text, vision)


def _answer(row: dict[str, Any], model: str) -> str:
    found = most_likely(row, model)
    return markup.chip(model, *found) if found else markup.chip(model, None)


def _label(label: object) -> str:
    """The row's label as it is where it is none of the seven, too."""
    emotion = canonical(label) or (str(label) if isinstance(label, str) and label.strip() else None)
    return markup.chip("label", emotion) if emotion else ""
