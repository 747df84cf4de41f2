"""Subtitles with styles: Advanced SubStation Alpha by pysubs2, TTML by ttconv."""

import logging
import re
import warnings
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from emotionscope.errors import first_line
from emotionscope.prepare.cues import Found, RawCue

_TTML = "http://www.w3.org/ns/ttml"
_EARLIER = re.compile(r"http://www\.w3\.org/\d{4}/(?:\d\d/)?ttaf1")
_DECLARATION = re.compile(r"\s*<\?xml[^>]*>")  # which names the encoding that the file had
_AGENT = f"{{{_TTML}#metadata}}agent"
_ID = "{http://www.w3.org/XML/1998/namespace}id"
logging.getLogger("ttconv").setLevel(logging.CRITICAL + 1)  # its warnings are no concern of a reader's


def read_ass(text: str) -> Found:
    """The dialogue lines of an .ass or .ssa file; one that pysubs2 refuses is named, and the others are read."""
    import pysubs2

    lines = text.splitlines()
    events = [n for n, line in enumerate(lines) if line.lstrip().lower().startswith("dialogue:")]
    spoken = set(events)
    head = [line for n, line in enumerate(lines) if n not in spoken and not line.lower().startswith("comment:")]

    def parse(chosen: list[int]) -> list[Any]:
        with warnings.catch_warnings(action="ignore"):  # of a field that is not used
            return list(pysubs2.SSAFile.from_string("\n".join([*head, *(lines[n] for n in chosen)]), format_="ass"))

    try:
        parsed = parse(events)
        if len(parsed) == len(events):
            return Found([_event(n, event) for n, event in zip(events, parsed, strict=True)])
    except Exception:  # the library has no class for it
        pass
    begins = [n for n, line in enumerate(head) if line.strip().lower() == "[events]"]
    head = head[begins[-1] :] if begins else head  # styles need not be read again for each
    found: list[RawCue] = []
    for n in events:
        try:
            (event,) = parse([n])
            found.append(_event(n, event))
        except Exception:
            found.append(RawCue(f"line {n + 1}", None, None, lines[n].rpartition(",,")[2]))
    return Found(found)


def _event(line: int, event: Any) -> RawCue:
    return RawCue(f"line {line + 1}", event.start / 1000, event.end / 1000, event.text, event.name or None)


def read_ttml(text: str) -> Found:
    """The paragraphs of a .ttml or .dfxp file, with their agents as speakers. Raises ValueError where it is none."""
    from ttconv.imsc import reader

    try:
        root = ElementTree.fromstring(_DECLARATION.sub("", _EARLIER.sub(_TTML, text)).encode())
        document = reader.to_model(ElementTree.ElementTree(root))
        body = document.get_body() if document else None
        paragraphs = list(_paragraphs(body, 0.0, None)) if body is not None else []
    except Exception as error:  # of both libraries
        raise ValueError(f"not TTML ({first_line(error)})") from error
    agents = list(_agents(root))
    if len(agents) != len(paragraphs):
        agents = [None] * len(paragraphs)
    cues = [
        RawCue(f"paragraph {n}", start, end, words, agent)
        for n, ((start, end, words), agent) in enumerate(zip(paragraphs, agents, strict=True), start=1)
    ]
    return Found(cues)


def _paragraphs(element: Any, start: float, end: float | None) -> Iterator[tuple[float, float | None, str]]:
    """Paragraphs with their times; those of an element count from the start of the one around it."""
    first, last = element.get_begin(), element.get_end()
    end = end if last is None else start + float(last)
    start = start + float(first or 0)
    name = type(element).__name__
    if name == "P":
        yield _timed(element, start, end)
    elif name in ("Body", "Div"):
        for child in element:
            yield from _paragraphs(child, start, end)


def _timed(paragraph: Any, start: float, end: float | None) -> tuple[float, float | None, str]:
    """A paragraph; where it has no times of its own, its spans may have some."""
    spans = [span for span in paragraph if type(span).__name__ == "Span" and span.get_begin() is not None]
    if spans and paragraph.get_begin() is None:
        ends = [span.get_end() for span in spans]
        end = end if None in ends else start + float(max(ends))
        start = start + float(min(span.get_begin() for span in spans))
    return round(start, 6), None if end is None else round(end, 6), _words(paragraph)


def _words(element: Any) -> str:
    if type(element).__name__ == "Text":
        return str(element.get_text())
    return "\n" if type(element).__name__ == "Br" else "".join(map(_words, element))


def _agents(root: Any) -> Iterator[str | None]:
    """The agent of each paragraph: by name where the head tells it."""
    names = {}
    for agent in root.iter(_AGENT):
        name = next((each.text for each in agent if each.tag.endswith("}name") and each.text), None)
        names[agent.get(_ID)] = name or agent.get(_ID)

    def below(element: Any, agent: str | None) -> Iterator[str | None]:
        own = element.get(_AGENT)
        agent = names.get(own, own) if own else agent
        if element.tag == f"{{{_TTML}}}p":
            yield agent
            return
        for child in element:
            yield from below(child, agent)

    body = root.find(f"{{{_TTML}}}body")
    yield from below(body, None) if body is not None else ()
