"""Cues of a transcript, of whatever format: cleaned, in order of time, and none dropped without a note.

What a transcript says is data: its markup is removed and nothing in it is acted on.
"""

import html
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from webvtt.errors import MalformedCaptionError
from webvtt.models import Timestamp

_ASS_TAG = re.compile(r"\{\\[^{}]*\}")
_ASS_SPACE = re.compile(r"\\[Nnh]")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<[\d:.]+>")
_INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
# [Anna]: or ANNA:, DR. O'NEIL:, SPEAKER_00:, with or without the dash that marks a change of speaker.
_SENTENCE = re.compile(r"[.?!…\"”]\s")  # where one may end
_PREFIX = re.compile(r"(?:[-–—]\s*)?(?:\[([^\[\]:]{1,40})\]|([^\W\d_][^:\[\](){}<>?!,;]{0,39})):\s+(?=\S)")


@dataclass(frozen=True)
class RawCue:
    """A cue as a file has it: `place` is where, for messages; times in seconds, None where they cannot be read."""

    place: str
    start: float | None
    end: float | None
    text: str
    speaker: str | None = None


@dataclass(frozen=True)
class Cue:
    """What is said from `start` to `end`, in seconds of the video; `speaker` is None where the cue names none."""

    start: float
    end: float
    text: str
    speaker: str | None = None


@dataclass(frozen=True)
class Transcript:
    """A transcript read: its cues in order of time, and an account of the rest.

    `left_out` names each cue that is not used, with its reason. `empty` counts cues without a text, which are not used
    either, `reordered` those that stood after a later one, and `clipped` those that began before the video does.
    """

    cues: tuple[Cue, ...]
    left_out: tuple[str, ...] = ()
    empty: int = 0
    reordered: int = 0
    clipped: int = 0
    encoding: str = "utf-8"


def collect(found: Iterable[RawCue]) -> Transcript:
    """Cleaned cues in order of time; those that start together keep their order in the file."""
    cues: list[Cue] = []
    left_out: list[str] = []
    empty = clipped = 0
    for raw in found:
        text, speaker = clean(raw.text), clean(raw.speaker or "") or None
        if raw.start is None or raw.end is None:
            left_out.append(f"{raw.place}: its times cannot be read ({_shortened(text)})")
            continue
        if speaker is None:
            speaker, text = split_speaker(text)
        if not text:
            empty += 1
            continue
        clipped += raw.start < 0
        cues.append(Cue(max(raw.start, 0.0), max(raw.end, 0.0), text, speaker))
    latest, reordered = 0.0, 0
    for cue in cues:
        reordered += cue.start < latest
        latest = max(latest, cue.start)
    cues.sort(key=lambda cue: cue.start)
    return Transcript(tuple(cues), tuple(left_out), empty, reordered, clipped)


def clean(text: str) -> str:
    """Plain text on one line: without HTML and WebVTT tags, ASS overrides, entities and invisible characters."""
    text = html.unescape(_TAG.sub("", _ASS_SPACE.sub(" ", _ASS_TAG.sub("", text))))
    text = text.encode("utf-8", "replace").decode()  # JSON may hold half a surrogate pair
    return " ".join(_INVISIBLE.sub("", text).split())


def split_speaker(text: str) -> tuple[str | None, str]:
    """The speaker that a text begins with, such as ``ANNA:`` or ``[Anna]:``, and the rest.

    A name without brackets is in capitals. A text in which another speaker follows stays whole, without a speaker.
    """
    match = _name(text, 0)
    if not match or any(_name(text, space.end()) for space in _SENTENCE.finditer(text, match.end())):
        return None, text
    return (match[1] or match[2]).strip(), text[match.end() :]


def _name(text: str, place: int) -> re.Match[str] | None:
    match = _PREFIX.match(text, place)
    return match if match and (match[1] or match[2] == match[2].upper()) else None


def seconds(value: object) -> float | None:
    """Seconds of a number, or of a time such as ``12.5``, ``1:02:03,5``, ``-0:01.250``; None where it is neither."""
    if isinstance(value, bool):
        return None
    text = str(value).strip().replace(",", ".")
    try:
        if ":" not in text:
            number = float(text)
            return number if math.isfinite(number) else None
        body = text.removeprefix("-")
        milliseconds = Timestamp.from_string(body if "." in body else f"{body}.0").in_milliseconds()
    except (ValueError, MalformedCaptionError):
        return None
    return (-milliseconds if text.startswith("-") else milliseconds) / 1000


def _shortened(text: str) -> str:
    return f"{text[:40]}…" if len(text) > 40 else text or "no text"
