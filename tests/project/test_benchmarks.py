"""The arithmetic behind figures: what an item costs beside its start-up, and the page of capacity planning."""

import time
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks import capacity, clips, measure
from emotionscope.errors import UserError
from tests.conftest import ROOT
from tests.helpers.videos import numbered, write_video

COSTS = capacity.Costs(
    clip_seconds=0.5,
    text_seconds=0.001,
    start_seconds=0,
    shards_a_second=10,
    clip_bytes=1e6,
    node_cores=10,
    node_bytes_a_second=1e8,
)


def test_the_page_shows_what_the_script_gives() -> None:
    assert capacity.page(capacity.DEFAULT) in (ROOT / "docs" / "capacity.md").read_text()


def test_with_cores_to_spare_hours_fall_as_cores_rise() -> None:
    one, ten = (capacity.need(COSTS, "clips", 72_000, cores) for cores in (1, 10))
    assert one.hours == pytest.approx(10)
    assert ten.hours == pytest.approx(1)
    assert one.core_hours == ten.core_hours == pytest.approx(10)
    assert (ten.machines, ten.bound) == (1, "cores")


def test_one_driver_binds_where_shards_are_short_and_those_of_larger_archives_loosen_it() -> None:
    rows = 3_000_000  # in shards of 32,768 rows
    assert capacity.most_cores(COSTS, "texts", rows) == pytest.approx(10 * 32.768)  # shards a second × their seconds
    bound = capacity.need(COSTS, "texts", rows, 1000)
    assert (bound.bound, bound.hours) == ("shards a second", pytest.approx(rows / 327_680 / 3600))
    loose = capacity.need(COSTS, "texts", 100 * rows, 1000)
    assert (loose.bound, loose.hours) == ("cores", pytest.approx(300 / 3600))


def test_a_slow_network_binds_the_videos() -> None:
    need = capacity.need(replace(COSTS, node_bytes_a_second=1e7), "clips", 36_000, 10)
    assert (need.bound, need.hours) == ("network", pytest.approx(1))
    assert need.read_bytes_a_second == pytest.approx(1e7)


def test_storage_counts_every_table() -> None:
    sizes = capacity.storage(COSTS, "clips", 1000)
    assert sizes["videos"] == pytest.approx(1e9)
    assert set(sizes) == {"videos", "dialogues", "keyframes", "scores"}


def test_no_core_is_refused() -> None:
    with pytest.raises(UserError):
        capacity.need(COSTS, "texts", 1, 0)


def test_an_items_cost_leaves_start_up_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def variant(start: float, each: float) -> measure.Variant:
        def work(items: int) -> None:
            clock[0] += start + each * items

        return work

    variants = {measure.OURS: variant(5, 0.1), "slow": variant(0, 0.25), "quick": variant(9, 0.05)}
    benchmark = measure.Benchmark("Work", "item", "what", variants, 10, 100, {"slow": 2.0, "quick": 0.9})
    slow, quick = measure.compare(benchmark, 3)
    assert (slow.ours, slow.theirs) == pytest.approx((0.1, 0.25))
    assert (slow.ratio.value, slow.ratio.verdict) == (pytest.approx(2.5), "met")
    assert (quick.ratio.value, quick.ratio.verdict) == (pytest.approx(0.5), "missed")


def test_clips_are_cut_or_repeated_to_the_lengths_asked_for(tmp_path: Path) -> None:
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
    for name, frames in (("short", 10), ("long", 30)):
        write_video(tmp_path / f"in/{name}.mp4", map(numbered, range(frames)))
    lengths = [5, 5, 8, 20, 33, 61]
    paths = clips.cut_to_lengths(lengths, clips.find_clips(str(tmp_path / "in")), str(tmp_path / "out"), 6, 3)
    counts = []
    for path in paths:
        with av.open(path) as clip:
            counts.append(sum(packet.size > 0 for packet in clip.demux(video=0)))
    wanted = np.quantile(lengths, (np.arange(6) + 0.5) / 6).round()
    np.testing.assert_array_equal(sorted(counts), wanted)
    assert abs(sum(counts[:3]) - sum(counts[3:])) <= max(wanted) - min(wanted)
    with av.open(paths[counts.index(max(counts))]) as clip:
        assert sum(1 for _ in clip.decode(video=0)) == max(counts)
