"""From a labelled archive to scores and figures, through the jobs; on one Ray shared with the other tests."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from emotionscope.commands import evaluate, score
from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS, MODELS, probability_columns
from emotionscope.storage.place import Place
from emotionscope.tables import datasets
from tests.conftest import copy_in, scores_of
from tests.helpers.dialogue_tables import dialogues, write
from tests.helpers.stopped import as_before_the_summary


def test_every_emotion_comes_out_under_its_own_name(scored: str) -> None:
    table = scores_of(scored).filter(pc.field("split") == "test")
    for model in MODELS:
        right = pc.equal(table[f"{model}_emotion"], table["emotion"])
        assert pc.mean(right.cast(pa.float64())).as_py() > 0.9, model
        for emotion in EMOTIONS:
            own = table.filter(pc.field("emotion") == emotion)
            mean = {name: pc.mean(own[f"{model}_{name}"]).as_py() for name in EMOTIONS}
            assert max(mean, key=mean.__getitem__) == emotion, model


def test_the_report_names_the_emotions_as_the_labels_do(scored: str, tmp_path: Path) -> None:
    report = str(tmp_path / "report")
    evaluate.run(evaluate.Evaluate(scores=scored, report=report))
    text = json.dumps((Place(report) / "metrics.json").read_json())
    assert all(emotion in text for emotion in EMOTIONS)


def test_every_row_comes_out_once_in_order_with_its_columns(scored: str, obvious: Path) -> None:
    source = datasets.read(datasets.open_dataset(str(obvious / "keyframes"), "keyframes"))
    table = scores_of(scored)
    for name in ("dialogue_id", "utterance_id", "utterance", "emotion", "split"):
        assert table[name].to_pylist() == source[name].to_pylist()
    assert pc.unique(table["bundle"]).to_pylist() == [Place(f"{obvious}/bundle/bundle.json").read_json()["version"]]


def test_probabilities_sum_to_one_and_the_emotion_is_the_likeliest(scored: str) -> None:
    table = scores_of(scored)
    for model in MODELS:
        values = table.select(probability_columns(model)).to_pandas()
        assert (values.sum(axis=1) - 1).abs().max() < 1e-5
        assert list(values.idxmax(axis=1).str.removeprefix(f"{model}_")) == table[f"{model}_emotion"].to_pylist()


def test_missing_modalities_are_nulls_and_the_rest_still_scores(obvious: Path, tmp_path: Path) -> None:
    table = datasets.read(datasets.open_dataset(str(obvious / "keyframes"), "keyframes")).slice(0, 4)
    rows = table.to_pylist()
    rows[1]["utterance"] = None
    rows[2]["faces"] = []
    rows[3] |= {"utterance": "  ", "faces": None, "video_error": "video missing: x.mp4"}
    datasets.write_part(pa.Table.from_pylist(rows, schema=table.schema), str(tmp_path / "in/part-0.parquet"))
    output = str(tmp_path / "out")
    summary = score.run(score.Score(keyframes=str(tmp_path / "in"), bundle=str(obvious / "bundle"), output=output))
    both, no_text, no_face, nothing = scores_of(output).to_pylist()
    assert both["fused_emotion"] and not both["error"]
    assert no_text["text_joy"] is None and no_text["fused_joy"] == no_text["vision_joy"]
    assert no_face["vision_emotion"] is None and no_face["fused_joy"] == no_face["text_joy"]
    assert no_face["error"] is None and no_face["face_count"] == 0
    assert nothing["fused_emotion"] is None
    assert "video missing" in nothing["error"] and "nothing to score" in nothing["error"]
    assert summary.errors == {"video missing": 1}


def test_text_only_opens_no_video_and_needs_no_face(obvious: Path, tmp_path: Path, ray_cluster: object) -> None:
    rows = dialogues(video=pa.array(["s3://nobody-reaches-this/a.mp4", "/nowhere/b.mp4", "c.mp4"]))
    archive = write(tmp_path / "in", rows)
    settings = score.Score(
        dialogues=archive, bundle=str(obvious / "bundle"), output=str(tmp_path / "out"), text_only=True
    )
    score.run(settings)
    for row in scores_of(str(tmp_path / "out")).to_pylist():
        assert row["error"] is None and row["vision_emotion"] is None
        assert row["fused_joy"] == pytest.approx(row["text_joy"])


def test_the_log_tells_every_shard_with_its_rows(scored: str) -> None:
    lines = [line for file in sorted(Path(scored).glob("_log/*.jsonl")) for line in file.read_text().splitlines()]
    first, *told, last = map(json.loads, lines)
    assert (first["event"], first["job"], first["rows"], first["shards"]) == ("start", "score", 112, 5)
    assert {event["event"] for event in told} == {"shard"}
    assert sorted(event["shard"] for event in told) == sorted(path.name for path in Path(scored).glob("part-*"))
    assert sum(event["rows"] for event in told) == told[-1]["rows_done"] == 112
    assert (last["event"], last["rows"], last["errors"]) == ("finish", 112, {})


def test_a_stopped_run_goes_on_and_ends_as_an_undisturbed_one(scored: str, obvious: Path, tmp_path: Path) -> None:
    output = tmp_path / "scores"
    copy_in(Path(scored), str(output))
    summary = json.loads((output / "_summary.json").read_text())
    as_before_the_summary(str(output))
    parts = sorted(output.glob("part-*"))
    parts[1].unlink()
    kept = parts[0].stat().st_mtime_ns
    settings = score.Score(
        keyframes=str(obvious / "keyframes"), bundle=str(obvious / "bundle"), output=str(output), shard_rows=25
    )
    again = score.run(settings)
    assert scores_of(str(output)).equals(scores_of(scored))
    assert parts[0].stat().st_mtime_ns == kept
    assert again.last.rows_resumed == summary["rows"] - 25
    with pytest.raises(UserError, match="finished"):
        score.run(settings)


def test_scoring_from_and_to_s3_gives_the_same_table(scored: str, obvious: Path, bucket: str) -> None:
    copy_in(obvious / "keyframes", f"{bucket}/keyframes")
    copy_in(obvious / "bundle", f"{bucket}/bundle")
    score.run(
        score.Score(
            keyframes=f"{bucket}/keyframes", bundle=f"{bucket}/bundle", output=f"{bucket}/scores", shard_rows=25
        )
    )
    assert scores_of(f"{bucket}/scores").equals(scores_of(scored))
    evaluate.run(evaluate.Evaluate(scores=f"{bucket}/scores", report=f"{bucket}/report"))
    assert Place(f"{bucket}/report/report.html").exists()
