"""Captions that scroll or grow: each repeats earlier lines, and a line counts once, from its first time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

GAP = 0.5  # seconds between two cues of which the second still shows the first
BRIEF = 0.05  # seconds of a cue that only scrolls what is there
LINES = 20  # of a cue that may be shown again
OFTEN, LEAST = 0.2, 2  # of the pairs of cues, and in number, scroll or grow: then the file does


@dataclass(frozen=True)
class Cue:
    """What is said from `start` to `end`, in seconds of the video; `speaker` is None where the cue names none.

    An `end` of None is that of the video.
    """

    start: float
    end: float | None
    text: str
    speaker: str | None = None


@dataclass(frozen=True)
class Shown:
    """A cue with its lines apart."""

    start: float
    end: float | None
    lines: tuple[str, ...]
    speaker: str | None = None


def is_rolling(cues: Sequence[Shown]) -> bool:
    """Whether the cues of a file, in order of time, repeat what the one before has shown, and go on."""
    pairs = [(one, two) for one, two in pairwise(cues) if _follows(one, two)]
    moved = sum(_moves(one, two) for one, two in pairs)
    return moved >= max(LEAST, OFTEN * (len(cues) - 1))


def unrolled(cues: Sequence[Shown]) -> list[Cue]:
    """Each line once, from when it is first shown until the next one comes."""
    lines: list[Cue] = []
    before: Shown | None = None
    there: list[int] = []  # places of the lines that are on the screen
    for cue in cues:
        again = _again(before.lines, cue.lines) if before and _follows(before, cue) else 0
        there = there[len(there) - again :] if again else []
        for place, text in zip(there, cue.lines, strict=False):
            lines[place] = replace(lines[place], text=text)  # which may have grown
        if lines and len(cue.lines) > again:
            lines[-1] = replace(lines[-1], end=_earlier(lines[-1].end, cue.start))
        elif there:
            lines[there[-1]] = replace(lines[there[-1]], end=cue.end)
        for text in cue.lines[again:]:
            there.append(len(lines))
            lines.append(Cue(cue.start, cue.end, text, cue.speaker))
        before = cue
    return lines


def _earlier(end: float | None, start: float) -> float:
    """Where a line ends whose next one begins: there, or before a silence."""
    return end if end is not None and end < start - GAP else start


def _follows(one: Shown, two: Shown) -> bool:
    return one.speaker == two.speaker and (one.end is None or two.start <= one.end + GAP)


def _again(old: Sequence[str], new: Sequence[str]) -> int:
    """How many of the new lines are the last of the old ones; the last of these may have grown by some words."""
    for count in range(min(len(old), len(new), LINES), 0, -1):
        last = old[len(old) - count :]
        if [*last[:-1]] == [*new[: count - 1]] and (new[count - 1] + " ").startswith(last[-1] + " "):
            return count
    return 0


def _moves(one: Shown, two: Shown) -> bool:
    """Whether the new lines show old ones again, and something more, or for so short that none could read them."""
    again = _again(one.lines, two.lines)
    brief = two.end is not None and two.end - two.start <= BRIEF
    return again > 0 and (brief or len(two.lines) > again or len(two.lines[again - 1]) > len(one.lines[-1]))
