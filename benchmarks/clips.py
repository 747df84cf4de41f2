"""The clips that measures run over."""

import math
from pathlib import Path
from typing import Any

import av

from emotionscope.errors import UserError

LEAST = 1000  # bytes; smaller ones are the broken clips of a sample


def find(folder: str) -> list[Path]:
    """All clips (*.mp4) below a folder, absolute and sorted. Raises UserError where there is none."""
    found = [path.resolve() for path in sorted(Path(folder).rglob("*.mp4")) if path.stat().st_size > LEAST]
    if not found:
        raise UserError(f"{folder}: no clips (*.mp4) in it")
    return found


def repeat(source: Path, target: Path, seconds: float) -> None:
    """Write a clip's video again and again until it is so long; nothing is encoded anew."""
    with av.open(str(source)) as clip, av.open(str(target), "w") as sink:
        stream = clip.streams.video[0]
        written = sink.add_stream_from_template(stream)
        packets: list[Any] = [packet for packet in clip.demux(stream) if packet.dts is not None]
        times = [(packet.pts, packet.dts) for packet in packets]
        length = max(packet.pts + packet.duration for packet in packets) - packets[0].dts
        for turn in range(math.ceil(seconds / float(length * packets[0].time_base))):
            for packet, (shown, decoded) in zip(packets, times, strict=True):
                packet.stream = written
                packet.pts, packet.dts = shown + turn * length, decoded + turn * length
                sink.mux(packet)
