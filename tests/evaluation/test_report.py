import base64
import html
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from emotionscope.bundle import store as bundle_store
from emotionscope.commands import evaluate
from emotionscope.errors import UserError
from emotionscope.evaluation import evaluation, report
from emotionscope.labels import EMOTIONS
from emotionscope.palette import COLOURS
from emotionscope.tables import contracts, datasets
from emotionscope.vision import saliency
from tests.conftest import run_here
from tests.helpers.scores_tables import one_answer, scores

MELD_TEST = {"anger": 345, "disgust": 68, "fear": 50, "joy": 402, "neutral": 1256, "sadness": 208, "surprise": 281}
NASTY = "<script>alert('x')</script> & more"


def small_scores(**columns) -> pa.Table:
    answers = [one_answer(emotion, 0.8) for emotion in ("joy", "fear", "anger", "anger")]
    columns = {"utterance": ["hi", NASTY, None, "no"], "speaker": [NASTY, "Ann", None, "Ann"], **columns}
    return scores(["joy", "joy", "anger", "neutral"], {"text": answers, "fused": answers}, **columns)


@pytest.fixture(scope="module")
def figures():
    return evaluation.evaluate(small_scores())


def test_page_shows_the_figures(figures):
    page = report.render(figures, "my scores")
    assert "my scores" in page
    for value in (figures.models["text"].weighted_f1, figures.floor.weighted_f1):
        assert f"{value:.3f}" in page


def test_page_needs_nothing_from_outside(figures):
    page = report.render(figures, "x", "a note", {("d", 1): [b"\xff\xd8 jpeg"]})
    assert all(link.startswith("data:") for link in re.findall(r"(?:src|href)\s*=\s*[\"']([^\"']+)", page))
    assert not re.search(r"<script|<link|@import|url\(", page)


def test_text_of_the_data_is_escaped(figures):
    page = report.render(figures, NASTY, NASTY)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 4  # title, heading, note, utterance


def test_groups_too_small_and_splits_trained_on_are_marked():
    truth = ["joy"] * 70
    table = scores(truth, {"text": [one_answer("joy")] * 70}, split=["test"] * 40 + ["train"] * 30,
                   speaker=["Ann"] * 35 + ["Bob"] * 35)  # fmt: skip
    page = report.render(evaluation.evaluate(table, resamples=10), "x")
    rows = {name: row for row in re.findall(r"<tr.*?</tr>", page) for name in ("Ann", "Bob", "train") if name in row}
    assert ["few rows" in rows[name] for name in ("Ann", "Bob", "train")] == [False, True, False]
    assert ["trained on" in rows[name] for name in ("Ann", "Bob", "train")] == [False, False, True]


def test_note_stands_on_the_page_only_when_given(figures):
    assert "Synthetic data" in report.render(figures, "x", "Synthetic data")
    assert 'class="banner"' not in report.render(figures, "x")


def test_faces_stand_beside_their_mistake(figures):
    page = report.render(figures, "x", faces={("d", 1): [b"one"], ("d", 0): [b"no mistake"]})
    assert base64.b64encode(b"one").decode() in page
    assert base64.b64encode(b"no mistake").decode() not in page


def test_published_figures_stand_beside_meld_alone(figures):
    truth = [emotion for emotion, count in MELD_TEST.items() for _ in range(count)]
    meld = evaluation.evaluate(scores(truth, {"text": [one_answer("neutral")] * len(truth)}), resamples=10)
    assert "DialogueRNN" in report.render(meld, "meld")
    assert "DialogueRNN" not in report.render(figures, "other")


def write(table: pa.Table, folder: Path) -> str:
    datasets.write_part(table, str(folder / "part-0.parquet"))
    return str(folder)


def keyframes(folder: Path) -> str:
    box = dict.fromkeys("xywh", 1)
    faces = [
        {"time": 0.0, "box": box, "person": 0, "quality": quality, "kept": True, "image": f"face {quality}".encode()}
        for quality in (0.1, 0.9, 0.5, 0.7)
    ]
    columns = {
        "dialogue_id": ["d"] * 3,
        "utterance_id": pa.array([0, 1, 2], pa.int64()),
        "utterance": ["hi", "ho", "hm"],
        "faces": pa.array([faces[:1], faces, None], contracts.FACES),
        "video_error": pa.nulls(3, pa.string()),
    }
    return write(pa.table(columns), folder)


def test_an_utterance_is_shown_by_its_best_faces(tmp_path):
    dataset = datasets.open_dataset(keyframes(tmp_path), "keyframes")
    found = report.best_faces(dataset, [("d", 1), ("d", 2), ("d", 9)])
    assert found == {("d", 1): [b"face 0.9", b"face 0.7", b"face 0.5"], ("d", 2): []}


def test_job_writes_a_report_and_keeps_it_unless_told(tmp_path, capsys):
    settings = {
        "scores": write(small_scores(), tmp_path / "scores"),
        "report": str(tmp_path / "report"),
        "keyframes": keyframes(tmp_path / "keyframes"),
    }
    figures = evaluate.run(evaluate.Evaluate(**settings, note="Synthetic data"))
    page = (tmp_path / "report" / "report.html").read_text()
    assert base64.b64encode(b"face 0.9").decode() in page
    assert "Synthetic data" in page
    assert str(tmp_path / "report" / "report.html") in capsys.readouterr().out
    with pytest.raises(UserError, match="--replace"):
        evaluate.run(evaluate.Evaluate(**settings))
    again = evaluate.run(evaluate.Evaluate(**settings, replace=True))
    assert again.models == figures.models


def test_a_mistake_is_explained_by_its_words_and_the_places_in_its_face(obvious, scored, tmp_path):
    table = datasets.read(datasets.open_dataset(scored, "scores"))
    labels = np.roll(table["emotion"].to_pylist(), 1)
    wrong = table.set_column(table.column_names.index("emotion"), "emotion", pa.array(labels.tolist()))
    settings = {"scores": write(wrong, tmp_path / "scores"), "keyframes": str(obvious / "keyframes")}
    models = str(obvious / "bundle")
    figures = evaluate.run(evaluate.Evaluate(**settings, report=str(tmp_path / "report"), bundle=models))
    page = (tmp_path / "report" / "report.html").read_text()
    loaded = bundle_store.load(models)
    told = [row for row in figures.mistakes if row.answers["text"]]
    assert told
    for row in told:
        gram, _ = loaded.text.explain(row.utterance, row.answers["text"])[0]
        assert f"“<bdi>{html.escape(gram.replace(' ', '␣'))}</bdi>”" in page
    keys = [(row.dialogue_id, row.utterance_id) for row in figures.mistakes]
    faces = report.best_faces(datasets.open_dataset(settings["keyframes"], "keyframes"), keys)
    images = [image for pictures in faces.values() for image in pictures]
    assert images
    for image in images:
        assert base64.b64encode(saliency.overlay(loaded.vision, image)).decode() in page


def test_a_bundle_that_did_not_make_the_scores_explains_nothing(obvious, tmp_path):
    scores_ = write(small_scores(), tmp_path / "scores")
    with pytest.raises(UserError, match="its version is"):
        evaluate.run(evaluate.Evaluate(scores=scores_, report=str(tmp_path / "report"), bundle=str(obvious / "bundle")))


def test_job_ends_with_one_line_where_there_are_no_labels(tmp_path, capsys):
    folder = write(small_scores().drop_columns("emotion"), tmp_path / "scores")
    assert run_here("evaluate", "--scores", folder, "--report", tmp_path / "report") == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1
    assert not (tmp_path / "report").exists()


def test_each_emotion_has_a_colour_seen_on_white_and_on_black():
    def luminance(colour: str) -> float:
        channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    assert set(COLOURS) == set(EMOTIONS)
    assert len(set(COLOURS.values())) == len(EMOTIONS)
    for colour in COLOURS.values():
        assert 1.05 / (luminance(colour) + 0.05) > 3
        assert (luminance(colour) + 0.05) / 0.05 > 3
