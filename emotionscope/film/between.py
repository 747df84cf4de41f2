"""Where faces are between two frames that were looked at, so that their boxes move with them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from emotionscope.film.answers import Film, SeenFace
from emotionscope.video.faces import Box

NEXT = 1.5  # steps between two frames, up to which none was looked at in between


@dataclass(frozen=True)
class Between:
    """The frames from one looked at (`before`) to the next (`after`); either may have no faces, or not be there."""

    before: Sequence[SeenFace]
    after: Sequence[SeenFace]
    step: float

    def at(self, time: float, cut: float | None) -> list[SeenFace]:
        """The faces at a time in between, where the picture is cut at the time `cut`, if it is.

        A person in both frames moves from one place to the other; another stays for half the time.
        """
        if not (self.before and self.after) or self.after[0].time - self.before[0].time > NEXT * self.step:
            return [face for face in (*self.before, *self.after) if abs(face.time - time) <= self.step / 2]
        if cut is not None:
            return list(self.before if time < cut else self.after)
        share = (time - self.before[0].time) / (self.after[0].time - self.before[0].time)
        later = {face.person: face for face in self.after if face.person is not None}
        there = {face.person for face in self.before}
        near = self.before if share < 0.5 else self.after
        moved = [_moved(face, later[face.person], share) for face in self.before if face.person in later]
        return moved + [face for face in near if face.person not in later or face.person not in there]


def _moved(face: SeenFace, later: SeenFace, share: float) -> SeenFace:
    x, y, w, h = (
        round(face.box[side] + share * (later.box[side] - face.box[side]))  # type: ignore[literal-required]
        for side in "xywh"
    )
    nearer = face if share < 0.5 else later
    return replace(nearer, box=Box(x=x, y=y, w=w, h=h))


def stretches(film: Film) -> Iterator[tuple[float, Between]]:
    """What lies between the frames with faces, each with the time at which it ends; the last one never ends."""
    before: Sequence[SeenFace] = ()
    for time, faces in film.faces_by_time():
        yield time, Between(before, faces, film.step)
        before = faces
    yield float("inf"), Between(before, (), film.step)
