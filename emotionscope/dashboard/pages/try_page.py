"""Page "Try it": the three models on a sentence, a clip or a picture of your own, with reasons."""

import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import streamlit as st

from emotionscope.batch import speakers, stages
from emotionscope.bundle.store import Bundle
from emotionscope.dashboard import MEGABYTES, charts, drawing, markup, shared
from emotionscope.dashboard.reasons import terms_by_emotion, why_fused
from emotionscope.errors import RowError
from emotionscope.fusion import TEXT_ALONE, Fusion, Probabilities
from emotionscope.labels import EMOTIONS, MODELS
from emotionscope.tables import contracts
from emotionscope.text.blank import has_text
from emotionscope.video.faces import Face, FaceSettings
from emotionscope.video.sandbox import IsolatedFaces
from emotionscope.vision.saliency import overlay

KINDS = ("mp4", "m4v", "mov", "mkv", "avi", "webm", "jpg", "jpeg", "png")
SECONDS = 60.0  # for one upload


@dataclass(frozen=True)
class Answer:
    """What each model says of one utterance, float32 [1, 7], NaN where it says nothing, and its faces or why none.

    `heard` is whether the faces that count speak, as `Fusion.probabilities` takes it.
    """

    probabilities: dict[str, Probabilities]
    heard: np.ndarray
    faces: list[Face]
    error: str | None

    def likeliest(self, model: str) -> tuple[str, float] | None:
        """A model's emotion and its probability; None where it says nothing."""
        given = self.probabilities[model][0]
        return None if np.isnan(given[0]) else (EMOTIONS[given.argmax()], float(given.max()))


@st.cache_resource(show_spinner=False)
def _face_finder() -> IsolatedFaces:
    """Finds faces, in a process that starts while the visitor still chooses a clip."""
    finder = IsolatedFaces(FaceSettings(), SECONDS)
    threading.Thread(target=_start_process, args=(finder,), daemon=True).start()
    return finder


def _start_process(finder: IsolatedFaces) -> None:
    with tempfile.TemporaryDirectory() as folder, suppress(RowError):
        finder.of_clip("none", folder)


def show(sources: shared.Sources) -> None:
    """Draw the page."""
    st.title("Try it")
    bundle = shared.open_models(sources)
    if bundle is None:
        return
    with st.form("own", border=False):
        text = st.text_area("What is said", placeholder="Oh my God, you came back!", max_chars=2000) or ""
        upload = st.file_uploader(
            "A clip or a picture", KINDS, max_upload_size=MEGABYTES, help="It stays on this machine."
        )
        st.form_submit_button("Score", type="primary")
    if bundle.vision is not None:
        _face_finder()
    if not text.strip() and upload is None:
        st.info("Type a sentence, add a clip or a picture, or both, and press Score.")
        return
    with st.spinner("Scoring …" if upload is None else "Looking for faces and scoring …"):
        answer = _score(bundle, text, upload.getvalue() if upload else None)
    if answer.error and upload:
        markup.say(f"{upload.name}: {answer.error}", "error")
    if answer.likeliest("fused") is None:
        if not answer.error:
            missing = "the text model knows none of the words" if has_text(text) else "no text"
            st.warning(f"There is nothing to score: {missing}, and no face was found.")
        return
    _show_answers(answer)
    _explain_fused(answer, bundle.fusion or TEXT_ALONE)
    left, right = st.columns(2)
    with left:
        _explain_text(bundle, text)
    with right, st.spinner("Drawing where the network looked …"):
        _explain_faces(bundle, answer, upload is not None)


def _score(bundle: Bundle, text: str, content: bytes | None) -> Answer:
    """The three models' answers to a text and the content of a clip or picture."""
    faces: list[Face] = []
    error = None
    if content is not None:
        try:
            faces = _find_faces(content)
        except RowError as problem:
            error = str(problem)
    table = pa.table({"utterance": pa.array([text], pa.string()), "faces": pa.array([faces], contracts.FACES)})
    said, seen, heard = stages.probabilities(table, bundle)
    fused = (bundle.fusion or TEXT_ALONE).probabilities(said, seen, heard)
    return Answer(dict(zip(MODELS, (said, seen, fused), strict=True)), heard, faces, error)


def _find_faces(content: bytes) -> list[Face]:
    """The faces in an upload. Raises RowError where it cannot be read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "upload")
        path.write_bytes(content)
        return speakers.measured(_face_finder().of_clip(path.name, folder))


def _show_answers(answer: Answer) -> None:
    found = {model: answer.likeliest(model) for model in MODELS}
    st.html("".join(markup.chip(model, *(each or (None,))) for model, each in found.items()))
    answered = [model for model in MODELS if found[model]]
    for model, place in zip(answered, st.columns(len(MODELS)), strict=False):
        with place:
            drawing.draw(charts.probabilities(model, answer.probabilities[model][0]), f"probabilities-{model}")


def _explain_fused(answer: Answer, fusion: Fusion) -> None:
    """What text and faces each added to the fused answer's score."""
    said, seen = answer.probabilities["text"][0], answer.probabilities["vision"][0]
    words = why_fused(fusion, said, seen, float(answer.heard[0]))
    found = answer.likeliest("fused")
    if words and found:
        st.header(f"Why fused says {found[0]}")
        st.markdown(words)
        with st.expander("For each emotion"):
            st.dataframe(terms_by_emotion(fusion, said, seen, float(answer.heard[0])).style.format("{:+.2f}"))


def _explain_text(bundle: Bundle, text: str) -> None:
    reasons = pd.DataFrame(bundle.text.explain(text, top=12), columns=["n-gram", "added"])
    if reasons.empty:
        if has_text(text):
            st.caption("The text model knows none of the words.")
        return
    emotion = EMOTIONS[bundle.text.probabilities([text])[0].argmax()]
    st.header(f"The words that counted for {emotion}")
    reasons["n-gram"] = "“" + reasons["n-gram"].str.replace(" ", "␣") + "”"
    st.dataframe(
        reasons,
        hide_index=True,
        column_config={"added": st.column_config.NumberColumn("added to its score", format="%+.2f")},
    )
    st.caption("␣ is a space: n-grams of characters reach the edges of words. ⇧ stands for words in capitals.")


def _explain_faces(bundle: Bundle, answer: Answer, uploaded: bool) -> None:
    if not answer.faces or bundle.vision is None:
        if uploaded and bundle.vision is not None and not answer.error:
            st.caption("No face was found.")
        return
    st.header("The faces, and where the network looked")
    for face in (face for face in answer.faces if face["kept"]):
        probabilities = bundle.vision.probabilities([face["image"]])[0]
        emotion = EMOTIONS[probabilities.argmax()]
        words = f"{markup.person(face['person'])} at {face['time']:.1f} s"
        heat = f"{words}: what spoke for {emotion}"
        images = [(face["image"], words), (overlay(bundle.vision, face["image"]), heat)]
        st.html(markup.pictures(images, 110) + "<br>" + markup.chip(words, emotion, float(probabilities.max())))
