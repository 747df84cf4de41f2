"""Reads transcript files as cues, by the suffix of their names."""

import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from emotionscope.errors import RowError
from emotionscope.prepare import columns, encodings, speech_json, styled, subtitles
from emotionscope.prepare.cues import Found, Transcript, collect
from emotionscope.video.isolation import Companions, Ended

LARGEST = 64 * 2**20  # bytes
SECONDS, BYTES_A_SECOND = 60.0, 2**18  # that reading one may take: so many, and one more for so many bytes

Reader = Callable[[str, bytes, str | None], Transcript]


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


@contextmanager
def isolated() -> Iterator[Reader]:
    """`read`, in processes of its own, so that a file that takes too much time or memory harms only itself.

    It raises ValueError for such a file, too.
    """
    with Companions() as companions:

        def read_apart(name: str, content: bytes, encoding: str | None = None) -> Transcript:
            seconds = SECONDS + len(content) / BYTES_A_SECOND
            try:
                found: Transcript = companions.run(_read_apart, (name, content, encoding), seconds)
            except RowError as error:
                raise ValueError(str(error)) from error
            except TimeoutError as error:
                raise ValueError(f"it takes too long to read: more than {seconds:.0f} s") from error
            except MemoryError as error:
                raise ValueError("it needs too much memory to be read") from error
            except (Ended, RuntimeError) as error:
                raise ValueError(f"it cannot be read ({error})") from error
            return found

        yield read_apart


def _read_apart(name: str, content: bytes, encoding: str | None) -> Transcript:
    try:
        return read(name, content, encoding)
    except ValueError as error:
        raise RowError(str(error)) from error


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
