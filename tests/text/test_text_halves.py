"""A second data set and word vectors teach the text model what words mean elsewhere."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import save_file

from emotionscope.commands import train_text
from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS
from emotionscope.text import training as text_training
from emotionscope.text.model import TextModel
from emotionscope.text.pipeline import to_pipeline
from emotionscope.text.reading import read
from emotionscope.text.vectors import WordVectors
from tests.text.test_text import SETTINGS, corpus

ELSEWHERE = {
    "joy": "slaps",
    "anger": "sucks",
    "fear": "spooky",
    "disgust": "nasty",
    "neutral": "meh",
    "sadness": "bummer",
    "surprise": "whoa",
}
MERGES = (("▁", "s"), ("▁s", "l"), ("a", "p"), ("▁sl", "ap"), ("▁slap", "s"), ("▁", "g"), ("▁g", "o"))
TOKENS = (*"▁slapgoretuckdy", *("".join(pair) for pair in MERGES))


def elsewhere() -> pa.Table:
    rows = [
        (f"{text} {n}", emotion, split)
        for emotion, text in ELSEWHERE.items()
        for n in range(8)
        for split in ("train", "dev")
    ]
    return pa.table(dict(zip(("utterance", "emotion", "split"), map(list, zip(*rows, strict=True)), strict=True)))


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    places = {token: place for place, token in enumerate(dict.fromkeys(TOKENS))}
    table = np.random.default_rng(0).normal(size=(len(places), 8)).astype(np.float16)
    table[places["▁go"]] = table[places["▁slaps"]]
    save_file({"embedding": table}, tmp_path / "table.safetensors")
    tokenizer = {"model": {"vocab": places, "merges": [" ".join(pair) for pair in MERGES]}}
    (tmp_path / "a_tokenizer.json").write_text(json.dumps(tokenizer))
    return tmp_path


def trained(vectors: Path) -> tuple[TextModel, dict]:
    return text_training.train(corpus(), [SETTINGS], more=[(elsewhere(), 0.5)], vectors=WordVectors(str(vectors)))


def test_the_figures_of_each_data_set_stand_apart(vectors: Path) -> None:
    _, record = trained(vectors)
    assert record["test"]["weighted_f1"] == 1
    assert 0 <= record["second_half"]["share"] < 1
    (other,) = record["more"]
    assert other["weight"] == 0.5
    assert other["dev"]["n"] == 56 and "test" not in other


def test_both_halves_are_one_model_that_scikit_learn_repeats_and_words_explain(vectors: Path) -> None:
    model = TextModel.from_bytes(trained(vectors)[0].to_bytes())
    texts = ["what a party, that slaps!", "I'm not scared of slaps, go", "so SPOOKY", "it sucks... 😭"]
    pipeline = to_pipeline(model)
    assert tuple(pipeline.classes_) == EMOTIONS
    np.testing.assert_allclose(
        model.probabilities(texts), pipeline.predict_proba([read(text) for text in texts]), atol=1e-5
    )
    joy, fear = (dict(model.explain(texts[0], emotion, 1000)) for emotion in ("joy", "fear"))
    bias = dict(zip(model.labels, model.bias.tolist(), strict=True))
    given = model.probabilities(texts)[0]
    apart = sum(joy.values()) + bias["joy"] - sum(fear.values()) - bias["fear"]
    assert apart == pytest.approx(np.log(given[EMOTIONS.index("joy")] / given[EMOTIONS.index("fear")]), abs=1e-2)


def test_a_word_is_the_mean_of_its_tokens_and_has_length_one(vectors: Path) -> None:
    found = WordVectors(str(vectors))
    assert found.words == ["go", "sl", "slap", "slaps"]
    slaps, go, sl, unknown = found.of(["slaps", "go", "sl", "zzz"])
    np.testing.assert_array_equal(slaps, go)
    assert np.linalg.norm(sl) == pytest.approx(1, abs=1e-5)
    assert not unknown.any()


@pytest.mark.parametrize("broken", ["table.safetensors", "a_tokenizer.json"])
def test_vectors_that_cannot_be_read_are_told_in_one_line(vectors: Path, broken: str) -> None:
    (vectors / broken).write_bytes(b"{}")
    with pytest.raises(UserError, match="no word vectors") as told:
        WordVectors(str(vectors))
    assert "\n" not in str(told.value)
    (vectors / broken).unlink()
    with pytest.raises(UserError, match="0 files"):
        WordVectors(str(vectors))


def test_a_weight_too_many_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="one --weight for each"):
        train_text.run(train_text.TrainText(dialogues=("none",), weight=(1.0,), bundle=str(tmp_path / "b")))
