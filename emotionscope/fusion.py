"""Late fusion: one probability vector from those of the text and the vision model.

A log-linear pool (Genest & Zidek 1986): ``log p = w_text log p_text + w_vision log p_vision + bias``, normalised over
the emotions. Nine numbers, so that a dev set of a thousand rows determines them; a penalty draws them to the text
model alone, so that uninformative faces are ignored. Where no data has both text and faces, they are stated instead.
"""

import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotionscope.labels import EMOTIONS

FLOOR = 1e-4  # keeps one model's certain zero from being a veto
PENALTY = 2.0  # of the squared distance to "text alone", in units of one row's loss

Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class Fusion:
    """The weights; `bias` has one value an emotion, keyed by name."""

    text: float
    vision: float
    bias: dict[str, float]

    def probabilities(self, text: Probabilities, vision: Probabilities) -> Probabilities:
        """Fuse two arrays float32 [n, 7] in `EMOTIONS` order; a row of NaN means that the modality is missing.

        Where one modality is missing the other's probabilities come out unchanged, where both are, NaN.
        """
        from scipy.special import softmax  # half a second, which a sentence need not wait

        both = softmax(sum(self.terms(text, vision).values()), axis=1)
        no_text, no_vision = np.isnan(text[:, :1]), np.isnan(vision[:, :1])
        return np.where(no_vision, text, np.where(no_text, vision, both)).astype(np.float32)

    def terms(self, text: Probabilities, vision: Probabilities) -> dict[str, NDArray[np.float64]]:
        """What text, faces and bias each add to the log-probability of each emotion, float64 [n, 7].

        A row's sum differs from the logs of the fused probabilities by one constant.
        """
        bias = np.array([self.bias[emotion] for emotion in EMOTIONS])
        return {
            "text": self.text * _log(text),
            "faces": self.vision * _log(vision),
            "bias": np.broadcast_to(bias, text.shape),
        }

    def to_bytes(self) -> bytes:
        """The weights as JSON."""
        return json.dumps(asdict(self), indent=2, sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, payload: bytes) -> "Fusion":
        """Read what `to_bytes` wrote. Raises ValueError for anything else."""
        try:
            value = json.loads(payload)
            if set(value) != {"text", "vision", "bias"}:
                raise ValueError("not a fusion")
            if set(value["bias"]) != set(EMOTIONS):
                raise ValueError("its biases are not those of the seven emotions")
            fusion = cls(float(value["text"]), float(value["vision"]), {k: float(v) for k, v in value["bias"].items()})
        except (TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError(f"not a fusion: {error}") from error
        if not np.isfinite([fusion.text, fusion.vision, *fusion.bias.values()]).all():
            raise ValueError("its weights are not finite")
        return fusion


TEXT_ALONE = Fusion(1.0, 0.0, dict.fromkeys(EMOTIONS, 0.0))


def stated(prior: ArrayLike, odds: float) -> Fusion:
    """Weights without data: the text's probabilities, moved by what the faces say beyond their model's own `prior`.

    `prior` is float [7], how often the vision model's emotions occur in what it learnt from. Were text and faces
    independent given the emotion, dividing it out and multiplying would be right (Kittler et al. 1998). They tell less
    than that: faces are those of listeners too, and one look is much like the next. So their weight is the largest
    with which no faces, however sure, overturn a text that is `odds` times as sure of its answer as of theirs.
    Raises ValueError unless `odds` is above 1 and every prior above 0.
    """
    shares = np.asarray(prior, dtype=np.float64)
    if odds <= 1 or not (shares > 0).all():
        raise ValueError("the odds must be above 1, and every prior above 0")
    log_prior = np.log(shares / shares.sum())
    # The faces' evidence for one emotion over another is at most that of 1 against FLOOR, each beside its prior.
    most = log_prior.max() - log_prior.min() - np.log(FLOOR)
    weight = float(np.log(odds) / most)
    return Fusion(1.0, weight, dict(zip(EMOTIONS, (-weight * log_prior).tolist(), strict=True)))


def fit(text: Probabilities, vision: Probabilities, truth: ArrayLike, weight_power: float = 0.5) -> Fusion:
    """Learn the weights from rows that have both modalities.

    `text` and `vision` are float32 [n, 7], `truth` int [n] positions in `EMOTIONS`. The loss is cross-entropy with
    each class weighted by its inverse frequency to `weight_power`, as the two models were trained.
    No rows at all give the text model alone.
    """
    from scipy.optimize import minimize  # a third of a second, which scoring need not wait
    from scipy.special import log_softmax

    y = np.asarray(truth, dtype=int)
    if not len(y):
        return TEXT_ALONE
    counts = np.bincount(y, minlength=len(EMOTIONS))
    class_weight = (len(y) / np.maximum(counts, 1)) ** weight_power
    weight = class_weight[y] / class_weight[y].mean()
    log_text, log_vision = _log(text), _log(vision)
    start = np.zeros(2 + len(EMOTIONS))
    start[0] = 1.0

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = parameters[0] * log_text + parameters[1] * log_vision + parameters[2:]
        log_p = log_softmax(logits, axis=1)
        residual = weight[:, None] * (np.exp(log_p) - np.eye(len(EMOTIONS))[y])
        distance = parameters - start
        value = -(weight * log_p[np.arange(len(y)), y]).sum() + PENALTY * (distance**2).sum()
        gradient = np.concatenate([[(residual * log_text).sum(), (residual * log_vision).sum()], residual.sum(axis=0)])
        return float(value), gradient + 2 * PENALTY * distance

    bounds = [(0.0, None), (0.0, None), *([(None, None)] * len(EMOTIONS))]
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
    bias = dict(zip(EMOTIONS, found.x[2:].tolist(), strict=True))
    return Fusion(float(found.x[0]), float(found.x[1]), bias)


def _log(probabilities: Probabilities) -> NDArray[np.float64]:
    return np.log(np.maximum(probabilities.astype(np.float64), FLOOR))
