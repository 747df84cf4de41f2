"""Archives unlike the training data: other shares of the emotions, and another language."""

from pathlib import Path

import pyarrow as pa
import pytest

from emotionscope.bundle import store
from emotionscope.commands import score
from emotionscope.errors import UserError
from emotionscope.text import training as text_training
from tests.conftest import scores_of
from tests.helpers.dialogue_tables import dialogues, write_file
from tests.text.test_text import PHRASES, SETTINGS, corpus

pytestmark = pytest.mark.usefixtures("ray_cluster")
NEUTRAL = [PHRASES["neutral"]] * 18 + [PHRASES["joy"]] * 2


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = str(tmp_path_factory.mktemp("models") / "bundle")
    model, record = text_training.train(corpus(), [SETTINGS])
    store.publish(uri, "text", model.to_bytes(), record)
    return uri


def drop(folder: Path, number: int, texts: list[str]) -> None:
    names = pa.array([f"{number}-{row}" for row in range(len(texts))])
    write_file(folder / f"part-{number}.parquet", dialogues(len(texts), dialogue_id=names, utterance=pa.array(texts)))


def test_shares_learnt_from_an_archive_are_stated_and_hold_for_what_is_added(bundle: str, tmp_path: Path) -> None:
    drop(tmp_path / "in", 0, NEUTRAL)
    flags = {"dialogues": str(tmp_path / "in"), "output": str(tmp_path / "out"), "bundle": bundle}
    made = score.run(score.Score(**flags, prior="archive"))
    stated = made.settings["prior"]
    assert stated["from"] == "archive"
    assert stated["shares"]["neutral"] > 0.8
    drop(tmp_path / "in", 1, [PHRASES["anger"]] * 20)
    for other in ("uniform", None):
        with pytest.raises(UserError, match="other settings"):
            score.run(score.Score(**flags, append=True, prior=other))
    more = score.run(score.Score(**flags, append=True, prior="archive"))
    assert more.rows == 40
    assert more.settings["prior"] == stated


def test_a_prior_moves_the_text_and_fused_follows(bundle: str, tmp_path: Path) -> None:
    drop(tmp_path / "in", 0, ["the kitchen again", *NEUTRAL])
    (tmp_path / "shares.csv").write_text(
        "emotion,share\n" + "\n".join(f"{emotion},{20 if emotion == 'joy' else 1}" for emotion in PHRASES)
    )
    flags = {"dialogues": str(tmp_path / "in"), "bundle": bundle}
    score.run(score.Score(**flags, output=str(tmp_path / "plain")))
    score.run(score.Score(**flags, output=str(tmp_path / "joyful"), prior=str(tmp_path / "shares.csv")))
    plain, joyful = (scores_of(str(tmp_path / name)).to_pylist()[0] for name in ("plain", "joyful"))
    assert joyful["text_joy"] > 2 * plain["text_joy"]
    assert joyful["fused_joy"] == joyful["text_joy"]


def test_a_language_that_the_model_does_not_know_is_told(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(tmp_path / "in", 0, ["Wróciłeś!", "Pociąg odjeżdża o dziewiątej.", "Мой дом", " ", PHRASES["joy"]])
    made = score.run(score.Score(dialogues=str(tmp_path / "in"), output=str(tmp_path / "out"), bundle=bundle))
    assert "the text model does not know" in capsys.readouterr().out
    known = scores_of(str(tmp_path / "out"))["text_known"].to_pylist()
    assert max(known[:3]) < 0.5 < known[4] == 1
    assert known[3] is None
    assert sum(made.last.profile["known n-grams"].values()) == 4
