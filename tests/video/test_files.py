"""Videos that are opened while somebody changes what their path leads to."""

import os
import threading
from pathlib import Path

import pytest

from emotionscope.errors import RowError
from emotionscope.video.files import open_video

TRIES = 3000


def test_a_link_that_is_swapped_while_videos_are_opened_reads_nothing_outside(tmp_path: Path) -> None:
    root = tmp_path / "videos"
    for folder, content in ((root / "season", b"inside"), (tmp_path / "outside", b"secret")):
        folder.mkdir(parents=True)
        (folder / "a.mp4").write_bytes(content)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            os.rename(root / "season", root / "kept")
            os.symlink(tmp_path / "outside", root / "season")
            os.remove(root / "season")
            os.rename(root / "kept", root / "season")

    attacker = threading.Thread(target=swap)
    attacker.start()
    seen = set()
    try:
        for _ in range(TRIES):
            try:
                with open_video("season/a.mp4", str(root)) as stream:
                    seen.add(stream.read())
            except RowError as error:
                seen.add(str(error).split(":")[0].encode())
    finally:
        over.set()
        attacker.join()
    assert b"secret" not in seen
    assert seen <= {b"inside", b"video missing", b"video outside the folder of the videos"}


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "b.mp4").write_bytes(b"inside")
    (tmp_path / "a.mp4").symlink_to("b.mp4")
    with open_video("a.mp4", str(tmp_path)) as stream:
        assert stream.read() == b"inside"
    (tmp_path / "c.mp4").symlink_to("/etc/hostname")
    with pytest.raises(RowError, match="outside"):
        open_video("c.mp4", str(tmp_path))
