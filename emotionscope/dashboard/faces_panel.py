"""The gallery of a dialogue's faces, cut from the videos on demand: by emotion, person and certainty."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from emotionscope.dashboard import shared, signing
from emotionscope.dashboard.dialogue_words import Names, clock, person_name
from emotionscope.dashboard.filters import BOUND
from emotionscope.dashboard.player import Picture, Scene, template
from emotionscope.dashboard.queries.people import SIDES
from emotionscope.labels import EMOTIONS
from emotionscope.tables import corrections

MORE = 48  # faces
ORDERS = {"surest first": ["probability"], "largest first": ["w"], "in order of time": []}
ALL = "all"


def address(face: Mapping[Hashable, Any]) -> str | None:
    """Where the picture of a row of faces is; None where nothing tells where it is in which video."""
    box = [face[side] for side in SIDES]
    if pd.isna(face["video"]) or any(map(pd.isna, box)):
        return None
    return signing.address("face", face["video"], float(face["time"]), list(map(int, box)))


def pictures(faces: pd.DataFrame, names: Names, most: int) -> dict[int | None, list[Picture]]:
    """The best faces of each utterance, at most so many, in order of time."""
    best = faces.sort_values("quality", ascending=False).groupby("utterance_id").head(most).sort_values("time")
    found: dict[int | None, list[Picture]] = {}
    for face in best.to_dict("records"):
        src = address(face)
        if src:
            words = f"{person_name(names, face['video'], face['person'])} at {clock(face['time'])}"
            found.setdefault(int(face["utterance_id"]), []).append(Picture(src, float(face["time"]), words))
    return found


@st.fragment
def show(table: str, scene: Scene) -> None:
    """Draw the gallery of a scene; faces can be taken from a person, which the corrections of the table keep."""
    if not scene.plays:
        st.caption("Start with `--videos` to see the faces.")
        return
    st.header("Faces")
    faces = scene.faces
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        emotion = st.selectbox("Emotion", [ALL, *EMOTIONS], key="face_emotion", bind=BOUND, width=160)
        person = _choose_person(faces, scene.names)
        certainty = st.slider(
            "Certainty at least", 0, 100, 0, 5, format="%d%%", key="face_certainty", bind=BOUND, width=220
        )
        order = st.selectbox("Order", list(ORDERS), key="face_order", bind=BOUND, width=180)
    chosen = faces[faces["probability"] >= certainty / 100]
    if emotion != ALL:
        chosen = chosen[chosen["emotion"] == emotion]
    if person is not None:
        chosen = chosen[(chosen["video"] == person[0]) & (chosen["person"] == person[1]).fillna(False)]
    if ORDERS[order]:
        chosen = chosen.sort_values(ORDERS[order], ascending=False)
    if chosen.empty:
        st.caption("No face passes all filters.")
        return
    shown = chosen.head(st.session_state.setdefault("faces shown", MORE))
    marked = _draw(shown, scene.names, person is not None)
    with st.container(horizontal=True, gap="small"):
        st.caption(f"{len(shown):,} of {len(chosen):,} faces. Click one to go to its moment.")
        if len(shown) < len(chosen):
            st.button("More faces", on_click=_more)
    if person is not None:
        _correct(table, faces, person, shown.iloc[[place for place in marked if place < len(shown)]])


def _choose_person(faces: pd.DataFrame, names: Names) -> tuple[str, int] | None:
    counts = faces.dropna(subset=["person"]).groupby(["video", "person"]).size().sort_values(ascending=False)
    people = [(str(video), int(person)) for video, person in counts.index]
    several = len({video for video, _ in people}) > 1

    def title(person: tuple[str, int] | None) -> str:
        if person is None:
            return ALL
        return full_name(names, *person) + (f" of {person[0]}" if several else "")

    return st.selectbox("Person", [None, *people], format_func=title, key="face_person", width=200)


def full_name(names: Names, video: str, person: int) -> str:
    """What a person is called, and their number where that does not tell it: two may have one name."""
    named = names.get((video, person))
    return f"{named} ({person})" if named else person_name(names, video, person)


def _draw(faces: pd.DataFrame, names: Names, markable: bool) -> list[int]:
    """Draw faces; the places of those that a visitor has marked."""
    told = [
        {
            "src": address(face),
            "time": float(face["time"]),
            "utterance": int(face["utterance_id"]),
            "alt": f"{name} at {clock(face['time'])}",
            "words": f"{face['emotion']} {face['probability']:.0%}, {name}, {clock(face['time'])}",
        }
        for face in faces.to_dict("records")
        for name in [person_name(names, face["video"], face["person"])]
    ]
    html = '<div class="p-gallery" role="group" aria-label="Faces"></div>'
    gallery = st.components.v2.component(
        "emotionscope-faces", html=html, js=template("gallery.js"), isolate_styles=False
    )
    result = gallery(
        key=f"faces {st.session_state.get('faces said', 0)}",
        data={"faces": told, "markable": markable},
        default={"marked": []},
        on_marked_change=lambda: None,
    )
    return [int(place) for place in result.get("marked") or []] if markable else []


def _more() -> None:
    st.session_state["faces shown"] += MORE


def _correct(table: str, faces: pd.DataFrame, person: tuple[str, int], marked: pd.DataFrame) -> None:
    """Say of the marked faces that they are not this person."""
    times = [f"{time:.3f}" for time in marked["time"]]
    new = str(max(int(faces["person"].max()), shared.people(table).highest(person[0])) + 1)
    choices: tuple[tuple[str, corrections.Action, list[str]], ...] = (
        ("These are not them", "not", times),
        ("These are another person", "split", [new, *times]),
    )
    with st.container(horizontal=True, gap="small"):
        for title, action, value in choices:
            if st.button(title, key=f"faces {action}", disabled=not times, help="Mark faces first."):
                say(table, person, action, " ".join(value))
                st.rerun()  # the whole page, not this part of it alone
    if not times:
        st.caption("To correct: mark the faces that are somebody else.")


def say(table: str, person: tuple[str, int], action: corrections.Action, value: str) -> None:
    """Store a correction by this visitor."""
    said = corrections.Correction.now(*person, action, value, (st.session_state.get("name") or "").strip())
    try:
        corrections.add(table, said)
    except OSError as error:
        st.session_state["people problem"] = f"The correction cannot be stored: {error}"
    st.session_state["faces said"] = st.session_state.get("faces said", 0) + 1
