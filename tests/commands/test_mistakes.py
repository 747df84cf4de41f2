"""Mistakes of newcomers at the command line: each is one line that says what to write instead, and exit code 2."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from emotionscope import __main__ as command
from emotionscope.commands.settings import models
from emotionscope.labels import EMOTIONS
from emotionscope.tables import datasets
from emotionscope.vision import model as vision_model
from tests.helpers.dialogue_tables import dialogues, write
from tests.helpers.scores_tables import one_answer, scores

# The words behind `emotionscope`, and what the line must say.
MISTAKES = {
    # A job that is none.
    "scor": "did you mean score?",
    "sumarise": "did you mean summarise?",
    "train": "train_text",
    "evalute --scores s": "did you mean evaluate?",
    "run": "emotionscope --help lists them",
    "help scores": "did you mean score?",
    # A flag is missing.
    "score --output o": "give either --dialogues or --keyframes",
    "score --dialogues d": "--output is missing: Where to write the scores table",
    "summarise --output o": "--scores is missing: Scores table to count",
    "extract_keyframes --output o": "--dialogues is missing: Dialogues table to read",
    "prepare_videos --output o": "--videos is missing: Folder or s3:// prefix of the videos",
    "prepare_meld --meld m": "--output is missing: Where to write the dialogues table",
    "train_text --bundle b": "--dialogues is missing: Dialogues table to learn from",
    "train_vision --keyframes k": "--bundle is missing: Bundle to add the model to",
    "demo": "--output is missing: New folder",
    "predict": "give a sentence by --text",
    "evaluate --scores {scores}": "--report is missing: Where to write metrics.json",
    "compare --scores {scores}": "--against is missing: Another scores table",
    "drift": "--scores is missing: Scores table to look at",
    "drift --scores s --against t --training": "give either --against or --training",
    "score --output": "--output has no value: Where to write the scores table",
    "predict --text": "--text has no value: A sentence",
    # A flag is none, or stands twice.
    "score --dialogue d --output o": "did you mean --dialogues",
    "score --dialogues d --out o": "did you mean --output",
    "predict --file a.mp4": "--file",
    "prepare_videos --video v --output o": "did you mean --videos",
    "score --dialogues d --output o --output p": "--output specified multiple times",
    # A value is none.
    "score --dialogues d --output o --max-faces many": "--max-faces",
    "score --dialogues d --output o --max-faces 0": "Must be >= 1",
    "score --dialogues {dialogues} --output o --max-errors few": "a share, such as 5%",
    "summarise --scores {scores} --output o --every 0": "--every",
    "summarise --scores s --output o --model voice": "--model",
    # A word without its flag.
    "score archive.parquet": "did you mean --dialogues archive.parquet?",
    "summarise scores": "did you mean --scores scores?",
    "evaluate scores --report r": "did you mean --scores scores?",
    "dashboard scores": "did you mean --scores scores?",
    "prepare_videos films": "did you mean --videos films?",
    "train_text dialogues --bundle b": "did you mean --dialogues dialogues?",
    # Another table than the one that is wanted.
    "summarise --scores {dialogues} --output o": "score it first: emotionscope score --dialogues {dialogues}",
    "dashboard --scores {dialogues}": "score it first: emotionscope score --dialogues {dialogues}",
    "evaluate --scores {dialogues} --report r": "score it first",
    "summarise --scores {scores} --faces {scores} --output o": "the one that score --faces writes",
    "fit_fusion --keyframes {dialogues} --bundle b": "emotionscope extract_keyframes --dialogues {dialogues}",
    "score --dialogues {text} --output o": "rename the column 'text' to utterance",
    "score --dialogues {conversation} --output o": "'Conversation ID' to dialogue_id, 'turn' to utterance_id",
    "score --dialogues {csv} --output o": "pandas.read_csv(",
    "score --dialogues {folder} --output o": "convert it by this line",
    "score --dialogues {nowhere} --output o": "no such file or folder",
    "score --dialogues {dialogues} --output {finished}": "the output exists and is finished",
    "predict --lines {nowhere}": "cannot be read",
    "predict {nowhere}.mp4": "video missing",
    "prepare_videos --videos {dialogues} --output o": "no video in it",
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("mistakes")
    (root / "finished").mkdir()
    (root / "finished" / "_summary.json").write_text("{}")
    (root / "folder").mkdir()
    for name in ("a.csv", "folder/b.csv"):
        (root / name).write_text("dialogue_id,utterance_id,utterance\nd,0,Hi.\n")
    table = dialogues()
    others = {"utterance": "text"}
    names = {"dialogue_id": "Conversation ID", "utterance_id": "turn"}
    return {
        "dialogues": write(root / "dialogues", table),
        "scores": write(root / "scores", scores(["joy"] * 4, {"fused": [one_answer("joy")] * 4})),
        "text": write(root / "text", table.rename_columns([others.get(name, name) for name in table.column_names])),
        "conversation": write(root / "other", table.rename_columns([names.get(n, n) for n in table.column_names])),
        "csv": str(root / "a.csv"),
        "folder": str(root / "folder"),
        "finished": str(root / "finished"),
        "nowhere": str(root / "nowhere"),
    }


def run(*words: str) -> int:
    """Run the command ``emotionscope`` in this process and return its exit code."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr(sys, "argv", ["emotionscope", *words])
        command.main()
    return int(end.value.code or 0)


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_answered_by_what_to_write(
    words: str,
    places: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*words.format(**places).split()) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1
    assert MISTAKES[words].format(**places) in told
    assert not list(tmp_path.iterdir())


def test_the_line_that_converts_a_csv_makes_a_table_that_is_read(
    places: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("score", "--dialogues", places["csv"], "--output", "o") == 2
    line = capsys.readouterr().err.partition('python -c "')[2].partition('"')[0]
    exec(line)
    assert pd.read_parquet(places["csv"].replace(".csv", ".parquet"))["utterance"].tolist() == ["Hi."]


MEANT = {
    "summarize --scores {scores} --output out": "written to",
    "summarise --scores {scores} --output out --quiet": "",
    "help score": "Usage: emotionscope score",
    "SCORE --help": "Usage: emotionscope score",
    "predict You came back!": "You came back!",
    "predict --text - No way!": "- No way!",
    "predict --text Hi --quiet": "Hi",
    "predict --json --text Hi": '"text": "Hi"',
    "summarise --scores {scores} --output out --json": '"rows_without_time"',
}


@pytest.mark.parametrize("words", MEANT)
def test_other_ways_to_say_the_same_are_understood(
    words: str,
    places: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    given = words.format(**places)
    sentence = next((text for text in ("You came back!", "- No way!") if text in given), "")
    before, _, after = given.partition(sentence) if sentence else (given, "", "")
    assert run(*before.split(), *([sentence] if sentence else []), *after.split()) == 0
    told = capsys.readouterr()
    assert MEANT[words] in told.out
    assert not told.err
    if "quiet" in words or "json" in words:
        assert "predict:" not in told.out and "summarise:" not in told.out


def test_a_text_of_nothing_has_no_emotion(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict", "--text", "", "--text", "\u200b") == 0
    told = capsys.readouterr().out
    assert "nan" not in told and not any(emotion in told for emotion in EMOTIONS)


def test_only_ends_of_lines_divide_lines_and_nothing_is_dropped_in_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("I am happy\u2028to see you.\n\nGo away!\x0c\r\nWhat\x85now?", encoding="utf-8", newline="")
    assert run("predict", "--lines", str(file)) == 0
    told = capsys.readouterr().out
    assert "I am happy to see you." in told and "What now?" in told
    assert told.count("%") == 9 and "1 blank lines left out" in told
    file.write_text("ä" * 600_000)
    assert run("predict", "--lines", str(file)) == 2
    assert "larger than 1 MiB" in capsys.readouterr().err


def test_equal_keys_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "BLOCK", 2)
    keys = {"dialogue_id": ["d", "d", "e", "d"], "utterance_id": [0, 0, 0, 0], "utterance": "Hi."}
    pd.DataFrame(keys).to_parquet(tmp_path / "a.parquet")
    assert datasets.equal_keys(datasets.open_dataset(str(tmp_path), "dialogues")) == 2


def test_the_command_line_knows_the_smallest_image_of_the_model() -> None:
    assert models.SMALLEST == vision_model.SMALLEST
