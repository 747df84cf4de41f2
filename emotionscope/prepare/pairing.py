"""Which transcript belongs to which video, by their names."""

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emotionscope.io import storage
from emotionscope.prepare import transcripts

VIDEOS = (
    *(".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts"),
    *(".webm", ".wmv"),
)
_LANGUAGE = re.compile(r"\.[A-Za-z]{2,12}([-_][A-Za-z0-9]{2,8})*")  # .en, .pt-BR, .English, .sdh


@dataclass(frozen=True)
class Paired:
    """A video, and its transcripts, the one to use first."""

    video: storage.File
    transcripts: tuple[storage.File, ...]


def suffix(name: str) -> str:
    """A file name's suffix in lower case, with its dot."""
    return posixpath.splitext(name)[1].lower()


def is_video(file: storage.File) -> bool:
    """Whether a file's suffix is that of a video."""
    return suffix(file.name) in VIDEOS


def is_transcript(file: storage.File) -> bool:
    """Whether a file's suffix is that of a transcript."""
    return suffix(file.name) in transcripts.SUFFIXES


def pair(
    videos: Sequence[storage.File], texts: Iterable[storage.File], anywhere: bool
) -> tuple[list[Paired], list[storage.File]]:
    """Each video with the transcripts named as it is, and the transcripts of no video.

    The transcripts of ``a/film.mp4`` are ``a/film.srt``, ``a/film.mp4.srt`` and, with a language, ``a/film.en.srt``:
    those without a language first, then English, then others; within that, formats as in `transcripts.SUFFIXES`. With
    `anywhere` the folder does not matter where only one video has the name.
    """
    keys: defaultdict[str, list[storage.File]] = defaultdict(list)
    for video in videos:
        for key in _keys(video.name):
            keys[key].append(video)
    if anywhere:
        names = Counter(key for video in videos for key in _keys(posixpath.basename(video.name)))
        for video in videos:
            for key in _keys(posixpath.basename(video.name)):
                if names[key] == 1:
                    keys.setdefault(key, [video])
    own: defaultdict[str, list[tuple[int, int, storage.File]]] = defaultdict(list)
    stray: list[storage.File] = []
    for text in texts:
        stem = posixpath.splitext(text.name)[0]
        key = _owner(stem, keys) or (_owner(posixpath.basename(stem), keys) if anywhere else "")
        if not key:
            stray.append(text)
            continue
        rest = stem[stem.rindex(key) + len(key) :].lower()
        language = 0 if not rest else 1 if rest.startswith(".en") else 2
        for video in keys[key]:
            own[video.name].append((language, transcripts.SUFFIXES.index(suffix(text.name)), text))
    order = {name: sorted(found, key=lambda item: (*item[:2], item[2].name)) for name, found in own.items()}
    return [Paired(video, tuple(item[2] for item in order.get(video.name, ()))) for video in videos], stray


def _keys(name: str) -> tuple[str, str]:
    return posixpath.splitext(name)[0], name


def _owner(stem: str, keys: defaultdict[str, list[storage.File]]) -> str:
    """The key that a transcript's name is, less a language and what it is for, such as ``.en.sdh``; empty: none is."""
    for _ in range(3):
        if stem in keys:
            return stem
        stem, last = posixpath.splitext(stem)
        if not _LANGUAGE.fullmatch(last):
            return ""
    return ""
