"""What the server of the pages gives of the videos' folder: ranges of films, clips and faces, and nothing else."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from starlette.applications import Starlette

from emotionscope.dashboard import media, signing
from emotionscope.storage.place import Place
from tests.helpers.videos import number_of, numbered, write_video

FPS = 24
Answer = tuple[int, dict[str, str], bytes]


def get(app: Starlette, path: str, **headers: str) -> Answer:
    """Status, headers and body of what an app answers."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()], "app": app}
    with ThreadPoolExecutor(1) as thread:  # the browser of other tests has a loop in this one
        thread.submit(lambda: asyncio.run(app(scope, receive, send))).result()
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, b"".join(each.get("body", b"") for each in sent[1:])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media") / "videos"
    folder.mkdir()
    write_video(folder / "film.mp4", (numbered(n) for n in range(6 * FPS)), gop=12)
    (folder / "page.html").write_text("<script>alert(1)</script>")
    (folder.parent / "secret.mp4").write_bytes(b"secret")
    (folder / "link.mp4").symlink_to(folder.parent / "secret.mp4")
    return folder


@pytest.fixture(scope="module")
def app(folder: Path) -> Starlette:
    return Starlette(routes=media.routes(str(folder)))


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("bytes=100-199", 100, 200), ("bytes=0-", 0, None), ("bytes=-50", -50, None), ("bytes=5-99999999", 5, None)],
)
def test_a_range_of_a_film_is_these_bytes(
    app: Starlette, folder: Path, wanted: str, start: int, stop: int | None
) -> None:
    content = (folder / "film.mp4").read_bytes()
    status, told, body = get(app, signing.address("film", "film.mp4"), Range=wanted)
    assert status == 206
    assert body == content[start:stop]
    first = start % len(content)
    assert told["content-range"] == f"bytes {first}-{first + len(body) - 1}/{len(content)}"
    assert told["content-type"] == "video/mp4"


def test_without_a_range_all_of_it_comes_and_beyond_its_end_nothing(app: Starlette, folder: Path) -> None:
    status, told, body = get(app, signing.address("film", "film.mp4"))
    assert (status, body) == (200, (folder / "film.mp4").read_bytes())
    assert told["accept-ranges"] == "bytes"
    assert get(app, signing.address("film", "film.mp4"), Range="bytes=99999999-")[0] == 416


@pytest.mark.parametrize(
    "video", ["../secret.mp4", "link.mp4", "/etc/passwd", "s3://bucket/film.mp4", "missing.mp4", "a\0b"]
)
def test_nothing_outside_the_folder_is_served(app: Starlette, video: str) -> None:
    for address in (
        signing.address("film", video),
        signing.address("clip", video, 0.0, 1.0),
        signing.address("face", video, 0.5, [0, 0, 10, 10]),
    ):
        status, told, body = get(app, address)
        assert status == 404
        assert told["content-type"].startswith("text/plain")
        assert body.startswith(b"video ")


def test_only_an_address_that_a_page_made_is_answered(app: Starlette) -> None:
    good = signing.address("film", "film.mp4")
    changed = good[:-1] + ("A" if good[-1] != "A" else "B")
    for address in ("/film/film.mp4", "/film/", changed, good.replace("/film/", "/clip/"), "/film/ü"):
        assert get(app, address)[0] == 404


def test_a_file_that_is_no_video_is_nothing_that_a_browser_would_run(app: Starlette) -> None:
    _, told, _ = get(app, signing.address("film", "page.html"))
    assert told["content-type"] == "application/octet-stream"
    assert told["x-content-type-options"] == "nosniff"
    assert "sandbox" in told["content-security-policy"]


def test_a_face_is_cut_from_the_frame_of_its_time(app: Starlette) -> None:
    for number in (0, 30, 31, 100):
        status, told, body = get(app, signing.address("face", "film.mp4", number / FPS, [30, 0, 100, 96]))
        assert (status, told["content-type"]) == (200, "image/jpeg")
        picture = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (96, 160, 3)  # the whole picture, as the face fills it
        assert number_of(picture) == number


def test_a_film_in_s3_is_read_by_ranges(folder: Path, bucket: str) -> None:
    content = (folder / "film.mp4").read_bytes()
    Place(f"{bucket}/videos/film.mp4").write_bytes(content)
    app = Starlette(routes=media.routes(f"{bucket}/videos"))
    status, told, body = get(app, signing.address("film", "film.mp4"), Range="bytes=1000-1999")
    assert (status, body) == (206, content[1000:2000])
    assert told["content-range"] == f"bytes 1000-1999/{len(content)}"
    assert get(app, signing.address("film", f"{bucket}/other/film.mp4"))[0] == 404
    assert get(app, signing.address("film", "missing.mp4"))[0] == 404
