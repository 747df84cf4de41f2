"""Decodes text files that do not state their encoding."""

import codecs
import re

import charset_normalizer

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
LOOK, ZEROS = 1000, 0.05  # bytes in which zeros tell UTF-16: so many, on one side of the pairs (those of times)
DAMAGED = 0.5  # bad bytes for each good letter beyond ASCII, up to which a file is UTF-8
FOREIGN = 0.4  # of the letters that are not ASCII: above, the script is none of Latin letters
FEW = 3  # letters that may be anything
CLEARLY = 0.04  # more coherence than Western, for another encoding of Latin letters
# Windows-1252 leaves five bytes open, which are read as Latin-1 does.
_WESTERN = "cp1252"
_OPEN = {byte: bytes([byte]).decode(_WESTERN, "ignore") or chr(byte) for byte in range(0x80, 0xA0)}
_LATIN = [_WESTERN, "cp1250", "cp1254", "cp1257"]
_OTHERS = [
    *("cp1251", "koi8_u", "cp866", "cp1253", "cp1255", "cp1256", "gb18030", "big5", "cp932", "cp949", "euc_jp"),
    "iso8859_5",
]


def decode(content: bytes, otherwise: str | None = None) -> tuple[str, str]:
    """The text of a file without its byte order mark, and the encoding it was read by.

    Without a mark it is UTF-8, also where a few bytes are damaged or the end is cut off, or UTF-16 if zeros
    stand on one side of its pairs of bytes; else the encoding `otherwise`, or where none is named, a guess.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace"), encoding
    even, odd = (content[first:LOOK:2].count(0) for first in (0, 1))
    if max(even, odd) > ZEROS * len(content[:LOOK]) and min(even, odd) * 10 < max(even, odd):
        encoding = "utf-16-be" if even > odd else "utf-16-le"
        return content.decode(encoding, "replace"), encoding
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(content), "utf-8"  # a letter may be cut at the end
    except UnicodeDecodeError:
        text = content.decode("utf-8", "replace")
    letters = len(re.findall(r"[^\x00-\x7f\ufffd]", text))
    if text.count("\ufffd") <= DAMAGED * letters:
        return text, "utf-8"
    encoding = otherwise or _guess(content)
    if encoding == _WESTERN:
        return content.decode("latin-1").translate(_OPEN), "windows-1252"
    return content.decode(encoding, "replace"), encoding


def _guess(content: bytes) -> str:
    letters, foreign = (len(re.findall(kind, content)) for kind in (rb"[A-Za-z\x80-\xff]", rb"[\x80-\xff]"))
    if foreign >= FEW and foreign > FOREIGN * letters:
        found = list(charset_normalizer.from_bytes(content, cp_isolation=_OTHERS, threshold=0.5))
        # A word or two may be anything: then the commonest of them.
        order = sorted(found, key=lambda each: (each.chaos, -each.coherence, _OTHERS.index(each.encoding)))
        return order[0].encoding if order else _WESTERN
    # Western is the commonest, and its neighbours read its letters as others of theirs.
    found = list(charset_normalizer.from_bytes(content, cp_isolation=_LATIN, threshold=0.5))
    west = next((each for each in found if _WESTERN in each.could_be_from_charset), None)
    if west is None:
        return found[0].encoding if found else _WESTERN
    better = [e for e in found if e.chaos <= west.chaos and e.coherence >= west.coherence + CLEARLY]
    return better[0].encoding if better else _WESTERN
