"""What a bad video, or whoever takes over the process that decodes it, cannot have: more than its row."""

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import landlockpy
import psutil
import pytest

from emotionscope.errors import RowError
from emotionscope.storage import s3
from emotionscope.video.faces import FaceSettings, Found, Utterance
from emotionscope.video.isolation import Companion, Ended
from emotionscope.video.sandbox import IsolatedFaces
from emotionscope.video.video_faces import VideoFaces
from tests.conftest import ROOT, shell
from tests.helpers.videos import BLACK, GREEN, picture, write_video

HAAR = FaceSettings("haar", speakers="never")
closed_files = pytest.mark.skipif(not landlockpy.abi_version(), reason="the kernel has no Landlock")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a video of one person."""
    root = tmp_path_factory.mktemp("videos")
    write_video(root / "good.mp4", [picture((300, 130, 110, BLACK, GREEN))] * 24)
    return str(root)


@pytest.fixture(scope="module")
def store() -> Iterator[None]:
    """A store with two buckets: `silent` never answers, and whoever asks for a video of `deadly` is killed."""
    over = threading.Event()

    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            if self.path.startswith("/silent"):
                over.wait()
            else:
                end_decoder()
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server, pytest.MonkeyPatch.context() as patch:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
            patch.setenv(name, "none")
        s3.filesystem.cache_clear()  # a process has one client, and its server's address
        yield
        over.set()
        server.shutdown()
        s3.filesystem.cache_clear()


@pytest.fixture(scope="module")
def isolated() -> Iterator[IsolatedFaces]:
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
    folder: str, isolated: IsolatedFaces, store: None
) -> None:
    with pytest.raises(RowError, match="crashed its decoder"):
        isolated.of_clip("video.mp4", "s3://deadly")
    assert isolated.of_clip("good.mp4", folder).faces


def test_a_decoder_that_is_ended_between_two_videos_costs_no_row(folder: str, isolated: IsolatedFaces) -> None:
    end_decoder()
    assert isolated.of_clip("good.mp4", folder).faces


def test_spans_that_end_before_they_start_take_no_time_from_others(folder: str, isolated: IsolatedFaces) -> None:
    spans = [Utterance((0.0, 1.0)), *(Utterance((5.0, 4.0)) for _ in range(3))]
    first, *others = isolated("good.mp4", folder, spans)
    assert isinstance(first, Found) and first.faces
    assert not any(isinstance(found, Found) and found.faces for found in others)


def test_a_video_that_stalls_costs_its_own_row_only(folder: str, isolated: IsolatedFaces, store: None) -> None:
    usual, isolated.seconds = isolated.seconds, 0.2
    utterances = [Utterance((start, start + 1)) for start in (0.0, 1.0, 2.0)]  # the third is given up
    assert [str(found) for found in isolated("video.mp4", "s3://silent", utterances)] == [
        "video took too long: more than 0.2 s"
    ] * 3
    isolated.seconds = usual
    assert isolated.of_clip("good.mp4", folder).faces


@pytest.fixture(scope="module")
def process() -> Iterator[Companion]:
    """The process in which videos are decoded, as one that took it over would find it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        companion = Companion()
        companion.run(os.getpid, (), 60)
        yield companion
        companion.close()


@closed_files
def test_it_reads_no_file_of_the_users_and_writes_none(process: Companion, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    for function, arguments in (
        (Path.read_text, (secret,)),
        (os.listdir, (str(tmp_path),)),
        (os.listdir, ("/",)),
        (Path.read_bytes, (Path(f"/proc/{os.getpid()}/environ"),)),
        (Path.write_text, (tmp_path / "new.txt", "new")),
        (Path.write_text, (secret, "other")),
        (os.remove, (str(secret),)),
        (os.truncate, (str(secret), 0)),
    ):
        with pytest.raises(RuntimeError, match="PermissionError"):
            process.run(function, arguments, 30)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.txt"]
    assert secret.read_text() == "secret"


def test_it_has_no_keys_no_network_no_programs_and_reaches_no_process(process: Companion) -> None:
    assert process.run(os.getenv, ("AWS_SECRET_ACCESS_KEY",), 30) is None
    with socket.create_server(("127.0.0.1", 0)) as server:
        for function, arguments in (
            (socket.create_connection, (server.getsockname(),)),
            (socket.socket, (socket.AF_UNIX,)),
            (socket.socket, (socket.AF_INET, socket.SOCK_DGRAM)),
            (subprocess.check_output, ([sys.executable, "-V"],)),
            (os.kill, (os.getpid(), 0)),
            (os.pidfd_open, (os.getpid(),)),
        ):
            with pytest.raises(RuntimeError, match="PermissionError"):
                process.run(function, arguments, 30)
    status = Path(f"/proc/{process.run(os.getpid, (), 30)}/status").read_text()
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)


def test_what_it_answers_is_read_as_data_alone(process: Companion, tmp_path: Path) -> None:
    for function, arguments in ((re.compile, ("a",)), (Path, (str(tmp_path),))):
        with pytest.raises(Ended):
            process.run(function, arguments, 30)
    with pytest.raises(RuntimeError, match="no answer"):
        process.run(threading.Lock, (), 30)
    assert process.run(max, (1, 2), 30) == 2


def test_where_the_kernel_can_do_less_videos_are_decoded_all_the_same(folder: str) -> None:
    script = """
import errno, pyseccomp
calls = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
for name in (444, 445, 446, "seccomp"):
    calls.add_rule(pyseccomp.ERRNO(errno.ENOSYS), name)
calls.add_rule(pyseccomp.ERRNO(errno.EINVAL), "prctl", pyseccomp.Arg(0, pyseccomp.EQ, 22))
calls.load()
from emotionscope.video.faces import FaceSettings
from emotionscope.video.sandbox import IsolatedFaces
finder = IsolatedFaces(FaceSettings("haar", speakers="never"))
print(len(finder.of_clip("good.mp4", {folder!r}).faces) > 0)
finder.close()
"""
    command = [sys.executable, "-c", script.replace("{folder!r}", repr(folder))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, env=shell())
    assert (done.stdout, done.stderr) == ("True\n", "")


def end_decoder() -> None:
    for process in psutil.Process().children():  # Ray's may be among them
        if "isolation.serve" in " ".join(process.cmdline()):
            process.kill()
