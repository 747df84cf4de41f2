"""Whose faces make an utterance's answer: the speaker's where one speaks, else the most prominent person's."""

import numpy as np
import pytest

from emotionscope.labels import EMOTIONS
from emotionscope.vision.pooling import attend, pool

NAN = np.nan
JOY, ANGER = (np.eye(7)[EMOTIONS.index(name)] for name in ("joy", "anger"))


def attention(person: list[int], speaking: list[float] | None = None, quality: list[float] | None = None):
    given = np.array(quality or [0.8] * len(person))
    return attend(given, np.array(person), None if speaking is None else np.array(speaking))


def test_where_nobody_measured_it_the_most_prominent_person_decides() -> None:
    found = attention([4, 4, 4, 7, 7], quality=[0.9, 0.8, 0.9, 0.9, 0.9])
    pooled = pool(np.stack([JOY, JOY, JOY, ANGER, ANGER]), found.weights)
    assert EMOTIONS[pooled.argmax()] == "joy"
    assert pooled[EMOTIONS.index("joy")] > 0.6  # more than the share of the person's faces
    assert pooled.sum() == pytest.approx(1)
    assert (found.speaker, found.silent, found.listens.any()) == (None, False, False)
    assert np.isnan(found.heard)


def test_the_speakers_faces_count_and_no_others() -> None:
    found = attention([0, 0, 0, 1, 1], [0.1, 0.2, 0.1, 0.9, 0.6])
    assert found.speaker == 1
    np.testing.assert_allclose(found.weights, [0, 0, 0, 0.5, 0.5])
    assert found.listens.tolist() == [True, True, True, False, False]
    assert found.heard == 1


def test_a_face_of_the_speaker_that_was_not_measured_counts_too() -> None:
    found = attention([0, 1, 1], [0.1, 0.9, NAN])
    np.testing.assert_allclose(found.weights, [0, 0.5, 0.5])


def test_where_all_measured_faces_are_silent_they_listen() -> None:
    found = attention([0, 0, 1], [0.1, NAN, 0.3])
    assert (found.speaker, found.silent, found.heard) == (None, True, 0)
    assert found.listens.tolist() == [True, False, True]
    assert found.weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("quality", [0.0, NAN, 1e-30])
def test_faces_without_quality_still_count(quality: float) -> None:
    found = attention([0, 0], quality=[quality] * 2)
    np.testing.assert_allclose(pool(np.full((2, 7), 1 / 7), found.weights), 1 / 7, rtol=1e-5)


def test_one_face_pools_to_itself() -> None:
    face = np.random.default_rng(0).dirichlet(np.ones(7), 1)
    np.testing.assert_allclose(pool(face, attention([3]).weights), face[0], rtol=1e-5)
