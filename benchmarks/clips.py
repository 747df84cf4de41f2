"""The clips that benchmarks run over."""

import itertools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from emotionscope.errors import UserError
from emotionscope.video.faces import Span

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
        join([found[(number + number // shard) % len(found)]], Path(paths[-1]), frames=length)
    return paths


def join(clips: Sequence[Path], target: Path, *, seconds: float = 0.0, frames: int = 0) -> list[Span]:
    """Write clips of one encoder one after another, without encoding; where each starts and ends, in seconds.

    With `seconds` or `frames`, again and again until the film has as many.
    """
    spans: list[Span] = []
    begin = written = 0
    with av.open(str(clips[0])) as first, av.open(str(target), "w") as sink:
        stream = sink.add_stream_from_template(first.streams.video[0])
        sound = sink.add_stream_from_template(first.streams.audio[0]) if first.streams.audio else None
        for clip in itertools.cycle(clips) if seconds or frames else clips:
            with av.open(str(clip)) as video:
                source = video.streams.video[0]
                packets: list[Any] = [packet for packet in video.demux(source) if packet.dts is not None]
                base, lead = source.time_base or Fraction(1), packets[0].dts
                end = begin + max(packet.pts + packet.duration for packet in packets)
                packets = packets[: frames - written if frames else None]
                last = float(packets[-1].pts * base)
                for packet in packets:
                    packet.stream, packet.pts, packet.dts = stream, packet.pts + begin, packet.dts + begin
                    sink.mux(packet)
                    written += 1
                if sound:
                    _copy_sound(video, sound, last, begin * base)
            spans.append((float(begin * base), float(end * base)))
            begin = end - lead  # times of decoding, which start before those of showing, must rise
            if (frames and written >= frames) or (seconds and end * base >= seconds):
                break
    return spans


def _copy_sound(video: Any, sound: Any, last: float, begin: Fraction) -> None:
    """Write a clip's sound up to `last` seconds of it to a stream, where the clip starts at `begin` seconds."""
    video.seek(0)
    for packet in video.demux(video.streams.audio[0]) if video.streams.audio else ():
        if packet.dts is None or packet.dts * packet.time_base > last:
            return
        shift = round(begin / packet.time_base)
        packet.stream, packet.pts, packet.dts = sound, packet.pts + shift, packet.dts + shift
        sound.container.mux(packet)
