"""A film or picture with the answers drawn on it, in a file that browsers play: H.264, yuv420p, with the sound kept."""

from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
import cv2
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame

from emotionscope.errors import RowError
from emotionscope.film import frame as drawing
from emotionscope.film.answers import Film
from emotionscope.film.between import stretches
from emotionscope.video import tracking, video_faces
from emotionscope.video.container import main_track, open_container, row_errors, start_of
from emotionscope.video.display import Shown
from emotionscope.video.sampler import Frame
from emotionscope.video.stretch import Stretch

PICTURES = (".jpg", ".jpeg", ".png")
FILM = ".mp4"
TICKS = 90_000  # of a second, in which the frames' times are told
HELD = 64  # frames in memory between two that were looked at
KEPT = ("aac", "mp3")  # sound that is copied; other sound becomes AAC
BT709, RATE = 1, 48_000
CODING = {"crf": "20", "preset": "veryfast"}


def write_picture(stream: IO[bytes], film: Film, target: str) -> None:
    """Draw on a JPEG or PNG and write it as one. Raises RowError where it is none, or cannot be read."""
    picture = video_faces.picture(stream)
    if picture is None:
        raise RowError("picture unreadable: neither JPEG nor PNG")
    image = drawing.draw(picture.image, film.faces)
    Path(target).write_bytes(cv2.imencode(Path(target).suffix.lower(), image)[1].tobytes())


def write_film(stream: IO[bytes], film: Film, target: str, model: str) -> None:
    """Draw on every frame of a video, and write an MP4 that begins to play before all of it is there.

    Raises RowError where the video cannot be read.
    """
    with av.open(target, "w", format="mp4", options={"movflags": "faststart"}) as file:
        sound = _Sound(stream, file)
        with closing(Stretch(stream, None, None)) as stretch:
            _write_frames(stretch, film, file, sound, model)
        sound.write_until(np.inf)


def _write_frames(stretch: Stretch, film: Film, file: OutputContainer, sound: "_Sound", model: str) -> None:
    track: Any = None
    latest = -1
    for frame in _drawn(_frames(stretch), film, model):
        ticks = round(frame.time * TICKS)
        if ticks <= latest:
            continue
        latest = ticks
        if track is None:
            height, width = (side // 2 * 2 for side in frame.image.shape[:2])
            track = file.add_stream("libx264", rate=25, width=width, height=height, pix_fmt="yuv420p", options=CODING)
            track.codec_context.time_base = Fraction(1, TICKS)
            track.codec_context.colorspace = track.codec_context.color_primaries = BT709
            track.codec_context.color_trc = BT709
            sound.open()
        image = frame.image
        if image.shape[0] // 2 * 2 != track.height or image.shape[1] // 2 * 2 != track.width:  # it changed meanwhile
            image = cv2.resize(image, (track.width, track.height), interpolation=cv2.INTER_AREA)
        coded = VideoFrame.from_ndarray(np.ascontiguousarray(image[: track.height, : track.width]), "bgr24")
        coded = coded.reformat(format="yuv420p", dst_colorspace="ITU709")
        coded.pts, coded.time_base = ticks, Fraction(1, TICKS)
        sound.write_until(frame.time)
        file.mux(track.encode(coded))
    if track is None:
        raise RowError("video has no frames: none of them decodes")
    file.mux(track.encode())


def _frames(stretch: Stretch) -> Iterator[Frame]:
    """All frames, with their times from the start of the film."""
    for time, frame in stretch.decode([(-np.inf, np.inf)], "DEFAULT"):
        shown = Shown.of(frame, stretch.aspect, stretch.width)
        yield Frame(max(time - stretch.zero, 0.0), shown.image(), shown.scale)


def _drawn(frames: Iterator[Frame], film: Film, model: str) -> Iterator[Frame]:
    """The frames with what is said of them; those up to the next that was looked at are drawn together."""
    parts = stretches(film)
    end, part = next(parts)
    held: list[Frame] = []
    before: np.ndarray | None = None
    cut: float | None = None

    def drawn() -> Iterator[Frame]:
        for each in held:
            faces = [drawing.scaled(face, each.scale) for face in part.at(each.time, cut)]
            image = drawing.draw(each.image, faces, film.line_at(each.time), model)
            yield Frame(each.time, image, each.scale)

    for frame in frames:
        while frame.time > end or len(held) == HELD:
            yield from drawn()
            held = []
            if frame.time <= end:
                break
            end, part = next(parts)
            cut = None
        layout = tracking.layout(frame.image)
        if before is not None and tracking.is_cut(before, layout):
            cut = frame.time
        before = layout
        held.append(frame)
    yield from drawn()


class _Sound:
    """The sound of a video on its way to the new file: copied where MP4 can hold it, else as AAC."""

    def __init__(self, stream: IO[bytes], file: OutputContainer) -> None:
        """Read it; a video without sound, or with sound that does not decode, has none."""
        self._file = file
        self._packets: list[Packet[Any]] = []
        self._track: Any = None
        with row_errors(), open_container(stream) as container:
            source = container.streams.best("audio")
            if not isinstance(source, AudioStream) or source.codec_context is None:
                return
            zero = start_of(container, main_track(container))
            if source.codec_context.codec.canonical_name in KEPT:
                self._track = file.add_stream_from_template(source)
                self._packets = [*_copied(container, source, zero)]
            else:
                self._track = file.add_stream("aac", rate=RATE, layout="stereo")
                self._packets = [*_coded(container, source, zero, self._track)]

    def open(self) -> None:
        """Hand the packets to the new file's track."""
        for packet in self._packets:
            packet.stream = self._track

    def write_until(self, time: float) -> None:
        """Write the packets up to a time, so that picture and sound lie side by side in the file."""
        while self._packets and float((self._packets[0].pts or 0) * self._packets[0].time_base) <= time:
            self._file.mux(self._packets.pop(0))


def _copied(container: Any, source: AudioStream, zero: float) -> "Iterator[Packet[Any]]":
    for packet in container.demux(source):
        if packet.pts is None or packet.dts is None:
            continue
        shift = round(zero / packet.time_base)
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        if packet.pts >= 0:
            yield packet


def _coded(container: Any, source: AudioStream, zero: float, track: Any) -> "Iterator[Packet[Any]]":
    resampler = AudioResampler("fltp", "stereo", RATE)
    for packet in container.demux(source):
        try:
            frames = packet.decode()
        except av.FFmpegError:  # the next may decode
            continue
        for frame in frames:
            if frame.time is None or frame.time < zero:
                continue
            for each in resampler.resample(frame):
                each.pts = round((frame.time - zero) * RATE) if each.pts is None else each.pts - round(zero * RATE)
                each.time_base = Fraction(1, RATE)
                yield from track.encode(each)
    yield from track.encode(None)
