"""The clips that benchmarks run over."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from emotionscope.errors import UserError

SMALLEST = 1000  # bytes; smaller files are the broken clips of a sample


def find_clips(folder: str) -> list[Path]:
    """All clips (*.mp4) below a folder, absolute and sorted. Raises UserError where there is none."""
    found = [path.resolve() for path in sorted(Path(folder).rglob("*.mp4")) if path.stat().st_size > SMALLEST]
    if not found:
        raise UserError(f"{folder}: it has no clips (*.mp4)")
    return found


def cut_to_lengths(lengths: Sequence[int], found: Sequence[Path], folder: str, count: int, shard: int) -> list[str]:
    """Write `count` clips whose numbers of frames are distributed as `lengths`, cut or repeated from those `found`.

    Shards of `shard` clips have nearly as many frames each. Returns the paths.
    """
    frames = np.quantile(lengths, (np.arange(count) + 0.5) / count).round().astype(int)
    dealt = frames.reshape(shard, -1)
    dealt[1::2] = dealt[1::2, ::-1]  # to and fro
    paths = []
    for number, length in enumerate(dealt.T.ravel().tolist()):
        paths.append(f"{folder}/{number:03d}.mp4")
        repeat(found[(number + number // shard) % len(found)], Path(paths[-1]), frames=length)
    return paths


def repeat(source: Path, target: Path, *, seconds: float = 0.0, frames: int = 0) -> None:
    """Write a clip's video again and again, without encoding, until it has so many seconds or frames."""
    with av.open(str(source)) as clip, av.open(str(target), "w") as sink:
        stream = clip.streams.video[0]
        written = sink.add_stream_from_template(stream)
        packets: list[Any] = [packet for packet in clip.demux(stream) if packet.dts is not None]
        times = [(packet.pts, packet.dts) for packet in packets]
        length = max(packet.pts + packet.duration for packet in packets) - packets[0].dts
        count = frames or len(packets) * math.ceil(seconds / float(length * packets[0].time_base))
        for number in range(count):
            turn, place = divmod(number, len(packets))
            packet, (shown, decoded) = packets[place], times[place]
            packet.stream = written
            packet.pts, packet.dts = shown + turn * length, decoded + turn * length
            sink.mux(packet)
