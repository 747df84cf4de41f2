"""Predict emotions for a sentence, a clip or a picture.

Use this for a first look and for checks by hand, and score for archives. Sentences, videos and pictures need no flag:
emotionscope predict "You came back!"
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from emotionscope import cli
from emotionscope.bundle import store as bundle_store
from emotionscope.commands.settings import Predict
from emotionscope.errors import RowError, UserError
from emotionscope.labels import EMOTIONS
from emotionscope.storage.place import Place
from emotionscope.text.blank import has_text

if TYPE_CHECKING:
    from emotionscope.video.faces import FaceSettings

LONGEST = 1 << 20  # bytes of a file of lines
NONE = "—"
SAVED_FPS = 5.0  # frames a second that are looked at in a film that is saved: boxes move with the faces

Answer = dict[str, Any]  # the text, or the clip with time and person, the emotion, and a probability an emotion


def run(settings: Predict) -> list[Answer]:
    """Print a table of answers for the sentences, and one for each clip, and return them."""
    texts = [*settings.text, *(_lines(settings.lines) if settings.lines else ())]
    if not texts and not settings.clip:
        raise UserError("give a sentence by --text, a file of them by --lines, or a video or picture by --clip")
    for clip in settings.clip:
        if not Place(clip).is_s3 and not os.path.exists(Place(clip)):
            raise UserError(f"{clip}: video missing")
    if settings.save:
        _check_save(settings)
    elif settings.transcript or settings.names:
        raise UserError("--transcript and --names tell what is drawn on the film that --save names; name one")
    bundle = bundle_store.load(bundle_store.chosen(settings.bundle), faces=False, encoder=settings.encoder)
    print(f"predict: {bundle_store.describe(bundle.uri, bundle.version)}", flush=True)
    found = _of_texts(texts, bundle)
    show(found)
    if settings.clip:
        from emotionscope.video.faces import FaceSettings

        looking = FaceSettings(fps=SAVED_FPS if settings.save else FaceSettings.fps)
        print(f"predict: {looking.describe()}", flush=True)
    for clip in settings.clip:
        faces = _of_film(clip, bundle, looking, settings) if settings.save else _of_clip(clip, bundle, looking)
        print(f"{clip}: {len(faces)} faces" + ("" if len(faces) else " found"))
        show(faces)
        found += faces
    return found


def _of_texts(texts: list[str], bundle: bundle_store.Bundle) -> list[Answer]:
    probabilities = bundle.text.probabilities(texts).tolist() if texts else []
    return [_answer({"text": text}, row) for text, row in zip(texts, probabilities, strict=True)]


def _check_save(settings: Predict) -> None:
    """Raise UserError where there is nothing to save in the file that --save names."""
    from emotionscope.film.saving import check_target

    if len(settings.clip) != 1:
        raise UserError("--save: name one video or picture by --clip")
    check_target(Place(settings.save or ""), Place(settings.clip[0]))


def _of_clip(clip: str, bundle: bundle_store.Bundle, looking: "FaceSettings") -> list[Answer]:
    from pandas import isna  # which a sentence need not wait for

    from emotionscope import api

    with api.Models(bundle, looking) as models, _told(clip):
        faces = models.clip(clip).to_dict("records")
    found = []
    for face in faces:
        speaks = None if math.isnan(face["speaking"]) else face["speaking"]
        person = None if isna(face["person"]) else int(face["person"])
        names = {"clip": clip, "time": face["time"], "person": person}
        names |= {name: face[name] for name in (*"xywh", "quality")}
        found.append(_answer({**names, "speaking": speaks}, [face[emotion] for emotion in EMOTIONS]))
    return found


def _of_film(clip: str, bundle: bundle_store.Bundle, looking: "FaceSettings", settings: Predict) -> list[Answer]:
    """The faces of a film, which is saved with the answers drawn on it."""
    from emotionscope import api

    save = settings.save or ""
    with api.Models(bundle, looking) as models, _told(clip):
        found = models.film(clip, settings.transcript, settings.names)
        with cli.working("drawing"):
            found.save(save)
    print(f"{save}: {len(found.faces):,} faces and {len(found.lines):,} lines drawn", flush=True)
    answers = []
    for face in found.faces:
        whose = {"person": face.person, **({"name": face.name} if settings.names else {})}
        place = {**whose, **face.box, "quality": face.quality, "speaking": face.speaking}
        answers.append(_answer({"clip": clip, "time": face.time, **place}, face.answer.tolist()))
    return answers


@contextmanager
def _told(clip: str) -> Iterator[None]:
    """A video that cannot be read is the user's mistake."""
    try:
        yield
    except RowError as error:
        raise UserError(f"{clip}: {error}") from error


def _answer(names: Answer, probabilities: list[float]) -> Answer:
    """The answer to a text or face; no text gives no emotion."""
    row = {emotion: None if math.isnan(p) else p for emotion, p in zip(EMOTIONS, probabilities, strict=True)}
    best = max(EMOTIONS, key=lambda emotion: row[emotion] or 0.0) if row[EMOTIONS[0]] is not None else None
    return {**names, "emotion": best, **row}


def _lines(file: str) -> list[str]:
    """The sentences of a file, a line each, as editors count lines; other marks of a new line are spaces."""
    try:
        with Path(Place(file)).open("rb") as stream:
            content = stream.read(LONGEST + 1)
    except OSError as error:
        raise UserError(f"--lines {file}: cannot be read ({error.strerror})") from error
    if len(content) > LONGEST:
        raise UserError(
            f"--lines {file}: larger than {LONGEST >> 20} MiB; make a dialogues table of it, and score that"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"--lines {file}: not UTF-8 text") from error
    lines = [
        " ".join(line.split()) for line in text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    ]
    blank = lines.count("")
    if blank:
        print(f"{file}: {blank:,} blank lines left out")
    return [line for line in lines if line]


def show(found: list[Answer]) -> None:
    """Print a table of the texts, and one of each clip's faces: the emotion of each, and the two that came next."""
    columns = ("text", "time", "person", "name", "speaking")
    for names, rows in groupby(found, key=lambda answer: tuple(name for name in columns if name in answer)):
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for name in (*names, "emotion", "sure", "else"):
            table.add_column(name, justify="right" if name == "sure" else "left")
        for row in rows:
            # As Text, so that no line of a user is read as markup.
            table.add_row(*(Text(_cell(name, row[name])) for name in names), *_words(row))
        Console(highlight=False).print(table)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return NONE
    if name == "speaking":
        return f"{value:.0%}"
    return f"{value:.1f} s" if name == "time" else str(value)


def _words(row: Answer) -> tuple[Text, str, Text]:
    if row["emotion"] is None:
        reason = "the text model knows none of the words" if has_text(row.get("text")) else "nothing to read"
        return Text(NONE), NONE, Text(reason, style="dim")
    best, *others = sorted(EMOTIONS, key=lambda emotion: -row[emotion])
    following = ", ".join(f"{emotion} {row[emotion]:.0%}" for emotion in others[:2])
    return Text(best, style="bold"), f"{row[best]:.0%}", Text(following, style="dim")
