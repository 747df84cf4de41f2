import hashlib
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from safetensors.numpy import save

from emotionscope import metrics
from emotionscope.bundle import store as bundle_store
from emotionscope.commands import train_text
from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS
from emotionscope.tables import datasets
from emotionscope.text import training as text_training
from emotionscope.text.model import NGramLengths, TextModel
from emotionscope.text.reading import read
from emotionscope.text.training import TextHyperparameters
from tests.conftest import ROOT, run_here

SETTINGS = TextHyperparameters((1, 2), (2, 4), False, 5.0, 0.5)
PHRASES = {
    "anger": "get out of my kitchen, I am furious!",
    "disgust": "that smell is gross and rotten, yuck",
    "fear": "I am scared of the dark cellar...",
    "joy": "what a wonderful party, hooray!",
    "neutral": "the train leaves at nine.",
    "sadness": "I miss her and I cried all night",
    "surprise": "wait, you did what?!",
}


def corpus(emotions=EMOTIONS, splits=("train", "dev", "test")) -> pa.Table:
    tails = ("", " again", " today", " you know", " Ross", " now")
    rows = [(PHRASES[e] + tail, e, split) for split in splits for tail in tails for e in emotions]
    return pa.table(dict(zip(("utterance", "emotion", "split"), map(list, zip(*rows, strict=True)), strict=True)))


@pytest.fixture(scope="module")
def model() -> TextModel:
    return text_training.train(corpus(), [SETTINGS])[0]


def test_each_emotion_is_recognised_under_its_own_name(model):
    answers = model.probabilities(list(PHRASES.values())).argmax(axis=1)
    assert [EMOTIONS[index] for index in answers] == list(PHRASES)


@pytest.mark.parametrize("odd", ["furious \x00\ud800", "a kitchen " * 50_000, "kitchen" * 100_000, "😀😭", "?!"])
def test_any_text_with_something_known_gets_probabilities(model, odd):
    probabilities = model.probabilities([odd])
    assert probabilities.shape == (1, 7)
    assert probabilities.dtype == np.float32
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "odd",
    [None, "", "   ", "日本語です。", "你好!", "мой дом", "\x00\ud800", "a b c", "x" * 100_000, "ﷺ" * 10_000, "§"],
)
def test_a_text_of_which_nothing_is_known_is_not_read(model, odd):
    probabilities, shares = model.read(["hooray!", odd])
    assert np.isnan(probabilities[1]).all()
    assert not np.isnan(probabilities[0]).any()
    assert shares[0] == 1 > shares[1] >= 0
    assert model.explain(odd or "") == []


def test_emoji_are_read_by_their_names(model):
    assert read("Oh 😭!") == "oh  loudly crying face !"
    assert read("👍🏽❤️") == " thumbs up  red heart "
    named, sign = model.probabilities(["oh loudly crying face !", "oh 😭!"])
    np.testing.assert_allclose(named, sign, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("GET OUT OF HERE!", "get out of here! ⇧⇧"),
        ("I said NOW, you fool", "i said now, you fool"),
        ("I said NEVER again to you", "i said never again to you ⇧"),
        ("The TV is on. OK?", "the tv is on. ok? ⇧"),
        ("He has a PhD in IT.", "he has a phd in it."),
        ("УХОДИ!", "уходи! ⇧⇧"),
    ],
)
def test_capitals_leave_a_sign(text, heard):
    assert read(text) == heard


def test_no_texts_give_no_rows(model):
    assert model.probabilities([]).shape == (0, 7)


def test_typographic_variants_count_as_the_same_text(model):
    plain, fancy = model.probabilities(["it's great...", "it’s great…"])
    np.testing.assert_array_equal(plain, fancy)


def test_model_survives_storage(model):
    loaded = TextModel.from_bytes(model.to_bytes())
    texts = ["hooray! yuck?", "furious"]
    np.testing.assert_array_equal(loaded.probabilities(texts), model.probabilities(texts))
    assert loaded.to_bytes() == model.to_bytes()


def test_training_again_in_another_process_gives_the_same_bytes(model):
    code = """if True:
        from hashlib import sha256
        from emotionscope.text import training as text_training
        from tests.text.test_text import SETTINGS, corpus
        print(sha256(text_training.train(corpus(), [SETTINGS])[0].to_bytes()).hexdigest())
    """
    again = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert again.stdout.strip() == hashlib.sha256(model.to_bytes()).hexdigest()


def test_ngrams_named_like_the_storage_format_survive():
    table = corpus()
    odd = pa.array([f"{utterance} file __id__ __class__" for utterance in table["utterance"].to_pylist()])
    table = table.set_column(0, "utterance", odd)
    model = text_training.train(table, [SETTINGS])[0]
    loaded = TextModel.from_bytes(model.to_bytes())
    np.testing.assert_array_equal(loaded.probabilities(["file"]), model.probabilities(["file"]))


class Bomb:
    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


@pytest.mark.parametrize(
    "payload",
    [b"", b"not a model", pickle.dumps(Bomb()), bytes([0, 0, 16]) + bytes(5) + b"[" * 2**20, save({"a": np.ones(1)})],
)
def test_anything_but_a_text_model_is_refused(payload, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="not a text model"):
        TextModel.from_bytes(payload)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change",
    [
        {"labels": ("good", *EMOTIONS[1:])},
        {"labels": EMOTIONS[:6]},
        {"families": (1, 2, 3)},
        {"marks_weight": float("nan")},
        {"idf": lambda idf: -idf},
        {"weights": lambda weights: np.full_like(weights, np.inf)},
        {"sizes": lambda sizes: sizes + 1},
        {"terms": np.zeros_like},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_model_whose_parts_do_not_fit_is_refused(model, change):
    ((name, value),) = change.items()
    with pytest.raises(ValueError, match=r"its|a weight"):
        replace(model, **{name: value(getattr(model, name)) if callable(value) else value})


@pytest.mark.parametrize("words", [(0, 1), (2, 1), (1, 1000), (1.0, 2)])
def test_lengths_of_ngrams_are_whole_numbers_in_order(words):
    with pytest.raises(ValueError, match="lengths"):
        NGramLengths(words, (1, 2), False)


@pytest.mark.parametrize("emotions", [EMOTIONS, ("anger", "joy")])
def test_explanations_add_up_to_the_score(emotions):
    mild = replace(SETTINGS, C=0.2)  # stronger, one of two probabilities would vanish in float32
    model = text_training.train(corpus(emotions), [mild])[0]
    sentence = "what a wonderful kitchen!"
    added = {e: sum(weight for _, weight in model.explain(sentence, e, top=10_000)) for e in emotions}
    bias = dict(zip(model.labels, model.bias.tolist(), strict=True))
    joy, anger = model.probabilities([sentence])[0][[EMOTIONS.index("joy"), EMOTIONS.index("anger")]]
    score = {emotion: added[emotion] + bias[emotion] for emotion in emotions}
    assert score["joy"] - score["anger"] == pytest.approx(np.log(joy / anger), abs=1e-2)


def test_explanation_names_the_telling_words_largest_first(model):
    reasons = model.explain("what a wonderful party, hooray!", top=5)
    assert len(reasons) == 5
    assert any(ngram.strip() in PHRASES["joy"] for ngram, _ in reasons)
    assert [abs(weight) for _, weight in reasons] == sorted((abs(w) for _, w in reasons), reverse=True)
    assert model.explain("") == []


def test_an_emotion_not_in_training_gets_probability_zero():
    model = text_training.train(corpus(("anger", "joy", "neutral")), [SETTINGS])[0]
    probabilities = model.probabilities(["furious"])[0]
    assert {e for e, p in zip(EMOTIONS, probabilities, strict=True) if p == 0} == {
        "disgust",
        "fear",
        "sadness",
        "surprise",
    }


def test_the_setting_that_does_best_is_chosen():
    hopeless = TextHyperparameters((1, 1), (2, 4), False, 1e-9, 0.0)
    _, record = text_training.train(corpus(), [hopeless, SETTINGS])
    assert record["settings"]["C"] == SETTINGS.C
    assert len(record["grid"]) == 2


def test_split_names_of_other_data_sets_are_known():
    table = corpus()
    named = [{"train": "Training", "dev": "Validation", "test": "TEST"}[name] for name in table["split"].to_pylist()]
    table = table.set_column(table.column_names.index("split"), "split", pa.array([*named[:-1], None]))
    _, record = text_training.train(table, [SETTINGS])
    assert record["rows"] == {"train": 42, "dev": 42, "test": 41}
    assert record["left_out"] == {"no split": 1}


def test_rows_that_cannot_be_used_are_counted_and_aliases_understood():
    odd = pa.table(
        {
            "utterance": [None, " ", "hm", "hm", "hooray!"],
            "emotion": ["joy", "joy", None, "contempt", "happy"],
            "split": ["train"] * 5,
        }
    )
    _, record = text_training.train(pa.concat_tables([corpus(), odd]), [SETTINGS])
    assert record["left_out"] == {"no text": 2, "no emotion": 1, "emotion 'contempt'": 1}
    assert record["rows"] == {"train": 43, "dev": 42, "test": 42}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (corpus(splits=("dev",)), "split 'train'"),
        (corpus().drop_columns("split"), "column split"),
        (corpus(("joy",)), "at least two emotions"),
    ],
)
def test_training_says_what_is_missing(table, message):
    with pytest.raises(UserError, match=message):
        text_training.train(table, [SETTINGS])


@pytest.fixture(scope="module")
def meld(shared) -> pd.DataFrame:
    folder = shared / "data" / "meld"
    return pd.concat(pd.read_csv(folder / f"{s}_sent_emo.csv").assign(split=s) for s in ("train", "dev", "test"))


def test_training_on_real_conversations_finds_the_same_figure_on_every_cpu(meld):
    """3,000 of MELD's texts, for speed: the solver converges. Always neutral has 0.313."""
    data = pd.concat([meld[meld["split"] == "train"][:3000], meld[meld["split"] == "test"]])
    columns = {"utterance": data["Utterance"], "emotion": data["Emotion"], "split": data["split"]}
    _, record = text_training.train(pa.table(columns), [TextHyperparameters((1, 2), (1, 5), False, 0.5, 0.6)])
    assert record["test"]["n"] == 2610
    assert record["test"]["weighted_f1"] == pytest.approx(0.5606, abs=0.002)
    assert record["test"]["expected_calibration_error"] <= 0.05


def test_the_shipped_model_has_the_figure_that_its_card_tells(meld):
    data = meld[meld["split"] == "test"]
    shipped = bundle_store.load(bundle_store.SHIPPED, faces=False)
    truth = np.array([EMOTIONS.index(emotion) for emotion in data["Emotion"]])
    found = metrics.headline(truth, shipped.text.probabilities(data["Utterance"].tolist()))["weighted_f1"]
    assert found == pytest.approx(shipped.manifest["parts"]["text"]["test"]["weighted_f1"], abs=0.001)
    assert found > 0.58


def test_job_publishes_a_bundle_that_loads(tmp_path, capsys):
    table = corpus()
    keys = {"dialogue_id": pa.array(["d"] * len(table)), "utterance_id": pa.array(range(len(table)), pa.int64())}
    table = pa.table({**keys, **{name: table[name] for name in table.column_names}})
    datasets.write_part(table, str(tmp_path / "dialogues" / "part.parquet"))
    settings = train_text.TrainText(dialogues=(str(tmp_path / "dialogues"),), bundle=str(tmp_path / "bundle"))
    version = train_text.run(settings)
    loaded = bundle_store.load(str(tmp_path / "bundle"))
    assert loaded.version == version
    assert EMOTIONS[loaded.text.probabilities(["hooray!"])[0].argmax()] == "joy"
    assert version in capsys.readouterr().out
    with pytest.raises(UserError, match="--replace"):
        train_text.run(settings)


def test_job_ends_with_one_line_where_there_is_nothing_to_read(tmp_path, capsys):
    assert run_here("train_text", "--dialogues", tmp_path / "none", "--bundle", tmp_path / "b") == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1
