"""A long film moves the progress of its job before its shard is written."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from emotionscope.batch import unfinished
from emotionscope.batch.progress import ProgressBar
from emotionscope.video.faces import FaceSettings, Utterance
from emotionscope.video.sandbox import IsolatedFaces
from tests.helpers.videos import numbered, write_video

LINES = [Utterance((float(second), second + 0.5), spoken=False) for second in range(4)]
WAIT = 60  # seconds at most


@pytest.fixture
def finder(tmp_path: Path) -> Iterator[IsolatedFaces]:
    write_video(tmp_path / "film.mp4", map(numbered, range(4 * 24)))
    found = IsolatedFaces(FaceSettings("haar", speakers="never"))
    yield found
    found.close()


def test_lines_of_a_film_are_told_while_it_is_looked_at(finder: IsolatedFaces, tmp_path: Path) -> None:
    told: list[int] = []
    finder.heard = told.append
    assert len(finder("film.mp4", str(tmp_path), LINES)) == len(LINES)
    assert told == sorted(told) and set(told) <= set(range(1, len(LINES) + 1)) and told


def test_the_driver_sees_what_a_worker_has_looked_at(
    finder: IsolatedFaces, tmp_path: Path, ray_cluster: object
) -> None:
    seen = threading.Event()
    last: dict[str, int] = {}

    def show(rows: dict[str, int]) -> None:
        last.update(rows)
        if rows == {"part-0": len(LINES)}:
            seen.set()

    with unfinished.watching(show):
        unfinished.told(finder, "part-0")("film.mp4", str(tmp_path), LINES)
        assert seen.wait(WAIT), last
    later: list[dict[str, int]] = []
    seen.clear()
    with unfinished.watching(lambda rows: (later.append(rows), seen.set())[0]):
        assert seen.wait(WAIT)
    assert later[0] == {}  # nothing is left behind for the next run


def test_lines_count_whole_when_who_speaks_is_measured(
    finder: IsolatedFaces, tmp_path: Path, ray_cluster: object
) -> None:
    finder.speakers = "auto"
    shown: list[int] = []
    looked, measured = threading.Event(), threading.Event()

    def show(rows: dict[str, int]) -> None:
        shown.extend(rows.values())
        (looked if shown else threading.Event()).set()
        if shown[-1:] == [len(LINES)]:
            measured.set()

    with unfinished.watching(show):
        unfinished.told(finder, "part-0")("film.mp4", str(tmp_path), LINES)
        assert looked.wait(WAIT)
        tell = unfinished.heard("part-0", len(LINES))
        tell(0.5)
        tell(1.0)
        assert measured.wait(WAIT), shown
    assert shown[0] < len(LINES) and shown == sorted(shown)


def test_rows_count_once_whether_looked_at_or_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with ProgressBar("score", 100, 10) as progress:
        for looked_at, written, shown in (({"a": 20}, None, 30), ({"a": 50}, "a", 60), ({"a": 50, "b": 4}, None, 64)):
            progress.looked_at(looked_at)
            if written:
                progress.advance(written, 50)
            assert progress.live and progress.live.tasks[0].completed == shown
    capsys.readouterr()
