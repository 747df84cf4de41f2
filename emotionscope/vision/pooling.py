"""Which faces of an utterance tell the speaker's emotion, and how much each counts."""

from dataclasses import dataclass

import numpy as np

PERSON_POWER = 2.0
SPEAKS = 0.5  # `speaking` that one of a person's faces must reach; on real clips listeners reached 0.40 at most


@dataclass(frozen=True)
class Attention:
    """The weight of each face of an utterance, float32 [n], sum 1, and whose they are.

    `speaker` is the person who speaks; None where nobody does or it was not measured. `listens` is bool [n]: the faces
    that were measured, or are of another person than the speaker. `silent` tells that some faces were measured and none
    speaks.
    """

    weights: np.ndarray
    speaker: int | None
    listens: np.ndarray
    silent: bool

    @property
    def heard(self) -> float:
        """1 where the faces that count are known to speak, 0 where they are known to listen, else NaN."""
        return 0.0 if self.silent else np.nan if self.speaker is None else 1.0


def attend(quality: np.ndarray, person: np.ndarray, speaking: np.ndarray | None = None) -> Attention:
    """What counts among the n >= 1 faces of an utterance.

    The speaker is the person whose `speaking` is largest in sum, among those who surely speak at some moment. The
    speaker's faces count by their quality, and no others. Where nobody is known to speak, the camera favours the
    speaker, so a person counts by prominence, the sum of the faces' quality, to the power of `PERSON_POWER`, and a face
    by its quality within its person. `quality` is float [n], `person` int [n], `speaking` float [n] in 0..1, NaN where
    it was not measured.
    """
    quality = np.clip(np.nan_to_num(np.asarray(quality, dtype=np.float64)), 1e-6, None)
    people, who = np.unique(person, return_inverse=True)
    measured = np.zeros(len(who), bool) if speaking is None else ~np.isnan(speaking)
    speaker, silent = None, bool(measured.any())
    if speaking is not None and silent:
        most, sums = np.zeros((2, len(people)))
        np.maximum.at(most, who[measured], speaking[measured])
        np.add.at(sums, who[measured], speaking[measured])
        if most.max() >= SPEAKS:
            speaker, silent = int(people[np.where(most >= SPEAKS, sums, -1).argmax()]), False
    if speaker is None:
        prominence = np.bincount(who, weights=quality)
        weights, listens = quality * prominence[who] ** (PERSON_POWER - 1), measured
    else:
        weights, listens = quality * (person == speaker), np.asarray(person != speaker)
    return Attention((weights / weights.sum()).astype(np.float32), speaker, listens, silent)


def pool(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """One vector float32 [7], sum 1, from the probabilities float [n, 7] of n >= 1 faces and their weights float [n].

    A linear opinion pool (Stone 1961), in which one face that is sure and wrong cannot overrule the others, as it can
    in a product.
    """
    pooled = np.asarray(weights, np.float64) @ probabilities
    return np.asarray(pooled / pooled.sum(), np.float32)
