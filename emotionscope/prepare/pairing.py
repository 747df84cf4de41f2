"""Pairs transcripts with videos by their names."""

import posixpath
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emotionscope.prepare import transcripts
from emotionscope.storage.place import File

VIDEOS = (
    *(".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts"),
    *(".webm", ".wmv"),
)
_LANGUAGE = re.compile(r"\.[A-Za-z]{2,12}([-_][A-Za-z0-9]{2,8})*")  # .en, .pt-BR, .English, .sdh
MARKS = 4  # of language and purpose in a name
# What a name says that its file is not: all that is said.
_PARTS = ("forced", "foreign", "commentary", "signs", "songs", "lyrics", "karaoke", "descriptions", "audiodescription")
_WHOLE = ("sdh", "cc", "hi", "full", "default", "orig", "auto")  # of all that is said
_NO_SPEECH = ("chapters", "chapter", "thumbnails", "thumbs", "thumb", "sprite", "sprites", "storyboard", "metadata")

_FORMATS = (*transcripts.SUFFIXES, *transcripts.UNREAD)


@dataclass(frozen=True)
class Paired:
    """A video, and its transcripts, the one to use first."""

    video: File
    transcripts: tuple[File, ...]


def suffix(name: str) -> str:
    """A file name's suffix in lower case, with its dot."""
    return posixpath.splitext(name)[1].lower()


def is_video(file: File) -> bool:
    """Whether a file's suffix is that of a video."""
    return suffix(file.name) in VIDEOS


def is_transcript(file: File) -> bool:
    """Whether a file's suffix is that of a transcript that is read."""
    return suffix(file.name) in transcripts.SUFFIXES


def is_unread(file: File) -> bool:
    """Whether a file's suffix is that of a transcript that is not read."""
    return suffix(file.name) in transcripts.UNREAD


def shows_no_speech(file: File) -> bool:
    """Whether a file's name says that it holds chapters, preview pictures or the like."""
    return bool({*posixpath.basename(file.name).lower().split(".")[1:-1]} & {*_NO_SPEECH})


def pair(videos: Sequence[File], texts: Iterable[File], anywhere: bool) -> tuple[list[Paired], list[File]]:
    """Each video with the transcripts named as it is, and the transcripts of no video.

    The transcripts of ``a/film.mp4`` are ``a/film.srt``, ``a/film.mp4.srt`` and, with a language, ``a/film.en.srt``:
    those of all that is said before those of signs, songs or comments, those without a language first, then English,
    then others; within that, formats as in `transcripts.SUFFIXES`. With `anywhere` the folder does not matter where
    only one video has the name. Letters with accents are the same, composed or not.
    """
    keys: defaultdict[str, list[File]] = defaultdict(list)
    for video in videos:
        for key in _keys(video.name):
            keys[key].append(video)
    if anywhere:
        names = Counter(key for video in videos for key in _keys(posixpath.basename(video.name)))
        for video in videos:
            for key in _keys(posixpath.basename(video.name)):
                if names[key] == 1:
                    keys.setdefault(key, [video])
    own: defaultdict[str, list[tuple[bool, int, int, File]]] = defaultdict(list)
    stray: list[File] = []
    for text in texts:
        stem = _composed(posixpath.splitext(text.name)[0])
        key = _owner(stem, keys) or (_owner(posixpath.basename(stem), keys) if anywhere else "")
        if not key:
            stray.append(text)
            continue
        marks = [mark for mark in stem[stem.rindex(key) + len(key) :].lower().split(".") if mark]
        part = any(mark in _PARTS for mark in marks)
        marks = [mark for mark in marks if mark not in (*_PARTS, *_WHOLE)]
        language = 0 if not marks else 1 if marks[0].startswith("en") else 2
        known = _FORMATS.index(suffix(text.name))
        for video in keys[key]:
            own[video.name].append((part, language, known, text))
    order = {name: sorted(found, key=lambda item: (*item[:3], item[3].name)) for name, found in own.items()}
    return [Paired(video, tuple(item[3] for item in order.get(video.name, ()))) for video in videos], stray


def _composed(name: str) -> str:
    """A name with accents as Linux and Windows write them; Macs write them apart from their letters."""
    return unicodedata.normalize("NFC", name)


def _keys(name: str) -> tuple[str, str]:
    name = _composed(name)
    return posixpath.splitext(name)[0], name


def _owner(stem: str, keys: defaultdict[str, list[File]]) -> str:
    """The key that a transcript's name is, less a language and what it is for, such as ``.en.sdh``; empty: none is."""
    for _ in range(MARKS):
        if stem in keys:
            return stem
        stem, last = posixpath.splitext(stem)
        if not _LANGUAGE.fullmatch(last):
            return ""
    return ""
