"""One video cannot take more than its row: not by stalling its decoder, and not by crashing it."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotionscope.errors import RowError
from emotionscope.video import keyframes
from emotionscope.video.detection import Detector, DetectorSpec
from emotionscope.video.sandbox import IsolatedFaces
from tests.videos import dialogues, draw_person, write_video

HAAR = DetectorSpec("haar")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of one person, and one that never gives a byte."""
    root = tmp_path_factory.mktemp("videos")
    image = np.full((360, 640, 3), 130, np.uint8)
    draw_person(image, 300, 130, 110, (30, 40, 60), (60, 120, 40))
    write_video(root / "good.mp4", [cv2.GaussianBlur(image, (3, 3), 0)] * 24)
    os.mkfifo(root / "stalls.mp4")
    return root


@pytest.fixture
def isolated() -> Iterator[IsolatedFaces]:
    finder = IsolatedFaces(HAAR, 8, seconds=6)
    yield finder
    finder.close()


def test_the_faces_are_those_found_without_isolation(folder: Path, isolated: IsolatedFaces) -> None:
    here = keyframes.faces_in("good.mp4", str(folder), None, None, Detector(HAAR), 8)
    assert here
    assert isolated("good.mp4", str(folder), None, None) == here
    with pytest.raises(RowError, match="video missing"):
        isolated("gone.mp4", str(folder), None, None)


def test_a_video_that_stalls_costs_its_own_row_only(folder: Path, isolated: IsolatedFaces) -> None:
    rows = keyframes.extract(dialogues(["good.mp4", "stalls.mp4", "good.mp4"]), str(folder), isolated)
    assert rows["video_error"].to_pylist() == [None, "video took too long: more than 6 s", None]
    assert [bool(found) for found in rows["faces"].to_pylist()] == [True, False, True]


def test_a_video_that_crashes_its_decoder_costs_its_own_row_only(folder: Path, isolated: IsolatedFaces) -> None:
    before = set(multiprocessing.active_children())
    isolated("good.mp4", str(folder), None, None)
    (decoder,) = set(multiprocessing.active_children()) - before
    crash = threading.Timer(1, os.kill, (decoder.pid, signal.SIGSEGV))
    crash.start()
    rows = keyframes.extract(dialogues(["stalls.mp4", "good.mp4"]), str(folder), isolated)
    assert rows["video_error"].to_pylist()[1] is None
    assert "crashed its decoder" in rows["video_error"].to_pylist()[0]
