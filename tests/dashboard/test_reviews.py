"""Reviews of answers, beside the archive and as labels to learn from."""

import sys
from pathlib import Path

import pyarrow.compute as pc
import pytest
from streamlit.testing.v1 import AppTest

from emotionscope.dashboard.queries import reviews
from emotionscope.dashboard.queries.archive import Archive
from emotionscope.dashboard.queries.reviews import Review
from emotionscope.dashboard.queries.selection import Selection
from emotionscope.errors import UserError
from emotionscope.tables import datasets
from tests.helpers import obvious
from tests.helpers.scores_tables import one_answer, scores


def review(utterance: int, emotion: str | None, dialogue: str = "d", note: str = "") -> Review:
    return Review(dialogue, utterance, "joy", emotion, note, "2026-01-01T00:00:00+00:00")


@pytest.fixture
def table(tmp_path: Path) -> str:
    sure = {"fused": [one_answer("joy", p) for p in (0.9, 0.5, 0.7)], "text": [one_answer("joy")] * 3,
            "vision": [one_answer(emotion) for emotion in ("joy", None, "anger")]}  # fmt: skip
    uri = str(tmp_path / "scores")
    made = scores(["joy", "joy", None], sure, utterance=["a", "b", "c"], split=["test", None, "dev"])
    datasets.write_part(made, f"{uri}/part-0.parquet")
    return uri


def test_the_last_review_of_an_utterance_counts(table: str) -> None:
    assert reviews.read(table) == []
    for each in (review(0, "joy"), review(1, "fear", note="so “scared”\nI think"), review(0, None)):
        reviews.add(table, each)
    assert {each.utterance_id: each.emotion for each in reviews.read(table)} == {0: None, 1: "fear"}
    assert reviews.read(table)[0].note.startswith("so “scared”\n")
    assert Archive(table).dataset.rows == 3  # beside the table, not in it


def test_a_file_that_holds_no_reviews_is_said_and_kept(table: str) -> None:
    Path(table, reviews.FILE).write_text("something else")
    with pytest.raises(UserError, match="not a file of reviews"):
        reviews.add(table, review(0, "joy"))
    assert Path(table, reviews.FILE).read_text() == "something else"


def test_those_come_first_that_would_teach_most(table: str) -> None:
    archive = Archive(table)
    assert archive.keys(Selection(), "least certain", 2) == [("d", 1), ("d", 2)]
    assert archive.keys(Selection(), "most at odds", 3)[0] == ("d", 2)


def test_reviews_become_labels_of_dialogues_in_their_splits(table: str) -> None:
    done = [review(0, "fear"), review(1, "anger"), review(2, None), review(7, "joy")]
    labels = reviews.labels(done, Archive(table).take([each.key for each in done]))
    assert sorted(zip(*(labels[n].to_pylist() for n in ("utterance", "emotion", "split")), strict=True)) == [
        ("a", "fear", "test"),
        ("b", "anger", "train"),
    ]


def test_reviews_become_labelled_keyframes(table: str, tmp_path: Path) -> None:
    keyframes = obvious.keyframes(each=2)
    datasets.write_part(keyframes, str(tmp_path / "keyframes" / "part.parquet"))
    archive = Archive(table, str(tmp_path / "keyframes"))
    done = [review(3, "joy", "d0000"), review(0, "fear", "d0001")]
    path = tmp_path / "labels.parquet"
    datasets.write_part(reviews.labels(done, archive.take([each.key for each in done])), str(path))
    labels = datasets.read(datasets.open_dataset(str(path), "keyframes"))  # as the training jobs read it
    assert dict(zip(labels["dialogue_id"].to_pylist(), labels["emotion"].to_pylist(), strict=True)) == {
        "d0000": "joy",
        "d0001": "fear",
    }
    same = pc.and_(pc.equal(keyframes["dialogue_id"], "d0001"), pc.equal(keyframes["utterance_id"], 0))
    one = labels.filter(pc.equal(labels["dialogue_id"], "d0001"))
    assert one["faces"].to_pylist() == keyframes.filter(same)["faces"].to_pylist()


def test_the_page_asks_stores_and_goes_on(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def script(scores: str) -> None:
        from emotionscope.dashboard import shared
        from emotionscope.dashboard.pages import review_page

        review_page.show(shared.Sources(exports="", scores=scores, query_uri=scores))

    # Streamlit's trial puts the script in its place, which processes that are spawned later would look for.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    app = AppTest.from_function(script, args=(table,), default_timeout=90).run()
    app.button_group[0].select("sadness")
    app.text_input(key="note").input("clearly")
    app = next(button for button in app.button if button.label == "Save").click().run()
    assert not app.exception
    (stored,) = reviews.read(table)
    assert (stored.key, stored.answer, stored.emotion, stored.note) == (("d", 1), "joy", "sadness", "clearly")
    app = next(button for button in app.button if button.label == "Skip").click().run()
    app.button_group[0].select("joy")
    app = next(button for button in app.button if button.label == "Save").click().run()
    assert {each.utterance_id for each in reviews.read(table)} == {0, 1}
    assert not app.exception
