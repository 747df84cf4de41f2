"""Write subtitles, ELAN, Label Studio, CSV, or a page to mail.

The lines of each video come with their emotion. srt and vtt are subtitles, eaf is a document of ELAN, label-studio are
tasks with predictions to correct. html is one page of one video with its curve, faces, words and the moments worth
looking at; it asks nothing of any server. csv has all columns of all rows.
"""

import json
import posixpath
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa

from emotionscope import ray_session
from emotionscope.commands.settings import Export
from emotionscope.commands.settings.archives import ExportFormat
from emotionscope.errors import UserError
from emotionscope.film import elan, label_studio, page, reading, spreadsheet, subtitles
from emotionscope.film.answers import Film
from emotionscope.storage.place import Place
from emotionscope.tables import datasets

SUFFIXES: dict[ExportFormat, str] = {
    "srt": ".srt",
    "vtt": ".vtt",
    "eaf": ".eaf",
    "label-studio": ".json",
    "csv": ".csv",
    "html": ".html",
}
TIMED = ("srt", "vtt", "label-studio")  # formats that hold lines alone

Answered = tuple[Film, list[str]]  # a film, and the bundles that scored it


@dataclass
class Exported:
    """The files written, the rows or lines in them, and the rows left out for want of a time in a video."""

    files: list[str]
    lines: int = 0
    without_time: int = 0


def run(settings: Export) -> Exported:
    """Run the job and return what it wrote."""
    output = ray_session.output_place(settings.output)
    kind = settings.format or next((k for k, suffix in SUFFIXES.items() if output.endswith(suffix)), None)
    if kind is None:
        raise UserError(
            f"--output {settings.output}: name a --format, or a file that ends in {', '.join(SUFFIXES.values())}"
        )
    one_file = output.endswith(SUFFIXES[kind])
    if output.exists() and not settings.replace:
        raise UserError(f"{output}: is there; name another --output, or give --replace")
    if output.exists() and one_file != output.is_file():
        raise UserError(f"{output}: is a {'folder' if one_file else 'file'}; name another --output")
    scores = datasets.open_dataset(settings.scores, "scores")
    if settings.video is not None and "video" not in scores.schema.names:
        raise UserError(f"--video: {scores.uri} has no column video")
    if kind == "csv":
        if not one_file:
            raise UserError(f"--output {settings.output}: csv is one file of all videos; name one that ends in .csv")
        done = _whole_table(scores, settings, output)
    else:
        write = _writer(kind, settings)
        done = (_in_one if one_file else _in_folder)(_films(scores, settings), write, kind, output)
    left_out = f"; {done.without_time:,} without a time in a video left out" if done.without_time else ""
    files = "1 file" if len(done.files) == 1 else f"{len(done.files):,} files"
    print(f"export: {done.lines:,} {'rows' if kind == 'csv' else 'lines'} in {files}{left_out}", flush=True)
    return done


def _films(scores: datasets.Dataset, settings: Export) -> Iterator[Answered]:
    """The films to write. Raises UserError where there is none."""
    faces = datasets.open_dataset(settings.faces, "faces") if settings.faces else None
    if settings.videos and not Place(settings.videos).exists():
        raise UserError(f"--videos {settings.videos}: no such folder")
    found = reading.films(scores, faces, settings.video)
    first = next(found, None)
    if first is None:
        named = f"no row of the video {settings.video}" if settings.video else "no row has a video"
        raise UserError(f"{scores.uri}: {named}; csv holds rows without a video, too")
    return chain([first], found)


def _writer(kind: ExportFormat, settings: Export) -> Callable[[list[Answered]], bytes]:
    """What makes a file of a format from films: one, but for label-studio."""
    folder = Place(settings.videos) if settings.videos else None

    def content(films: list[Answered]) -> bytes:
        (film, bundles), *_ = films
        match kind:
            case "srt":
                return subtitles.srt(film, settings.model).encode()
            case "vtt":
                return subtitles.vtt(film, settings.model).encode()
            case "eaf":
                return elan.eaf(film)
            case "html":
                return page.render(film, folder, settings.model, bundles).encode()
        tasks = [label_studio.task(*each) for each in films]
        return json.dumps(tasks, ensure_ascii=False, indent=1).encode("utf-8", "replace")

    return content


def _in_one(
    films: Iterator[Answered], write: Callable[[list[Answered]], bytes], kind: ExportFormat, output: Place
) -> Exported:
    """All films in one file. Raises UserError where the format holds one and there are several."""
    found = list(islice(films, None if kind == "label-studio" else 2))
    if len(found) > 1 and kind != "label-studio":
        names = " and ".join(film.name for film, _ in found)
        raise UserError(
            f"{output}: {kind} holds one video, and there are {names}; choose one by --video, or name a folder"
        )
    done = Exported([output])
    for film, _ in found:
        _count(film, done)
    if kind in TIMED and not done.lines:
        raise UserError(f"no row has a start and an end in its video, which {kind} needs; csv needs none")
    output.write_bytes(write(found))
    _say(found[0][0].name if len(found) == 1 else f"{len(found):,} videos", output)
    return done


def _in_folder(
    films: Iterator[Answered], write: Callable[[list[Answered]], bytes], kind: ExportFormat, output: Place
) -> Exported:
    """Each film in a file of its own, named after it."""
    done = Exported([])
    taken: set[str] = set()
    for film, bundles in films:
        _count(film, done)
        if kind in TIMED and not film.lines:
            continue
        name = file_name(film.name, SUFFIXES[kind], taken)
        place = output / name
        place.write_bytes(write([(film, bundles)]))
        done.files.append(place)
        _say(film.name, place)
    if not done.files:
        raise UserError(f"no row has a start and an end in its video, which {kind} needs; csv needs none")
    return done


def _whole_table(scores: datasets.Dataset, settings: Export, output: Place) -> Exported:
    with tempfile.TemporaryDirectory(prefix="emotionscope-") as folder:
        path = Path(folder, "scores.csv")
        with path.open("wb") as file:
            rows = spreadsheet.write(scores, settings.video, file)
        if not rows:
            raise UserError(f"{scores.uri}: no row of the video {settings.video}")
        with pa.memory_map(str(path)) as content:
            output.write_bytes(content.read_buffer())
    _say(scores.uri, output)
    return Exported([output], rows)


def file_name(video: str, suffix: str, taken: set[str]) -> str:
    """The path of a video's file below the output, which is none of those `taken`; it leads nowhere else.

    It is that of the video with another suffix, or where that is taken, with one more.
    """
    path = re.sub(r"^\w+://", "", video)
    parts = [re.sub(r"[\x00-\x1f\\:]", "_", part) for part in path.split("/") if part not in ("", ".", "..")] or [
        "video"
    ]
    whole = "/".join(parts)
    stem = posixpath.splitext(whole)[0]
    free = (stem, whole, *(f"{whole}-{number}" for number in range(2, len(taken) + 3)))
    name = next(f"{each}{suffix}" for each in free if f"{each}{suffix}" not in taken)
    taken.add(name)
    return name


def _count(film: Film, done: Exported) -> None:
    done.lines += len(film.lines)
    done.without_time += film.untimed


def _say(what: str, place: str) -> None:
    print(f"{what} → {place}", flush=True)
