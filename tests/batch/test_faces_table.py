"""`score --faces`: a row for each face, exactly once, resumed together with the scores."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from emotionscope.batch import stages
from emotionscope.commands import score
from emotionscope.labels import EMOTIONS
from emotionscope.storage.place import Place
from emotionscope.tables import contracts, datasets
from emotionscope.vision.model import create
from tests.conftest import run_here, scores_of
from tests.helpers.drawn_faces import drawn_face
from tests.helpers.stopped import as_before_the_summary, claim_again


def keyframes(**columns: object) -> pa.Table:
    """Four utterances: of two faces, none, no video, and one."""
    box = {"x": 1, "y": 2, "w": 64, "h": 64}
    seen = {"time": 0.5, "box": box, "person": 3, "quality": 0.9, "image": drawn_face(EMOTIONS.index("joy"))}
    faces = [[seen, {**seen, "time": 1.5, "person": 4}], [], None, [{**seen, "time": 0.25}]]
    table = {"dialogue_id": ["d"] * 4, "utterance_id": [5, 6, 7, 8], "utterance": ["a"] * 4, "video": ["f.mp4"] * 4}
    return pa.table(
        {**table, "faces": pa.array(faces, contracts.FACES), "video_error": pa.nulls(4, pa.string()), **columns}
    )


def faces_of(table: pa.Table) -> pa.Table:
    model = create(32)
    return stages.faces_of(stages.predict_faces(stages.read_faces(table, 32), model), "v1")


def test_a_face_is_a_row_with_its_time_in_the_video() -> None:
    found = faces_of(keyframes(start=pa.array([10.0, 20.0, None, None])))
    assert found.schema == contracts.faces_schema()
    rows = found.to_pylist()
    places = [(row["utterance_id"], row["time"], row["person"]) for row in rows]
    assert places == [(5, 10.5, 3), (5, 11.5, 4), (8, 0.25, 3)]
    assert {row["video"] for row in rows} == {"f.mp4"}
    assert rows[0]["box"] == {"x": 1, "y": 2, "w": 64, "h": 64}
    for row in rows:
        probabilities = [row[name] for name in EMOTIONS]
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)
        assert row["emotion"] == EMOTIONS[int(np.argmax(probabilities))]


def test_a_table_without_a_face_gives_an_empty_faces_table() -> None:
    none = keyframes().slice(1, 2)
    assert faces_of(none).num_rows == 0
    assert faces_of(none).schema == contracts.faces_schema()


def test_scores_and_faces_are_resumed_together(obvious: Path, scored: str, tmp_path: Path) -> None:
    flags = {"keyframes": str(obvious / "keyframes"), "bundle": str(obvious / "bundle"), "shard_rows": 25}
    output, place = str(tmp_path / "scores"), str(tmp_path / "faces")
    score.run(score.Score(output=output, faces=place, **flags))  # type: ignore[arg-type]
    whole = datasets.read(datasets.open_dataset(place, "faces"))
    assert scores_of(output).equals(scores_of(scored))
    assert whole.num_rows == 2 * scores_of(scored).num_rows

    # As after a kill between the two summaries, of a run that has lost a part of each table since.
    as_before_the_summary(output)
    Place(output).list(".parquet")[0].uri.delete()
    Place(place).list(".parquet")[2].uri.delete()
    summary = score.run(score.Score(output=output, faces=place, **flags))  # type: ignore[arg-type]
    assert summary.rows - summary.last.rows_resumed == 50
    assert scores_of(output).equals(scores_of(scored))
    assert datasets.read(datasets.open_dataset(place, "faces")).equals(whole)


def test_scores_and_faces_are_added_to_together(obvious: Path, tmp_path: Path) -> None:
    rows = datasets.read(datasets.open_dataset(str(obvious / "keyframes"), "keyframes"))
    flags = {"keyframes": str(tmp_path / "in"), "bundle": str(obvious / "bundle"), "shard_rows": 25}
    places = [str(tmp_path / name) for name in ("scores", "faces", "whole", "whole-faces")]
    datasets.write_part(rows.slice(0, 30), str(tmp_path / "in/a.parquet"))
    nightly = score.Score(output=places[0], faces=places[1], append=True, **flags)  # type: ignore[arg-type]
    score.run(nightly)
    datasets.write_part(rows.slice(30), str(tmp_path / "in/b.parquet"))
    before = Place(f"{places[0]}/_summary.json").read_bytes()
    assert score.run(nightly).last.rows == len(rows) - 30

    # As after a kill between the two summaries.
    claim_again(places[0], json.loads(before)["runs"][-1]["id"])
    Place(f"{places[0]}/_summary.json").write_bytes(before)
    assert score.run(nightly).last.rows_resumed == len(rows) - 30
    assert not Place(f"{places[0]}/_run.json").exists()

    score.run(score.Score(output=places[2], faces=places[3], **flags))  # type: ignore[arg-type]
    assert scores_of(places[0]).equals(scores_of(places[2]))
    faces = [datasets.read(datasets.open_dataset(place, "faces")) for place in (places[1], places[3])]
    assert faces[0].equals(faces[1])


@pytest.mark.parametrize(
    ("more", "complaint"), [(["--faces", "{}/faces"], "overlaps"), (["--text-only"], "needs a vision")]
)
def test_a_faces_table_that_cannot_be_is_one_line(
    more: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    datasets.write_part(keyframes(), str(tmp_path / "keyframes/part-0.parquet"))
    flags = ["--keyframes", tmp_path / "keyframes", "--output", tmp_path / "out", "--faces", tmp_path / "faces"]
    more = [each.format(tmp_path / "out") for each in more]
    assert run_here("score", *(flags[:4] if "--faces" in more else flags), *more) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
