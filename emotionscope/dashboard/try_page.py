"""Page "Try it": a sentence, a clip or a picture of one's own, what the three models say of it, and why."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import streamlit as st

from emotionscope.batch import stages
from emotionscope.bundle.store import Bundle
from emotionscope.dashboard import MEGABYTES, charts, parts
from emotionscope.errors import RowError
from emotionscope.fusion import TEXT_ALONE
from emotionscope.io import contracts
from emotionscope.labels import EMOTIONS, MODELS
from emotionscope.video.detection import load_spec
from emotionscope.video.keyframes import Face
from emotionscope.video.sandbox import IsolatedFaces
from emotionscope.vision.saliency import overlay

KINDS = ("mp4", "m4v", "mov", "mkv", "avi", "webm", "jpg", "jpeg", "png")
SECONDS = 60.0  # for one upload
FACES = 8


@st.cache_resource
def _finder() -> IsolatedFaces:
    return IsolatedFaces(load_spec(), FACES, SECONDS)


def show(sources: parts.Sources) -> None:
    """Draw the page."""
    st.title("Try it")
    bundle = parts.open_models(sources)
    if bundle is None:
        return
    with st.form("own", border=False):
        text = st.text_area("What is said", placeholder="Oh my God, you came back!", max_chars=2000)
        upload = st.file_uploader(
            "A clip or a picture", KINDS, max_upload_size=MEGABYTES, help="It stays on this machine."
        )
        st.form_submit_button("Score", type="primary")
    if not text.strip() and upload is None:
        st.info("Type a sentence, add a clip or a picture, or both, and press Score.", icon=":material/edit:")
        return
    faces = _faces(upload.name, upload.getvalue()) if upload else []
    _answers(bundle, text, faces)
    left, right = st.columns(2)
    with left:
        _words(bundle, text)
    with right:
        _looks(bundle, faces, upload is not None)


def _faces(name: str, content: bytes) -> list[Face]:
    """The faces in an upload; none, after saying why, where it cannot be read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "upload")
        path.write_bytes(content)
        try:
            with st.spinner("Looking for faces …"):
                return _finder()(path.name, folder, None, None)
        except RowError as error:
            st.error(f"{name}: {error}", icon=":material/broken_image:")
            return []


def _answers(bundle: Bundle, text: str, faces: list[Face]) -> None:
    table = pa.table({"utterance": pa.array([text], pa.string()), "faces": pa.array([faces], contracts.FACES)})
    said, seen = stages.probabilities(table, bundle)
    fused = (bundle.fusion or TEXT_ALONE).probabilities(said, seen)
    values = {model: rows[0] for model, rows in zip(MODELS, (said, seen, fused), strict=True)}
    if np.isnan(fused[0, 0]):
        st.warning("There is nothing to score: no text, and no face was found.", icon=":material/search_off:")
        return
    answers = {
        model: None if np.isnan(given[0]) else (EMOTIONS[given.argmax()], float(given.max()))
        for model, given in values.items()
    }
    st.html(
        "".join(parts.chip(model, *found) if found else parts.chip(model, None) for model, found in answers.items())
    )
    st.altair_chart(charts.probabilities(values))


def _words(bundle: Bundle, text: str) -> None:
    if not text.strip():
        return
    emotion = EMOTIONS[bundle.text.probabilities([text])[0].argmax()]
    st.subheader(f"The words that counted for {emotion}")
    reasons = pd.DataFrame(bundle.text.explain(text, top=12), columns=["n-gram", "added"])
    reasons["n-gram"] = "“" + reasons["n-gram"].str.replace(" ", "␣") + "”"
    st.dataframe(
        reasons,
        hide_index=True,
        column_config={"added": st.column_config.NumberColumn("added to its score", format="%+.2f")},
    )
    st.caption("␣ is a space: n-grams of characters reach the edges of words.")


def _looks(bundle: Bundle, faces: list[Face], uploaded: bool) -> None:
    if not faces or bundle.vision is None:
        if uploaded and bundle.vision is not None:
            st.caption("No face was found.")
        return
    st.subheader("The faces, and where the network looked")
    for face in faces:
        probabilities = bundle.vision.probabilities([face["image"]])[0]
        emotion = EMOTIONS[probabilities.argmax()]
        words = f"person {face['person'] + 1} at {face['time']:.1f} s"
        heat = f"{words}: what spoke for {emotion}"
        images = [(face["image"], words), (overlay(bundle.vision, face["image"]), heat)]
        st.html(parts.pictures(images, 110) + "<br>" + parts.chip(words, emotion, float(probabilities.max())))
