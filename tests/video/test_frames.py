import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from emotionscope.errors import RowError
from emotionscope.video.faces import FaceSettings
from emotionscope.video.frames import sample_frames, sample_spans
from emotionscope.video.sampler import FEWEST, Frame
from tests.helpers.videos import number_of, numbered, write_video


def sample(path: Path, start: float | None = None, end: float | None = None) -> list[Frame]:
    with path.open("rb") as stream:
        return list(sample_frames(stream, start, end))


def clip(path: Path, count: int = 96, **settings) -> Path:
    return write_video(path, (numbered(n) for n in range(count)), **settings)


def times(frames: list[Frame]) -> list[float]:
    return [frame.time for frame in frames]


def numbers(frames: list[Frame]) -> list[int]:
    return [number_of(frame.image) for frame in frames]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.mov", "libx265"),
        ("a.mkv", "libx264"),
        ("a.webm", "libvpx-vp9"),
        ("a.avi", "mpeg4"),
        ("a.ts", "libx264"),
        ("a.flv", "libx264"),
    ],
)
def test_frames_are_spread_evenly_and_carry_their_time(tmp_path, name, codec):
    frames = sample(clip(tmp_path / name, 240, codec=codec))
    assert len(frames) == 20  # two a second
    assert np.diff(times(frames)) == pytest.approx(0.5, abs=0.2)
    assert times(frames)[0] < 0.5
    assert times(frames)[-1] > 9.4
    assert numbers(frames) == [round(24 * time) for time in times(frames)]


def test_few_frames_of_a_short_clip_and_as_many_a_second_of_a_long_one(tmp_path):
    assert numbers(sample(clip(tmp_path / "one.mp4", 1))) == [0]
    assert numbers(sample(clip(tmp_path / "four.mp4", 4))) == [0, 1, 2, 3]
    assert len(sample(clip(tmp_path / "second.mp4", 24))) == FEWEST
    long = sample(clip(tmp_path / "long.mp4", 1000, fps=10, gop=20))
    assert len(long) == 100 * FaceSettings.fps
    assert np.diff(times(long)) == pytest.approx(1 / FaceSettings.fps, abs=0.2)
    with (tmp_path / "long.mp4").open("rb") as stream:
        assert len(list(sample_frames(stream, 10, 20, fps=5))) == 50


def test_where_most_frames_may_be_skipped_enough_are_decoded(tmp_path):
    # Fifteen of sixteen frames are needed by no other: two seconds lie between those that are.
    frames = sample(clip(tmp_path / "a.mp4", 64, fps=8, options={"x264-params": "bframes=15:b-adapt=0:b-pyramid=none"}))
    assert len(frames) == 16
    assert np.diff(times(frames)) == pytest.approx(0.5, abs=0.15)


def test_variable_frame_rate_is_sampled_by_time(tmp_path):
    stamps = [0.02 * n for n in range(100)] + [2 + 0.2 * n for n in range(30)]  # 2 s at 50 fps, 6 s at 5 fps
    frames = sample(write_video(tmp_path / "a.mp4", (numbered(n) for n in range(130)), times=stamps))
    assert len(frames) == 16
    assert np.diff(times(frames)) == pytest.approx(0.5, abs=0.25)
    assert times(frames) == pytest.approx([stamps[n] for n in numbers(frames)], abs=0.002)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi"])
def test_a_span_of_a_long_video_is_the_same_as_the_span_cut_out(tmp_path, name):
    codec = "mpeg4" if name == "a.avi" else "libx264"
    whole = clip(tmp_path / name, 600, codec=codec, gop=72)
    cut = write_video(tmp_path / f"cut{name}", (numbered(n) for n in range(252, 348)), codec=codec)
    span = sample(whole, 10.5, 14.5)
    assert numbers(span) == pytest.approx(numbers(sample(cut)), abs=2)
    assert all(252 <= number < 348 for number in numbers(span))
    assert times(span) == pytest.approx([number / 24 - 10.5 for number in numbers(span)], abs=0.03)
    assert numbers(sample(whole, 20))[-1] > 580
    assert numbers(sample(whole, None, 2.0))[0] < 12 <= 36 < numbers(sample(whole, None, 2.0))[-1] < 48


@pytest.mark.parametrize("name", ["a.mp4", "a.ts", "a.avi", "a.h264"])
@pytest.mark.parametrize("gop", [24, 250])
def test_spans_that_are_sampled_together_get_the_frames_they_get_alone(tmp_path, name, gop):
    path = clip(tmp_path / name, 240, codec="mpeg4" if name == "a.avi" else "libx264", gop=gop)
    spans = [(None, None), (6.0, 8.0), (0.5, 1.7), (1.7, 2.0), (None, 2.0), (8.0, None), (90.0, 95.0), (3.0, 2.0)]
    spans += [(n / 2, n / 2 + 3) for n in range(14)]  # more than are sampled at once
    found = {}
    with path.open("rb") as stream:
        for number, frames in sample_spans(stream, spans):
            assert number not in found
            found[number] = str(frames) if isinstance(frames, RowError) else described(frames.frames)
    assert [found[number] for number in range(len(spans))] == [alone(path, *span) for span in spans]


def described(frames) -> list[tuple[float, int]]:
    return [(frame.time, number_of(frame.image)) for frame in frames]


def alone(path: Path, start: float | None, end: float | None) -> list[tuple[float, int]] | str:
    try:
        return described(sample(path, start, end))
    except RowError as error:
        return str(error)


def test_damage_costs_none_of_the_spans_behind_it(tmp_path):
    path = clip(tmp_path / "a.mkv", 240, gop=24)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = os.urandom(3000)
    path.write_bytes(content)
    with path.open("rb") as stream:
        found = {
            number: described(frames.frames)
            for number, frames in sample_spans(stream, [(n, n + 1) for n in range(10)])
            if not isinstance(frames, RowError)
        }
    assert {0, 1, 2, 8, 9} <= set(found)
    assert all(n * 24 <= number < n * 24 + 24 for n, frames in found.items() for _, number in frames)


def test_a_span_of_a_container_without_index_starts_where_it_should(tmp_path):
    frames = (numbered(n, 640, 360) for n in range(300))
    found = numbers(sample(write_video(tmp_path / "a.ts", frames, gop=72), 5.0, 8.0))
    assert found == pytest.approx([126, 138, 150, 162, 174, 186], abs=6)


@pytest.mark.parametrize(("start", "end"), [(2.0, 2.0), (3.0, 2.0), (100.0, 102.0), (-2.0, -1.0)])
def test_an_empty_span_is_an_error(tmp_path, start, end):
    with pytest.raises(RowError, match=r"^video span is empty"):
        sample(clip(tmp_path / "a.mp4"), start, end)


def test_times_count_from_the_first_frame_whatever_the_file_says(tmp_path):
    late = clip(tmp_path / "a.ts", first=1000.0)
    assert times(sample(late))[0] < 0.5
    assert numbers(sample(late, 1.0, 2.0))[0] == pytest.approx(24, abs=4)


def test_a_file_without_duration_and_one_with_sound(tmp_path):
    live = clip(tmp_path / "a.mkv", container_options={"live": "1"})
    assert len(sample(live)) == 8
    assert len(sample(clip(tmp_path / "b.mp4", audio=True))) == 8


def test_a_rotated_video_comes_out_upright(tmp_path):
    image = np.full((96, 160, 3), 40, np.uint8)
    image[:48, :80] = (0, 0, 255)  # red at the top left
    path = write_video(tmp_path / "a.mp4", [image] * 12)
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44
    # The matrix of a telephone held upright: to be shown turned by 90 degrees clockwise.
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 96 << 16, 0, 1 << 30)
    path.write_bytes(content)
    shown = sample(path)[0].image
    assert shown.shape == (160, 96, 3)
    assert shown[20, 80, 2] > 200  # red is now at the top right
    assert shown[20, 20, 2] < 100


def test_odd_sizes_and_large_frames(tmp_path):
    small = write_video(tmp_path / "a.mkv", [numbered(n, 51, 35) for n in range(8)], codec="ffv1")
    assert sample(small)[0].image.shape == (35, 51, 3)
    large = write_video(
        tmp_path / "b.mp4", [numbered(n, 3840, 2160) for n in range(2)], options={"preset": "ultrafast"}
    )
    frame = sample(large)[1]
    assert (frame.image.shape, frame.scale, number_of(frame.image)) == ((1080, 1920, 3), 2.0, 1)


def test_a_huge_frame_is_refused(tmp_path):
    wide = write_video(tmp_path / "a.mkv", [np.zeros((16, 8208, 3), np.uint8)], codec="ffv1")
    with pytest.raises(RowError, match=r"^video too large: 8208x16 pixels"):
        sample(wide)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.ts", "a.avi"])
def test_a_truncated_file_gives_the_frames_that_decode(tmp_path, name, capfd):
    first = {"container_options": {"movflags": "faststart"}} if name == "a.mp4" else {}
    whole = clip(tmp_path / name, 240, codec="mpeg4" if name == "a.avi" else "libx264", **first)
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    found = numbers(sample(whole))
    assert found == sorted(found)
    assert 3 <= len(found) <= 20
    assert max(found) < 200
    assert capfd.readouterr().err == ""


def test_damage_in_the_middle_costs_only_some_frames(tmp_path, capfd):
    path = clip(tmp_path / "a.mp4", 240, gop=24)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = os.urandom(200)
    path.write_bytes(content)
    found = numbers(sample(path))
    assert len(found) >= 15
    assert found[0] < 24
    assert found[-1] > 216
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello, I am a text\n" * 50,
        b"\x00\x00\x00\x18ftypmp42" + bytes(500),
        bytes(4096),
        b"RIFF\xff\xff\xff\xffAVI LIST",
    ],
)
def test_what_is_no_video_says_so(content, capfd):
    with pytest.raises(RowError, match=r"^video (unreadable|has no frames): \S+"):
        list(sample_frames(io.BytesIO(content)))
    assert capfd.readouterr().err == ""


def test_a_playlist_is_not_followed(tmp_path):
    other = clip(tmp_path / "other.mp4")
    concat = f"ffconcat version 1.0\nfile {other.name}\nfile {other}\n"
    hls = f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{other}\n#EXT-X-ENDLIST\n"
    sdp = f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns={other}\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    for name, text in [("a.ffconcat", concat), ("a.m3u8", hls), ("a.sdp", sdp), ("a.mp4", concat)]:
        (tmp_path / name).write_text(text)
        with pytest.raises(RowError, match=r"^video unreadable"):
            sample(tmp_path / name)


def test_sound_alone_has_no_frames(tmp_path):
    import av

    with av.open(str(tmp_path / "a.m4a"), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48000, layout="stereo")
        silence = av.AudioFrame.from_ndarray(np.zeros((2, 48000), np.float32), "fltp", "stereo")
        silence.sample_rate = 48000
        container.mux(stream.encode(silence))
        container.mux(stream.encode())
    with pytest.raises(RowError, match=r"^video has no frames"):
        sample(tmp_path / "a.m4a")


def test_thousands_of_clips_leak_nothing(tmp_path):
    path = clip(tmp_path / "a.mp4", 30)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(path.read_bytes()[:2000])

    def use() -> tuple[int, int]:
        for _ in range(150):
            next(iter(sample(path)))
            with pytest.raises(RowError):
                sample(broken)
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]), len(os.listdir("/proc/self/fd"))

    memory, files = use()
    later_memory, later_files = use()
    assert later_files == files
    assert later_memory - memory < 8000  # kB


def test_real_clips(shared):
    for path in sorted((shared / "data" / "clips").glob("*.mp4")):
        frames = sample(path)
        assert FEWEST <= len(frames) <= 24
        assert frames[0].image.shape == (720, 1280, 3)
    hevc = sample(shared / "data" / "odd_videos" / "face_noface.mov")
    assert len(hevc) == 13
    assert np.diff(times(hevc)) == pytest.approx(0.5, abs=0.25)


@pytest.mark.parametrize(("start", "end", "shown"), [(6, 8, 1), (2, 4, 0), (6.01, 6.02, 1), (4, 6, 1), (12, 12.5, 2)])
def test_a_frame_is_shown_until_the_next_one_comes(tmp_path, start, end, shown):
    path = clip(tmp_path / "slides.mp4", 5, times=[0, 5, 10, 15, 15.04])
    (frame, *_) = sample(path, start, end)
    assert number_of(frame.image) == shown
    assert frame.time == pytest.approx(max(5 * shown - start, 0), abs=0.01)


def test_after_the_end_of_the_video_no_frame_is_shown(tmp_path):
    path = clip(tmp_path / "slides.mp4", 4, times=[0, 5, 10, 10.04])
    with pytest.raises(RowError, match="video span is empty"):
        sample(path, 30, 31)
