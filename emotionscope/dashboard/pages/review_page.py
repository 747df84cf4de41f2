"""Page "Review": utterances one by one, judged without seeing any answer; what is said of them becomes labels."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final, Literal, get_args
from urllib.parse import quote, unquote

import streamlit as st

from emotionscope.dashboard import filters, judged, markup, player, shared
from emotionscope.dashboard.queries import agreement, reviews
from emotionscope.dashboard.queries.archive import Archive, ReviewOrder
from emotionscope.dashboard.queries.reviews import Review
from emotionscope.dashboard.queries.selection import Selection
from emotionscope.dashboard.queries.utterances import Utterance
from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS

AHEAD = 1000  # utterances looked at for the next one that is to be judged
BEFORE = 2  # utterances of the dialogue shown above it, without which few emotions can be told
UNKNOWN: Final = "cannot be told"
COOKIE: Final = "reviewer"

Key = tuple[str, int]
Which = Literal["nobody has judged", "others have judged", "are in conflict"]


def show(sources: shared.Sources) -> None:
    """Draw the page."""
    begun = filters.begin_page(sources, "Review")
    if begun is None or sources.scores is None:
        return
    archive, chosen = begun
    first, second, third = st.columns(3)
    with first:
        reviewer = _ask_name()
    which = second.selectbox("Utterances that", get_args(Which), key="which", bind=filters.BOUND)
    order = third.selectbox("First those that are", get_args(ReviewOrder), key="order", bind=filters.BOUND)
    filters.keep(chosen, "Review", order=order, which=which)
    try:
        done = reviews.read(sources.scores)
    except (UserError, OSError) as error:
        markup.say(f"The reviews cannot be read: {error}", "error")
        return
    if problem := st.session_state.pop("problem", None):
        markup.say(problem, "error")
    _show_last(archive, sources.scores, done, reviewer)
    key = _next(archive, chosen, done, reviewer, which, order)
    if not reviewer:
        st.info("Type your name to begin: each reviewer's answers are kept apart.")
    elif key is None:
        st.success(f"No more utterances that {which} pass the filters.")
    else:
        _ask(archive, sources, key, reviewer)
    judged.show(archive, done, reviewer)


def _ask_name() -> str:
    """The reviewer's name, which the browser remembers."""
    remembered = st.session_state.get("name", unquote(st.context.cookies.get(COOKIE, "")))
    name = (st.text_input("Your name", remembered, key="reviewer", max_chars=60) or "").strip()
    if name != remembered:
        st.session_state["name"] = name
        script = f"document.cookie = '{COOKIE}={quote(name, safe='')}; SameSite=Strict; max-age=31536000'"
        st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)
    return name


def _next(
    archive: Archive, chosen: Selection, done: Sequence[Review], reviewer: str, which: Which, order: ReviewOrder
) -> Key | None:
    """The utterance to judge now: what was just taken back, or the first in order that is left."""
    again: Key | None = st.session_state.get("again")
    if again:
        return again
    passed: set[Key] = set(st.session_state.setdefault("skipped", set()))
    own = {review.key for review in done if review.reviewer == reviewer}
    if which == "nobody has judged":
        passed |= {review.key for review in done}
        found = archive.keys(chosen, order, AHEAD + len(passed))
    else:
        split = which == "are in conflict"
        wanted = set(agreement.conflicts(done)) if split else {review.key for review in done} - own
        found = archive.keys(chosen, order, AHEAD + len(passed), wanted - passed)
    return next((key for key in found if key not in passed), None)


def _ask(archive: Archive, sources: shared.Sources, key: Key, reviewer: str) -> None:
    """One utterance without any answer, and a button and a key for each emotion."""
    rows = archive.dialogue(key[0])
    place = int((rows["utterance_id"] == key[1]).to_numpy().argmax())
    told = [Utterance.of(row) for row in rows.iloc[max(place - BEFORE, 0) : place + 1].to_dict("records")]
    faces = [face for face in archive.faces(key[0]).get(key[1], []) if face["kept"]]
    with st.container(border=True):
        before = "".join(f'<p class="plain before">{_line(each)}</p>' for each in told[:-1])
        shown = markup.pictures((face["image"], f"a face at {face['time']:.1f} s") for face in faces)
        st.html(f'<div class="utterance">{before}<p class="words">{_line(told[-1])}</p><div>{shown}</div></div>')
        if sources.videos and told[-1].video:
            player.show_alone(told[-1])
    save = partial(_save, sources.scores or "", key, reviewer, told[-1].emotions["fused"] or "")
    with st.container(horizontal=True, gap="small"):
        for number, emotion in enumerate(EMOTIONS, start=1):
            st.button(emotion, shortcut=str(number), on_click=save, args=(emotion,), key=f"say-{emotion}")
        st.button(UNKNOWN, shortcut="0", on_click=save, args=(None,), key="say-unknown")
        st.button("Skip", shortcut="s", on_click=_skip, args=(key,), type="tertiary", key="skip")
    st.text_input("Note", key="note", max_chars=500)


def _line(utterance: Utterance) -> str:
    who = f'<span class="speaker">{markup.escape(utterance.speaker)}</span>' if utterance.speaker else ""
    return who + (markup.escape(utterance.text) if utterance.text else "<i>no text</i>")


def _save(scores: str, key: Key, reviewer: str, answer: str, emotion: str | None) -> None:
    """Store what the reviewer says, or say on the page why it cannot be stored."""
    if _store(scores, Review(*key, reviewer, answer, emotion, st.session_state.get("note") or "", _now())):
        st.session_state["last"], st.session_state["note"] = key, ""
        st.session_state["skipped"].add(key)  # a conflict that is still one need not be asked again
        st.session_state.pop("again", None)


def _undo(scores: str, key: Key, reviewer: str) -> None:
    """Take back the last answer, and ask for it again."""
    if _store(scores, Review(*key, reviewer, "", None, "", _now(), withdrawn=True)):
        st.session_state["skipped"].discard(key)
        st.session_state["again"] = key
        st.session_state.pop("last", None)


def _store(scores: str, review: Review) -> bool:
    try:
        reviews.add(scores, review)
    except OSError as error:
        st.session_state["problem"] = f"The review cannot be stored: {error}"
        return False
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _skip(key: Key) -> None:
    st.session_state["skipped"].add(key)
    st.session_state.pop("again", None)


def _show_last(archive: Archive, scores: str, done: Sequence[Review], reviewer: str) -> None:
    """What the models and other reviewers say of the utterance that was judged last, and a way to take it back."""
    key = st.session_state.get("last")
    said = [review for review in done if review.key == key]
    if key is None or not any(review.reviewer == reviewer for review in said):
        return
    judged.reveal(archive, key, said)
    st.button("Undo", shortcut="u", on_click=_undo, args=(scores, key, reviewer), key="undo", type="tertiary")
