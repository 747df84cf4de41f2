"""Late fusion: one probability vector from those of the text and the vision model.

Faces show the emotion of some utterances only: others are a listener's, or the speaker's at another moment. So the
vision model is taken to be right with a probability, its reliability r, and else to be no evidence:
``p(emotion) ~ p_text * ((1 - r) + r * p_vision / prior)``, where the prior is how often the vision model's emotions
occur in what it answers for. Were r 1, this would be the product of two independent sources (Kittler et al. 1998);
with r, no face can move the text by more than ``1 + r / (1 - r) / prior``. Two numbers, one for faces known to speak
and one for faces of which it is unknown, which a few hundred rows determine. Where no data has both text and faces,
they are stated.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotionscope.labels import EMOTIONS

FLOOR = 1e-4  # keeps the text's certain zero from being a veto
MOST = 0.99  # reliability; 1 would let faces veto
PENALTY = 2.0  # of the reliability, in units of one row's loss: draws it to 0, so that useless faces are ignored

Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class Fusion:
    """How far faces are believed: the reliability of those known to speak, and of those of which it is unknown.

    `prior` holds a share for each emotion, keyed by name; they sum to 1.
    """

    speaking: float
    unknown: float
    prior: dict[str, float]

    def probabilities(
        self, text: Probabilities, vision: Probabilities, heard: ArrayLike | None = None
    ) -> Probabilities:
        """Fuse two arrays float32 [n, 7] in `EMOTIONS` order; a row of NaN means that the modality is missing.

        `heard` is float [n]: 1 where the faces are known to speak, 0 where they are known to listen, NaN where it is
        unknown; by default it is unknown of all. Listeners' faces leave the text as it is. Where one modality is
        missing the other's probabilities come out unchanged, where both are, NaN.
        """
        terms = self.terms(text, vision, heard)
        both = np.exp(terms["text"] + terms["faces"])
        both /= both.sum(axis=1, keepdims=True)
        no_text, unused = np.isnan(text[:, :1]), np.isnan(vision[:, :1])
        if heard is not None:
            unused = unused | (~no_text & (np.asarray(heard, float) == 0)[:, None])
        return np.where(unused, text, np.where(no_text, vision, both)).astype(np.float32)

    def terms(
        self, text: Probabilities, vision: Probabilities, heard: ArrayLike | None = None
    ) -> dict[str, NDArray[np.float64]]:
        """What text and faces each add to the log-probability of each emotion, float64 [n, 7].

        A row's sum differs from the logs of the fused probabilities by one constant.
        """
        prior = np.array([self.prior[emotion] for emotion in EMOTIONS])
        known = np.full(len(text), np.nan) if heard is None else np.asarray(heard, float)
        reliability = np.where(np.isnan(known), self.unknown, np.where(known > 0, self.speaking, 0.0))[:, None]
        faces = np.log1p(reliability * (vision.astype(np.float64) / prior - 1))
        return {"text": np.log(np.maximum(text.astype(np.float64), FLOOR)), "faces": faces}

    def to_bytes(self) -> bytes:
        """The numbers as JSON."""
        return json.dumps(asdict(self), indent=2, sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, payload: bytes) -> "Fusion":
        """Read what `to_bytes` wrote. Raises ValueError for anything else."""
        try:
            value = json.loads(payload)
            if set(value) != {"speaking", "unknown", "prior"}:
                raise ValueError("not a fusion")
            return stated(value["prior"], float(value["unknown"]), float(value["speaking"]))
        except (TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError(f"not a fusion: {error}") from error


TEXT_ALONE = Fusion(0.0, 0.0, dict.fromkeys(EMOTIONS, 1 / len(EMOTIONS)))


def stated(prior: Mapping[str, float], unknown: float, speaking: float) -> Fusion:
    """A fusion of these numbers. Raises ValueError where they are not what `Fusion` says."""
    if set(prior) != set(EMOTIONS):
        raise ValueError("the priors are not those of the seven emotions")
    shares = {emotion: float(prior[emotion]) for emotion in EMOTIONS}
    total = sum(shares.values())
    if not (all(share > 0 for share in shares.values()) and abs(total - 1) < 1e-3):
        raise ValueError("the priors must be above 0 and sum to 1")
    if not (0 <= unknown <= MOST and 0 <= speaking <= MOST):
        raise ValueError(f"a reliability must lie between 0 and {MOST}")
    return Fusion(speaking, unknown, shares)


def fit(
    text: Probabilities,
    vision: Probabilities,
    truth: ArrayLike,
    prior: Mapping[str, float],
    heard: ArrayLike | None = None,
) -> Fusion:
    """Learn the reliabilities that make labelled rows with both modalities likeliest.

    `text` and `vision` are float32 [n, 7], `truth` int [n] positions in `EMOTIONS`, `heard` as in
    `Fusion.probabilities`, `prior` as in `Fusion`. Where no row tells, faces known to speak count as others do, and no
    rows at all give the text alone. Raises ValueError for a bad prior.
    """
    from scipy.optimize import minimize_scalar  # a third of a second, which scoring need not wait

    labels = np.asarray(truth, dtype=int)
    known = np.full(len(labels), np.nan) if heard is None else np.asarray(heard, float)

    def reliability(rows: NDArray[np.bool_], start: float) -> float:
        if not rows.any():
            return start

        def loss(value: float) -> float:
            fused = stated(prior, value, value).probabilities(text[rows], vision[rows])
            likely = np.log(fused[np.arange(rows.sum()), labels[rows]].astype(np.float64) + 1e-12)
            return float(PENALTY * value - likely.sum())

        found = minimize_scalar(loss, bounds=(0.0, MOST), method="bounded")
        return float(found.x) if found.fun < loss(0.0) else 0.0

    unknown = reliability(np.isnan(known), 0.0)
    return stated(prior, unknown, reliability(known > 0, unknown))
