"""The sentence encoder: a second half of the text model, for those who have installed it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from emotionscope.commands import train_text
from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS
from emotionscope.text import training as text_training
from emotionscope.text.model import TextModel
from tests.text.test_text import PHRASES, SETTINGS, corpus

pytest.importorskip("tokenizers", reason="the extra encoder is not installed")
from emotionscope.text import encoder

ELSEWHERE = {
    "anger": "this traffic makes me so mad",
    "disgust": "eww, there is mould on the bread",
    "fear": "I am terrified of spiders",
    "joy": "best holiday of my life",
    "neutral": "the meeting is in room four",
    "sadness": "my dog died last week",
    "surprise": "I never expected that to happen",
}


def elsewhere() -> pa.Table:
    rows = [
        (f"{text} {n}", emotion, split)
        for emotion, text in ELSEWHERE.items()
        for n in range(4)
        for split in ("train", "dev")
    ]
    return pa.table(dict(zip(("utterance", "emotion", "split"), map(list, zip(*rows, strict=True)), strict=True)))


@pytest.fixture(scope="module")
def trained() -> tuple[TextModel, dict]:
    return text_training.train(corpus(), [SETTINGS], more=[(elsewhere(), 0.5)], encode=encoder.vectors)


def test_like_sentences_are_close_whatever_stands_beside_them() -> None:
    dog, hound, train = encoder.vectors(["my dog died", "our puppy has passed away", "the train leaves at nine"])
    assert dog @ hound > dog @ train
    assert np.linalg.norm(dog) == pytest.approx(1, abs=1e-5)
    alone = encoder.vectors(["my dog died"])[0]
    crowd = encoder.vectors(["my dog died", *(f"word {'and word ' * n}" for n in range(40))])[0]
    np.testing.assert_allclose(crowd, alone, atol=1e-5)
    assert encoder.vectors([]).shape == (0, encoder.SIZE)


def test_with_the_encoder_other_words_for_the_same_are_known(trained) -> None:
    deep = TextModel.from_bytes(trained[0].to_bytes()).with_encoder()
    texts = ["the spider terrified me", "our dog passed away", "what a lovely vacation"]
    answers = [EMOTIONS[index] for index in deep.probabilities(texts).argmax(axis=1)]
    assert answers == ["fear", "sadness", "joy"]
    assert np.isnan(deep.probabilities([None, "", "你好"])).all()


def test_without_it_the_answers_are_those_of_the_ngrams_alone(trained) -> None:
    plain = text_training.train(corpus(), [SETTINGS])[0]
    texts = list(PHRASES.values())
    np.testing.assert_array_equal(trained[0].probabilities(texts), plain.probabilities(texts))
    with pytest.raises(UserError, match="knows none"):
        plain.with_encoder()


def test_the_figures_of_each_half_and_data_set_stand_apart(trained) -> None:
    record = trained[1]
    assert record["encoder"]["test"]["weighted_f1"] == 1
    (other,) = record["encoder"]["more"]
    assert other["weight"] == 0.5
    assert other["dev"]["n"] == 28 and "test" not in other
    assert "more" not in record


def test_a_part_trained_with_another_encoder_is_refused(trained) -> None:
    payload = trained[0].to_bytes()
    with pytest.raises(ValueError, match="another sentence encoder"):
        TextModel.from_bytes(payload.replace(encoder.SHA256.encode(), encoder.SHA256[::-1].encode()))


def test_settings_that_do_not_fit_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    bundle = str(tmp_path / "b")
    with pytest.raises(UserError, match="one --weight for each"):
        train_text.run(train_text.TrainText(dialogues=("none",), weight=(1.0,), bundle=bundle))
    with pytest.raises(UserError, match="add --encoder"):
        train_text.run(train_text.TrainText(dialogues=("none", "nor"), bundle=bundle))
