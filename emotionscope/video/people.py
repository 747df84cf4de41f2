"""Who is who through a video: the people of each utterance, joined over all of its utterances.

`tracking.assign_people` tells people apart within an utterance. Here they get numbers that hold through the video: by
place while a shot goes on, and by the colours of hair, face and clothes from shot to shot. Utterances come one after
another, and no more is kept than how each person looks, so a long film takes no more memory than a short one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emotionscope.video import tracking
from emotionscope.video.tracking import TrackedFace

# Distance of appearances from which on two people differ. Two of one sitcom scene were 0.19 apart, others 0.36 or more.
SAME = 0.35
FOLLOWED = 0.2  # what a place that fits takes off the distance


@dataclass(frozen=True)
class SpanFaces:
    """The faces of an utterance that starts at ``start`` seconds of its video, and the person of each, -1 for nobody.

    ``first`` and ``last`` are the layouts of its first and last frame.
    """

    start: float
    faces: Sequence[TrackedFace]
    persons: Sequence[int]
    first: np.ndarray
    last: np.ndarray


@dataclass
class _Person:
    """A person seen so far: how they look on average and looked last, and the sum of the qualities of their faces."""

    mean: np.ndarray
    latest: np.ndarray
    count: int
    prominence: float
    last: TrackedFace
    seen: float  # seconds of the video


class Cast:
    """The people of one video, as far as it has been looked at."""

    def __init__(self) -> None:
        self._people: list[_Person] = []
        self._last: np.ndarray | None = None

    def see(self, span: SpanFaces) -> list[int]:
        """A number for each face, -1 for nobody; the same for one person in all utterances of the video."""
        goes_on = self._last is not None and not tracking.is_cut(self._last, span.first)
        self._last = span.last
        groups = [
            [place for place, person in enumerate(span.persons) if person == each]
            for each in range(max(span.persons, default=-1) + 1)
        ]
        found = [_person(span, group) for group in groups]
        known = self._known(span, groups, found, goes_on)
        numbers = [-1] * len(span.faces)
        for each, (group, person) in enumerate(zip(groups, found, strict=True)):
            if each in known:
                number = known[each]
                _add(self._people[number], person)
            else:
                number = len(self._people)
                self._people.append(person)
            for place in group:
                numbers[place] = number
        return numbers

    def ranks(self) -> list[int]:
        """By number, the place of each person, 0 for the most prominent of the video."""
        order = np.argsort([-person.prominence for person in self._people], kind="stable")
        return [int(rank) for rank in np.argsort(order)]

    def _known(
        self, span: SpanFaces, groups: Sequence[Sequence[int]], found: Sequence[_Person], goes_on: bool
    ) -> dict[int, int]:
        """The number of those people of an utterance who were seen before; no two are one (Hungarian method)."""
        costs = np.full((len(self._people), len(found)), tracking.FORBIDDEN)
        for number, before in enumerate(self._people):
            for each, person in enumerate(found):
                apart = min(tracking.distance(look, person.mean) for look in (before.mean, before.latest))
                if goes_on:
                    first = span.faces[groups[each][0]]
                    wait = span.start + first.time - before.seen
                    if abs(wait) <= tracking.GAP and tracking.is_near(before.last, first):
                        apart -= FOLLOWED
                if apart < SAME:
                    costs[number, each] = apart
        return {each: number for number, each in tracking.cheapest_pairs(costs)}


def _person(span: SpanFaces, group: Sequence[int]) -> _Person:
    faces = [span.faces[place] for place in group]
    look = tracking.mean_appearance(faces)
    last = faces[-1]
    return _Person(look, look, len(faces), sum(face.quality for face in faces), last, span.start + last.time)


def _add(person: _Person, more: _Person) -> None:
    """Let a person be the one who is seen again."""
    looks, counts = np.stack([person.mean, more.mean]), np.array([person.count, more.count])[:, None, None]
    weights = counts * ~np.isnan(looks)
    with np.errstate(invalid="ignore"):  # a region never in the picture stays NaN
        person.mean = np.nansum(looks * weights, 0) / weights.sum(0)
    person.latest, person.last, person.seen = more.latest, more.last, more.seen
    person.count += more.count
    person.prominence += more.prominence
