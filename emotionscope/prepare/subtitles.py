"""SubRip and WebVTT to cues.

webvtt-py reads a cue: its times, tags and voice. Its reading of a whole file drops what it cannot read without a word,
so the file is cut into cues here, at every line that has an arrow beside a time, and a cue that it refuses is named.
"""

import re
from collections.abc import Iterator

from webvtt.errors import MalformedCaptionError
from webvtt.models import Caption

from emotionscope.prepare.cues import RawCue

_ARROW = re.compile(r"[\d:]\s*-->|-->\s*-?\d+:")  # a text may hold an arrow too
_TIMES = re.compile(r"\s*(-?)([\d:.,]+)\s*-->\s*(-?)([\d:.,]+)(?=\s|$)")
_LINE = re.compile(r"\r\n|\r|\n")
_NO_TAG = re.compile(r"<(?![A-Za-z/]|\d+:)")  # <3
_BLOCKS = ("NOTE", "STYLE", "REGION")  # of WebVTT, which are no text


def read(text: str) -> list[RawCue]:
    """The cues of a SubRip or WebVTT file, in its order. Raises nothing: a file without a cue gives none."""
    lines = _LINE.split(text)
    places = [number for number, line in enumerate(lines) if _ARROW.search(line)]
    ends = [*(_head(lines, place) for place in places[1:]), len(lines)] if places else []
    return [
        _cue(place + 1, lines[place], list(_spoken(lines[place + 1 : max(end, place + 1)])))
        for place, end in zip(places, ends, strict=True)
    ]


def _head(lines: list[str], place: int) -> int:
    """Where the cue begins whose times are in line `place`: at its number or name, if it has one."""
    above = lines[place - 1].strip()
    alone = place < 2 or not lines[place - 2].strip()
    return place - 1 if above and (above.isdigit() or alone) and not above.startswith(_BLOCKS) else place


def _spoken(lines: list[str]) -> Iterator[str]:
    """The lines of a cue's text, which may hold empty lines; WebVTT's other blocks are left out."""
    block = False
    for number, line in enumerate(lines):
        if not line.strip():
            block = False
            continue
        first = number > 0 and not lines[number - 1].strip()
        block = block or (first and line.split()[0] in _BLOCKS)
        if not block:
            yield line


def _cue(number: int, times: str, spoken: list[str]) -> RawCue:
    place = f"line {number}"
    caption = _parse(times, spoken)
    if caption is None:
        return RawCue(place, None, None, "\n".join(spoken))
    match = _TIMES.match(times)
    before, after = (bool(match and match[group]) for group in (1, 3))
    start, end = (time.in_milliseconds() / 1000 for time in (caption.start_time, caption.end_time))
    voices = {voice.strip() for voice in Caption.VOICE_SPAN_PATTERN.findall(caption.raw_text)}
    speaker = voices.pop() if len(voices) == 1 else None
    return RawCue(place, -start if before else start, -end if after else end, caption.text, speaker)


def _parse(times: str, spoken: list[str]) -> Caption | None:
    """One cue as webvtt-py reads it, its times without their signs; None where it cannot."""
    match = _TIMES.match(times)
    if not match:
        return None
    start, end = (match[group].replace(",", ".") for group in (2, 4))
    try:
        return Caption(start, end, [_NO_TAG.sub("&lt;", line) for line in spoken])
    except MalformedCaptionError:
        return None
