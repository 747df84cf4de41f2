"""A whole film in one call and one command: its words, its faces, and the answers drawn on it."""

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import emotionscope
from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS
from tests.conftest import run_here

SRT = "1\n00:00:00,000 --> 00:00:01,000\nANNA: You came back!\n\n2\n00:00:01,000 --> 00:00:01,500\nLeave me alone.\n"


@pytest.fixture(scope="module")
def folder(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film of real people and its words."""
    made = tmp_path_factory.mktemp("film")
    (made / "film.mp4").symlink_to(shared / "data" / "clips" / "dia29_utt4.mp4")
    (made / "other.srt").write_text(SRT)
    return made


def test_a_film_has_the_lines_of_its_transcript_with_the_faces_of_their_time(folder: Path, tmp_path: Path) -> None:
    with emotionscope.load() as models:
        film = models.film(folder / "film.mp4", transcript=folder / "other.srt")
        faces = models.clip(folder / "film.mp4")
        assert len(faces.plot().axes) > 3
    assert [(line.speaker, line.text) for line in film.lines] == [("ANNA", "You came back!"), (None, "Leave me alone.")]
    assert film.lines[0].likeliest("text") is not None
    assert film.lines[0].likeliest("vision") is not None
    assert [face.time for face in film.faces] == pytest.approx(faces["time"].tolist())
    film.save(tmp_path / "answers.mp4")
    with av.open(str(tmp_path / "answers.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.audio


def test_people_of_a_film_are_called_as_their_portraits(folder: Path, tmp_path: Path) -> None:
    with av.open(str(folder / "film.mp4")) as container:
        next(container.decode(video=0)).to_image().save(tmp_path / "Ann $x$.png")
    with emotionscope.load(speakers="never") as models:
        film = models.film(folder / "film.mp4", names=tmp_path)
    named = {face.person for face in film.faces if face.name == "Ann $x$"}
    assert len(named) == 1
    assert all((face.person in named) == (face.name is not None) for face in film.faces)


def test_a_transcript_that_is_none_is_the_users_mistake(folder: Path) -> None:
    with emotionscope.load() as models:
        for name, told in (("none.srt", "no such file"), ("film.mp4", "not a transcript")):
            with pytest.raises(UserError, match=told):
                models.film(folder / "film.mp4", transcript=folder / name)


def test_a_saved_picture_and_json_that_gives_all_of_a_face(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with av.open(str(shared / "data" / "clips" / "dia29_utt4.mp4")) as container:
        next(container.decode(video=0)).to_image().save(tmp_path / "team.png")
    flags = ("--clip", f"{tmp_path}/team.png", "--save", f"{tmp_path}/answers.jpg", "--json")
    assert run_here("predict", *flags) == 0
    answers = json.loads(capsys.readouterr().out)
    keys = {"clip", "time", "person", "x", "y", "w", "h", "quality", "speaking", "emotion", *EMOTIONS}
    assert answers and all(set(answer) == keys for answer in answers)
    assert (tmp_path / "answers.jpg").read_bytes().startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("--save {tmp}/a.gif --clip {tmp}/a.png", "saved as .mp4"),
        ("--save {tmp}/a.mp4 --text Hi", "name one video"),
        ("--save {tmp}/b.mp4 --clip {tmp}/a.png", "picture is saved"),
        ("--save {tmp}/a.png --clip {tmp}/a.png", "itself"),
        ("--transcript {tmp}/a.srt --clip {tmp}/a.png", "--save"),
    ],
)
def test_a_mistake_is_one_line(flags: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:

    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 40, 3), np.uint8))
    before = sorted(tmp_path.iterdir())
    assert run_here("predict", *flags.format(tmp=tmp_path).split()) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1
    assert complaint in told
    assert sorted(tmp_path.iterdir()) == before
