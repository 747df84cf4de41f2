"""Which persons of films are one: identities, whose numbers hold from one run to the next."""

from dataclasses import dataclass

import numpy as np

from emotionscope.identities.faces import Persons
from emotionscope.recognition import linkage
from emotionscope.recognition.embedding import SIZE

UNSURE = 0.05  # by how much a person must be more alike to their identity than to any other


@dataclass(frozen=True)
class Identities:
    """The identities of an archive: ``numbers`` int64 [k], the sums of their embeddings, float32 [k, 128], and counts.

    ``nearest`` int64 [k] is the most similar other one's number, -1 where there is none, and ``cosine`` float32 [k]
    their average cosine. ``next`` is the first number that was never given.
    """

    numbers: np.ndarray
    sums: np.ndarray
    counts: np.ndarray
    nearest: np.ndarray
    cosine: np.ndarray
    next: int


@dataclass(frozen=True)
class Known:
    """What an earlier run has found: identities, and that of each person who is in the table still, else -1."""

    numbers: np.ndarray
    sums: np.ndarray
    counts: np.ndarray
    of_persons: np.ndarray
    next: int


def nothing_known(persons: int) -> Known:
    """What is known before the first run."""
    none = np.empty(0, np.int64)
    return Known(none, np.empty((0, SIZE), np.float32), np.empty(0, np.float32), np.full(persons, -1), 0)


def join(persons: Persons, known: Known, aside: np.ndarray) -> np.ndarray:
    """The identity of each person, int64 [n], -1 where it is not sure, and of those `aside`, bool [n], who are new.

    Who was known keeps their identity, and no two identities that were known become one. New ones are numbered by the
    number of their faces.
    """
    first = len(known.numbers)
    new, old = np.flatnonzero((known.of_persons < 0) & ~aside), known.of_persons >= 0
    item = np.full(len(persons.counts), -1)
    item[new] = first + np.arange(len(new))
    item[old] = np.searchsorted(known.numbers, known.of_persons[old])
    sums, counts = np.concatenate([known.sums, persons.sums[new]]), np.concatenate([known.counts, persons.counts[new]])
    apart = item[persons.apart].reshape(-1, 2)
    apart = apart[(apart[:, 0] != apart[:, 1]) & (apart >= 0).all(1)]
    found = linkage.cluster(sums, counts, apart, fixed=first)
    fresh = np.argsort(-found.counts[first:], kind="stable")
    number = np.concatenate([known.numbers, np.empty(len(fresh), np.int64)])
    number[first + fresh] = known.next + np.arange(len(fresh))
    identity = known.of_persons.copy()
    identity[new] = np.where(_sure(found, sums[first:], counts[first:]), number[found.label[first:]], -1)
    return identity


def _sure(found: linkage.Groups, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Whether each person is clearly more alike to the others of their group than to any other group."""
    label = found.label[len(found.label) - len(counts) :]
    means, own = sums / counts[:, None], np.full(len(counts), np.inf, np.float32)
    rest = found.counts[label] - counts
    others = rest > 0
    apart = (found.sums[label[others]] - sums[others]) / rest[others, None]
    own[others] = (means[others] * apart).sum(1)
    best, alike = linkage.nearest(means, found.means)
    second = linkage.nearest(means, found.means, rank=2)[1]
    return np.asarray(own - np.where(best == label, second, alike) >= UNSURE)


def gather(identity: np.ndarray, persons: Persons, known: Known, next_: int) -> Identities:
    """The identities that persons have, and those that were known and still have others."""
    numbers = np.union1d(identity[identity >= 0], known.numbers).astype(np.int64)
    sums, counts = np.zeros((len(numbers), SIZE), np.float32), np.zeros(len(numbers), np.float32)
    for of, some, sign in ((known.numbers, known, 1), (known.of_persons, persons, -1), (identity, persons, 1)):
        # Who was known is in the sums of their identity, and may have another one now.
        chosen = of >= 0
        at = np.searchsorted(numbers, of[chosen])
        np.add.at(sums, at, sign * some.sums[chosen])
        np.add.at(counts, at, sign * some.counts[chosen])
    left = counts > 0.5
    numbers, sums, counts = numbers[left], sums[left], counts[left]
    nearest, cosine = _nearest_others(sums / counts[:, None])
    others = np.where(cosine > -1, numbers[nearest], -1) if len(numbers) else nearest
    return Identities(numbers, sums, counts, others, cosine, next_)


def _nearest_others(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each identity the most alike other one's place, and their cosine; -1 where there is only one."""
    places, cosine = np.zeros(len(means), np.int64), np.full(len(means), -1, np.float32)
    if len(means) < 2:
        return places, cosine
    for start in range(0, len(means), 2048):
        rows = np.arange(start, min(start + 2048, len(means)))
        alike = means[rows] @ means.T
        alike[np.arange(len(rows)), rows] = -2
        places[rows] = alike.argmax(1)
        cosine[rows] = alike[np.arange(len(rows)), places[rows]]
    return places, cosine
