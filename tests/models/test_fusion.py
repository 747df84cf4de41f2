"""Late fusion: faces that tell lift the text, faces that tell nothing cost nothing, listeners stay out."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import f1_score

from emotionscope import fusion
from emotionscope.fusion import Fusion, Probabilities
from emotionscope.labels import EMOTIONS

SHARES = [0.1, 0.05, 0.05, 0.2, 0.4, 0.1, 0.1]
PRIOR = dict(zip(EMOTIONS, SHARES, strict=True))
TRUTH = np.random.default_rng(1).choice(7, 6000, p=SHARES)
DEV, TEST = slice(0, 2000), slice(2000, None)
NAN = np.nan


def model(skill: float, seed: int, told: np.ndarray = TRUTH) -> Probabilities:
    """A calibrated model whose evidence for the label it is told has the given strength, its errors independent."""
    noise = np.random.default_rng(seed).normal(size=(len(told), 7))
    return softmax(skill * (noise + skill * np.eye(7)[told]) + np.log(SHARES), axis=1).astype(np.float32)


def weighted_f1(probabilities: Probabilities) -> float:
    return float(f1_score(TRUTH[TEST], probabilities.argmax(axis=1), average="weighted"))


def log_loss(probabilities: Probabilities) -> float:
    return float(-np.log(probabilities[np.arange(len(TRUTH)), TRUTH][TEST]).mean())


TEXT = model(2.0, 2)
SHUFFLED = np.random.default_rng(3).permutation(TRUTH)
RIGHT, USELESS = model(2.0, 4), model(2.0, 4, SHUFFLED)


def learnt(faces: Probabilities, heard: np.ndarray | None = None) -> Fusion:
    return fusion.fit(TEXT[DEV], faces[DEV], TRUTH[DEV], PRIOR, None if heard is None else heard[DEV])


def test_informative_faces_lift_text() -> None:
    fused = learnt(RIGHT).probabilities(TEXT[TEST], RIGHT[TEST])
    assert weighted_f1(fused) > max(weighted_f1(TEXT[TEST]), weighted_f1(RIGHT[TEST])) + 0.05
    np.testing.assert_allclose(fused.sum(axis=1), 1, atol=1e-5)


def test_useless_faces_are_ignored() -> None:
    fitted = learnt(USELESS)
    assert fitted.unknown < 0.05
    assert weighted_f1(fitted.probabilities(TEXT[TEST], USELESS[TEST])) > weighted_f1(TEXT[TEST]) - 0.005


def test_the_reliability_that_is_learnt_is_the_share_of_faces_that_tell() -> None:
    tells = np.random.default_rng(5).random(len(TRUTH)) < 0.3
    faces = model(2.0, 4, np.where(tells, TRUTH, SHUFFLED))
    fitted = learnt(faces)
    assert fitted.unknown == pytest.approx(0.3, abs=0.06)
    fused = fitted.probabilities(TEXT, faces)
    assert log_loss(fused) < log_loss(TEXT)
    assert weighted_f1(fused[TEST]) > weighted_f1(TEXT[TEST])


def test_faces_known_to_speak_have_a_reliability_of_their_own() -> None:
    heard = np.where(np.arange(len(TRUTH)) % 2, 1.0, NAN)
    fitted = learnt(np.where(heard[:, None] == 1, RIGHT, USELESS), heard)
    assert fitted.speaking > 0.7
    assert fitted.unknown < 0.05


def test_listeners_stay_out_unless_there_is_no_text() -> None:
    believed = fusion.stated(PRIOR, 0.5, 0.9)
    fused = believed.probabilities(TEXT[:3], RIGHT[:3], [0, NAN, 1])
    np.testing.assert_array_equal(fused[0], TEXT[0])
    assert np.abs(fused[1:] - TEXT[1:3]).max(axis=1).min() > 0.001
    wordless = np.full((1, 7), NAN, np.float32)
    np.testing.assert_array_equal(believed.probabilities(wordless, RIGHT[:1], [0]), RIGHT[:1])


def test_no_faces_move_the_text_further_than_their_reliability_allows() -> None:
    stated = fusion.stated(PRIOR, 0.1, 0.1)
    certain = np.eye(7, dtype=np.float32)
    text = np.full((7, 7), 1 / 7, np.float32)
    odds = stated.probabilities(text, certain).max(axis=1) / stated.probabilities(text, certain).min(axis=1)
    np.testing.assert_allclose(odds, 1 + 0.1 / 0.9 / np.array(SHARES), rtol=1e-4)


def test_faces_that_say_no_more_than_their_prior_leave_the_text() -> None:
    stated = fusion.stated(PRIOR, 0.5, 0.5)
    prior = np.tile(np.array(SHARES, np.float32), (5, 1))
    np.testing.assert_allclose(stated.probabilities(TEXT[:5], prior), TEXT[:5], atol=1e-3)


def test_a_missing_modality_leaves_the_other_as_it_is() -> None:
    text, faces = TEXT[:4].copy(), RIGHT[:4].copy()
    text[[1, 3]] = NAN
    faces[[2, 3]] = NAN
    fused = learnt(RIGHT).probabilities(text, faces)
    np.testing.assert_array_equal(fused[1], faces[1])
    np.testing.assert_array_equal(fused[2], text[2])
    assert np.isnan(fused[3]).all()
    assert np.isfinite(fused[0]).all()


def test_one_models_certain_zero_is_no_veto() -> None:
    certain, unsure = np.eye(7, dtype=np.float32)[[3]], np.full((1, 7), 1 / 7, np.float32)
    stated = fusion.stated(PRIOR, 0.5, 0.5)
    assert (stated.probabilities(certain, unsure) > 0).all()
    assert (stated.probabilities(unsure, certain) > 0).all()


def test_without_rows_the_fusion_is_the_text_model() -> None:
    none = np.empty((0, 7), np.float32)
    fitted = fusion.fit(none, none, [], PRIOR)
    np.testing.assert_allclose(fitted.probabilities(TEXT[:10], RIGHT[:10]), TEXT[:10], atol=1e-3)


def test_it_reads_back_by_name_and_refuses_anything_else() -> None:
    fitted = learnt(RIGHT)
    assert Fusion.from_bytes(fitted.to_bytes()) == fitted
    for junk in (b"", b"[]", b'{"unknown": 1, "speaking": 1, "prior": {"joy": 1}}', b'{"unknown": 1}'):
        with pytest.raises(ValueError):  # noqa: PT011 - several kinds of junk, several messages
            Fusion.from_bytes(junk)


@pytest.mark.parametrize(("unknown", "speaking"), [(1.0, 0.1), (0.1, -0.1), (NAN, 0.1)])
def test_a_reliability_that_is_none_is_refused(unknown: float, speaking: float) -> None:
    with pytest.raises(ValueError, match="reliability"):
        fusion.stated(PRIOR, unknown, speaking)


@pytest.mark.parametrize("share", [0.0, 0.5, NAN])
def test_a_prior_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="priors"):
        fusion.stated(PRIOR | {"joy": share}, 0.1, 0.1)


def test_terms_are_what_each_source_adds_to_the_fused_answer() -> None:
    stated = fusion.stated(PRIOR, 0.2, 0.6)
    terms = stated.terms(TEXT[:5], RIGHT[:5], [1, 1, NAN, 0, NAN])
    logs = np.log(stated.probabilities(TEXT[:5], RIGHT[:5], [1, 1, NAN, 0, NAN]))
    differ = sum(terms.values()) - logs
    np.testing.assert_allclose(differ, np.broadcast_to(differ[:, :1], differ.shape), atol=1e-4)
    assert set(terms) == {"text", "faces"}
