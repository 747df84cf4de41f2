"""Score two short films with real people, and say what to look at.

The films come with EmotionScope, with their subtitles and licences. The demo runs the jobs that would score films of
your own, with the models that come with EmotionScope. With --training it draws a synthetic archive instead, trains all
three models on it, and scores it with them.
"""

import shutil
import time
from collections import Counter
from dataclasses import fields
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

import emotionscope
from emotionscope import arguments, ray_session
from emotionscope.commands.demo_steps import Steps
from emotionscope.commands.settings import Dashboard, Demo, Export, Predict, PrepareVideos, Score, Summarise
from emotionscope.errors import UserError
from emotionscope.labels import MODELS
from emotionscope.storage.place import Place

if TYPE_CHECKING:
    from emotionscope.prepare.videos import Account
    from emotionscope.summaries.summarise import Summaries

FILMS = Path(emotionscope.__file__).with_name("films")
ACTED = "cremad_1001_six_emotions.mp4"  # one sentence, said with six emotions
PAGES = "pages"  # folder of a page for each film
MARK = "_demo.json"  # written first: a folder that holds it is the demo's own and may be replaced
TRAINING = ("dialogues", "epochs", "seed")  # flags of --training


def run(settings: Demo) -> None:
    """Run the demo in its folder and print what it made."""
    given = [
        each for each in fields(settings) if each.name in TRAINING and getattr(settings, each.name) != each.default
    ]
    if given and not settings.training:
        raise UserError(f"--{given[0].name} is a setting of the synthetic archive: add --training")
    began = time.monotonic()
    folder, steps = _new_folder(settings), Steps(settings.verbose)
    if settings.training:
        from emotionscope.commands import demo_training

        demo_training.run(settings, folder, steps)
    else:
        _score_films(settings, folder, steps)
    steps.console.print(f"\n[bold]Done in {time.monotonic() - began:.0f} s[/bold]")
    if not settings.training:
        _print_next(folder)


def _new_folder(settings: Demo) -> Path:
    """The demo's folder, emptied of an earlier demo. Raises UserError where it may not be used."""
    folder = Path(ray_session.output_place(settings.output))
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise UserError(f"{folder}: this folder contains something else than a demo; name another --output")
        if not settings.replace:
            raise UserError(
                f"{folder}: this folder contains an earlier demo; add --replace to delete it, or name another --output"
            )
        shutil.rmtree(folder)
    Place(folder / MARK).write_json({"training": settings.training})
    # As the user wrote it, which is shorter in the commands that are shown.
    return Path(settings.output.removeprefix("file://"))


def _score_films(settings: Demo, folder: Path, steps: Steps) -> None:
    films, dialogues, scores, faces, summaries = (
        str(folder / name) for name in ("films", "dialogues", "scores", "faces", "summaries")
    )
    began = time.monotonic()
    steps.head("Take the films that come with EmotionScope", f"cp -r {FILMS} {films}")
    shutil.copytree(FILMS, films)
    made = [*Path(films).glob("*.mp4")]
    size = sum(each.stat().st_size for each in made) / 1e6
    steps.made(f"{len(made)} films of {size:.1f} MB; whose they are stands in {films}/NOTICE.md", began)
    steps.run("Read their subtitles", PrepareVideos(videos=films, output=dialogues), _told_lines)
    scoring = Score(dialogues=dialogues, videos=films, output=scores, faces=faces, verbose=settings.verbose)
    steps.run("Find the faces, who speaks, and what they express", scoring, lambda _: _told_scores(scores, faces))
    counting = Summarise(scores=scores, faces=faces, output=summaries)
    steps.run("Count by film, speaker, person and time", counting, lambda found: _told_summaries(found, summaries))
    pages = Export(scores=scores, faces=faces, videos=films, format="html", output=str(folder / PAGES))
    steps.run("Write a page of each film", pages, lambda done: f"{len(done.files)} files, which can be mailed")
    _print_lines(steps, _rows(scores))


def _told_lines(account: "Account") -> str:
    return f"{account.utterances} lines, each with its time and its speaker"


def _rows(scores: str) -> list[dict[str, Any]]:
    from emotionscope.tables import datasets

    rows: list[dict[str, Any]] = datasets.read(datasets.open_dataset(scores, "scores")).to_pylist()
    return rows


def _told_scores(scores: str, faces: str) -> str:
    from emotionscope.tables import datasets

    rows = _rows(scores)
    emotions = Counter(row["fused_emotion"] for row in rows).most_common()
    table = datasets.read(datasets.open_dataset(faces, "faces"))
    people = len({(face["video"], face["person"]) for face in table.select(["video", "person"]).to_pylist()})
    heard = sum(row["speaker_person"] is not None for row in rows)
    listed = ", ".join(f"{count} {emotion}" for emotion, count in emotions)
    return f"{listed}; {len(table)} faces of {people} people; the face that speaks in {heard} of {len(rows)} lines"


def _told_summaries(found: "Summaries", place: str) -> str:
    return f"{len(found.tables)} tables, as Parquet and CSV, in {place}"


def _print_lines(steps: Steps, rows: list[dict[str, Any]]) -> None:
    """Print the lines of each film with what each model says."""
    for video, lines in groupby(rows, key=lambda row: row["video"]):
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), expand=True)
        for name in ("from", "who", "says", "by words", "by face", "by both"):
            table.add_column(name, no_wrap=True, ratio=1 if name == "says" else None)
        for row in lines:
            words = (Text(row["speaker"] or ""), Text(row["utterance"]))  # as Text, so that no word is read as markup
            table.add_row(f"{row['start']:.1f} s", *words, *(_answer(row, model) for model in MODELS))
        steps.console.print(f"\n[bold]{video}[/bold]")
        steps.console.print(table)


def _answer(row: dict[str, Any], model: str) -> str:
    emotion = row[f"{model}_emotion"]
    return "—" if emotion is None else f"{emotion} {row[f'{model}_{emotion}']:.0%}"


def _print_next(folder: Path) -> None:
    films = str(folder / "films")
    pages = Dashboard(scores=str(folder / "scores"), faces=str(folder / "faces"), videos=films)
    print(f"""
Open {folder / PAGES / ACTED.replace(".mp4", ".html")} first: a page of one film, which you can mail.
An actor says one sentence in six ways: neutral, happy, sad, angry, afraid and disgusted. The words are always
the same, so only the face can tell. Where the models are in doubt about a face, they call it neutral.

What to do next:
  see the films with their faces and words, in the browser
    {arguments.command("dashboard", pages)}
  ask about each face of one film
    {arguments.command("predict", Predict(clip=(f"{films}/tears_of_steel_teaser.mp4",)))}
  read films of your own, with their subtitles beside them
    emotionscope prepare_videos --videos YOUR_FILMS --output YOUR_ARCHIVE""")
