"""Tables as people really have them: each is scored row by row, or refused in one line before any work."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest

from emotionscope.batch import stages
from emotionscope.bundle import store as bundle_store
from emotionscope.commands import extract_keyframes, fit_fusion, score
from emotionscope.errors import UserError
from emotionscope.evaluation import evaluation, report
from emotionscope.labels import EMOTIONS
from emotionscope.runs import shards
from emotionscope.storage.place import Place
from emotionscope.tables import datasets
from emotionscope.text import training as text_training
from emotionscope.video import files
from emotionscope.vision import labelled_faces
from emotionscope.vision import model as vision_model
from emotionscope.vision.recipe import prior_of_answers
from tests.helpers.dialogue_tables import dialogues, invalid_utf8, write, write_file
from tests.helpers.drawn_faces import write_faces
from tests.helpers.obvious import keyframes as obvious_keyframes


@pytest.fixture(scope="module")
def cases(shared: Path) -> Path:
    if not (shared / "cases").is_dir():
        pytest.skip("needs the inputs that went wrong in ../shared/cases")
    return shared / "cases"


@pytest.fixture(scope="module")
def bundle() -> bundle_store.Bundle:
    return bundle_store.load(bundle_store.chosen(None), faces=False)


def scored(place: Path, bundle: bundle_store.Bundle) -> list[dict[str, Any]]:
    """The rows that the score job makes of a table, shard by shard."""
    dataset = datasets.open_dataset(str(place), "dialogues")
    read = [shards.read(shard, dataset.schema) for shard in shards.cut(dataset, 3)]
    return pa.concat_tables([stages.score(table, bundle) for table in read]).to_pylist()


def refusal(place: Path, tmp_path: Path) -> str:
    """What the score job says of a table that it refuses, before anything is written."""
    output = tmp_path / "out"
    with pytest.raises(UserError) as told:
        score.run(score.Score(dialogues=str(place), output=str(output)))
    assert not output.exists()
    assert "\n" not in str(told.value)
    return str(told.value)


def test_case_01_a_text_of_nothing_to_see_is_no_text(cases: Path, bundle: bundle_store.Bundle) -> None:
    rows = scored(cases / "01_dashboard_opens_outside_image/input", bundle)
    assert [row["text_emotion"] is None for row in rows] == [False, False, True, True]
    assert rows[2]["utterance"] == "\u200b\ufeff\u2060"
    assert rows[0]["video"] == "![x](http://127.0.0.1:5588/leak.png)"


@pytest.mark.parametrize("text", ["\u3164", "\u2800\ufe0f", "\u200b\n", "\u202e\u00ad", "\x00", "\u3000"])
def test_signs_of_no_width_are_no_text(text: str, bundle: bundle_store.Bundle) -> None:
    given = bundle.text.probabilities([text, f"{text}hm", "💥", "�"])
    assert np.isnan(given[:, 0]).tolist() == [True, False, False, True]  # of the last, no n-gram is known


def test_case_02_only_the_test_split_is_measured(cases: Path) -> None:
    dataset = datasets.open_dataset(str(cases / "02_split_names_in_evaluate/input"), "scores")
    figures = evaluation.evaluate(datasets.read(dataset), resamples=10)
    assert figures.split == "test"
    assert round(figures.models["text"].weighted_f1, 3) == 0.582


def test_case_03_the_split_of_the_folders_is_there(cases: Path, bundle: bundle_store.Bundle) -> None:
    place = cases / "03_partition_folders_lose_split/input"
    splits = [row["split"] for row in scored(place, bundle)]
    assert {name: splits.count(name) for name in splits} == {None: 4, "dev": 4, "test": 4, "train": 8}


def test_case_04_a_row_that_is_not_utf8_is_scored_like_the_others(cases: Path, bundle: bundle_store.Bundle) -> None:
    rows = scored(cases / "04_invalid_utf8/invalid_utf8_utterance", bundle)
    assert len(rows) == 4
    assert [bool(row["text_emotion"]) for row in rows] == [True, True, False, True]  # of the third, no byte is text
    assert sum("�" in row["utterance"] for row in rows) == 2


def test_case_05_text_as_polars_writes_it(cases: Path, bundle: bundle_store.Bundle) -> None:
    place = cases / "05_string_view_video/string_view_all"
    assert [row["video"] for row in scored(place, bundle)] == ["a.mp4", None, None, None]
    assert files.videos_folder(datasets.open_dataset(str(place), "dialogues"), None) == str(place)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("int_+_double_big", "part-0.parquet: column 'x' cannot be read as double"),
        ("int_spans", "column 'end' cannot be read as double: Integer value 1152921504606846977 not in range"),
        ("uint64_ids_huge", "column 'utterance_id' cannot be read as int64: Integer value 9223372036854775813"),
    ],
)
def test_case_06_values_that_do_not_fit_are_told_first(cases: Path, tmp_path: Path, name: str, complaint: str) -> None:
    assert complaint in refusal(cases / "06_values_do_not_fit" / name, tmp_path)


@pytest.mark.parametrize("name", ["talks.parquet", "one/talks.pq"])
def test_case_13_videos_are_found_whatever_the_table_is_called(cases: Path, name: str) -> None:
    dataset = datasets.open_dataset(str(cases / "13_folder_named_parquet" / name), "dialogues")
    root = files.videos_folder(dataset, None)
    for video in datasets.read(dataset)["video"].to_pylist():
        assert (Place(root) / video).is_file()


def test_case_14_a_delta_table_is_refused_by_name(cases: Path, tmp_path: Path) -> None:
    told = refusal(cases / "14_delta_table/input", tmp_path)
    assert "Delta Lake" in told and "export it to plain Parquet" in told


def test_case_15_a_column_of_ones_own_is_carried_or_named(
    cases: Path, tmp_path: Path, bundle: bundle_store.Bundle
) -> None:
    folder = cases / "15_own_column_names"
    assert [row["_shard"] for row in scored(folder / "_shard_col", bundle)] == ["x"] * 4
    for name in ("faces_int", "faces_list<str>", "faces_string"):
        assert "faces; rename them" in refusal(folder / name, tmp_path)
        with pytest.raises(UserError, match="faces; rename them"):
            settings = extract_keyframes.ExtractKeyframes(dialogues=str(folder / name), output=str(tmp_path / "out"))
            extract_keyframes.run(settings)


@pytest.mark.parametrize("name", ["error", "bundle", "text_joy", "fused_emotion", "face_count", "video_error"])
def test_a_name_that_a_job_writes_is_refused_and_named(tmp_path: Path, name: str) -> None:
    place = write(tmp_path / "d", dialogues(3, **{name: pa.array(["x", "y", "z"])}))
    assert f"{name}; rename them" in refusal(Path(place), tmp_path)


def test_case_16_columns_that_differ_in_case_are_both_carried(cases: Path, bundle: bundle_store.Bundle) -> None:
    rows = scored(cases / "16_columns_differ_in_case/case_twins", bundle)
    assert (rows[0]["Utterance"], rows[0]["utterance"], rows[0]["Speaker"], rows[0]["speaker"]) == (
        "OLD",
        "line 0!",
        "X",
        "y",
    )


def test_case_18_a_damaged_page_is_one_line(cases: Path, bundle: bundle_store.Bundle) -> None:
    with pytest.raises(UserError, match=r"18_damaged_page/input/part-0.parquet: not a readable Parquet file \(.+\)$"):
        scored(cases / "18_damaged_page/input", bundle)


def test_case_19_rows_without_an_id_are_scored(cases: Path, bundle: bundle_store.Bundle) -> None:
    rows = scored(cases / "19_null_utterance_id/null_ids", bundle)
    assert [row["utterance_id"] for row in rows] == [1, None, 3, None]
    assert all(row["text_emotion"] for row in rows)


def test_rows_without_an_id_stand_in_the_report(tmp_path: Path, bundle: bundle_store.Bundle) -> None:
    labelled = dialogues(
        4,
        dialogue_id=pa.array(["a", None, None, "b"]),
        utterance_id=pa.array([1, None, 3, None], pa.int64()),
        emotion=pa.array(["disgust"] * 4),
    )
    table = datasets.read(datasets.open_dataset(write(tmp_path / "d", labelled), "dialogues"))
    figures = evaluation.evaluate(stages.score(table, bundle), resamples=10)
    assert len(figures.mistakes) > 0
    assert "Line" in report.render(figures, "d")


def test_training_reads_splits_from_folders_and_leaves_odd_labels_out(tmp_path: Path) -> None:
    for split, rows in (("Train", 90), ("Validation", 9)):
        emotions = (["joy", "Angry", "contempt"] * rows)[:rows]
        part = dialogues(rows, emotion=invalid_utf8([name.encode() for name in emotions[:-1]] + [b"\xff"]))
        write_file(tmp_path / "d" / f"split={split}" / "a.parquet", part)
    table = datasets.read(datasets.open_dataset(str(tmp_path / "d"), "dialogues"))
    _, record = text_training.train(table, text_training.GRID[:1])
    assert record["rows"] == {"train": 60, "dev": 6}
    assert record["left_out"] == {"emotion 'contempt'": 31, "emotion '�'": 2}


def test_faces_are_found_below_folders_that_tell_their_split(tmp_path: Path) -> None:
    whole = write_faces(tmp_path / "faces.parquet", {"train": 14, "validation": 7})
    table = datasets.read(datasets.open_dataset(str(whole), "labelled faces"))
    for split in ("train", "validation"):
        rows = table.filter(pa.compute.equal(table["split"], split)).drop_columns(["split"])
        write_file(tmp_path / "d" / f"split={split}" / "a.parquet", rows)
    found = labelled_faces.scan(str(tmp_path / "d"))
    assert (found.faces["train"], found.faces["dev"]) == (14, 7)
    batches = [batch for group in found.row_groups["dev"] for batch in labelled_faces.read(group, "dev", 32)]
    assert sum(len(batch["face"]) for batch in batches) == 7


@pytest.mark.parametrize(
    ("column", "complaint"), [("image", "must be the bytes of a picture"), ("joy", "must be a number of votes")]
)
def test_faces_and_votes_of_a_wrong_type_are_refused(tmp_path: Path, column: str, complaint: str) -> None:
    votes = {name: pa.array([1, 2]) for name in ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")}
    table = pa.table({"split": ["train", "dev"], "image": [b"", b""], **votes, column: ["a", "b"]})
    with pytest.raises(UserError, match=complaint):
        labelled_faces.scan(write(tmp_path / "d", table))


def test_the_fusion_leaves_odd_labels_out_and_knows_splits_by_all_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = obvious_keyframes()
    places = [row for row, split in enumerate(table["split"].to_pylist()) if split == "dev"]
    emotions, splits = table["emotion"].to_pylist(), table["split"].to_pylist()
    for row in places:
        splits[row] = "Validation"
    emotions[places[0]], emotions[places[1]] = "contempt", ""
    table = table.set_column(table.column_names.index("emotion"), "emotion", pa.array(emotions))
    table = table.set_column(table.column_names.index("split"), "split", pa.array(splits))
    datasets.write_part(table, str(tmp_path / "d/part-0.parquet"))
    models = str(tmp_path / "bundle")
    text = bundle_store.read_manifest(bundle_store.SHIPPED)["parts"]["text"]["file"]
    bundle_store.publish(models, "text", (Place(bundle_store.SHIPPED) / text).read_bytes(), {})
    prior = {"prior": prior_of_answers(np.ones(len(EMOTIONS)), 0.5)}
    bundle_store.publish(models, "vision", vision_model.create(32).to_bytes(), prior)
    fit_fusion.run(fit_fusion.FitFusion(keyframes=str(tmp_path / "d"), bundle=models))
    told = capsys.readouterr().out
    assert f"of {len(places) - 2}" in told
    assert "1 with emotion 'contempt'" in told and "1 with no emotion" in told


@pytest.mark.parametrize("speakers", ["auto", "never"])
def test_a_strange_table_goes_through_the_jobs_whole(
    ray_cluster: object, tmp_path: Path, speakers: Literal["auto", "never"]
) -> None:
    strange = dialogues(
        5,
        utterance=invalid_utf8([b"caf\xe9!", b"\xe2\x80\x8b", None, b"I am so happy!", b"No!"]),
        utterance_id=pa.array([1.0, None, 3.0, float("nan"), 5.0]),
        video=pa.array(["gone.mp4", None, None, "", None], pa.string_view()),
        _shard=pa.array([1, 2, 3, 4, 5]),
        Utterance=pa.array(["x"] * 5).dictionary_encode(),
        nested=pa.array([[{"a": "x"}]] * 5, pa.list_(pa.struct([("a", pa.large_string())]))),
        unique=pa.array([b"0" * 16] * 5, pa.uuid()),
    )
    write_file(tmp_path / "in" / "split=Test" / "000000_0", strange)
    frames, output = str(tmp_path / "keyframes"), str(tmp_path / "scores")
    settings = extract_keyframes.ExtractKeyframes(dialogues=str(tmp_path / "in"), output=frames, speakers=speakers)
    extract_keyframes.run(settings)
    score.run(score.Score(keyframes=frames, output=output, shard_rows=2))
    rows = datasets.read(datasets.open_dataset(output, "scores")).to_pylist()
    assert [row["utterance"] for row in rows] == ["caf�!", "\u200b", None, "I am so happy!", "No!"]
    assert [row["utterance_id"] for row in rows] == [1, None, 3, None, 5]
    assert [row["_shard"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["text_emotion"] is None for row in rows] == [False, True, True, False, False]
    assert {(row["split"], row["Utterance"], str(row["nested"])) for row in rows} == {("Test", "x", "[{'a': 'x'}]")}
    assert rows[0]["error"] == "video missing: gone.mp4"


def test_a_damaged_file_ends_the_job_with_its_name_and_other_shards_stay(
    ray_cluster: object, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_file(tmp_path / "in" / "a.parquet", dialogues(4))
    datasets.write_part(dialogues(400), str(tmp_path / "in" / "b.parquet"))
    content = bytearray((tmp_path / "in" / "b.parquet").read_bytes())
    content[40:1200] = bytes(1160)
    (tmp_path / "in" / "b.parquet").write_bytes(content)
    settings = score.Score(dialogues=str(tmp_path / "in"), output=str(tmp_path / "out"))
    with pytest.raises(UserError, match=r"in/b.parquet: not a readable Parquet file \(.+\)$"):
        score.run(settings)
    assert "Traceback" not in "".join(capfd.readouterr())
    datasets.write_part(dialogues(400), str(tmp_path / "in" / "b.parquet"))
    assert [path.name for path in (tmp_path / "out").glob("part-*")] in ([], ["part-00000-0000000000.parquet"])
