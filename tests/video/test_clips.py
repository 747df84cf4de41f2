"""An utterance is cut out of its video to play from its first moment, small, and never out of the videos' folder."""

import io
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from emotionscope.errors import RowError
from emotionscope.video import clips
from emotionscope.video.sandbox import IsolatedClips
from tests.helpers.videos import number_of, numbered, write_video

FPS = 24


def film(path: Path, gop: int) -> Path:
    """Twelve seconds of numbered frames, with a key frame every `gop` frames, and sound in its first second."""
    frames = (numbered(n) for n in range(12 * FPS))
    return write_video(path, frames, gop=gop, audio=True, options={"sc_threshold": "0"})


def shown(clip: clips.Clip) -> list[tuple[float, int]]:
    """The time and the number of each frame of a clip."""
    with av.open(io.BytesIO(clip.content)) as container:
        frames = list(container.decode(video=0))
    return [(float(frame.time or 0), number_of(frame.to_ndarray(format="bgr24"))) for frame in frames]


@pytest.mark.parametrize("gop", [12, 250])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_clip_shows_its_utterance_from_the_second_it_names(tmp_path: Path, gop: int, suffix: str) -> None:
    path = film(tmp_path / f"film.{suffix}", gop)
    with path.open("rb") as stream:
        clip = clips.cut(stream, (7.25, 9.5))
    assert clip.kind == "video/mp4"
    frames = shown(clip)
    numbers = [number for _, number in frames]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert numbers[0] == 7.25 * FPS // gop * gop  # the last key frame before it
    assert 0 <= numbers[-1] + 1 - 9.5 * FPS <= 3  # those before it may need a frame or two after it
    assert min(frames, key=lambda frame: abs(frame[0] - clip.start))[1] == round(7.25 * FPS)


def test_a_clip_without_times_is_the_whole_video_with_its_sound(tmp_path: Path) -> None:
    with film(tmp_path / "film.mp4", 250).open("rb") as stream:
        clip = clips.cut(stream, (None, None))
    assert clip.start == 0
    assert [number for _, number in shown(clip)] == list(range(12 * FPS))
    with av.open(io.BytesIO(clip.content)) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) >= 48000


def test_what_browsers_cannot_play_says_why(tmp_path: Path) -> None:
    frames = [numbered(n) for n in range(FPS)]
    hevc = write_video(tmp_path / "film.mkv", frames, codec="libx265")
    with hevc.open("rb") as stream, pytest.raises(RowError, match="browsers do not know its pictures' format, hevc"):
        clips.cut(stream, (None, None))
    with (tmp_path / "film.mkv").open("rb") as stream, pytest.raises(RowError, match="span is empty"):
        clips.cut(stream, (3.0, 2.0))
    good = write_video(tmp_path / "good.mp4", frames)
    with good.open("rb") as stream, pytest.raises(RowError, match="span is empty"):
        clips.cut(stream, (50.0, 60.0))


def test_a_clip_is_bounded_in_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "LARGEST", 10_000)
    with film(tmp_path / "film.mp4", 250).open("rb") as stream, pytest.raises(RowError, match="cannot be played: more"):
        clips.cut(stream, (1.0, 11.0))


@pytest.fixture(scope="module")
def isolated() -> Iterator[IsolatedClips]:
    cutter = IsolatedClips()
    yield cutter
    cutter.close()


def test_no_name_leads_out_of_the_folder(tmp_path: Path, isolated: IsolatedClips) -> None:
    inside = tmp_path / "videos"
    inside.mkdir()
    secret = film(tmp_path / "secret.mp4", 250)
    (inside / "link.mp4").symlink_to(secret)
    (inside / "folder.mp4").mkdir()
    (inside / "text.mp4").write_text("This is no video.\n" * 100)
    for name in ("../secret.mp4", str(secret), f"file://{secret}", "link.mp4"):
        with pytest.raises(RowError, match="outside the folder"):
            isolated(name, str(inside), (None, None))
    for name, reason in (("folder.mp4", "Is a directory"), ("gone.mp4", "missing"), ("text.mp4", "unreadable")):
        with pytest.raises(RowError, match=reason):
            isolated(name, str(inside), (None, None))
    film(inside / "film.mp4", 250)
    assert isolated("film.mp4", str(inside), (1.0, 2.0)).start == 1
