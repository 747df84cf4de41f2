"""Removes what a cue has beside its words: tags, entities, drawings, invisible characters."""

import html
import re

_ASS_BLOCK, _DRAWS = re.compile(r"\{[^{}]*\}"), re.compile(r"\\p[1-9]")
_ASS_TAG = re.compile(r"\{\\[^{}]*\}")
_ASS_SPACE = re.compile(r"\\[Nnh]")
_BREAK = re.compile(r"</?(?:br|p|div|li|tr)\b[^<>]*>", re.IGNORECASE)
# A tag, with attributes if any; `x<y and y>z` is none.
_TAG = re.compile(r"</?(?:(?:v|c|lang)\b|[A-Za-z][\w.:-]*+(?=\s*/?>|\s[^<>]*=))[^<>]*>|<[\d:.]+>")
_CHANGE = re.compile(r"(?:(?<=\s)|^)>>+\s*")  # of speaker (CEA-608), and of topic
_INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
DEPTH = 5  # times that a text may have been escaped


def lines(text: str) -> list[str]:
    """The lines of a cue as plain text: without tags, overrides, drawings, marks of change and what shows nothing."""
    text = _TAG.sub("", _BREAK.sub("\n", _ASS_TAG.sub("", _undrawn(text))))
    text = _ASS_SPACE.sub("\n", text)
    for _ in range(DEPTH):
        text, before = html.unescape(text), text
        if text == before:
            break
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # JSON may hold half a pair
    text = _CHANGE.sub("", _INVISIBLE.sub("", text))
    return [line for line in (" ".join(each.split()) for each in re.split(r"[\r\n]", text)) if line]


def _undrawn(text: str) -> str:
    """The text without drawings, each from a block of overrides that begins it to one that ends it, or to the end."""
    kept, start, drawing = [], 0, False
    for block in _ASS_BLOCK.finditer(text):
        if not drawing and _DRAWS.search(block[0]):
            kept.append(text[start : block.start()])
            drawing = True
        elif drawing and r"\p0" in block[0]:
            start, drawing = block.end(), False
    return "".join(kept if drawing else [*kept, text[start:]])


def clean(text: str) -> str:
    """The same on one line."""
    return " ".join(lines(text))
