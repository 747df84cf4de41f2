"""Finds speakers: names before a colon at the beginning of a line, decided by the file as a whole.

A name in capitals or brackets is one by itself. Any other is one if it comes back, and names do so in much of the file,
or, written as a name is, if nearly every cue begins with one. A clause said once (`One thing: we won`) stays text.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

LONGEST = 40  # characters of a name
WORDS = 4  # of a name that is not in capitals
SAID = 200  # characters after a name that tell whether its line is in capitals
OFTEN, EVERY = 0.2, 0.9  # of the lines: so many begin with names that come back, or with any name
_NAME = rf"[^\W_][^:：\[\](){{}}<>?!,;\n]{{0,{LONGEST - 1}}}"
_ASIDE = r"(?:\[[^\[\]:\n]*\]\s*|\([^()\n]*\)\s*)"  # [SLAM], (whispering), (00:01)
_PREFIX = re.compile(
    rf"(?:[-–—]\s*)?(?:\[(?P<bracket>[^\[\]:\n]{{1,{LONGEST}}})\]\s*[:：]|{_ASIDE}{{0,3}}(?P<name>{_NAME}?)\s*{_ASIDE}?"
    r"(?::(?=\s)|：))\s*(?=\S)"
)
_BEGINS = re.compile(r"^|\n|(?<=[.?!…\"”])\s+(?=[^\s:：]{1,20}(?:\s[^\s:：]{1,20}){0,2}[:：])|\s(?=[-–—]\s)")
# What is written in capitals before a colon, and nobody's name.
_SIGNS = {
    *("warning", "caution", "danger", "note", "notice", "attention", "ps", "p.s", "fyi", "nb", "important", "episode")
}


@dataclass(frozen=True)
class Part:
    """What one speaker says in a cue; the speaker is None where it is not known."""

    speaker: str | None
    text: str


class Speakers:
    """The names of a file: `texts` are its cues, each with its lines."""

    def __init__(self, texts: Iterable[str]) -> None:
        begins: Counter[str] = Counter()
        written: set[str] = set()  # as names are: Mary Ann
        rows = 0
        for text in texts:
            rows += 1
            names = {match["name"] for match in _prefixes(text) if match["name"]}
            begins.update(map(_key, names))
            written.update(_key(name) for name in names if name.istitle())
        self._counts = begins
        short = {name: n for name, n in begins.items() if len(name.split()) <= WORDS and name not in _SIGNS}
        again = {name: count for name, count in short.items() if count > 1}
        usual = len(again) > 1 or sum(again.values()) >= OFTEN * rows
        every = again and sum(short.values()) >= EVERY * rows
        self._known = set(again) | (written & set(short) if every else set()) if usual else set()

    def parts(self, text: str) -> list[Part]:
        """What each speaker says in a cue; without a name, all of it is one part."""
        found = [match for match in _prefixes(text) if match["bracket"] or self._is_name(match, text)]
        if not found:
            return [Part(None, _joined(text))]
        before = _joined(text[: found[0].start()])
        parts = [Part(None, before)] if before.strip("-–— ") else []
        for match, end in zip(found, [*(each.start() for each in found[1:]), len(text)], strict=True):
            parts.append(Part(_joined(match["bracket"] or match["name"]), _joined(text[match.end() : end])))
        return [part for part in parts if part.text]

    def _is_name(self, match: "re.Match[str]", text: str) -> bool:
        name = match["name"]
        if _key(name) in self._known:
            return True
        if name != name.upper() or name == name.lower() or _key(name) in _SIGNS:
            return False
        said = text[match.end() : match.end() + SAID].partition("\n")[0]
        shouted = said == said.upper() and len(said.split()) > 1  # KEEP OUT, or a file in capitals
        return not shouted or bool(self._known) or self._counts[_key(name)] > 1


def _prefixes(text: str) -> Iterator["re.Match[str]"]:
    """What may be a name, at the beginning of the text, of a line, or after a sentence or a dash."""
    done = 0
    for place in _BEGINS.finditer(text):
        match = _PREFIX.match(text, place.end())
        if match and match.start() >= done:
            done = match.end()
            yield match


def _key(name: str) -> str:
    return " ".join(name.split()).casefold()


def _joined(text: str) -> str:
    return " ".join(text.split())


def shared(start: float, end: float, parts: Sequence[Part]) -> Iterator[tuple[float, float, Part]]:
    """The parts with their times: each has as much of the cue's as it has of the letters."""
    if len(parts) == 1:
        yield start, end, parts[0]
        return
    whole, said = sum(len(part.text) for part in parts), 0
    for part in parts:
        first = start + (end - start) * said / whole
        said += len(part.text)
        yield round(first, 3), end if said == whole else round(start + (end - start) * said / whole, 3), part
