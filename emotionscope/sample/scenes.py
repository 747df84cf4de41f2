"""Short scenes of people talking in a room, filmed and encoded as MELD's clips are."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import av
import cv2
import numpy as np

from emotionscope.labels import EMOTIONS
from emotionscope.sample.drawing import UNIT, Colour, Patch, shade
from emotionscope.sample.expressions import EXPRESSIONS, Expression
from emotionscope.sample.person import Person, draw_person
from emotionscope.sample.portraits import draw_bust, draw_head

WIDTH, HEIGHT = 1280, 720
RATE = Fraction(24000, 1001)  # frames a second
SOUND_RATE = 48000
FACE = 96  # pixels
HOLD = 2  # frames a drawing stands, as is usual in animation
WALLS = ((196, 186, 170), (168, 186, 196), (150, 178, 200), (176, 160, 168), (160, 182, 160), (138, 140, 160))

Pixels = np.ndarray


@dataclass(frozen=True)
class Take:
    """All that decides the pixels of one clip."""

    seed: tuple[int, ...]
    room: int
    frames: int
    speaker: Person | None  # None: nobody is in the picture
    emotion: str  # what the speaker's face shows
    strength: float  # of the expression, 0 none to 1 full
    blur: float  # of the speaker's face, in pixels of its patch
    listeners: tuple[Person, ...]
    sound: bool


@dataclass(frozen=True)
class Figure:
    """Somebody in a shot: where, how large, and the drawings of the head."""

    x: float  # pixels
    y: float
    scale: float
    heads: tuple[Patch, ...]


def _muted(rng: np.random.Generator, low: float, high: float) -> Colour:
    """A colour of little saturation."""
    blue, green, red = rng.uniform(low, high) + rng.uniform(-28, 28, 3)
    return float(blue), float(green), float(red)


@lru_cache(maxsize=8)
def draw_room(room: int, angle: int) -> Pixels:
    """An out-of-focus room from one of two sides; uint8 BGR [720, 1280, 3]."""
    rng = np.random.default_rng([room, angle])
    wall = np.array(WALLS[room % len(WALLS)]) * rng.uniform(0.8, 1.0)
    w, h = WIDTH // 4, HEIGHT // 4
    down, across = np.linspace(0, 1, h)[:, None, None], np.linspace(-1, 1, w)[None, :, None]
    side = rng.choice([-1, 1])
    picture = np.ascontiguousarray(
        (wall * (1.05 - 0.35 * down) * (1 - 0.18 * across * side)).clip(0, 255).astype(np.uint8)
    )
    left = int(rng.uniform(20, 60)) if side < 0 else int(rng.uniform(200, 240))
    cv2.rectangle(picture, (left, 12), (left + 66, 92), (235, 228, 214), -1)
    cv2.rectangle(picture, (left, 12), (left + 66, 92), tuple(wall * 0.55), 4)
    cv2.line(picture, (left + 33, 12), (left + 33, 92), tuple(wall * 0.55), 3)
    for k in range(rng.integers(1, 4)):
        x, y = int(rng.uniform(90, 190)) + 24 * k, int(rng.uniform(18, 60))
        cv2.rectangle(picture, (x, y), (x + 22, y + 28), _muted(rng, 60, 200), -1)
    x = left - 40 if left > 150 else left + 120
    cv2.circle(picture, (x, 78), 15, (170, 220, 250), -1)
    cv2.line(picture, (x, 92), (x, 150), (60, 70, 80), 3)
    sofa = _muted(rng, 50, 140)
    cv2.rectangle(picture, (-5, 138), (w + 5, h), sofa, -1)
    for x in (70, 160, 250):
        cv2.ellipse(picture, (x, 140), (46, 14), 0, 0, 360, shade(sofa, 1.12), -1)
    soft = cv2.GaussianBlur(picture, (0, 0), 3.2)
    return cv2.resize(soft, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def _lay(picture: Pixels, patch: Patch, matrix: np.ndarray) -> None:
    """Put a patch over a picture in place; `matrix` takes patch pixels to picture pixels."""
    h, w = patch.pixels.shape[:2]
    corners = matrix @ np.array([[0, w, 0, w], [0, 0, h, h], [1, 1, 1, 1]])
    x0, y0 = np.clip(np.floor(corners.min(1)).astype(int), 0, (WIDTH, HEIGHT))
    x1, y1 = np.clip(np.ceil(corners.max(1)).astype(int), 0, (WIDTH, HEIGHT))
    if x0 >= x1 or y0 >= y1:
        return
    moved = matrix - [[0, 0, x0], [0, 0, y0]]
    over = cv2.warpAffine(patch.pixels, moved, (int(x1 - x0), int(y1 - y0)), flags=cv2.INTER_LINEAR)
    clear = cv2.cvtColor(255 - over[..., 3], cv2.COLOR_GRAY2BGR)
    spot = picture[y0:y1, x0:x1]
    spot[...] = cv2.add(cv2.multiply(spot, clear, scale=1 / 255), cv2.cvtColor(over, cv2.COLOR_BGRA2BGR))


def _placed(patch: Patch, figure: Figure, tilt: float = 0, dx: float = 0, dy: float = 0) -> np.ndarray:
    """The matrix that puts a patch where its figure stands, tilted by degrees around the neck."""
    neck = patch.origin + np.array([0, 1.3 * UNIT])
    there = np.array([figure.x + dx, figure.y + 1.3 * UNIT * figure.scale + dy])
    matrix = np.asarray(cv2.getRotationMatrix2D(tuple(neck), tilt, figure.scale), float)
    matrix[:, 2] += there - neck
    return matrix


def _expression(rng: np.random.Generator, emotion: str, strength: float) -> Expression:
    """An emotion as one face shows it: more or less of it, a touch of another, never twice the same."""
    pose = EXPRESSIONS["neutral"].blend(EXPRESSIONS[emotion], strength * rng.uniform(0.8, 1.12))
    pose = pose.blend(EXPRESSIONS[EMOTIONS[rng.integers(len(EMOTIONS))]], rng.uniform(0, 0.18))
    return Expression(*(value * scale for value, scale in zip(pose, rng.normal(1, 0.08, len(pose)), strict=True)))


def _heads(rng: np.random.Generator, take: Take, person: Person, light: float, gain: np.ndarray) -> tuple[Patch, ...]:
    """The drawings of one head: a speaker's with the mouth more and less open and a blink, a listener's as it is."""
    if person is take.speaker:
        pose = _expression(rng, take.emotion, take.strength)
        loud = pose._replace(open=pose.open + rng.uniform(0.06, 0.14), width=pose.width * 0.97)
        poses = [pose._replace(open=pose.open * 0.7), loud, pose._replace(eye=0.05)]
    else:
        mood = "neutral" if rng.random() < 0.55 else EMOTIONS[rng.integers(len(EMOTIONS))]
        poses = [_expression(rng, mood, 0.8)]
    heads = []
    for pose in poses:
        head = draw_head(person, pose, light)
        if person is take.speaker and take.blur:
            head.pixels = np.asarray(cv2.GaussianBlur(head.pixels, (0, 0), take.blur), np.uint8)
        head.pixels = _graded(head.pixels, gain)
        heads.append(head)
    return tuple(heads)


def draw_face(seed: tuple[int, ...], emotion: str) -> Pixels:
    """A new person's face as a detector cuts it out, before a plain wall; uint8 BGR [`FACE`, `FACE`, 3]."""
    rng = np.random.default_rng(seed)
    head = draw_head(
        draw_person(rng), _expression(rng, emotion, 1.0), float(rng.choice([-1, 1]) * rng.uniform(0.25, 0.6))
    )
    zoom, centre = (
        FACE / (rng.uniform(2.8, 3.2) * UNIT),
        head.origin + UNIT * (np.array([0, 0.2]) + rng.normal(0, 0.06, 2)),
    )
    matrix = np.asarray(cv2.getRotationMatrix2D(tuple(centre), rng.uniform(-4, 4), zoom), float)
    matrix[:, 2] += FACE / 2 - centre
    over = cv2.warpAffine(head.pixels, matrix, (FACE, FACE), flags=cv2.INTER_AREA)
    clear = cv2.cvtColor(255 - over[..., 3], cv2.COLOR_GRAY2BGR)
    wall = np.full((FACE, FACE, 3), _muted(rng, 60, 200), np.uint8)
    picture = cv2.add(cv2.multiply(wall, clear, scale=1 / 255), cv2.cvtColor(over, cv2.COLOR_BGRA2BGR))
    return _graded(picture, np.full(3, rng.uniform(0.7, 1.1)))


def _graded(pixels: Pixels, gain: np.ndarray) -> Pixels:
    """The picture in the colour of the light; channels beyond BGR keep their value."""
    factors = np.array([*gain, 1.0])
    return np.asarray(cv2.multiply(pixels, factors), np.uint8)


def _shots(rng: np.random.Generator, take: Take) -> list[tuple[int, int, list[tuple[Person, float, float, float]]]]:
    """How the take is cut: for each shot its frames, the room's side, and who stands where at which scale."""
    if take.speaker is None:
        return [(take.frames, 0, [])]
    x, y = rng.uniform(560, 720), rng.uniform(300, 350)
    side = 1 if x < 640 else -1
    kind = rng.random()
    if not take.listeners or kind < 0.35:
        return [(take.frames, 0, [(take.speaker, x, y, rng.uniform(1.05, 1.35))])]
    first, *others = take.listeners
    if kind < 0.6:  # shot and reverse shot
        reverse = round(take.frames * rng.uniform(0.2, 0.35))
        alone = (take.frames - reverse, 0, [(take.speaker, x, y, rng.uniform(1.05, 1.3))])
        answer = (reverse, 1, [(first, 1280 - x, y + 10, rng.uniform(0.7, 0.85))])
        return [answer, alone] if rng.random() < 0.5 else [alone, answer]
    small = rng.uniform(0.55, 0.72)
    group = [(first, 640 + side * rng.uniform(380, 450), rng.uniform(370, 410), small)]
    if others:
        group.append((others[0], 640 - side * rng.uniform(400, 460), rng.uniform(370, 410), small * 0.95))
    return [(take.frames, 0, [*group, (take.speaker, x, y, rng.uniform(0.9, 1.1))])]


def _light(rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """From which side the light falls, and how it changes blue, green and red."""
    light = float(rng.choice([-1, 1]) * rng.uniform(0.25, 0.6))
    warmth = rng.uniform(-0.05, 0.05)
    return light, rng.uniform(0.8, 1.08) * np.array([1 - warmth, 1, 1 + warmth])


def people_shown(take: Take) -> list[tuple[int, list[tuple[Person, float]]]]:
    """For each shot of a take its number of frames, and who is in the picture, with the pixels from its left side."""
    rng = np.random.default_rng(take.seed)
    _light(rng)
    return [(frames, [(person, x) for person, x, *_ in people]) for frames, _, people in _shots(rng, take)]


def draw_frames(take: Take) -> Iterator[tuple[Pixels, int]]:
    """The drawings of a take, uint8 BGR [720, 1280, 3], each with the number of frames that it stands."""
    rng = np.random.default_rng(take.seed)
    light, gain = _light(rng)
    drawn: dict[Person, tuple[Patch, ...]] = {}
    for frames, angle, people in _shots(rng, take):
        base = _graded(draw_room(take.room, angle), gain)
        figures = []
        for person, x, y, scale in people:
            if person not in drawn:
                drawn[person] = _heads(rng, take, person, light, gain)
            figure = Figure(x, y, scale, drawn[person])
            bust = draw_bust(person)
            bust.pixels = _graded(bust.pixels, gain)
            _lay(base, bust, _placed(bust, figure))
            figures.append(figure)
        phases = rng.uniform(0, 2 * np.pi, (len(figures), 3))
        blink = int(rng.integers(2, 30))
        for step, first in enumerate(range(0, frames, HOLD)):
            picture = base.copy()
            for figure, phase in zip(figures, phases, strict=True):
                tilt, dx, dy = np.sin(phase + step * np.array([0.21, 0.16, 0.33])) * (3.5, 5, 4)
                mouth = 2 if step == blink else int(np.sin(step * 1.9 + phase[0]) > 0)
                head = figure.heads[mouth % len(figure.heads)]
                _lay(picture, head, _placed(head, figure, tilt, dx * figure.scale, dy * figure.scale))
            yield picture, min(HOLD, frames - first)


def _voice(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """A quiet hum in syllables, int16 [1, samples]."""
    time = np.arange(int(seconds * SOUND_RATE)) / SOUND_RATE
    pitch = rng.uniform(100, 220)
    hum = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 5)) * np.sin(np.pi * 4 * time) ** 2
    return np.asarray(hum * 2500).astype(np.int16)[None]


def draw_clip(take: Take) -> bytes:
    """Draw and encode a take: MP4 with H.264 1280x720 at 24000/1001 frames a second and one key frame.

    The same take gives the same pixels everywhere that OpenCV and x264 are the same.
    """
    buffer = io.BytesIO()
    options = {"preset": "ultrafast", "crf": "23", "g": "9999", "sc_threshold": "0", "threads": "1"}
    with av.open(buffer, "w", format="mp4") as file:
        video = file.add_stream("libx264", rate=RATE, options=options)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = file.add_stream("aac", rate=SOUND_RATE, layout="mono") if take.sound else None
        time = 0
        for picture, count in draw_frames(take):
            planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)
            drawing = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            for drawing.pts in range(time, time + count):
                file.mux(video.encode(drawing))
            time += count
        file.mux(video.encode(None))
        if sound is not None:
            samples = _voice(np.random.default_rng(take.seed), float(take.frames / RATE))
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = SOUND_RATE
            file.mux(sound.encode(frame))
            file.mux(sound.encode(None))
    return buffer.getvalue()
