"""Which persons of films are one: identities, whose numbers hold from one run to the next."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from emotionscope.identities.faces import Persons
from emotionscope.recognition import linkage
from emotionscope.recognition.embedding import SIZE

Link = tuple[int, int, bool]  # two persons by number, and whether they are one
UNSURE = 0.05  # by how much a person must be more alike to their identity than to any other


@dataclass(frozen=True)
class Identities:
    """The identities of an archive: ``numbers`` int64 [k] and the sums of their embeddings, float32 [k, 128].

    ``nearest`` int64 [k] is the most similar other one's number, -1 where there is none, and ``cosine`` float32 [k]
    their average cosine.
    """

    numbers: np.ndarray
    sums: np.ndarray
    nearest: np.ndarray
    cosine: np.ndarray


def join_as_said(persons: Persons, known: np.ndarray, first: int, links: Sequence[Link]) -> np.ndarray:
    """As `join`, where people have said of pairs of persons whether they are one."""
    known, differ = known.copy(), [(one, other) for one, other, same in links if not same]
    for one, other in differ:
        if known[one] == known[other]:
            known[one] = -1
    apart = np.concatenate([persons.apart, np.array(differ, np.int64).reshape(-1, 2)])
    identity = join(replace(persons, apart=apart), known, first)
    for one, other, same in links:
        own, wanted = identity[one], identity[other]
        if same and own >= 0 and wanted >= 0:
            identity[identity == own] = wanted
        elif same:
            identity[[one, other]] = max(own, wanted) if max(own, wanted) >= 0 else following(identity, first)
    for one, other in differ:
        if identity[one] == identity[other]:
            identity[one] = -1
    return identity


def following(identity: np.ndarray, first: int) -> int:
    """The first number that was never given, where those from `first` on were free."""
    return max(first, int(identity.max(initial=-1)) + 1)


def join(persons: Persons, known: np.ndarray, first: int) -> np.ndarray:
    """The identity of each person, int64 [n], -1 where it is not sure.

    `known` int64 [n] is that of an earlier run, -1 for who is new. Who was known keeps their identity, and no two
    identities that were known become one. New ones are numbered from `first` by the number of their faces.
    """
    embedded = persons.counts > 0
    new, old = np.flatnonzero((known < 0) & embedded), np.flatnonzero((known >= 0) & embedded)
    numbers, item_of_old = np.unique(known[old], return_inverse=True)
    item = np.full(len(known), -1)
    item[new], item[old] = len(numbers) + np.arange(len(new)), item_of_old
    sums, counts = _sums(persons, item, len(numbers) + len(new))
    apart = item[persons.apart].reshape(-1, 2)
    apart = apart[(apart[:, 0] != apart[:, 1]) & (apart >= 0).all(1)]
    found = linkage.cluster(sums, counts, apart, fixed=len(numbers))
    fresh = np.argsort(-found.counts[len(numbers) :], kind="stable")
    number = np.concatenate([numbers, np.empty(len(fresh), np.int64)])
    number[len(numbers) + fresh] = first + np.arange(len(fresh))
    identity = known.copy()
    sure = _sure(found, persons.sums[new], persons.counts[new])
    identity[new] = np.where(sure, number[found.label[len(numbers) :]], -1)
    return identity


def _sums(persons: Persons, group: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """The sums of the embeddings of each group of persons, float32 [groups, 128], and how many; -1 is no group."""
    sums, counts = np.zeros((groups, SIZE), np.float32), np.zeros(groups, np.float32)
    chosen = group >= 0
    np.add.at(sums, group[chosen], persons.sums[chosen])
    np.add.at(counts, group[chosen], persons.counts[chosen])
    return sums, counts


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


def gather(identity: np.ndarray, persons: Persons) -> Identities:
    """The identities that persons have."""
    numbers = np.unique(identity[identity >= 0])
    sums, counts = _sums(persons, np.where(identity < 0, -1, np.searchsorted(numbers, identity)), len(numbers))
    nearest, cosine = _nearest_others(sums / np.maximum(counts, 1)[:, None])
    others = np.where(cosine > -1, numbers[nearest], -1) if len(numbers) else nearest
    return Identities(numbers, sums, others, cosine)


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
