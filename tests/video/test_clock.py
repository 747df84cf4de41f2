"""Frames are taken from all that plays, at the times a player shows, whatever the time stamps do."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from emotionscope.video.clock import Clock
from emotionscope.video.frames import sample_frames
from emotionscope.video.length import length
from tests.helpers.videos import number_of, numbered, write_video


def sample(path: Path, start: float | None = None, end: float | None = None) -> tuple[list[float], list[int]]:
    """The times of the frames that are taken, and their numbers."""
    with path.open("rb") as stream:
        frames = list(sample_frames(stream, start, end))
    return [frame.time for frame in frames], [number_of(frame.image) for frame in frames]


def seconds(path: Path) -> float:
    with path.open("rb") as stream:
        return length(stream)


def clip(path: Path, lowest: int, count: int, **settings: Any) -> Path:
    return write_video(path, (numbered(n) for n in range(lowest, lowest + count)), **settings)


@pytest.mark.parametrize("suffix", ["ts", "mpg"])
@pytest.mark.parametrize("starts", [(0, 1000), (1000, 0), (0, 90000), (500, 500)])
def test_joined_recordings_play_one_after_the_other(tmp_path: Path, suffix: str, starts: tuple[int, int]) -> None:
    codec = "libx264" if suffix == "ts" else "mpeg2video"
    path = tmp_path / f"joined.{suffix}"
    parts = [
        clip(tmp_path / f"{number}.{suffix}", 96 * number, 96, first=float(start), codec=codec, gop=24)
        for number, start in enumerate(starts)
    ]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    times, numbers = sample(path)
    assert len(numbers) == 16
    assert times == pytest.approx([number / 24 for number in numbers], abs=0.1)
    assert np.diff(times) == pytest.approx(0.5, abs=0.45)
    times, numbers = sample(path, 5.0, 7.0)
    assert times == pytest.approx([number / 24 - 5 for number in numbers], abs=0.1)
    assert (len(numbers), min(numbers) >= 118, max(numbers) < 170) == (4, True, True)
    assert seconds(path) == pytest.approx(8, abs=0.1)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("pause", [3600.0, 1e5])
def test_a_long_pause_takes_no_frames_from_what_plays(tmp_path: Path, suffix: str, pause: float) -> None:
    stamps = [n / 24 + pause * (n >= 48) for n in range(96)]
    times, numbers = sample(clip(tmp_path / f"a.{suffix}", 0, 96, times=stamps))
    assert len(numbers) >= 8
    assert sum(number < 48 for number in numbers) == pytest.approx(len(numbers) / 2, abs=2)
    gap = pause if pause < 1e4 else 0.0  # a longer one is a damaged stamp
    assert times == pytest.approx([number / 24 + gap * (number >= 48) for number in numbers], abs=0.1)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "flv"])
def test_frames_that_stand_for_half_a_second_between_fast_ones_keep_their_times(tmp_path: Path, suffix: str) -> None:
    steps = [0.5, 0.02, 0.02, 0.02, 0.02, 0.5, 0.5, 0.2] * 6  # with frames that refer to later ones
    stamps = [sum(steps[:n]) for n in range(len(steps))]
    times, numbers = sample(clip(tmp_path / f"a.{suffix}", 0, len(stamps), times=stamps))
    assert len(numbers) >= 15
    assert times == pytest.approx([stamps[number] for number in numbers], abs=0.01)


def test_slides_that_stand_for_long_keep_their_times(tmp_path: Path) -> None:
    times, numbers = sample(clip(tmp_path / "slides.mp4", 0, 6, times=[20.0 * n for n in range(6)]))
    assert times == pytest.approx([20.0 * number for number in numbers], abs=0.01)
    assert len(numbers) >= 4


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "flv"])
def test_times_count_from_where_a_player_starts_also_where_the_sound_is_first(tmp_path: Path, suffix: str) -> None:
    path = clip(tmp_path / f"a.{suffix}", 0, 72, first=1.0, audio=True)
    times, numbers = sample(path)
    assert times == pytest.approx([1 + number / 24 for number in numbers], abs=0.05)
    times, numbers = sample(path, 2.0, 3.0)
    assert times == pytest.approx([number / 24 - 1 for number in numbers], abs=0.05)


@pytest.mark.parametrize(("name", "codec"), [("a.h264", "libx264"), ("a.hevc", "libx265")])
def test_frames_without_time_stamps_are_counted(tmp_path: Path, name: str, codec: str) -> None:
    path = clip(tmp_path / name, 0, 100, fps=25, codec=codec)
    times, numbers = sample(path)
    assert len(numbers) == 8
    assert times == pytest.approx([number / 25 for number in numbers])
    times, numbers = sample(path, 2.0, 3.0)
    assert times == pytest.approx([number / 25 - 2 for number in numbers])
    assert (min(numbers) >= 50, max(numbers) < 75) == (True, True)
    assert seconds(path) == pytest.approx(4, abs=0.1)


def test_a_part_cut_out_without_encoding_shows_only_that_part(tmp_path: Path) -> None:
    path = clip(tmp_path / "cut.mp4", 0, 120, first=-3.0)  # an edit list hides what lies before zero
    times, numbers = sample(path)
    assert times == pytest.approx([number / 24 - 3 for number in numbers], abs=0.01)
    assert (len(numbers), min(numbers) >= 72) == (4, True)
    assert seconds(path) == pytest.approx(2, abs=0.1)


def corrected(stamps: list[tuple[int | None, int | None]], gap: float = 10.0) -> list[tuple[int | None, int | None]]:
    """Pairs of pts and dts in tenths of a second, as the clock leaves them."""
    clock, found = Clock(0.1, gap), []
    for pts, dts in stamps:
        packet = av.Packet(b"x")
        packet.time_base, packet.pts, packet.dts = Fraction(1, 10), pts, dts
        clock.correct(packet)
        found.append((packet.pts, packet.dts))
    return found


def test_a_clock_leaves_reordered_frames_short_gaps_and_missing_stamps_alone() -> None:
    stamps = [(1, 0), (4, 1), (2, 2), (None, None), (3, 4), (None, 5), (90, 88), (92, None), (91, 90)]
    assert corrected(stamps) == stamps
    stamps = [(0, None), (56, None), (52, 0), (50, 50), (54, 52), (98, 54)]  # as Matroska has them
    assert corrected(stamps) == stamps


def test_a_clock_closes_jumps_and_mends_single_stamps() -> None:
    assert corrected([(0, 0), (1, 1), (9000, 9000), (9001, 9001)]) == [(n, n) for n in range(4)]
    assert corrected([(5000, 5000), (5001, 5001), (3, 3)]) == [(5000 + n, 5000 + n) for n in range(3)]
    assert corrected([(0, 0), (1, 1), (2**40, 2**40), (3, 3), (4, 4)]) == [(n, n) for n in range(5)]
    assert corrected([(0, 0), (2**40, 1), (2, 2)]) == [(n, n) for n in range(3)]
    assert corrected([(0, 0), (2**40, 300), (600, 600)], gap=1e4) == [(0, 0), (300, 300), (600, 600)]
