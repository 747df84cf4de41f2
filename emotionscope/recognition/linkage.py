"""Which of many faces are one person's: average linkage of their embeddings, in blocks.

Two groups are as alike as their faces are on average: the product of the groups' mean embeddings. Groups that are each
other's most alike become one, the most alike first (reciprocal nearest neighbours: Murtagh 1983), which for average
linkage gives what merging pair by pair would. More groups than `BLOCK` are taken block by block, each beside the groups
found so far, and in rounds that begin with what is surely one person's, so the memory stays flat.
"""

from dataclasses import dataclass

import numpy as np

# Average cosine from which on two groups are one person's: on film two people reached 0.22, one person had 0.34.
SAME = 0.32
ROUNDS = 0.5, 0.42, SAME  # of many: the best of thousands of strangers reaches 0.42 with a single face
BLOCK = 8192  # groups that are compared with each other at once


@dataclass
class Groups:
    """Groups of faces: the sum of each one's embeddings, float32 [groups, 128], and their number, float32 [groups].

    ``label`` is the group of each of the faces, or tracks, that there were at first, int64 [n]. Of the first `fixed`
    groups no two become one.
    """

    sums: np.ndarray
    counts: np.ndarray
    label: np.ndarray
    fixed: int = 0

    @property
    def means(self) -> np.ndarray:
        """The mean embedding of each group, float32 [groups, 128]; it is the shorter, the less its faces agree."""
        return np.asarray(self.sums / self.counts[:, None])


def cluster(
    sums: np.ndarray, counts: np.ndarray, apart: np.ndarray | None = None, same: float = SAME, fixed: int = 0
) -> Groups:
    """Groups of tracks, each given by the sum of its embeddings of length 1, and their number.

    `apart` is int [pairs, 2]: tracks that are not one person's, because one picture shows both. No two of the first
    `fixed` tracks come into one group, and those groups keep their numbers.
    """
    sums, counts = np.asarray(sums, np.float32), np.asarray(counts, np.float32)
    groups = Groups(sums.copy(), counts.copy(), np.arange(len(sums)), fixed)
    pairs = np.empty((0, 2), np.int64) if apart is None else np.asarray(apart, np.int64).reshape(-1, 2)
    for least in ROUNDS if fixed or len(sums) > BLOCK else (same,):
        groups = _round(groups, pairs, max(least, same))
    return groups


def _round(groups: Groups, apart: np.ndarray, least: float) -> Groups:
    """Merge what is at least so alike: block by block, the largest groups first."""
    order = np.argsort(-groups.counts[groups.fixed :], kind="stable") + groups.fixed
    groups = _renamed(groups, np.append(np.arange(groups.fixed), order))
    first = groups.fixed
    done = _taken(groups, slice(0, first))
    for start in range(first, len(groups.counts), BLOCK):
        block = slice(start, min(start + BLOCK, len(groups.counts)))
        done = _joined(done, groups, block, apart, least)
    return done


def _taken(groups: Groups, part: slice) -> Groups:
    """Some of the groups; the label is -1 of what lies in the others."""
    inside = (groups.label >= part.start) & (groups.label < part.stop)
    label = np.where(inside, groups.label - part.start, -1)
    return Groups(groups.sums[part], groups.counts[part], label, groups.fixed)


def _joined(done: Groups, groups: Groups, block: slice, apart: np.ndarray, least: float) -> Groups:
    """The groups found so far with one more block, whose groups join those, or each other."""
    more = _taken(groups, block)
    before = len(done.counts)
    label = np.where(more.label >= 0, more.label + before, done.label)
    both = Groups(
        np.concatenate([done.sums, more.sums]), np.concatenate([done.counts, more.counts]), label, groups.fixed
    )
    if before:
        best, alike = nearest(more.means, done.means)
        target = np.arange(len(both.counts))
        target[before:] = np.where(alike >= least, best, target[before:])
        strength = np.append(np.full(before, np.inf), alike)
        both = _merged(both, _allowed(both.label, target, strength, apart))
    return _agglomerate(both, apart, least, before)


def _agglomerate(groups: Groups, apart: np.ndarray, least: float, first: int) -> Groups:
    """Merge reciprocal nearest neighbours among the groups from `first` on until none are alike enough."""
    active = np.arange(first, len(groups.counts))
    while len(active) > 1:
        means = groups.means[active]
        alike = means @ means.T
        np.fill_diagonal(alike, -1)
        place = np.full(len(groups.counts), -1)
        place[active] = np.arange(len(active))
        a, b = (place[side] for side in _between(groups.label, apart))
        both = (a >= 0) & (b >= 0)
        alike[a[both], b[both]] = alike[b[both], a[both]] = -1
        best = alike.argmax(1)
        enough = alike.max(1) >= least  # a group without a neighbour will have none: merging brings no two closer
        merged = enough & (best[best] == np.arange(len(best))) & (np.arange(len(best)) > best)
        if not merged.any():
            break
        target = np.arange(len(groups.counts))
        target[active[merged]] = active[best[merged]]
        number = np.cumsum(target == np.arange(len(target))) - 1
        groups, active = _merged(groups, target), number[active[enough & ~merged]]
    return groups


def _between(label: np.ndarray, apart: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of groups that hold tracks which are not one person's."""
    a, b = label[apart[:, 0]], label[apart[:, 1]]
    known = (a >= 0) & (b >= 0)
    return a[known], b[known]


def _allowed(label: np.ndarray, target: np.ndarray, strength: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """The targets without those by which tracks that are not one person's would come together: the weaker stays out."""
    target = target.copy()
    while True:
        a, b = _between(label, apart)
        clash = target[a] == target[b]
        if not clash.any():
            return target
        weaker = np.where(strength[a[clash]] <= strength[b[clash]], a[clash], b[clash])
        target[weaker] = weaker


def _merged(groups: Groups, target: np.ndarray) -> Groups:
    """The groups, each in the one that `target` names, which is its own; numbered anew in their order."""
    kept, number = np.unique(target, return_inverse=True)
    sums, counts = np.zeros((len(kept), groups.sums.shape[1]), np.float32), np.zeros(len(kept), np.float32)
    np.add.at(sums, number, groups.sums)
    np.add.at(counts, number, groups.counts)
    label = np.where(groups.label >= 0, number[groups.label], -1)
    return Groups(sums, counts, label, groups.fixed)


def _renamed(groups: Groups, order: np.ndarray) -> Groups:
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return Groups(groups.sums[order], groups.counts[order], places[groups.label], groups.fixed)


def nearest(vectors: np.ndarray, others: np.ndarray, rank: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """For each vector the place of the one among `others` whose product with it is largest, and that product.

    With `rank` 2 the second largest. Where there are fewer, the product is -1.
    """
    places, products = np.zeros(len(vectors), np.int64), np.full(len(vectors), -1.0, np.float32)
    if len(others) < rank:
        return places, products
    for start in range(0, len(vectors), BLOCK // 4):
        part = slice(start, start + BLOCK // 4)
        alike = vectors[part] @ others.T
        rows = np.arange(len(alike))
        for _ in range(rank - 1):
            alike[rows, alike.argmax(1)] = -2
        places[part] = alike.argmax(1)
        products[part] = alike[rows, places[part]]
    return places, products
