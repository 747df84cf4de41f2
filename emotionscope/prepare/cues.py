"""The cues of a transcript of any format: cleaned, in order of time, and none dropped without a note.

What a transcript says is data: its markup is removed and nothing in it is acted on.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from emotionscope.prepare import markup, rolling, speakers
from emotionscope.prepare.rolling import Cue, Shown

_TIME = re.compile(r"(-?)(?:(\d+)\s?:\s?)?(\d+)\s?:\s?(\d{1,2})(?:\s?[.,]\s?(\d+)|:(\d{3}))?")
MOST = 1e9  # seconds


@dataclass(frozen=True)
class RawCue:
    """A cue as a file has it: `place` is where, for messages; times in seconds, None where they cannot be read."""

    place: str
    start: float | None
    end: float | None
    text: str
    speaker: str | None = None


@dataclass(frozen=True)
class Found:
    """What a file holds: its cues, what stands before the first of them, and what had to be guessed in reading them.

    In `numbers`, times have no unit: they may be seconds or milliseconds.
    """

    cues: Sequence[RawCue]
    before: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()
    numbers: bool = False


@dataclass(frozen=True)
class Transcript:
    """A transcript read: its cues in order of time, and an account of the rest.

    `left_out` names each cue that is not used, with its reason, `before` what stands before the first cue, and
    `guessed` what is read in the likeliest way. Counts: `empty` cues without a text, which are not used; those
    `reordered`, which stood after a later one, and `clipped`, which began before the video does; those `repeated`,
    with the same times and text; those `rolled` into the lines that they show again; those `divided` among several
    speakers; and those `open_ended`, without an end, which end where the next one begins (None: with the video).
    """

    cues: tuple[Cue, ...]
    left_out: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()
    empty: int = 0
    reordered: int = 0
    clipped: int = 0
    repeated: int = 0
    rolled: int = 0
    divided: int = 0
    open_ended: int = 0
    encoding: str = "utf-8"
    numbers: bool = field(default=False, compare=False)


def collect(found: Found) -> Transcript:
    """Cleaned cues in order of time; those that start together keep their order in the file."""
    usable: list[Shown] = []
    left_out: list[str] = []
    empty = clipped = 0
    for raw in found.cues:
        lines = markup.lines(raw.text)
        if raw.start is None:
            left_out.append(f"{raw.place}: its times cannot be read ({_shortened(' '.join(lines))})")
            continue
        if not lines:
            empty += 1
            continue
        clipped += raw.start < 0
        end = None if raw.end is None else max(raw.end, 0.0)
        usable.append(Shown(max(raw.start, 0.0), end, tuple(lines), markup.clean(raw.speaker or "") or None))
    latest, reordered = 0.0, 0
    for cue in usable:
        reordered += cue.start < latest
        latest = max(latest, cue.start)
    once = list(dict.fromkeys(sorted(usable, key=lambda cue: cue.start)))
    ended = _with_ends(once)
    cues = rolling.unrolled(ended) if rolling.is_rolling(ended) else [_joined(cue) for cue in ended]
    spoken, divided = _spoken(cues)
    return Transcript(
        tuple(spoken),
        tuple(left_out),
        found.before,
        found.guessed,
        empty=empty,
        reordered=reordered,
        clipped=clipped,
        repeated=len(usable) - len(once),
        rolled=len(ended) - len(cues),
        divided=divided,
        open_ended=sum(cue.end is None for cue in once),
        numbers=found.numbers,
    )


def _with_ends(cues: list[Shown]) -> list[Shown]:
    """The cues, in order of time; one without an end ends where the next one begins that begins later."""
    starts = [cue.start for cue in cues]
    return [
        cue if cue.end is not None else replace(cue, end=next(iter(starts[later : later + 1]), None))
        for cue, later in ((cue, bisect_right(starts, cue.start)) for cue in cues)
    ]


def _joined(cue: Shown) -> Cue:
    return Cue(cue.start, cue.end, "\n".join(cue.lines), cue.speaker)


def _spoken(cues: list[Cue]) -> tuple[list[Cue], int]:
    """The cues with their speakers and their text on one line, and how many were divided among several speakers."""
    names = speakers.Speakers(cue.text for cue in cues if cue.speaker is None)
    spoken: list[Cue] = []
    divided = 0
    for cue in cues:
        if cue.speaker is not None:
            spoken.append(replace(cue, text=" ".join(cue.text.split())))
            continue
        parts = names.parts(cue.text)
        divided += len(parts) > 1
        end = cue.start if cue.end is None else cue.end
        for (first, last, part), last_one in zip(
            speakers.shared(cue.start, end, parts), [False] * (len(parts) - 1) + [True], strict=True
        ):
            spoken.append(Cue(first, cue.end if last_one else last, part.text, part.speaker))
    return spoken, divided


def in_seconds(transcript: Transcript, length: float | None) -> tuple[Transcript, bool]:
    """A transcript whose times have no unit, in seconds, and whether they were milliseconds.

    They are where they end after the video's `length`, and as milliseconds do not; where it is not known, where
    cues last for minutes.
    """
    ends = [cue.start if cue.end is None else cue.end for cue in transcript.cues]
    whole = all(time.is_integer() for cue in transcript.cues for time in (cue.start, cue.end or 0.0))
    if not (transcript.numbers and whole and ends):
        return transcript, False
    if length:
        milliseconds = max(ends) > length + 1 and max(ends) / 1000 <= length * 1.05 + 1
    else:
        lasts = sorted(end - cue.start for cue, end in zip(transcript.cues, ends, strict=True))
        milliseconds = lasts[len(lasts) // 2] >= 100
    if not milliseconds:
        return transcript, False
    cues = (
        replace(cue, start=cue.start / 1000, end=None if cue.end is None else cue.end / 1000) for cue in transcript.cues
    )
    return replace(transcript, cues=tuple(cues)), True


def seconds(value: object) -> float | None:
    """Seconds of a number, or of a time such as ``12.5``, ``1:02:03,5``, ``00:00:01``; None where it is neither."""
    if isinstance(value, bool):
        return None
    text = str(value).strip()
    match = _TIME.fullmatch(text)
    if match:
        sign, hours, minutes, rest, fraction, thousandths = match.groups()
        if int(rest) >= 60 or (hours is not None and int(minutes) >= 60):
            return None
        number = int(hours or 0) * 3600 + int(minutes) * 60 + int(rest) + float(f"0.{fraction or thousandths or 0}")
        number = -number if sign else number
    else:
        try:
            number = float(text.replace(",", "."))
        except ValueError:
            return None
    return round(number, 6) if math.isfinite(number) and abs(number) <= MOST else None


def _shortened(text: str) -> str:
    return f"{text[:40]}…" if len(text) > 40 else text or "no text"


__all__ = ["Cue", "Found", "RawCue", "Transcript", "collect", "in_seconds", "seconds"]
