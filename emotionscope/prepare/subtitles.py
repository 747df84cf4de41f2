"""SubRip, WebVTT and YouTube's .sbv to cues.

Libraries read what is well formed, and drop or glue together what is not (pysubs2, srt, webvtt-py). So the file is cut
into cues here, at every line that has two times or an arrow beside one, and what cannot be read is named.
"""

import re
from collections.abc import Iterator

from emotionscope.prepare.cues import Found, RawCue, seconds

_CLOCK = r"-?\d+(?:\s?:\s?\d+){1,2}(?:\s?[.,]\s?\d+|:\d{3})?"
_LONG_CLOCK = r"-?(?:\d+\s?:\s?\d+\s?:\s?\d+(?:\s?[.,]\s?\d+)?|\d+\s?:\s?\d+\s?[.,]\s?\d+)"
_ARROW = re.compile(r"[\d:]\s*-->|-->\s*-?\d+:")  # a text may hold an arrow too
_TIMES = re.compile(rf"\s*(?:\d+\W?\s+)?({_CLOCK})\s*-->\s*({_CLOCK})(?=\s|$)")
# What translation programs and others make of the arrow, a word such as "to", or .sbv's comma.
_TWO_TIMES = re.compile(rf"\s*({_LONG_CLOCK})\D{{1,8}}?({_LONG_CLOCK})(?=\s|$)")
_PLACE = re.compile(r"(?:\s*[A-Za-z]\w*:\S+)+\s*")  # where a cue is shown: X1:201, align:start
_NUMBER = re.compile(r"[#(\[]?\d+[.)\]:]?")
_LINE = re.compile(r"\r+\n?|\n")
_NO_TAG = re.compile(r"<(?![A-Za-z/]|\d+:)")  # <3
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s([^<>]*)>")
_BLOCKS = ("NOTE", "STYLE", "REGION", "WEBVTT", "X-TIMESTAMP-MAP")  # of WebVTT, which are no text
_SPRITE = re.compile(r"\S+#xywh=[\d,.]+")


def read(text: str) -> Found:
    """The cues of a file, in its order. Raises ValueError where they are a player's preview pictures."""
    lines = _LINE.sub(_ended, text).split("\n")
    if len(lines) > 6 and not any(line.strip() for line in lines[1::2]) and any(map(_is_times, lines[::2])):
        lines = lines[::2]  # each line end was doubled
    places = [number for number, line in enumerate(lines) if _is_times(line)]
    heads = [_head(lines, place) for place in places]
    cues: list[RawCue] = []
    for place, end in zip(places, [*heads[1:], len(lines)][: len(places)], strict=True):
        cues += _cues(place + 1, lines[place], list(_spoken(lines[place + 1 : max(end, place + 1)])))
    if cues and all(_SPRITE.fullmatch(cue.text.strip()) for cue in cues):
        raise ValueError("names of pictures, which a player shows as a preview, and nothing said")
    return Found(cues, tuple(_before(lines[: heads[0]])) if heads else ())


def _ended(end: "re.Match[str]") -> str:
    """The end of a line, or of as many as there are where no line feed ends them."""
    return "\n" if end[0].endswith("\n") else "\n" * len(end[0])


def _is_times(line: str) -> bool:
    return bool(_ARROW.search(line) or _TWO_TIMES.match(line))


def _head(lines: list[str], place: int) -> int:
    """Where the cue begins whose times are in line `place`: at its number or name, if it has one."""
    above, second, third = (lines[place - n].strip() if place >= n else "" for n in (1, 2, 3))
    if not above and _NUMBER.fullmatch(second) and not third:
        return place - 2  # an empty line behind the number
    return place - 1 if above and (_NUMBER.fullmatch(above) or not second) and not above.startswith(_BLOCKS) else place


def _spoken(lines: list[str]) -> Iterator[str]:
    """The lines of a cue's text, which may hold empty lines; WebVTT's other blocks are left out."""
    block = False
    for number, line in enumerate(lines):
        if not line.strip():
            block = False
            continue
        first = number > 0 and not lines[number - 1].strip()
        block = block or (first and line.split()[0].startswith(_BLOCKS))
        if not block:
            yield line


def _before(lines: list[str]) -> Iterator[str]:
    """What stands before the first cue and is none of WebVTT's headers and blocks."""
    block = bool(lines) and lines[0].lstrip("\ufeff").startswith("WEBVTT")
    for number, line in enumerate(lines, start=1):
        block = bool(line.strip()) and (block or line.startswith(_BLOCKS))
        if line.strip() and not block:
            yield f"line {number}: {line.strip()[:40]}"


def _cues(number: int, times: str, spoken: list[str]) -> list[RawCue]:
    """The cue at a line; one with several voices as one for each, with as much of the time as of the letters."""
    place, text = f"line {number}", "\n".join(_NO_TAG.sub("&lt;", line) for line in spoken)
    match = _TIMES.match(times) or _TWO_TIMES.match(times)
    start, end = (seconds(match[group]) for group in (1, 2)) if match else (None, None)
    if match and not _PLACE.fullmatch(beside := times[match.end() :]):
        text = f"{beside}\n{text}"  # words in the line of the times
    if start is None or end is None:
        return [RawCue(place, None, None, text)]
    voices = list(_VOICE.finditer(text))
    if len({voice[1].strip() for voice in voices}) < 2:
        return [RawCue(place, start, end, text, voices[0][1] if voices else None)]
    ends = [*(voice.start() for voice in voices[1:]), len(text)]
    parts = [(voice[1], text[voice.end() : stop]) for voice, stop in zip(voices, ends, strict=True)]
    whole, said, found = sum(len(part) for _, part in parts) or 1, 0, []
    for voice, part in parts:
        first, said = said, said + len(part)
        since, until = (round(start + (end - start) * share / whole, 3) for share in (first, said))
        found.append(RawCue(place, since, until, part, voice))
    return found
