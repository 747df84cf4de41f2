"""Answers for archives in which the emotions are not as common as in training."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS
from emotionscope.text import prior
from emotionscope.text import training as text_training
from tests.text.test_text import SETTINGS, corpus

EVEN = dict.fromkeys(EMOTIONS, 1 / 7)
NEUTRAL = {emotion: 0.7 if emotion == "neutral" else 0.05 for emotion in EMOTIONS}


def test_the_shares_of_an_archive_are_found_from_calibrated_answers() -> None:
    """Rows are drawn from seven Gaussians; the answers are exact where all seven are equally common."""
    draw = np.random.default_rng(0)
    truth = draw.choice(7, 20_000, p=[NEUTRAL[emotion] for emotion in EMOTIONS])
    seen = np.eye(7)[truth] * 2 + draw.normal(size=(len(truth), 7))
    even = softmax(2 * seen, axis=1).astype(np.float32)
    even[:10] = np.nan
    found = prior.learnt(even, EVEN)
    assert found == pytest.approx(NEUTRAL, abs=0.01)
    added = prior.added(EVEN, found)
    better = softmax(2 * seen + added, axis=1).argmax(axis=1)
    assert (better == truth).mean() > (softmax(2 * seen, axis=1).argmax(axis=1) == truth).mean() + 0.02


def test_no_answers_leave_the_shares_as_they_are() -> None:
    assert prior.learnt(np.empty((0, 7), np.float32), NEUTRAL) == pytest.approx(NEUTRAL)


def test_a_model_answers_for_other_shares() -> None:
    model, record = text_training.train(corpus(), [SETTINGS])
    assert sum(record["prior"].values()) == pytest.approx(1)
    training = prior.of_training(record, encoder=False)
    shifted = model.shifted(prior.added(training, NEUTRAL))
    texts = ["the kitchen", "what a party today"]
    before, after = model.probabilities(texts), shifted.probabilities(texts)
    expected = before * [NEUTRAL[emotion] / training[emotion] for emotion in EMOTIONS]
    np.testing.assert_allclose(after, expected / expected.sum(axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_a_table_names_the_shares_in_any_order_and_scale(tmp_path: Path, kind: str) -> None:
    percent = {("happy" if emotion == "joy" else emotion): 100 * NEUTRAL[emotion] for emotion in reversed(EMOTIONS)}
    lines = "\n".join(["emotion,share", *(f"{name},{share}" for name, share in percent.items())])
    file = tmp_path / f"shares.{kind}"
    file.write_text(json.dumps(percent) if kind == "json" else lines)
    assert prior.read(str(file)) == pytest.approx(NEUTRAL, abs=1e-4)
    assert prior.read("uniform") == pytest.approx(EVEN, abs=1e-4)


@pytest.mark.parametrize("content", ["", "{}", '{"joy": 1}', "[" * 100, "a,b\n1,2", '{"joy": "x"}', "\x00", None])
def test_a_table_that_names_no_shares_is_told_in_one_line(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "shares"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UserError, match="--prior") as told:
        prior.read(str(file))
    assert "\n" not in str(told.value)


def test_a_model_that_tells_no_shares_of_its_own_is_refused() -> None:
    for entry in ({}, {"prior": [1]}, {"prior": {"joy": 1}}):
        with pytest.raises(UserError, match="train it again"):
            prior.of_training(entry, encoder=False)
