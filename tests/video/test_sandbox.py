"""One video cannot take more than its row: not by stalling its decoder, and not by crashing it."""

import socket
import threading
from collections.abc import Iterator

import psutil
import pytest

from emotionscope.errors import RowError
from emotionscope.video.faces import FaceSettings, Found, Utterance
from emotionscope.video.sandbox import IsolatedFaces
from emotionscope.video.video_faces import VideoFaces
from tests.helpers.videos import BLACK, GREEN, picture, write_video

HAAR = FaceSettings("haar", speakers="never")
STALLED = "s3://silent/video.mp4", "s3://silent"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a video of one person."""
    root = tmp_path_factory.mktemp("videos")
    write_video(root / "good.mp4", [picture((300, 130, 110, BLACK, GREEN))] * 24)
    return str(root)


@pytest.fixture(scope="module")
def silent() -> Iterator[socket.socket]:
    """A server of videos that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
            patch.setenv(name, "none")
        yield server


@pytest.fixture(scope="module")
def isolated(silent: socket.socket) -> Iterator[IsolatedFaces]:
    finder = IsolatedFaces(HAAR)
    yield finder
    finder.close()


def test_the_faces_are_those_found_without_isolation(folder: str, isolated: IsolatedFaces) -> None:
    (here,) = VideoFaces(HAAR).of_file("good.mp4", folder, [Utterance((None, None))])
    assert isinstance(here, Found)
    assert here.faces
    assert isolated("good.mp4", folder, [Utterance((None, None))]) == [here]
    with pytest.raises(RowError, match="video missing"):
        isolated.of_clip("gone.mp4", folder)


def test_a_video_that_crashes_its_decoder_costs_its_own_row_only(
    folder: str, isolated: IsolatedFaces, silent: socket.socket
) -> None:
    def crash() -> None:
        for _ in range(2):  # the video is tried again: something else may have ended the process
            with silent.accept()[0] as connection:
                connection.recv(1)
                end_decoder()

    thread = threading.Thread(target=crash, daemon=True)
    thread.start()
    with pytest.raises(RowError, match="crashed its decoder"):
        isolated.of_clip(*STALLED)
    thread.join()
    assert isolated.of_clip("good.mp4", folder).faces


def test_a_decoder_that_is_ended_between_two_videos_costs_no_row(folder: str, isolated: IsolatedFaces) -> None:
    end_decoder()
    assert isolated.of_clip("good.mp4", folder).faces


def test_a_video_that_stalls_costs_its_own_row_only(folder: str, isolated: IsolatedFaces) -> None:
    usual, isolated.seconds = isolated.seconds, 0.2
    utterances = [Utterance((start, start + 1)) for start in (0.0, 1.0, 2.0)]  # the third is given up
    assert [str(found) for found in isolated(*STALLED, utterances)] == ["video took too long: more than 0.2 s"] * 3
    isolated.seconds = usual
    assert isolated.of_clip("good.mp4", folder).faces


def end_decoder() -> None:
    for process in psutil.Process().children():  # Ray's may be among them
        if "isolation.serve" in " ".join(process.cmdline()):
            process.kill()
