"""Transcript files to cues: SubRip, WebVTT, Whisper's and WhisperX's JSON, and CSV."""

import codecs
import csv
import io
import json
import posixpath
from collections.abc import Callable
from dataclasses import replace

from emotionscope.prepare import subtitles
from emotionscope.prepare.cues import RawCue, Transcript, collect, seconds

LARGEST = 64 * 2**20  # bytes

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# The five bytes that Windows-1252 leaves open are read as Latin-1 does.
_WINDOWS = {byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xA0)}
LOOK = 1000  # bytes in which zeros tell UTF-16


def read(name: str, content: bytes) -> Transcript:
    """The cues of a transcript file, whose name's suffix, one of `SUFFIXES`, tells the format.

    Raises ValueError with the reason where the file as a whole cannot be read, or has no cue.
    """
    if len(content) > LARGEST:
        raise ValueError(f"larger than {LARGEST // 2**20} MiB")
    text, encoding = decode(content)
    found = _READERS[posixpath.splitext(name)[1].lower()](text)
    if not found:
        raise ValueError("no cue in it")
    return replace(collect(found), encoding=encoding)


def decode(content: bytes) -> tuple[str, str]:
    """The text of a file without its byte order mark, and the encoding it was read by.

    Without a mark it is UTF-8, or where it is not, UTF-16 if a third of its first bytes are zero, else Windows-1252.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace"), encoding
    if content[:LOOK].count(0) * 3 > len(content[:LOOK]):
        encoding = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
        return content.decode(encoding, "replace"), encoding
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return content.decode("latin-1").translate(_WINDOWS), "windows-1252"


def _read_json(text: str) -> list[RawCue]:
    """An object with ``segments``, as Whisper and WhisperX write it, or a list of segments."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error})") from error
    segments = value.get("segments") if isinstance(value, dict) else value
    if not isinstance(segments, list):
        raise ValueError("no list 'segments' in it, as Whisper and WhisperX write it")
    return [_segment(number, segment) for number, segment in enumerate(segments)]


def _segment(number: int, segment: object) -> RawCue:
    fields = segment if isinstance(segment, dict) else {}
    text, speaker = fields.get("text"), fields.get("speaker")
    return RawCue(
        f"segment {number}",
        seconds(fields.get("start")),
        seconds(fields.get("end")),
        text if isinstance(text, str) else "",
        None if speaker is None else str(speaker),
    )


def _read_csv(text: str) -> list[RawCue]:
    """The columns start, end, text and, where it is there, speaker, divided by commas, semicolons or tabs."""
    head = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    found: list[RawCue] = []
    try:
        names = [name.strip().lower() for name in next(rows, [])]
        missing = [name for name in ("start", "end", "text") if name not in names]
        if missing:
            raise ValueError(f"lacks the column {', '.join(missing)}")
        for row in filter(None, rows):
            value = dict(zip(names, row, strict=False))
            start, end = (seconds(value.get(name, "")) for name in ("start", "end"))
            found.append(RawCue(f"line {rows.line_num}", start, end, value.get("text", ""), value.get("speaker")))
    except csv.Error as error:
        raise ValueError(f"line {rows.line_num}: {error}") from error
    return found


_READERS: dict[str, Callable[[str], list[RawCue]]] = {
    ".srt": subtitles.read,
    ".vtt": subtitles.read,
    ".json": _read_json,
    ".csv": _read_csv,
}
SUFFIXES = tuple(_READERS)  # in the order in which they are looked for
