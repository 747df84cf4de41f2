"""Summaries count what a plain loop over the rows counts, in whatever files and order the rows come."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from emotionscope.commands import summarise
from emotionscope.labels import EMOTIONS
from emotionscope.storage.place import Place
from emotionscope.tables import datasets
from tests.helpers.scores_tables import one_answer, scores

DIALOGUE = [  # speaker, start, emotion
    ("Ann", 1.0, "joy"),
    ("Ann", 20.0, "joy"),
    ("Ben", 59.0, "anger"),
    ("Ann", 61.0, "sadness"),
    ("Ben", 70.0, None),
    ("Ben", 130.0, "anger"),
]


def table(rows: Sequence[tuple[str | None, float | None, str | None]] = DIALOGUE, **columns: Any) -> pa.Table:
    speakers, starts, emotions = zip(*rows, strict=True)
    named = {"speaker": pa.array(speakers, pa.string()), "start": pa.array(starts, pa.float64()), **columns}
    return scores(list(emotions), {"fused": [one_answer(emotion) for emotion in emotions]}, **named)


def summaries(
    folder: Path, parts: Sequence[pa.Table], faces: pa.Table | None = None, **flags: Any
) -> dict[str, pd.DataFrame]:
    for number, part in enumerate(parts):
        datasets.write_part(part, str(folder / "scores" / f"part-{number}.parquet"))
    if faces is not None:
        datasets.write_part(faces, str(folder / "faces" / "part-0.parquet"))
        flags["faces"] = str(folder / "faces")
    output = folder / "summaries"
    summarise.run(summarise.Summarise(scores=str(folder / "scores"), output=str(output), **flags))
    for path in output.glob("*.csv"):
        told = pd.read_parquet(path.with_suffix(".parquet"))
        if "speaker" in told:  # a formula is text in the CSV file
            told["speaker"] = told["speaker"].str.replace("^=", "'=", regex=True)
        pd.testing.assert_frame_equal(pd.read_csv(path), told, check_dtype=False)
    return {path.stem: pd.read_parquet(path) for path in output.glob("*.parquet")}


def test_a_dialogue_is_counted_by_hand(tmp_path: Path) -> None:
    found = summaries(tmp_path, [table(error=pa.array([None] * 4 + ["nothing to score", None]))])
    row = found["dialogues"].iloc[0]
    assert (row["rows"], row["scored"], row["failed"], row["most_frequent"]) == (6, 5, 1, "anger")
    assert (row["joy_share"], row["anger_share"], row["fear_share"]) == (0.4, 0.4, 0.0)
    assert row["joy_mean"] == pytest.approx((2 * 0.9 + 3 * 0.1 / 6) / 5, abs=1e-6)
    # joy-joy, joy-anger, anger-sadness; Ben's anger follows no emotion
    assert (row["next_pairs"], row["next_shifts"]) == (3, 2)
    assert (row["other_speaker_pairs"], row["other_speaker_shifts"]) == (2, 2)
    # Ann: joy-joy, joy-sadness; Ben's two angers have a row without an emotion between them
    assert (row["same_speaker_pairs"], row["same_speaker_shifts"]) == (2, 1)


def test_speakers_and_spans_of_time(tmp_path: Path) -> None:
    found = summaries(tmp_path, [table([*DIALOGUE, (None, None, "fear")])])
    speakers = found["speakers"].set_index("speaker")
    assert speakers["rows"].to_dict() == {"Ann": 3, "Ben": 3}
    assert speakers["next_shifts"].to_dict() == {"Ann": 1, "Ben": 1}
    spans = found["spans"]
    assert list(zip(spans["span_start"], spans["span_end"], spans["rows"], strict=True)) == [
        (0.0, 60.0, 3), (60.0, 120.0, 2), (120.0, 180.0, 1)
    ]  # fmt: skip
    assert Place(str(tmp_path / "summaries/_summary.json")).read_json()["rows_without_time"] == 1


def test_transitions_name_every_two_emotions(tmp_path: Path) -> None:
    shown = summaries(tmp_path, [table()])["transitions"]
    assert len(shown) == 3 * len(EMOTIONS) ** 2
    chosen = shown[(shown["pair"] == "next") & (shown["pairs"] > 0)]
    assert list(chosen[["emotion", "next_emotion", "pairs", "share"]].itertuples(index=False, name=None)) == [
        ("anger", "sadness", 1, 1.0), ("joy", "anger", 1, 0.5), ("joy", "joy", 1, 0.5)
    ]  # fmt: skip


def test_a_large_table_agrees_with_a_plain_loop(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    count = 600
    emotions = [None if one == 7 else EMOTIONS[one] for one in generator.integers(0, 8, count)]
    speakers = [None if one == 4 else f"speaker {one}" for one in generator.integers(0, 5, count)]
    rows = list(zip(speakers, generator.uniform(0, 900, count).tolist(), emotions, strict=True))
    dialogues = [f"d{one}" for one in generator.integers(0, 20, count)]
    whole = table(rows, dialogue_id=dialogues).take(generator.permutation(count))
    found = summaries(tmp_path, [whole.slice(0, 250), whole.slice(250)], every=100)
    expected: dict[str, list[int]] = {}
    last: dict[tuple[str, str | None], str | None] = {}
    before: dict[str, tuple[str | None, str | None]] = {}
    for dialogue, (speaker, _, emotion) in zip(dialogues, rows, strict=True):
        counts = expected.setdefault(dialogue, [0] * 7)
        counts[0] += 1
        previous = before.get(dialogue, (None, None))
        earlier = (previous[1], last.get((dialogue, speaker)) if speaker else None,
                   previous[1] if speaker and previous[0] and speaker != previous[0] else None)  # fmt: skip
        for place, one in enumerate(earlier):
            counts[1 + 2 * place] += bool(one and emotion)
            counts[2 + 2 * place] += bool(one and emotion and one != emotion)
        before[dialogue], last[dialogue, speaker] = (speaker, emotion), emotion
    names = [f"{kind}_{what}" for kind in ("next", "same_speaker", "other_speaker") for what in ("pairs", "shifts")]
    shown = found["dialogues"].set_index("dialogue_id")[["rows", *names]]
    assert {name: list(row) for name, row in zip(shown.index, shown.to_numpy(), strict=True)} == expected
    assert found["spans"]["rows"].sum() == found["dialogue_speakers"]["rows"].sum() + speakers.count(None) == count


def test_persons_are_counted_where_faces_are_given(tmp_path: Path) -> None:
    seen = [  # utterance, person, time, emotion
        (0, 0, 1.0, "joy"),
        (0, 0, 2.0, "joy"),
        (0, 1, 2.0, "fear"),
        (1, 0, 20.0, "anger"),
        (3, 0, 61.0, "anger"),
    ]
    utterances, persons, times, emotions = zip(*seen, strict=True)
    answers = np.array([one_answer(emotion) for emotion in emotions], np.float32)
    faces = pa.table(
        {"dialogue_id": ["d"] * 5, "utterance_id": pa.array(utterances, pa.int64()), "time": times, "emotion": emotions}
        | {"person": pa.array(persons, pa.int32()), **dict(zip(EMOTIONS, map(pa.array, answers.T), strict=True))}
    )
    found = summaries(tmp_path, [table()], faces)
    person = found["persons"].set_index("person").loc[0]
    assert (person["rows"], person["most_frequent"]) == (4, "anger")
    assert (person["same_person_pairs"], person["same_person_shifts"]) == (2, 1)
    assert list(zip(found["person_spans"]["person"], found["person_spans"]["span_start"], strict=True)) == [
        (0, 0.0), (0, 60.0), (1, 0.0)
    ]  # fmt: skip
    assert found["person_transitions"]["pairs"].sum() == 2


def test_a_bare_table_gives_what_it_can(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = summaries(tmp_path, [table().drop_columns(["speaker", "start", "error"])])
    assert set(found) == {"dialogues", "transitions"}
    told = capsys.readouterr().out
    assert "no column speaker" in told
    assert "--faces" in told


def test_text_of_the_table_is_only_data(tmp_path: Path) -> None:
    evil = "'; DROP TABLE utterances; --"
    found = summaries(tmp_path, [table([(evil, 1.0, "joy"), ('=1+1,\n"', 2.0, None)])])
    assert set(found["speakers"]["speaker"]) == {evil, '=1+1,\n"'}


def test_summaries_go_from_s3_to_s3(bucket: str) -> None:
    datasets.write_part(table(), f"{bucket}/scores/part-0.parquet")
    summarise.run(summarise.Summarise(scores=f"{bucket}/scores", output=f"{bucket}/summaries"))
    names = {file.name for file in Place(f"{bucket}/summaries").list()}
    assert {"dialogues.csv", "dialogues.parquet", "speakers.parquet", "spans.parquet", "transitions.csv"} <= names


def test_a_blank_speaker_is_none(tmp_path: Path) -> None:
    rows = [("Ida", 0.0, "joy"), ("", 1.0, "anger"), ("Bo", 2.0, "joy"), (" \t", 3.0, "anger"), (None, 4.0, "joy")]
    found = summaries(tmp_path, [table(rows)])
    assert found["speakers"]["speaker"].tolist() == ["Bo", "Ida"]
    assert found["dialogues"]["other_speaker_pairs"].tolist() == [0]


def test_spans_of_tenths_begin_where_they_say_and_can_be_counted_with(tmp_path: Path) -> None:
    starts = [0.0, 0.3, 0.6, 0.7, 1.7, 4.3]
    spans = summaries(tmp_path, [table([("Ida", start, "joy") for start in starts])], every=0.1)["spans"]
    assert spans["span_start"].tolist() == starts
    assert spans["span_end"].tolist() == [0.1, 0.4, 0.7, 0.8, 1.8, 4.4]
    assert (spans["span_start"] + 0.5).dtype == np.float64
