"""Reviews: many who save at once lose nothing, answers stand beside each other, and they become labels."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.compute as pc
import pytest
from streamlit.testing.v1 import AppTest

from emotionscope.dashboard.queries import agreement, reviews
from emotionscope.dashboard.queries.archive import Archive
from emotionscope.dashboard.queries.reviews import Review
from emotionscope.dashboard.queries.selection import Selection
from emotionscope.errors import UserError
from emotionscope.tables import datasets
from tests.conftest import ROOT
from tests.helpers import obvious
from tests.helpers.scores_tables import one_answer, scores


def review(
    utterance: int, emotion: str | None, dialogue: str = "d", note: str = "", by: str = "Ann", at: int = 0,
    withdrawn: bool = False,
) -> Review:  # fmt: skip
    return Review(dialogue, utterance, by, "joy", emotion, note, f"2026-01-01T00:00:{at:02d}+00:00", withdrawn)


@pytest.fixture
def table(tmp_path: Path) -> str:
    sure = {"fused": [one_answer("joy", p) for p in (0.9, 0.5, 0.7)], "text": [one_answer("joy")] * 3,
            "vision": [one_answer(emotion) for emotion in ("joy", None, "anger")]}  # fmt: skip
    uri = str(tmp_path / "scores")
    made = scores(["joy", "joy", None], sure, utterance=["a", "b", "c"], split=["test", None, "dev"])
    datasets.write_part(made, f"{uri}/part-0.parquet")
    return uri


def test_a_reviewer_can_change_and_take_back_an_answer_and_others_stand_beside_it(table: str) -> None:
    assert reviews.read(table) == []
    made = (
        review(0, "joy", at=1),
        review(1, "fear", note="so “scared”\nI think", at=2),
        review(0, None, at=3),
        review(0, "anger", by="Ben", at=4),
        review(2, "joy", at=5),
        review(2, None, at=6, withdrawn=True),
    )
    for each in made:
        reviews.add(table, each)
    assert reviews.read(table) == [made[1], made[2], made[3]]
    assert Archive(table).dataset.rows == 3  # beside the table, not in it


SAVER = """
import sys
from emotionscope.dashboard.queries import reviews
for n in range(int(sys.argv[3])):
    reviews.add(sys.argv[1], reviews.Review("d", n, sys.argv[2], "joy", "fear", "", "2026-01-01T00:00:00+00:00"))
"""


@pytest.mark.parametrize("place", ["disk", "s3"])
def test_many_who_save_at_once_lose_nothing(place: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    uri = str(tmp_path / "scores") if place == "disk" else f"{request.getfixturevalue('bucket')}/scores"
    each, environment = 20, {**os.environ, "PYTHONPATH": str(ROOT)}
    commands = [[sys.executable, "-c", SAVER, uri, f"process {n}", str(each)] for n in range(2)]
    savers = [subprocess.Popen(command, env=environment) for command in commands]
    with ThreadPoolExecutor(4) as threads:
        for n in range(each):
            for name in range(4):
                threads.submit(reviews.add, uri, review(n, "joy", by=f"thread {name}"))
    assert [saver.wait() for saver in savers] == [0, 0]
    found = reviews.read(uri)
    assert len({(each.reviewer, each.utterance_id) for each in found}) == len(found) == 6 * each


def test_a_file_that_holds_no_review_is_named_and_kept(table: str) -> None:
    stray = Path(reviews.folder_beside(table), "stray.json")
    stray.parent.mkdir()
    stray.write_text("something else")
    reviews.add(table, review(0, "joy"))
    with pytest.raises(UserError, match=r"stray\.json: not a review"):
        reviews.read(table)
    assert stray.read_text() == "something else"


def test_agreement_is_beyond_chance_and_conflicts_are_told() -> None:
    ann = [review(n, emotion) for n, emotion in enumerate(("joy", "joy", "anger", "anger", None))]
    ben = [review(n, emotion, by="Ben") for n, emotion in enumerate(("joy", "anger", "anger", "anger", "joy"))]
    found = {(each.first, each.second): each for each in agreement.agreements([*ann, *ben])}
    both = found["Ann", "Ben"]
    # They agree on 3 of 4, by chance on 2/4 * 1/4 + 2/4 * 3/4 = 1/2: (3/4 - 1/2) / (1 - 1/2).
    assert (both.n, both.share, both.kappa) == (4, 0.75, pytest.approx(0.5))
    assert found["Ben", agreement.MODEL].n == 5
    assert list(agreement.conflicts([*ann, *ben])) == [("d", 1)]
    third = review(1, "anger", by="Cem")
    assert ("d", 1) not in agreement.right([*ann, *ben])
    assert agreement.right([*ann, *ben, third]) == {
        ("d", 0): "joy", ("d", 1): "anger", ("d", 2): "anger", ("d", 3): "anger", ("d", 4): "joy"
    }  # fmt: skip
    (alone,) = agreement.agreements([review(0, "joy")])
    assert (alone.second, alone.share, alone.kappa) == (agreement.MODEL, 1.0, None)


def test_those_come_first_that_would_teach_most(table: str) -> None:
    archive = Archive(table)
    assert archive.keys(Selection(), "least certain", 2) == [("d", 1), ("d", 2)]
    assert archive.keys(Selection(), "most at odds", 3)[0] == ("d", 2)
    assert archive.keys(Selection(), "least certain", 3, among=[("d", 0), ("d", 2)]) == [("d", 2), ("d", 0)]


def test_reviews_become_labels_of_dialogues_in_their_splits(table: str) -> None:
    right = {("d", 0): "fear", ("d", 1): "anger", ("d", 7): "joy"}
    labels = reviews.labels(right, Archive(table).take(list(right)))
    assert sorted(zip(*(labels[n].to_pylist() for n in ("utterance", "emotion", "split")), strict=True)) == [
        ("a", "fear", "test"),
        ("b", "anger", "train"),
    ]


def test_reviews_become_labelled_keyframes(table: str, tmp_path: Path) -> None:
    keyframes = obvious.keyframes(each=2)
    datasets.write_part(keyframes, str(tmp_path / "keyframes" / "part.parquet"))
    archive = Archive(table, str(tmp_path / "keyframes"))
    right = {("d0000", 3): "joy", ("d0001", 0): "fear"}
    path = tmp_path / "labels.parquet"
    datasets.write_part(reviews.labels(right, archive.take(list(right))), str(path))
    labels = datasets.read(datasets.open_dataset(str(path), "keyframes"))  # as the training jobs read it
    assert dict(zip(labels["dialogue_id"].to_pylist(), labels["emotion"].to_pylist(), strict=True)) == {
        "d0000": "joy",
        "d0001": "fear",
    }
    same = pc.and_(pc.equal(keyframes["dialogue_id"], "d0001"), pc.equal(keyframes["utterance_id"], 0))
    one = labels.filter(pc.equal(labels["dialogue_id"], "d0001"))
    assert one["faces"].to_pylist() == keyframes.filter(same)["faces"].to_pylist()


def page(table: str, reviewer: str) -> AppTest:
    """The page as a reviewer sees it who has typed their name."""

    def script(scores: str) -> None:
        from emotionscope.dashboard import shared
        from emotionscope.dashboard.pages import review_page

        review_page.show(shared.Sources(exports="", scores=scores, query_uri=scores))

    app = AppTest.from_function(script, args=(table,), default_timeout=90).run()
    return app.text_input(key="reviewer").input(reviewer).run()


def told(app: AppTest, kind: str) -> str:
    """The page's HTML of a class."""
    return "".join(each.proto.body for each in app.get("html") if f'class="{kind}"' in each.proto.body)


def test_the_page_asks_blind_stores_reveals_and_takes_back(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Streamlit's trial puts the script in its place, which processes that are spawned later would look for.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    app = page(table, "Ann")
    assert "joy" not in told(app, "utterance")
    app.text_input(key="note").input("clearly")
    app.button(key="say-sadness").click().run()
    assert not app.exception
    (stored,) = reviews.read(table)
    assert (stored.key, stored.reviewer, stored.answer, stored.emotion, stored.note) == (
        ("d", 1), "Ann", "joy", "sadness", "clearly"
    )  # fmt: skip
    assert "fused" in told(app, "revealed") and "sadness" in told(app, "revealed")
    app.button(key="undo").click().run()
    assert reviews.read(table) == []
    assert "<bdi>b</bdi>" in told(app, "utterance")  # is asked for again
    app.button(key="say-fear").click().run()
    app.button(key="skip").click().run()
    app.button(key="say-joy").click().run()
    assert {each.utterance_id: each.emotion for each in reviews.read(table)} == {1: "fear", 0: "joy"}
    assert not app.exception


def test_a_second_reviewer_does_not_see_the_first_ones_answer(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    reviews.add(table, review(1, "disgust"))
    app = page(table, "Ben")
    app.selectbox(key="which").select("others have judged").run()
    assert "<bdi>b</bdi>" in told(app, "utterance")
    assert not any("disgust" in str(frame.value) for frame in app.dataframe)
    app.button(key="say-anger").click().run()
    assert "disgust" in told(app, "revealed")
    assert {(each.reviewer, each.emotion) for each in reviews.read(table)} == {("Ann", "disgust"), ("Ben", "anger")}
    assert not app.exception
