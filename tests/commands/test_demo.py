"""The demo: real films by the models that come with EmotionScope, and the synthetic way with its trainings."""

import re
import shlex
from pathlib import Path

import pytest

from emotionscope import arguments, cli
from emotionscope.commands import demo
from emotionscope.commands.settings import SETTINGS, Predict, Score
from emotionscope.tables import datasets
from tests.conftest import run_here, scores_of

MOST = 5e6  # bytes of films in the package


def test_the_films_are_small_and_come_with_their_notices() -> None:
    files = {file.name: file.stat().st_size for file in demo.FILMS.iterdir()}
    assert sum(files.values()) <= MOST
    notice = (demo.FILMS / "NOTICE.md").read_text()
    assert all(name in notice for name in files if name != "NOTICE.md")


def test_the_demo_scores_real_films_and_its_commands_are_ones(
    tmp_path: Path, ray_cluster: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_here("demo", "--output", "made") == 0
    told = capsys.readouterr().out
    scores, faces = scores_of("made/scores"), datasets.read(datasets.open_dataset("made/faces", "faces"))
    assert len(scores) == 9 and not scores["error"].drop_null()
    assert set(scores["speaker"].to_pylist()) == {"Actor 1001", "Celia", "Engineer", "Old Thom"}
    assert scores["speaker_person"].drop_null() and len(faces) > 20
    assert list((tmp_path / "made/summaries").glob("persons*"))
    for utterance, speaker in zip(scores["utterance"].to_pylist(), scores["speaker"].to_pylist(), strict=True):
        assert speaker in told and utterance[:12] in told
    (page,) = re.findall(r"made/pages/\S+\.html", told)
    assert "<svg" in (tmp_path / page).read_text()
    commands = [shlex.split(line) for line in re.findall(r"^ +emotionscope (.+)", told, re.MULTILINE)]
    assert [words[0] for words in commands] == [
        "prepare_videos", "score", "summarise", "export", "dashboard", "predict", "prepare_videos",
    ]  # fmt: skip
    for name, *flags in commands:
        read, _ = cli.read(SETTINGS[name], name, "", flags)
        for value in vars(read).values():  # each path that is shown is there
            for path in value if isinstance(value, tuple) else (value,):
                assert not str(path).startswith("made/") or Path(path).exists(), (name, path)


@pytest.mark.slow
def test_the_synthetic_way_trains_all_three_models(tmp_path: Path, ray_cluster: object) -> None:
    folder = tmp_path / "demo"
    assert run_here("demo", "--training", "--output", folder, "--dialogues", 12, "--epochs", 1) == 0
    assert {"text", "vision", "fusion"} <= {file.name.split("-")[0] for file in (folder / "bundle").iterdir()}
    assert "Synthetic sample" in (folder / "report/report.html").read_text()
    assert len(scores_of(str(folder / "scores")))


def test_a_setting_of_the_synthetic_archive_needs_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here("demo", "--output", tmp_path / "demo", "--dialogues", 3) == 2
    assert "add --training" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("score", Score(dialogues="my films/d", output="s", use_gpu=False, text_only=True, fps=4.0)),
        ("predict", Predict(text=("It's you!", "-1"), clip=("a b.mp4",))),
    ],
)
def test_a_command_that_is_shown_gives_its_settings_back(name: str, settings: object) -> None:
    words = shlex.split(arguments.command(name, settings))
    assert words[:2] == ["emotionscope", name]
    assert cli.read(type(settings), name, "", words[2:])[0] == settings
