"""What a scores table is made of, and how far one has moved from another."""

from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pytest

from emotionscope.errors import UserError
from emotionscope.evaluation import drift
from emotionscope.labels import EMOTIONS, MODELS, probability_columns
from emotionscope.profile import profile, total
from emotionscope.storage.place import Place
from emotionscope.tables import datasets, manifest
from tests.conftest import run_here


def scores(emotions: list[str | None], sure: float = 0.75, text: str | None = "one two three") -> pa.Table:
    """Scores in which every model gives the emotion named; text and vision alike."""
    columns: dict[str, list[object]] = {"utterance": [text] * len(emotions), "face_count": [2] * len(emotions)}
    for model in MODELS:
        columns[f"{model}_emotion"] = list(emotions)
        for name, emotion in zip(probability_columns(model), EMOTIONS, strict=True):
            columns[name] = [None if told is None else sure if told == emotion else (1 - sure) / 6 for told in emotions]
    schema = pa.schema(
        [("utterance", pa.string()), ("face_count", pa.int32())]
        + [(f"{model}_emotion", pa.string()) for model in MODELS]
        + [(name, pa.float32()) for model in MODELS for name in probability_columns(model)]
    )
    return pa.table(columns, schema=schema)


def test_a_profile_counts_rows_by_what_they_show() -> None:
    found = profile(scores(["joy", "joy", "anger", None]))
    assert found["emotion by text"] == dict.fromkeys(EMOTIONS, 0) | {"joy": 2, "anger": 1}
    assert found["certainty of fused"]["70–80%"] == 3
    assert found["agreement of text and vision"] == {"alike": 3, "apart": 0}
    assert found["words"]["1–4"] == 4
    assert found["faces"] == {"0": 0, "1": 0, "2–3": 4, "4 or more": 0}


@pytest.mark.parametrize(
    ("text", "group"),
    [(None, "0"), ("  ", "0"), ("", "0"), ("Hi", "1–4"), (" a  b\tc d e ", "5–9"), ("x " * 60, "50 or more")],
)
def test_lengths_are_counted_in_words(text: str | None, group: str) -> None:
    assert profile(scores(["joy"], text=text))["words"][group] == 1


def test_profiles_of_parts_add_up_to_that_of_the_whole() -> None:
    emotions = [*EMOTIONS, "joy", None]
    parts = [profile(scores(emotions[:4])), profile(scores(emotions[4:]))]
    assert total(parts) == profile(scores(emotions))


def test_an_archive_does_not_drift_from_itself() -> None:
    one = profile(scores(list(EMOTIONS) * 50))
    for found in drift.compare(one, one):
        assert found.index == pytest.approx(0)
        assert found.verdict == "none"


def test_chance_alone_is_no_drift() -> None:
    few = [profile(scores(list(EMOTIONS) + extra)) for extra in (["joy"], ["anger"])]
    assert {found.verdict for found in drift.compare(*few)} == {"none"}


def test_what_moved_is_told_in_words_farthest_first() -> None:
    before = profile(scores(["joy"] * 500 + ["anger"] * 500))
    after = profile(scores(["joy"] * 200 + ["anger"] * 800))
    first = drift.compare(before, after)[0]
    assert first.name.startswith("emotion by")
    assert first.verdict == "much"
    assert first.interval[0] < first.index < first.interval[1]
    assert "anger rose from 50% to 80%" in first.words()
    assert "joy fell from 50% to 20%" in first.words()


def test_without_rows_there_is_nothing_to_compare() -> None:
    nothing = profile(scores([]))
    with pytest.raises(UserError, match="nothing in common"):
        drift.compare(nothing, nothing)


def test_the_job_tells_what_moved_and_fails_beyond_the_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, emotions in (("before", ["joy"] * 60 + ["anger"] * 60), ("after", ["joy"] * 10 + ["anger"] * 110)):
        table = scores(emotions)
        keys = {"dialogue_id": ["d"] * 120, "utterance_id": range(120), "error": pa.nulls(120, pa.string())}
        for column, values in (keys | {"bundle": ["b"] * 120}).items():
            table = table.append_column(column, pa.array(values))
        datasets.write_part(table, str(tmp_path / name / "part-0.parquet"))
    flags = ["--scores", tmp_path / "after", "--against", tmp_path / "before"]
    assert run_here("drift", *flags) == 0
    assert "anger rose from 50% to 92%" in " ".join(capsys.readouterr().out.split())
    assert run_here("drift", *flags, "--limit", "0.2") == 1
    assert "emotion by fused" in capsys.readouterr().err


def runs_of(place: Path, *nights: list[str | None]) -> Path:
    """A finished output of scores by its summary alone, with a run for each night."""
    runs = [
        manifest.RunRecord(str(number), "", 1, len(night), 0, 0, {}, 1.0, 1.0, "", {}, profile(scores(night)))
        for number, night in enumerate(nights)
    ]
    Place(f"{place}/_summary.json").write_json(asdict(manifest.Summary("score", 0, 0, {}, {}, runs, [], [])))
    return place


def test_the_last_run_is_compared_with_those_before_or_with_another_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usual: list[str | None] = ["joy", "anger"] * 400
    nights = runs_of(tmp_path / "nights", usual, usual, ["anger"] * 80)
    once = runs_of(tmp_path / "once", usual)
    limit = ["--limit", "0.2"]
    assert run_here("drift", "--scores", nights, *limit) == 1
    assert "80 rows against 1,600" in capsys.readouterr().out
    assert run_here("drift", "--scores", nights, "--against", once, *limit) == 0
    assert run_here("drift", "--scores", nights, "--against", once, "--latest", *limit) == 1
    assert run_here("drift", "--scores", once, *limit) == 0  # a scheduler's first night
    assert "nothing before it" in capsys.readouterr().out
    assert run_here("drift", "--scores", once, "--against", once) == 2
    assert "leave it out" in capsys.readouterr().err


def test_an_archive_is_compared_with_the_data_of_the_text_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = runs_of(tmp_path / "scores", ["anger"] * 400)
    assert run_here("drift", "--scores", table, "--training") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "anger rose from" in told
    assert "faces" not in told  # a text model has seen none
    assert run_here("drift", "--scores", table, "--training", "--limit", 0.25) == 1
