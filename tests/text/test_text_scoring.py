"""Compiled scoring says of every text what the fitted scikit-learn pipeline says."""

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline

from emotionscope.labels import EMOTIONS, indices
from emotionscope.text.blank import has_text
from emotionscope.text.model import NGramLengths, TextModel
from emotionscope.text.pipeline import from_pipeline, to_pipeline, vectorisers
from emotionscope.text.reading import read

LINES = (
    "get out of my kitchen, I am furious!!",
    "that smell is gross\tand rotten... yuck",
    "I'm scared of  the dark cellar…",
    "what a wonderful\u2003party 😀😭 hooray!",
    "the train leaves at nine. a b",
    "I miss her, and I cried all night; 日本語 İstanbul",
    "wait -- you did what?! 'tis o'clock \x1c \ud800",
    "I'm NOT happy, I don't like it. Never again",
)
LENGTHS = (
    NGramLengths((1, 2), (2, 4), True),
    NGramLengths((1, 2), (1, 5), False),
    NGramLengths((2, 3), (4, 5), False),  # longer than some words
    NGramLengths((1, 1), (3, 3), True),
)
PIECES = [word for line in LINES for word in line.split()] + [*" '’\n\t\r\x0b\x1c\x85\xa0\u2028\u3000!?…ﷺ𝒜🏳️‍🌈ßİ_", "  "]
WORDS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
ANYTHING = st.text(st.characters(), max_size=60)  # lone surrogates among them
TEXTS = st.lists(WORDS | ANYTHING | st.tuples(WORDS, ANYTHING).map("".join), max_size=8)


def fitted(lengths: NGramLengths, emotions: tuple[str, ...]) -> tuple[Pipeline, TextModel]:
    features = FeatureUnion(list(vectorisers(lengths).items()), transformer_weights={"marks": 0.3})
    pipeline = Pipeline([("features", features), ("classifier", LogisticRegression(C=5))])
    pipeline.fit([read(line) for line in LINES], [emotions[n % len(emotions)] for n in range(len(LINES))])
    return pipeline, from_pipeline(pipeline, lengths)


@pytest.fixture(scope="module")
def models() -> list[tuple[Pipeline, TextModel]]:
    return [fitted(lengths, EMOTIONS) for lengths in LENGTHS] + [fitted(LENGTHS[0], ("fear", "anger"))]


def assert_same(pipeline: Pipeline, model: TextModel, texts: list[str]) -> None:
    given, expected = model.probabilities(texts), np.zeros((len(texts), len(EMOTIONS)))
    if texts:
        expected[:, indices(pipeline.classes_)] = pipeline.predict_proba([read(text) for text in texts])
    is_read = ~np.isnan(given[:, 0])
    np.testing.assert_allclose(given[is_read], expected[is_read], atol=1e-5, rtol=0)
    if texts:
        assert is_read.tolist() == can_be_read(pipeline.named_steps["features"], texts)


def can_be_read(features: FeatureUnion, texts: list[str]) -> list[bool]:
    """Whether the vocabulary knows an n-gram of a text with two letters, or a mark of one that has no letters."""
    letters = np.array([len(re.findall(r"\w", name.split("__", 1)[1])) for name in features.get_feature_names_out()])
    rows = features.transform([read(text) if has_text(text) else "" for text in texts])
    known = [letters[row.indices] for row in rows]
    return [
        bool(len(row)) and (max(row) > 1 or not re.search(r"\w", read(text)))
        for row, text in zip(known, texts, strict=True)
    ]


@settings(max_examples=50, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=TEXTS)
@example(texts=["", " ", "\n \n", "a" * 1_000_000, "ﷺ " * 10_000, "get out! " * 2_000, "\ud800\udc00", "\x00"])
def test_every_text_has_the_probabilities_of_scikit_learn(models, texts) -> None:
    for pipeline, model in models:
        assert_same(pipeline, model, texts)


def test_more_texts_than_are_scored_at_a_time(models) -> None:
    pipeline, model = models[0]
    assert_same(pipeline, model, [f"{line} {number}" for number in range(200) for line in LINES])


def test_a_stored_model_becomes_a_pipeline_again(models) -> None:
    for _, model in models:
        loaded = TextModel.from_bytes(model.to_bytes())
        assert_same(to_pipeline(loaded), model, list(LINES))
