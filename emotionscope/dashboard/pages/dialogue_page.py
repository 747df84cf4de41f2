"""Page "Dialogue": one conversation with its film, its curve, its utterances and its people."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from emotionscope.dashboard import faces_panel, markup, people_panel, player, shared
from emotionscope.dashboard.dialogue_words import Names, clock, person_name
from emotionscope.dashboard.filters import BOUND
from emotionscope.dashboard.player import Picture, Scene
from emotionscope.dashboard.queries.archive import Archive
from emotionscope.dashboard.queries.people import NO_FACES, People
from emotionscope.dashboard.queries.utterances import Utterance
from emotionscope.dashboard.reasons import why_fused
from emotionscope.errors import UserError
from emotionscope.labels import MODELS
from emotionscope.tables import corrections
from emotionscope.tables.corrections import Correction, Person, Who
from emotionscope.video.faces import Face

SHOWN = 1000  # utterances on one page
PICTURES, FEWER = 8, 2  # of an utterance; in a long dialogue
LONG = 100  # utterances of a dialogue from which on it is long


def show(sources: shared.Sources) -> None:
    """Draw the page; the address may name ``dialogue``, ``utterance`` and the models of the curve, ``line``."""
    heading = st.empty()
    heading.html('<div class="heading"><h1>Dialogue</h1></div>')
    archive = shared.open_archive(sources)
    if archive is None:
        return
    dialogue = _choose(archive)
    if dialogue is None:
        return
    heading.html(f'<div class="heading"><h1>Dialogue {markup.escape(dialogue)}</h1></div>')
    rows = archive.dialogue(dialogue)
    st.html(f'<p class="plain">{len(rows):,} utterances</p>')
    models = _choose_models()
    wanted = st.query_params.get("utterance")
    shown = {"dialogue": [dialogue], "line": models, "utterance": [wanted] if wanted else []}
    shared.keep_address("Dialogue", shown)
    numbers = rows["utterance_id"].astype(str)
    if wanted and wanted not in set(numbers):
        markup.say(f"This dialogue has no utterance {wanted}.", "warning")
    rows = _page_of(rows, numbers.tolist().index(wanted) if wanted in set(numbers) else 0)
    people = _people(sources)
    said = _corrections(people)
    who = _who(sources.people, said)
    faces = _faces_of(people, dialogue) if people else NO_FACES
    scene = _scene(archive, dialogue, rows, corrections.apply(faces, said), who, sources)
    player.show(scene, models, _wanted, _pick)
    if people and faces.empty:
        st.caption("The faces table has no face of this dialogue.")
    elif people:
        faces_panel.show(people.uri, scene)
        people_panel.show(people.uri, scene, said, who)
    elif archive.keyframes is None:
        st.caption("Start with `--faces` to see the faces, too.")


def _scene(
    archive: Archive,
    dialogue: str,
    rows: pd.DataFrame,
    faces: pd.DataFrame,
    who: Mapping[Person, Who],
    sources: shared.Sources,
) -> Scene:
    utterances = [Utterance.of(row) for row in rows.to_dict("records")]
    names = {person: title for person, each in who.items() if (title := people_panel.title_of(each))}
    most = FEWER if len(utterances) > LONG else PICTURES
    cut = faces_panel.pictures(faces, names, most) if sources.videos else {}
    kept = archive.faces(dialogue)
    return Scene(
        archive=sources.name,
        dialogue=dialogue,
        utterances=utterances,
        reasons=[_why(each, sources.bundle) for each in utterances],
        pictures=[
            [_kept(face, each, names) for face in kept.get(each.number, []) if face["kept"]][:most]
            or cut.get(each.number, [])
            for each in utterances
        ],
        faces=faces,
        names=names,
        plays=sources.videos is not None,
    )


def _why(utterance: Utterance, bundle: str | None) -> str | None:
    """What text and faces added; None where the bundle that scored the row is not open."""
    fusion = shared.fusion(bundle, utterance.bundle) if bundle else None
    said = utterance.probabilities
    return why_fused(fusion, said["text"], said["vision"], utterance.heard) if fusion else None


def _kept(face: Face, utterance: Utterance, names: Names) -> Picture:
    """A picture that the keyframes hold."""
    time = face["time"] + max(utterance.span[0] or 0.0, 0.0)
    words = f"{person_name(names, utterance.video, face['person'])} at {clock(time)}"
    return Picture(markup.data_address(face["image"]), time, words)


def _people(sources: shared.Sources) -> People | None:
    if not sources.faces:
        return None
    try:
        return shared.people(sources.faces)
    except UserError as error:
        markup.say(f"The faces cannot be opened: {error}", "error")
        return None


@st.cache_data(show_spinner="Looking for the faces …", max_entries=8, hash_funcs={People: lambda people: people.uri})
def _faces_of(people: People, dialogue: str) -> pd.DataFrame:
    return people.of_dialogue(dialogue)


def _corrections(people: People | None) -> list[Correction]:
    try:
        return corrections.read(people.uri) if people else []
    except (OSError, UserError) as error:
        markup.say(f"The corrections cannot be read: {error}", "error")
        return []


def _who(people: str | None, said: Sequence[Correction]) -> dict[Person, Who]:
    try:
        known = shared.who(people) if people else {}
    except UserError as error:
        markup.say(f"Who is who cannot be read: {error}", "error")
        known = {}
    return corrections.as_said(known, said)


def _wanted() -> int | None:
    """The utterance that the address names, if that is a number."""
    named = st.query_params.get("utterance", "")
    return int(named) if named.removeprefix("-").isdecimal() else None


def _pick(utterance: int) -> None:
    st.query_params["utterance"] = str(utterance)


def _choose_models() -> list[str]:
    """The models whose curves are shown; the first is the one that shifts are of."""
    unknown = sorted(set(st.query_params.get_all("line")) - set(MODELS))
    if unknown:
        markup.say(f"There is no model {', '.join(unknown)}: choose {', '.join(MODELS)}.", "warning")
    chosen = st.pills("Emotion curve by", MODELS, default=["fused"], selection_mode="multi", key="line", bind=BOUND)
    return [model for model in reversed(MODELS) if model in chosen] or ["fused"]


def _choose(archive: Archive) -> str | None:
    """The dialogue that the address names or the visitor picks; it then stands in the address."""
    search = st.sidebar.text_input("Find a dialogue", help="Part of its id; the first 200 that match are listed.")
    found = archive.dialogues((search or "").strip())
    named = st.query_params.get("dialogue")
    if named is not None and named not in found and not search:
        if not archive.has_dialogue(named):
            markup.say(f"The archive has no dialogue {named}.", "warning")
        else:
            found = [named, *found]
    if not found:
        st.sidebar.warning("No dialogue has this in its id.")
        return None
    known = named in found
    if named is None or (search and not known):
        named, known = found[0], True
        st.query_params["dialogue"] = named
    st.session_state["chosen dialogue"] = named if known else None
    st.sidebar.selectbox("Dialogue", found, 0 if known else None, key="chosen dialogue", on_change=_open)
    return named if known else None


def _open() -> None:
    if st.session_state["chosen dialogue"] is not None:
        st.query_params.pop("utterance", None)
        st.query_params["dialogue"] = st.session_state["chosen dialogue"]


def _page_of(rows: pd.DataFrame, place: int) -> pd.DataFrame:
    """The rows of a very long dialogue that one page holds, those around a place first."""
    pages = -(-len(rows) // SHOWN)
    if pages < 2:
        return rows
    page = st.number_input(f"Page of {pages:,}", 1, pages, place // SHOWN + 1, key="page", bind=BOUND)
    return rows.iloc[(page - 1) * SHOWN : page * SHOWN]
