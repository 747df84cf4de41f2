"""What the curve of a film's page shows, as places in a drawing of a given width."""

from dataclasses import dataclass

from emotionscope.film.answers import Film
from emotionscope.labels import EMOTIONS

WIDTHS = (1000, 360)  # of the drawing on a wide screen and on a phone
HEIGHT, LANE, LEFT, RIGHT = 200, 24, 64, 8
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)  # seconds between ticks
PEOPLE = 8  # lanes, of the most prominent people


@dataclass(frozen=True)
class Mark:
    """A point of the drawing: an emotion, and what a pointer that rests on it is told."""

    x: float
    y: float
    emotion: str
    told: str


@dataclass(frozen=True)
class Curve:
    """The drawing: a line of points "x,y …" by emotion, marks of the likeliest, ticks, and lanes of people."""

    width: int
    height: int
    plot: int
    left: int
    lines: dict[str, str]
    likeliest: list[Mark]
    faces: list[Mark]
    people: list[tuple[int, float]]
    ticks: list[tuple[float, int]]
    levels: list[tuple[float, int]]


def draw(film: Film, model: str, width: int) -> Curve:
    """The curve of the model's probabilities over the lines, and below it a lane of faces for each person."""
    plot = HEIGHT if any(line.likeliest(model) for line in film.lines) else 0
    end = max(film.end, 0.1)
    room = width - LEFT - RIGHT

    def x(time: float) -> float:
        return round(LEFT + room * min(time / end, 1.0), 1)

    def y(probability: float) -> float:
        return round(8 + (plot - 16) * (1 - probability), 1)

    said = [line for line in film.lines if model in line.answers]
    middles = [x((line.start + line.end) / 2) for line in said]
    lines = {
        emotion: " ".join(f"{at},{y(line.answers[model][place])}" for at, line in zip(middles, said, strict=True))
        for place, emotion in enumerate(EMOTIONS)
    }
    likeliest = []
    for at, line in zip(middles, said, strict=True):
        emotion, probability = line.likeliest(model) or ("neutral", 0.0)
        likeliest.append(Mark(at, y(probability), emotion, f"{emotion} {probability:.0%}: {line.text}"))
    lanes = {number: plot + LANE * place + LANE / 2 + 8 for place, number in enumerate(film.people[:PEOPLE])}
    faces = [
        Mark(x(face.time), lanes[face.person], face.emotion, f"{face.emotion} {face.probability:.0%}")
        for face in film.faces
        if face.person in lanes
    ]
    step = next((each for each in STEPS if end / each * 48 <= room), STEPS[-1])
    ticks = [(x(time), time) for time in (step * count for count in range(int(end / step) + 1))]
    levels = [(y(share / 100), share) for share in (0, 50, 100)] if plot else []
    height = plot + LANE * len(lanes) + 34
    return Curve(width, height, plot, LEFT, lines, likeliest, faces, list(lanes.items()), ticks, levels)
