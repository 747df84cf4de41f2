import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import f1_score

from emotionscope import fusion
from emotionscope.fusion import Fusion, Probabilities
from emotionscope.labels import EMOTIONS

TRUTH = np.random.default_rng(1).choice(7, 3000, p=[0.1, 0.05, 0.05, 0.2, 0.4, 0.1, 0.1])
DEV, TEST = slice(0, 1000), slice(1000, None)


def model(skill: float, seed: int) -> Probabilities:
    """A model whose evidence for the true class has the given strength, its errors independent of others'."""
    noise = np.random.default_rng(seed).normal(size=(len(TRUTH), 7))
    return softmax(noise + skill * np.eye(7)[TRUTH], axis=1).astype(np.float32)


def weighted_f1(probabilities: Probabilities) -> float:
    return float(f1_score(TRUTH[TEST], probabilities.argmax(axis=1), average="weighted"))


def test_informative_faces_lift_text() -> None:
    text, faces = model(2.0, 2), model(1.5, 3)
    fused = fusion.fit(text[DEV], faces[DEV], TRUTH[DEV]).probabilities(text[TEST], faces[TEST])
    assert weighted_f1(fused) > max(weighted_f1(text[TEST]), weighted_f1(faces[TEST])) + 0.05
    np.testing.assert_allclose(fused.sum(axis=1), 1, atol=1e-5)


def test_uninformative_faces_are_ignored() -> None:
    text, faces = model(2.0, 2), model(0.0, 3)
    fitted = fusion.fit(text[DEV], faces[DEV], TRUTH[DEV])
    bare = fusion.fit(text[DEV], np.full_like(faces, 1 / 7)[DEV], TRUTH[DEV])
    fused = fitted.probabilities(text[TEST], faces[TEST])
    alone = bare.probabilities(text[TEST], faces[TEST])
    assert weighted_f1(fused) > weighted_f1(alone) - 0.01


def test_a_missing_modality_leaves_the_other_as_it_is() -> None:
    text, faces = model(2.0, 2)[:4], model(1.5, 3)[:4]
    text[[1, 3]] = np.nan
    faces[[2, 3]] = np.nan
    fused = fusion.fit(model(2.0, 2), model(1.5, 3), TRUTH).probabilities(text, faces)
    np.testing.assert_array_equal(fused[1], faces[1])
    np.testing.assert_array_equal(fused[2], text[2])
    assert np.isnan(fused[3]).all()
    assert np.isfinite(fused[0]).all()


def test_one_models_certain_zero_is_no_veto() -> None:
    certain = np.eye(7, dtype=np.float32)[[3]]
    unsure = np.full((1, 7), 1 / 7, dtype=np.float32)
    fused = Fusion(1.0, 1.0, dict.fromkeys(EMOTIONS, 0.0)).probabilities(certain, unsure)
    assert (fused > 0).all()


def test_without_rows_the_fusion_is_the_text_model() -> None:
    fitted = fusion.fit(np.empty((0, 7), np.float32), np.empty((0, 7), np.float32), [])
    text = model(2.0, 2)[:10]
    np.testing.assert_allclose(fitted.probabilities(text, model(1.0, 3)[:10]), text, atol=1e-4)


def test_it_reads_back_by_name_and_refuses_anything_else() -> None:
    fitted = fusion.fit(model(2.0, 2)[DEV], model(1.5, 3)[DEV], TRUTH[DEV])
    assert Fusion.from_bytes(fitted.to_bytes()) == fitted
    for junk in (b"", b"[]", b'{"text": 1, "vision": 1, "bias": {"joy": 0}}', b'{"text": 1}'):
        with pytest.raises(ValueError):  # noqa: PT011 - several kinds of junk, several messages
            Fusion.from_bytes(junk)


PRIOR = np.array([0.1, 0.01, 0.03, 0.27, 0.36, 0.12, 0.11])


def test_stated_faces_move_the_text_by_what_they_say_beyond_their_prior() -> None:
    stated = fusion.stated(PRIOR, 9)
    text = np.array([[0.3, 0.05, 0.05, 0.2, 0.3, 0.05, 0.05]], np.float32)
    np.testing.assert_allclose(stated.probabilities(text, PRIOR[None].astype(np.float32)), text, atol=1e-5)
    anger = np.eye(7, dtype=np.float32)[[0]] * 0.94 + 0.01
    assert stated.probabilities(text, anger)[0].argmax() == 0


@pytest.mark.parametrize("shown", range(7))
def test_no_stated_faces_overturn_a_text_that_is_sure_enough(shown: int) -> None:
    stated = fusion.stated(PRIOR, 9)
    faces = np.eye(7, dtype=np.float32)[[shown]]
    for said in set(range(7)) - {shown}:
        text = np.full((1, 7), 0.001, np.float32)
        text[0, said], text[0, shown] = 0.9, 0.0995
        assert stated.probabilities(text, faces)[0].argmax() == said


@pytest.mark.parametrize(("prior", "odds"), [(PRIOR, 1.0), (PRIOR * 0, 9.0)])
def test_what_states_no_fusion_is_refused(prior: np.ndarray, odds: float) -> None:
    with pytest.raises(ValueError, match="odds"):
        fusion.stated(prior, odds)


def test_terms_are_what_each_source_adds_to_the_fused_answer() -> None:
    fusion = Fusion(0.8, 0.5, {emotion: index / 10 for index, emotion in enumerate(EMOTIONS)})
    text, vision = np.random.default_rng(0).dirichlet(np.ones(7), (2, 5)).astype(np.float32)
    terms = fusion.terms(text, vision)
    logs = np.log(fusion.probabilities(text, vision))
    differ = sum(terms.values()) - logs
    np.testing.assert_allclose(differ, np.broadcast_to(differ[:, :1], differ.shape), atol=1e-4)
    assert set(terms) == {"text", "faces", "bias"}
