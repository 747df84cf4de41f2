"""An utterance cut out of its video for a browser, without decoding it: its packets go into a small file of their own.

What cannot be cut, or not be played, is a `RowError` that says why.
"""

import io
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import IO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from emotionscope.errors import RowError
from emotionscope.video.container import frame_rate, jumps, main_track, open_container, row_errors, start_of
from emotionscope.video.faces import Span
from emotionscope.video.stretch import find_key, seek

LARGEST = 32 * 2**20  # bytes of a clip
TIMELESS = "video cannot be played: its frames have no times"
# Containers that browsers play with these pictures, and the sound that may be in them.
PLAYED = {"h264": "mp4", "av1": "mp4", "vp8": "webm", "vp9": "webm"}
HEARD = {"mp4": ("aac", "mp3", "opus", "flac"), "webm": ("opus", "vorbis")}

Timed = tuple["Packet[Stream]", float]  # a packet and its time in the file


@dataclass(frozen=True)
class Clip:
    """A file for a browser: its content, its media type, and the whole second at which the utterance starts in it.

    What stands before is needed to decode it. `note` says what is left out, if anything is.
    """

    content: bytes
    kind: str
    start: int
    note: str | None = None


def cut(stream: IO[bytes], span: Span) -> Clip:
    """The part of a video from the last key frame before a span to its end. `stream` is seekable. Raises RowError."""
    start, end = max(span[0] or 0.0, 0.0), math.inf if span[1] is None else span[1]
    if end <= start:
        raise RowError(f"video span is empty: from {start:g} to {end:g} s")
    with row_errors(), open_container(stream) as container:
        track = main_track(container)
        picture = track.codec_context.codec.canonical_name
        if picture not in PLAYED:
            raise RowError(f"video cannot be played: browsers do not know its pictures' format, {picture}")
        if jumps(container):
            raise RowError(f"video cannot be played: in its format, {container.format.name}, times may jump")
        sound, note = _sound(container, PLAYED[picture])
        zero = start_of(container, track)
        packets = _packets(container, track, sound, (zero + start, zero + end))
        content, start_second = _copy(packets, (track, sound), PLAYED[picture], zero + start)
    return Clip(content, f"video/{PLAYED[picture]}", start_second, note)


def _sound(container: InputContainer, kind: str) -> tuple[AudioStream | None, str | None]:
    """The sound that a browser can play with the pictures, or why there is none."""
    best = container.streams.best("audio")
    if not isinstance(best, AudioStream) or best.codec_context is None:
        return None, None
    name = best.codec_context.codec.canonical_name
    if name not in HEARD[kind]:
        return None, f"Without sound: browsers do not know its format, {name}."
    return best, None


def _packets(
    container: InputContainer, track: VideoStream, sound: AudioStream | None, span: tuple[float, float]
) -> Iterator[Timed]:
    """The packets of pictures and sound from the key frame before a span to its end, with their times in the file.

    The first is that key frame.
    """
    low, high = span
    place = find_key(container, track, low)
    container.seek(container.start_time or 0) if place is None else seek(container, track, place)
    first: float | None = None
    waiting: list[Timed] = []  # sound that stands before the key frame in the file
    open_tracks = {track.index} | ({sound.index} if sound else set())
    for packet in container.demux([each for each in (track, sound) if each]):
        if packet.pts is None:
            if packet.size:
                raise RowError(TIMELESS)
            continue  # the end of a track
        time = float(packet.pts * packet.time_base)
        if (time if packet.dts is None else float(packet.dts * packet.time_base)) >= high:
            open_tracks.discard(packet.stream.index)
            if not open_tracks:
                return
            continue
        if first is None and not (packet.stream.index == track.index and packet.is_keyframe):
            if packet.stream.index != track.index:
                waiting.append((packet, time))
            continue
        if first is None:
            first = time
            yield packet, time
            yield from (each for each in waiting if each[1] >= first)
        elif time >= first:  # pictures before the key frame need what is not there
            yield packet, time


def _dated(packets: Iterable[Timed], step: float) -> Iterator[Timed]:
    """The packets; the first of a Matroska file are told when to be decoded, `step` seconds apart."""
    undated: list[Timed] = []
    for packet, time in packets:
        if packet.dts is None:
            undated.append((packet, time))
            continue
        if undated and packet.stream.index == undated[0][0].stream.index:
            for back, (early, _) in enumerate(reversed(undated), 1):
                early.dts = packet.dts - round(back * step / packet.time_base)
            yield from undated
            undated = []
        yield packet, time
    if undated:
        raise RowError(TIMELESS)


def _copy(
    packets: Iterator[Timed],
    tracks: tuple[VideoStream, AudioStream | None],
    kind: str,
    wanted: float,
) -> tuple[bytes, int]:
    """The packets as a file, and the whole second in it at which the time that is `wanted` is shown."""
    file = io.BytesIO()
    found = next(packets, None)
    if found is None:
        raise RowError("video span is empty: no frame in it")
    lead = max(wanted - found[1], 0.0)
    start = math.ceil(lead)
    shift = start - lead - found[1]  # a player's clock is set to whole seconds
    size, last = 0, found[1]
    with av.open(file, "w", format=kind) as target:
        copies = {each.index: target.add_stream_from_template(each) for each in tracks if each}
        for packet, time in _dated(chain([found], packets), 1 / frame_rate(tracks[0])):
            size += packet.size
            last = max(last, time + float((packet.duration or 0) * packet.time_base))
            if size > LARGEST:
                raise RowError(f"video cannot be played: more than {LARGEST >> 20} MiB from its key frame to the end")
            ticks = round(shift / packet.time_base)
            packet.pts, packet.dts = (packet.pts or 0) + ticks, (packet.dts or 0) + ticks
            packet.stream = copies[packet.stream.index]
            target.mux(packet)
    if last <= wanted:
        raise RowError("video span is empty: it starts after the video's end")
    return file.getvalue(), start
