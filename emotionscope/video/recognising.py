"""Who is who through a video by the faces themselves, where the network can tell them apart.

Of each track a few of the best frontal faces are embedded. At the end the tracks are joined, never two that one picture
shows. A track without such a face, turned or tiny, is the person that place and colours say, if the faces agree; else
nobody knows who it is. `people` tells people apart by colours alone, and is what is left where the network cannot: a
drawn film, or a detector without points.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from emotionscope.recognition import linkage
from emotionscope.recognition.embedding import SIZE, Embedder
from emotionscope.video.tracking import TrackedFace

BEST = 3  # faces of a track that are embedded
NEARBY = 12.0  # seconds within which colours hold for a face that is turned


@dataclass
class _Track:
    """Somebody's faces in one shot: who it is by place and colours, and the sum of the embeddings, of `count` faces."""

    colours: int
    first: float
    last: float
    prominence: float
    count: int
    sum: np.ndarray


@dataclass
class Recogniser:
    """The tracks of one video, as far as it has been looked at; their numbers are for `people`."""

    embedder: Embedder
    _tracks: list[_Track] = field(default_factory=list)
    _apart: set[tuple[int, int]] = field(default_factory=set)

    def see(
        self, start: float, faces: Sequence[TrackedFace], tracks: Sequence[Sequence[int]], colours: Sequence[int]
    ) -> tuple[list[int], dict[int, np.ndarray]]:
        """The number of each face's track, -1 for nobody, and the embeddings of the faces that were embedded, by place.

        `faces` are those of a part that starts at `start` seconds of the video, `tracks` the places of each track's
        faces among them, `colours` the person of each face by place and colours, -1 for nobody.
        """
        numbers, made = [-1] * len(faces), dict[int, np.ndarray]()
        frames: dict[int, list[int]] = {}
        for track in tracks:
            if colours[track[0]] < 0:
                continue
            number = len(self._tracks)
            good = [place for place in track if faces[place].portrait is not None]
            best = sorted(sorted(good, key=lambda place: -faces[place].quality)[:BEST])
            vectors = self.embedder.embed([faces[place].portrait for place in best])  # type: ignore[misc]
            made |= dict(zip(best, vectors, strict=True))
            times = [start + faces[place].time for place in track]
            prominence = sum(faces[place].quality for place in track)
            self._tracks.append(
                _Track(colours[track[0]], min(times), max(times), prominence, len(best), vectors.sum(0))
            )
            for place in track:
                numbers[place] = number
                frames.setdefault(faces[place].frame, []).append(number)
        for together in frames.values():
            self._apart |= set(itertools.combinations(sorted(set(together)), 2))
        return numbers, made

    def people(self) -> list[int | None] | None:
        """The person of each track, 0 for the most prominent, None for nobody knows who.

        None instead of a list where the faces of this video cannot be told apart so.
        """
        known = [number for number, track in enumerate(self._tracks) if track.count]
        place = {number: at for at, number in enumerate(known)}
        apart = np.array([(place[a], place[b]) for a, b in self._apart if a in place and b in place], int)
        sums = np.array([self._tracks[number].sum for number in known], np.float32).reshape(-1, SIZE)
        counts = np.array([self._tracks[number].count for number in known], np.float32)
        if not known or not _tells(sums / counts[:, None], apart):
            return None
        found = linkage.cluster(sums, counts, apart).label
        persons = dict(zip(known, found.tolist(), strict=True))
        persons |= self._turned(persons)
        prominence = np.zeros(found.max() + 1)
        for number, person in persons.items():
            prominence[person] += self._tracks[number].prominence
        ranks = np.argsort(np.argsort(-prominence, kind="stable"))
        return [int(ranks[persons[number]]) if number in persons else None for number in range(len(self._tracks))]

    def _turned(self, persons: dict[int, int]) -> dict[int, int]:
        """The persons of those tracks without an embedding of which place and colours say one that can be."""
        apart: dict[int, set[int]] = {}
        for pair in self._apart:
            for one, other in (pair, pair[::-1]):
                if other in persons:
                    apart.setdefault(one, set()).add(persons[other])
        found, taken = dict[int, int](), dict[int, set[int]]()
        alike: dict[int, list[int]] = {}
        for number in persons:
            alike.setdefault(self._tracks[number].colours, []).append(number)
        for number, track in enumerate(self._tracks):
            near = {
                persons[other]
                for other in alike.get(track.colours, ())
                if self._tracks[other].first <= track.last + NEARBY and track.first <= self._tracks[other].last + NEARBY
            }
            if (
                number not in persons
                and len(near) == 1
                and not near & (apart.get(number, set()) | taken.get(number, set()))
            ):
                (found[number],) = near
                for one, other in (pair for pair in self._apart if number in pair):
                    taken.setdefault(other if one == number else one, set()).update(near)
        return found


def _tells(means: np.ndarray, apart: np.ndarray) -> bool:
    """Whether faces of one picture, which are different people's, differ; drawn ones look all alike to the network."""
    if not len(apart):
        return True
    return bool(np.median((means[apart[:, 0]] * means[apart[:, 1]]).sum(1)) < linkage.SAME)
