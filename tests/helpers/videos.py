"""Videos that the tests make: numbered frames, to tell which one was sampled, and drawn people."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow as pa
from av.stream import Disposition

BITS = 10
BROWN, BLACK, BLOND = (30, 40, 60), (15, 15, 15), (60, 160, 210)
GREEN, RED, BLUE = (60, 120, 40), (40, 40, 190), (170, 80, 40)
ROOM, STREET = (150, 140, 120), (70, 110, 180)


def numbered(number: int, width: int = 160, height: int = 96) -> np.ndarray:
    """A grey frame whose top shows its number in binary, in black and white blocks."""
    image = np.full((height, width, 3), 110, np.uint8)
    for bit in range(BITS):
        left, right = width * bit // BITS, width * (bit + 1) // BITS
        image[: height // 2, left:right] = 235 if number >> bit & 1 else 20
    image[height // 2 :, :, 0] = number * 7 % 200  # the whole picture changes, as in a real video
    return image


def number_of(image: np.ndarray) -> int:
    """The number a frame of `numbered` shows."""
    height, width = image.shape[:2]
    return sum(int(image[height // 4, width * (2 * bit + 1) // (2 * BITS)].mean() > 128) << bit for bit in range(BITS))


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    fps: int = 24,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    times: Sequence[float] | None = None,
    first: float = 0.0,
    gop: int = 250,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    audio: bool = False,
    noise: float = 0.0,
    aspect: Fraction = Fraction(0, 1),
    matrix: Sequence[int] | None = None,
) -> Path:
    """Encode BGR frames; `times` (seconds) makes the frame rate variable, `first` shifts the first time stamp.

    `aspect` is the width of a pixel to its height (0: not told), `matrix` a, b, c, d of the display matrix. The sound
    is a second of silence with `audio`, and `noise` seconds of noise.
    """
    quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=fps, options={**(options or {}), **quiet})
        stream.pix_fmt = pixels
        stream.gop_size = gop
        stream.codec_context.thread_count = 1
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000 if times else fps)
        if matrix is not None:
            a, b, c, d = (each << 16 for each in matrix)
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        sound = container.add_stream("aac", rate=48000, layout="stereo") if audio or noise else None
        for n, image in enumerate(frames):
            if n == 0:
                stream.height, stream.width = image.shape[:2]
                stream.codec_context.sample_aspect_ratio = aspect
            frame = av.VideoFrame.from_ndarray(image, "bgr24")
            frame.time_base = stream.codec_context.time_base
            frame.pts = round(((times[n] if times else n / fps) + first) / frame.time_base)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None:
            samples = np.random.default_rng(0).normal(0, 0.1 if noise else 0, (2, round(48000 * (noise or 1))))
            heard = av.AudioFrame.from_ndarray(samples.astype(np.float32), "fltp", "stereo")
            heard.sample_rate = 48000
            heard.pts = 0
            container.mux(sound.encode(heard))
            container.mux(sound.encode())
    return path


def write_cover(path: Path, image: np.ndarray) -> Path:
    """A sound file with a cover picture, as podcasts have."""
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=48000, layout="stereo")
        cover = container.add_stream("mjpeg")
        cover.height, cover.width, cover.pix_fmt = *image.shape[:2], "yuvj420p"
        cover.disposition = Disposition.attached_pic
        silence = av.AudioFrame.from_ndarray(np.zeros((2, 48000), np.float32), "fltp", "stereo")
        silence.sample_rate = 48000
        container.mux(cover.encode(av.VideoFrame.from_ndarray(image, "bgr24")))
        container.mux(sound.encode(silence))
        container.mux(sound.encode())
    return path


def draw_person(
    image: np.ndarray,
    x: int,
    y: int,
    size: int,
    hair: tuple[int, int, int],
    clothes: tuple[int, int, int],
    smile: float = 0,
) -> None:
    """Draw a head of `size` pixels centred at (x, y), and the shoulders below; colours are BGR, `smile` -1 to 1."""

    def at(dx: float, dy: float) -> tuple[int, int]:
        return round(x + dx * size), round(y + dy * size)

    def span(width: float, height: float) -> tuple[int, int]:
        return max(round(width * size), 1), max(round(height * size), 1)

    skin, shade, dark = (150, 185, 235), (85, 115, 165), (30, 30, 40)
    cv2.ellipse(image, at(0, 1.75), span(0.95, 0.95), 0, 180, 360, clothes, -1, cv2.LINE_AA)
    cv2.rectangle(image, at(-0.95, 1.7), at(0.95, 3.0), clothes, -1)
    cv2.rectangle(image, at(-0.17, 0.4), at(0.17, 0.9), shade, -1)
    cv2.ellipse(image, at(0, -0.12), span(0.47, 0.56), 0, 0, 360, hair, -1, cv2.LINE_AA)
    cv2.ellipse(image, at(0, 0.02), span(0.38, 0.52), 0, 0, 360, skin, -1, cv2.LINE_AA)
    cv2.ellipse(image, at(0, -0.36), span(0.36, 0.17), 0, 180, 360, hair, -1, cv2.LINE_AA)
    for side in (-1, 1):
        cv2.ellipse(image, at(side * 0.165, -0.09), span(0.12, 0.1), 0, 0, 360, shade, -1, cv2.LINE_AA)
        cv2.ellipse(image, at(side * 0.165, -0.17), span(0.13, 0.04), 0, 180, 360, dark, -1, cv2.LINE_AA)
        cv2.ellipse(image, at(side * 0.165, -0.06), span(0.075, 0.04), 0, 0, 360, (235, 235, 235), -1, cv2.LINE_AA)
        cv2.circle(image, at(side * 0.165, -0.06), span(0.042, 0)[0], dark, -1, cv2.LINE_AA)
    cv2.line(image, at(0.0, -0.2), at(0.0, 0.12), (170, 205, 245), span(0.06, 0)[0], cv2.LINE_AA)
    cv2.ellipse(image, at(0, 0.155), span(0.08, 0.025), 0, 0, 180, (90, 115, 165), -1, cv2.LINE_AA)
    curve = np.array([at(t, 0.3 - smile * 0.08 * (2 * (t / 0.16) ** 2 - 1)) for t in np.linspace(-0.16, 0.16, 9)])
    cv2.polylines(image, [curve], False, (70, 70, 150), span(0.05, 0)[0], cv2.LINE_AA)


def picture(*persons: tuple[Any, ...], wall: tuple[int, int, int] = ROOM) -> np.ndarray:
    """A room with persons, each given as `draw_person` takes them, slightly blurred as by a lens."""
    image = np.full((360, 640, 3), wall, np.uint8)
    for person in persons:
        draw_person(image, *person)
    return cv2.GaussianBlur(image, (3, 3), 0)


def dialogues(videos: Sequence[str | None], **columns: Sequence[Any]) -> pa.Table:
    """A dialogues table of one utterance a video."""
    table = pa.table({"dialogue_id": ["a"] * len(videos), "utterance_id": list(range(len(videos)))})
    table = table.append_column("video", pa.array(videos, pa.string()))
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    return table
