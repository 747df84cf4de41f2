"""One utterance with its faces, its clip, the three answers and why fused said so."""

from collections.abc import Sequence

import streamlit as st

from emotionscope.dashboard import clip_player, markup, shared
from emotionscope.dashboard.queries.utterances import Utterance
from emotionscope.dashboard.reasons import why_fused
from emotionscope.labels import MODELS, canonical
from emotionscope.video.faces import Face


def show(utterance: Utterance, faces: Sequence[Face], sources: shared.Sources) -> None:
    """Draw an utterance with its faces.

    Why fused said so is told where the bundle holds the version that scored it.
    """
    reason = why(utterance, sources.bundle)
    said = markup.escape(utterance.text) if utterance.text else "<i>no text</i>"
    who = f'<span class="speaker">{markup.escape(utterance.speaker)}</span>' if utterance.speaker else ""
    place = f'<span class="number">{"–" if utterance.number is None else utterance.number}</span>'
    answers = "".join(markup.chip(model, *(utterance.likeliest(model) or (None,))) for model in MODELS)
    shown = markup.pictures(
        (face["image"], f"{markup.person(face['person'])} at {face['time']:.1f} s") for face in faces if face["kept"]
    )
    trouble = f'<p class="plain">⚠ {markup.escape(utterance.error)}</p>' if utterance.error else ""
    told = f"<details><summary>Why fused says so</summary>{markup.escape(reason)}</details>" if reason else ""
    with st.container(border=True):
        st.html(
            f'<div class="utterance"><p class="words">{place}{who}{said}</p>{answers}{_label(utterance.label)}'
            f"{told}<div>{shown}</div>{trouble}</div>"
        )
        if sources.videos:
            clip_player.show(utterance, sources.videos)


def why(utterance: Utterance, bundle: str | None) -> str | None:
    """What text and faces added; None where the bundle that scored the row is not open."""
    fusion = shared.fusion(bundle, utterance.bundle) if bundle else None
    if fusion is None:
        return None
    return why_fused(fusion, utterance.probabilities["text"], utterance.probabilities["vision"], utterance.heard)


def _label(label: str | None) -> str:
    """The row's label as it is where it is none of the seven, too."""
    return markup.chip("label", canonical(label) or label) if label else ""
