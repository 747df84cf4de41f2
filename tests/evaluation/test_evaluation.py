import json

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as sk

from emotionscope import metrics
from emotionscope.errors import UserError
from emotionscope.evaluation import evaluation
from emotionscope.evaluation.figures import RowCounts
from emotionscope.labels import EMOTIONS, MODELS
from tests.helpers.scores_tables import one_answer, scores


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Truth of 400 rows and probabilities of three models of different skill."""
    rng = np.random.default_rng(0)
    truth = rng.choice(7, size=400, p=[0.1, 0.05, 0.05, 0.2, 0.4, 0.1, 0.1])
    probabilities = {}
    for model, skill in zip(MODELS, (2.0, 0.5, 2.2), strict=True):
        logits = rng.normal(size=(400, 7))
        logits[np.arange(400), truth] += skill
        probabilities[model] = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return truth, probabilities


@pytest.fixture(scope="module")
def table(drawn) -> pa.Table:
    truth, probabilities = drawn
    answers = {model: values.tolist() for model, values in probabilities.items()}
    no_face = np.arange(400) % 4 == 0
    answers["vision"] = [[None] * 7 if blind else row for blind, row in zip(no_face, answers["vision"], strict=True)]
    return scores(
        [EMOTIONS[index] for index in truth],
        answers,
        face_count=pa.array(np.where(no_face, 0, 2), pa.int32()),
        speaker=["Ann", "Bob", None, "Cem"] * 100,
        utterance=["no", "one two three", None, "a b c d e f g"] * 100,
        split=["test"] * 300 + ["train"] * 100,
    )


def test_figures_of_four_rows_computed_by_hand():
    truth = ["joy", "joy", "anger", "neutral"]
    answers = ["joy", "anger", "anger", "neutral"]
    figures = evaluation.evaluate(scores(truth, {"text": [one_answer(a) for a in answers]})).models["text"]
    # F1: joy 2/3 (two rows), anger 2/3, neutral 1.
    assert figures.weighted_f1 == pytest.approx((2 * 2 / 3 + 2 / 3 + 1) / 4)
    assert figures.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert figures.accuracy == pytest.approx(3 / 4)
    assert vars(figures.per_emotion["joy"]) == pytest.approx({"precision": 1, "recall": 0.5, "f1": 2 / 3, "support": 2})
    assert figures.confusion["joy"] == dict.fromkeys(EMOTIONS, 0) | {"joy": 1, "anger": 1}
    assert figures.expected_calibration_error == pytest.approx(0.9 - 3 / 4)


def test_figures_agree_with_scikit_learn(drawn, table):
    truth, probabilities = drawn
    figures = evaluation.evaluate(table, "test").models
    answered = {"text": slice(300), "vision": np.flatnonzero(np.arange(300) % 4), "fused": slice(300)}
    for model, rows in answered.items():
        true, predicted = truth[rows], probabilities[model][rows].argmax(axis=1)
        assert figures[model].n == len(true)
        assert figures[model].weighted_f1 == pytest.approx(sk.f1_score(true, predicted, average="weighted"))
        assert figures[model].macro_f1 == pytest.approx(sk.f1_score(true, predicted, average="macro"))
        low, high = figures[model].weighted_f1_interval
        assert low < figures[model].weighted_f1 < high


def test_weighted_f1_of_confusions_agrees_with_scikit_learn(drawn):
    truth, probabilities = drawn
    confusions = np.stack([metrics.confusion(truth, probabilities[model]) for model in MODELS])
    expected = [sk.f1_score(truth, probabilities[m].argmax(axis=1), average="weighted") for m in MODELS]
    np.testing.assert_allclose(metrics.weighted_f1(confusions), expected)


def test_bootstrap_agrees_with_drawing_rows(drawn):
    truth, probabilities = drawn
    answers = probabilities["vision"].argmax(axis=1)
    rng = np.random.default_rng(1)
    rows = rng.integers(len(truth), size=(1000, len(truth)))
    direct = [sk.f1_score(truth[r], answers[r], average="weighted", zero_division=0) for r in rows]
    resampled = metrics.bootstrap(truth, {"vision": probabilities["vision"]}, 4000)["vision"]
    np.testing.assert_allclose(metrics.interval(resampled), metrics.interval(np.array(direct)), atol=0.006)


def test_differences_are_paired(drawn, table):
    truth, probabilities = drawn
    same = probabilities["text"]
    resampled = metrics.bootstrap(truth, {"text": same, "fused": same})
    assert metrics.interval(resampled["fused"] - resampled["text"]) == [0, 0]
    differences = evaluation.evaluate(table).same_rows.differences
    assert differences["fused - vision"].interval[0] > 0.2


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    truth = np.array([EMOTIONS.index("joy")] * 6 + [EMOTIONS.index("fear")] * 4)
    error, bins = metrics.calibration(truth, np.array([one_answer("joy", 0.8)] * 10, dtype=float))
    assert error == pytest.approx(0.2)
    assert [entry["n"] for entry in bins] == [10]
    certain = metrics.calibration(truth, np.array([one_answer("joy", 1.0)] * 10, dtype=float))
    assert certain[0] == pytest.approx(0.4)
    assert certain[1][0]["high"] == 1


def test_models_are_compared_on_the_rows_all_of_them_answered(table):
    figures = evaluation.evaluate(table, "test")
    assert figures.same_rows.n == 225
    assert {row.n for row in figures.same_rows.models.values()} == {225}
    assert [figures.models[model].n for model in MODELS] == [300, 225, 300]


def test_a_bundle_without_vision_is_measured_on_what_it_has():
    answers = [one_answer(emotion) for emotion in ("joy", "fear")]
    figures = evaluation.evaluate(scores(["joy", "joy"], {"text": answers, "fused": answers}))
    assert set(figures.models) == {"text", "fused"}
    assert figures.same_rows.n == 2
    assert list(figures.same_rows.differences) == ["fused - text"]


def test_rows_without_a_usable_label_are_counted_and_aliases_understood():
    truth = ["happy", None, "contempt", "Joy", ""]
    figures = evaluation.evaluate(scores(truth, {"text": [one_answer("joy")] * 5}))
    assert figures.rows == RowCounts(table=5, labelled=2, left_out={"no emotion": 2, "emotion 'contempt'": 1})
    assert figures.models["text"].accuracy == 1


def test_floor_is_the_most_frequent_emotion():
    truth = ["neutral"] * 3 + ["joy"]
    figures = evaluation.evaluate(scores(truth, {"text": [one_answer("joy")] * 4}))
    # Precision 3/4 and recall 1 of neutral: F1 6/7, on three rows of four.
    assert vars(figures.floor) == pytest.approx(
        {"emotion": "neutral", "n": 4, "accuracy": 0.75, "weighted_f1": 6 / 7 * 3 / 4, "macro_f1": 3 / 7}
    )


def test_split_test_is_taken_where_there_is_one(table):
    assert evaluation.evaluate(table).split == "test"
    assert evaluation.evaluate(table).rows.labelled == 300
    assert evaluation.evaluate(table).other_splits["train"].n == 100
    assert evaluation.evaluate(table.drop_columns("split")).rows.labelled == 400


def test_breakdowns_hold_every_row_of_their_group(table):
    figures = evaluation.evaluate(table)
    assert {name: group.n for name, group in figures.by_faces.items()} == {
        "with faces": 225,
        "without faces": 75,
    }
    assert "vision" not in figures.by_faces["without faces"].models
    assert {name: group.n for name, group in figures.by_speaker.items()} == dict.fromkeys(("Ann", "Bob", "Cem"), 75)
    assert [group.n for group in figures.by_length.values()] == [75, 75, 75, 75]


def test_mistakes_come_most_confident_first():
    truth = ["joy", "fear", "anger"]
    fused = [one_answer("joy"), one_answer("joy", 0.6), one_answer("joy", 0.8)]
    vision = [one_answer(None), one_answer("fear"), one_answer(None)]
    mistakes = evaluation.evaluate(scores(truth, {"fused": fused, "vision": vision})).mistakes
    assert [(m.utterance_id, m.emotion) for m in mistakes] == [(2, "anger"), (1, "fear")]
    assert mistakes[0].probability == pytest.approx(0.8)
    assert mistakes[1].answers == {"text": None, "vision": "fear", "fused": "joy"}


def test_mistakes_that_repeat_stand_once_with_their_number():
    truth = ["joy", "joy", "sadness", "joy", "joy"]
    texts = ["Hi!", " hi! ", "Hi!", None, None]
    mistakes = evaluation.evaluate(
        scores(truth, {"fused": [one_answer("fear", p) for p in (0.9, 0.8, 0.7, 0.6, 0.5)]}, utterance=texts)
    ).mistakes
    assert [(m.utterance_id, m.times) for m in mistakes] == [(0, 2), (2, 1), (3, 1), (4, 1)]


def test_a_split_is_known_by_any_of_its_names(table):
    names = ["Test"] * 300 + ["Training"] * 50 + [" Validation "] * 50
    named = table.set_column(table.column_names.index("split"), "split", pa.array(names))
    figures = evaluation.evaluate(named)
    assert (figures.split, figures.rows.labelled) == ("test", 300)
    assert {name: group.n for name, group in figures.other_splits.items()} == {"dev": 50, "train": 50}
    assert evaluation.evaluate(named, "val").rows.labelled == 50


def test_figures_are_plain_json(table):
    assert json.loads(json.dumps(evaluation.evaluate(table).to_json()))["split"] == "test"


def test_what_cannot_be_measured_is_said(table):
    with pytest.raises(UserError, match="no row of split 'dev'; there are test, train"):
        evaluation.evaluate(table, "dev")
    with pytest.raises(UserError, match="has a label"):
        evaluation.evaluate(scores([None, None], {"text": [one_answer("joy")] * 2}))
    with pytest.raises(UserError, match="has a score"):
        evaluation.evaluate(scores(["joy"], {}))
