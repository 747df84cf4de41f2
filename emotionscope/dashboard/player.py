"""The player of the Dialogue page: a film or clips, the curve of the emotions, and the utterances, at one place.

It runs in the browser (`templates/player.js` and the files before it). All that it draws comes from the tables; only
films and pictures of faces are asked of the server, by signed addresses.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources

import numpy as np
import pandas as pd
import streamlit as st

from emotionscope.dashboard import dialogue_words, markup, signing
from emotionscope.dashboard.dialogue_words import Names, person_name
from emotionscope.dashboard.media import is_picture
from emotionscope.dashboard.queries.people import NO_FACES, SIDES
from emotionscope.dashboard.queries.utterances import Utterance
from emotionscope.labels import EMOTIONS, MODELS, canonical
from emotionscope.palette import COLOURS

SCRIPTS = ("axis", "curve", "saving", "band", "film", "rows", "player")
ALONE = ("axis", "curve", "film", "alone")
LANES = 12  # people; those with the most faces
SPEAKS = 0.5  # from which on a face is said to speak
UNKNOWN = -1  # the number of a face that is nobody's

Json = dict[str, object]


@dataclass(frozen=True)
class Picture:
    """A face below its utterance: where its picture is, its second in the video, and what it shows."""

    src: str
    time: float
    alt: str


@dataclass(frozen=True)
class Scene:
    """What the player shows of a dialogue: utterances, with why fused said so and pictures, and `People`'s faces.

    `names` are those of people by video and number. `plays` is whether their videos are at hand. `archive` is its name.
    """

    archive: str
    dialogue: str
    utterances: Sequence[Utterance]
    reasons: Sequence[str | None]
    pictures: Sequence[Sequence[Picture]]
    faces: pd.DataFrame
    names: Names
    plays: bool


def template(name: str) -> str:
    """The text of a file in `templates`."""
    return resources.files(__package__).joinpath("templates", name).read_text("utf-8")


@st.cache_resource(show_spinner=False)
def _parts(kind: str, title: str, scripts: Sequence[str]) -> dict[str, str]:
    """What a component is made of."""
    return {
        "html": f'<div class="{kind}" role="group" aria-label="{title}"></div>',
        "css": template("player.css"),
        "js": "\n".join(template(f"{name}.js") for name in scripts),
    }


def show_alone(utterance: Utterance) -> None:
    """Draw an utterance's part of its video, and nothing that a model says of it reaches the browser."""
    blind = replace(
        utterance, probabilities={model: np.full(len(EMOTIONS), np.nan, np.float32) for model in MODELS}, label=None,
        listener=None, error=None,
    )  # fmt: skip
    scene = Scene("", utterance.dialogue, [blind], [None], [()], NO_FACES, {}, plays=True)
    parts = _parts("p-alone", "The film of the utterance", ALONE)
    st.components.v2.component("emotionscope-film", **parts, isolate_styles=False)(key="film", data=data_of(scene))


@st.fragment
def show(scene: Scene, models: Sequence[str], wanted: Callable[[], int | None], pick: Callable[[int], None]) -> None:
    """Draw the player at the utterance that is wanted; `pick` is told the number of one that a visitor goes to."""
    parts = _parts("player", "The dialogue", SCRIPTS)
    component = st.components.v2.component("emotionscope-player", **parts, isolate_styles=False)

    def picked() -> None:
        number = st.session_state["player"].get("picked")
        if number is not None:
            pick(int(number))

    component(key="player", data=data_of(scene) | {"models": list(models), "wanted": wanted()}, on_picked_change=picked)
    curve = dialogue_words.curve(scene.utterances, models[0], is_by_time(scene.utterances))
    lanes = dialogue_words.lanes(scene.faces, scene.names)
    st.html("".join(f'<p class="told">{markup.escape(told)}</p>' for told in (curve, lanes)))


def data_of(scene: Scene) -> Json:
    """The scene as the player's script takes it."""
    by_time = is_by_time(scene.utterances)
    videos = list(dict.fromkeys(each.video for each in scene.utterances if each.video)) if scene.plays else []
    places = {each.number: place for place, each in reversed(list(enumerate(scene.utterances)))}
    faces = scene.faces[scene.faces["utterance_id"].isin([each for each in places if each is not None])]
    one_video = faces["video"].nunique(dropna=False) == 1
    common: Iterable[int] = faces["person"].value_counts().head(LANES).index if one_video else []
    first = faces["video"].iloc[0] if len(faces) else None
    return {
        "archive": scene.archive,
        "bundles": sorted({each.bundle for each in scene.utterances}),
        "dialogue": scene.dialogue,
        "axis": "time" if by_time else "turn",
        "until": float(faces["time"].max()) if len(faces) else 0,
        "emotions": EMOTIONS,
        "colours": [COLOURS[emotion] for emotion in EMOTIONS],
        "allModels": MODELS,
        "films": [{"src": signing.address("film", each), "picture": is_picture(each)} for each in videos],
        "turns": [
            _turn(each, why, pictures, videos)
            for each, why, pictures in zip(scene.utterances, scene.reasons, scene.pictures, strict=True)
        ],
        "faces": _columns(faces, places, scene.names),
        "people": [{"id": int(person), "name": person_name(scene.names, first, person)} for person in sorted(common)],
    }


def is_by_time(utterances: Sequence[Utterance]) -> bool:
    """Whether all utterances have a start and an end in one video."""
    spans = [each.span for each in utterances]
    if len({each.video for each in utterances}) != 1 or any(None in span for span in spans):
        return False
    starts, ends = np.array(spans, float).T
    return bool((starts <= ends).all() and starts.min() < ends.max())


def _turn(utterance: Utterance, why: str | None, pictures: Sequence[Picture], videos: Sequence[str]) -> Json:
    start, end = utterance.span
    label, listener = utterance.label, utterance.listener
    return {
        "n": utterance.number,
        "start": None if start is None else max(start, 0.0),
        "end": end,
        "film": videos.index(utterance.video) if utterance.video in videos else -1,
        "clip": signing.address("clip", utterance.video, start, end) if utterance.video in videos else None,
        "who": utterance.speaker,
        "text": utterance.text,
        "p": {model: _thousandths(utterance.probabilities[model]) for model in MODELS},
        "label": (canonical(label) or label) if label else None,
        "error": utterance.error,
        "why": why,
        "listener": EMOTIONS.index(listener) if listener in EMOTIONS else None,
        "faces": [{"src": each.src, "time": each.time, "alt": each.alt} for each in pictures],
    }


def _thousandths(probabilities: np.ndarray) -> list[int] | None:
    known = np.isfinite(probabilities).all()
    return np.rint(1000 * probabilities).astype(int).tolist() if known else None


def _columns(faces: pd.DataFrame, places: Mapping[int | None, int], names: Names) -> Json:
    """The faces as columns, which is a third of the letters of rows; `names` has those that `name` numbers."""
    called = pd.Categorical([person_name(names, *who) for who in zip(faces["video"], faces["person"], strict=True)])
    boxes = faces[list(SIDES)].astype("Int64").astype(object)
    known = boxes.notna().all(axis=1)
    codes = pd.Categorical(faces["emotion"], EMOTIONS).codes
    return {
        "turn": faces["utterance_id"].map(places).tolist(),
        "time": faces["time"].round(3).tolist(),
        "person": faces["person"].fillna(UNKNOWN).astype(int).tolist(),
        "name": called.codes.tolist(),
        "names": called.categories.tolist(),
        "emotion": codes.tolist(),
        "sure": np.rint(100 * faces["probability"].to_numpy(float)).astype(int).tolist(),
        "speaks": (faces["speaking"].to_numpy(float, na_value=np.nan) >= SPEAKS).astype(int).tolist(),
        "box": [box if told else None for box, told in zip(boxes.to_numpy().tolist(), known, strict=True)],
    }
