"""Reads transcript files as cues, by the suffix of their names."""

import posixpath
from collections.abc import Callable
from dataclasses import replace

from emotionscope.prepare import columns, encodings, speech_json, styled, subtitles
from emotionscope.prepare.cues import Found, Transcript, collect

LARGEST = 64 * 2**20  # bytes


def read(name: str, content: bytes, encoding: str | None = None) -> Transcript:
    """The cues of a transcript file, whose name's suffix, one of `SUFFIXES`, tells the format.

    `encoding` is that of files that are not in Unicode, instead of a guess. Raises ValueError with the reason where the
    file as a whole cannot be read, or has no cue.
    """
    if len(content) > LARGEST:
        raise ValueError(f"larger than {LARGEST // 2**20} MiB")
    text, known = encodings.decode(content, encoding)
    found = _READERS[posixpath.splitext(name)[1].lower()](text)
    if not found.cues:
        raise ValueError("no cue in it")
    return replace(collect(found), encoding=known)


_READERS: dict[str, Callable[[str], Found]] = {
    ".srt": subtitles.read,
    ".vtt": subtitles.read,
    ".json": speech_json.read,
    ".csv": columns.read,
    ".ass": styled.read_ass,
    ".ssa": styled.read_ass,
    ".ttml": styled.read_ttml,
    ".dfxp": styled.read_ttml,
    ".sbv": subtitles.read,
    ".tsv": columns.read,
}
SUFFIXES = tuple(_READERS)  # in the order in which they are looked for
# Text or subtitles in formats that are not read, which are named where they lie beside a video.
UNREAD = (
    *(".sub", ".idx", ".sup", ".smi", ".sami", ".lrc", ".eaf", ".textgrid", ".stl", ".scc", ".mcc", ".itt", ".usf"),
    *(".txt", ".docx", ".doc", ".pdf", ".xlsx", ".xml"),
)
