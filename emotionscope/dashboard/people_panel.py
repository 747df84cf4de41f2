"""The people of a dialogue's videos: portraits, names, who of the speakers they are, and who of them are one."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from emotionscope.dashboard import faces_panel, markup
from emotionscope.dashboard.dialogue_words import clock, person_name
from emotionscope.dashboard.player import Scene
from emotionscope.errors import UserError
from emotionscope.tables import corrections
from emotionscope.tables.corrections import Correction, Person, Who

MORE = 12  # people
CARD = 312  # pixels: three beside each other on a desk
NOBODY = "–"
TITLES = {"name": "Name", "speaker": "Speaker", "merge": "Is the same as", "same": "In other films"}


def title_of(who: Who) -> str | None:
    """What a person is called: by name, else by the number through the archive, where there is one."""
    return who.name or (None if who.identity is None else f"identity {who.identity}")


def show(table: str, scene: Scene, said: Sequence[Correction], who: Mapping[Person, Who]) -> None:
    """Draw the people of a scene, those with the most faces first, with what can be said of each."""
    known = scene.faces.dropna(subset=["person", "video"])
    counts = known.groupby(["video", "person"]).size().sort_values(ascending=False)
    if counts.empty:
        return
    st.header("People")
    if problem := st.session_state.pop("people problem", None):
        markup.say(problem, "error")
    remembered = st.session_state.get("name", "")
    st.session_state["name"] = st.text_input(
        "Your name", remembered, max_chars=60, help="It is stored with what you correct.", width=280
    )
    people = [(str(video), int(person)) for video, person in counts.index]
    shown = people[: st.session_state.setdefault("people shown", MORE)]
    speakers = sorted({each.speaker for each in scene.utterances if each.speaker})
    with st.container(horizontal=True, gap="small"):  # wraps
        for person in shown:
            own = known[(known["video"] == person[0]) & (known["person"] == person[1])]
            others = [each for each in people if each[0] == person[0] and each != person]
            with st.container(border=True, width=CARD):
                _show_person(table, scene, person, own, others, speakers, said, who)
    if len(shown) < len(people):
        st.button(f"More people ({len(people) - len(shown):,})", on_click=_more)
    _show_said(table, said, {video for video, _ in people})


def _more() -> None:
    st.session_state["people shown"] += MORE


def _show_person(
    table: str,
    scene: Scene,
    person: Person,
    faces: pd.DataFrame,
    others: Sequence[Person],
    speakers: Sequence[str],
    said: Sequence[Correction],
    who: Mapping[Person, Who],
) -> None:
    """A card of one person; each change is stored at once."""
    title = person_name(scene.names, *person)
    best = faces.sort_values("quality", ascending=False).iloc[0].to_dict()
    src = faces_panel.address(best) if scene.plays else None
    portrait = markup.picture(src, title) if src else ""
    looks = faces["emotion"].value_counts().index[0]
    times = f"{len(faces):,} faces from {clock(faces['time'].min())} to {clock(faces['time'].max())}, mostly {looks}"
    identity = who.get(person, corrections.NOBODY).identity
    number = f"number {person[1]} of {person[0]}" + ("" if identity is None else f", identity {identity}")
    st.html(
        f'<div class="person">{portrait}<div><b>{markup.escape(title)}</b>'
        f'<p class="plain">{times}</p><p class="plain">{markup.escape(number)}</p></div></div>'
    )
    count = len(said)  # so that a widget shows what the table says after each correction
    name = corrections.called(said, "name").get(person, "")
    speaker = corrections.called(said, "speaker").get(person, "")
    with st.expander("Correct"):
        _say_on_change(table, person, "name", f"{person}-name-{count}", name)
        if speakers:
            offered = list(dict.fromkeys(["", speaker, *speakers]))
            _say_on_change(
                table, person, "speaker", f"{person}-speaker-{count}", speaker, {each: each for each in offered}
            )
        if others:
            titles = {"": ""} | {str(each[1]): faces_panel.full_name(scene.names, *each) for each in others}
            _say_on_change(table, person, "merge", f"{person}-merge-{count}", "", titles)
        if elsewhere := _named_elsewhere(person, who):
            _say_on_change(table, person, "same", f"{person}-same-{count}", "", {"": "", **elsewhere})
        twins = [each for each in who if who[each].identity == identity and each != person]
        if identity is not None and twins:
            told = (table, person, "differs", f"{twins[0][1]} {twins[0][0]}")
            st.button("Somebody else than in other films", key=f"{person}-differs", on_click=faces_panel.say, args=told)
        st.caption("To split: choose them among the faces above, and mark those that are somebody else.")


def _named_elsewhere(person: Person, who: Mapping[Person, Who]) -> dict[str, str]:
    """The names of other films' people, one for each identity, by what a correction says of them."""
    own = who.get(person, corrections.NOBODY).identity
    found: dict[object, tuple[str, str]] = {}
    for other, each in who.items():
        if each.name and other[0] != person[0] and (own is None or own != each.identity):
            key = other if each.identity is None else each.identity
            found.setdefault(key, (f"{other[1]} {other[0]}", f"{each.name} ({other[0]})"))
    return dict(found.values())


def _say_on_change(
    table: str,
    person: Person,
    action: corrections.Action,
    key: str,
    value: str,
    options: dict[str, str] | None = None,
) -> None:
    """Ask for a value, or one of the options by their titles, and store it where it changes."""

    def changed() -> None:
        said = str(st.session_state[key]).strip()
        if said or action not in ("merge", "same"):
            faces_panel.say(table, person, action, said)

    if options is None:
        st.text_input(TITLES[action], value, key=key, max_chars=200, on_change=changed)
    else:
        titles = {each: title or NOBODY for each, title in options.items()}
        shown = list(titles)
        st.selectbox(TITLES[action], shown, shown.index(value), titles.__getitem__, key=key, on_change=changed)


def _show_said(table: str, said: Sequence[Correction], videos: set[str]) -> None:
    """What was said of these videos, and a way to take the last of it back."""
    own = [each for each in said if each.video in videos]
    if not own:
        st.caption("Corrections are stored beside the faces table; nothing of it is changed.")
        return
    with st.expander(f"Corrections ({len(own):,})"):
        st.dataframe(pd.DataFrame([vars(each) for each in reversed(own)]), hide_index=True)
        st.button("Take back the last one", on_click=_take_back, args=(table, own[-1]))


def _take_back(table: str, said: Correction) -> None:
    try:
        corrections.remove(table, said)
    except (OSError, UserError) as error:
        st.session_state["people problem"] = f"The correction cannot be taken back: {error}"
