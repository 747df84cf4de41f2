"""How common each emotion is: answers for an archive whose shares are not those of the training data.

``p'(emotion | text) ~ p(emotion | text) * its share there / its share in training``, and the shares of an archive as
its answers have them, by expectation maximisation: Saerens, Latinne & Decaestecker, "Adjusting the Outputs of a
Classifier to New a Priori Probabilities", Neural Computation 2002.
"""

import csv
import io
import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from emotionscope.errors import UserError, first_line
from emotionscope.fusion import Probabilities
from emotionscope.labels import EMOTIONS, canonical
from emotionscope.storage import s3
from emotionscope.storage.place import JsonObject, Place

LEAST = 1e-4  # share of an emotion, so that none is ruled out
STEPS, CLOSE = 1000, 1e-6  # of the maximisation at most; the change of shares at which it ends
BYTES = 2**16  # of a table, at most
Shares = dict[str, float]


def of_training(text: JsonObject, encoder: bool) -> Shares:
    """The shares of the emotions in a text model's answers on its own data, from the bundle's entry of it.

    Raises UserError where there are none.
    """
    try:
        return _shares((text["encoder"] if encoder else text)["prior"])
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise UserError("--prior: the bundle's text model tells no shares of its own; train it again") from error


def read(setting: str) -> Shares:
    """The shares that ``uniform`` or a table names: JSON, or CSV with the columns emotion and share.

    Raises UserError where they are not shares of the seven emotions.
    """
    if setting == "uniform":
        return _shares(dict.fromkeys(EMOTIONS, 1.0))
    try:
        text = Place(setting).read_bytes(BYTES).decode("utf-8-sig")
        if text.lstrip().startswith("{"):
            return _shares(json.loads(text))
        rows = list(csv.DictReader(io.StringIO(text)))
        return _shares({row["emotion"]: float(row["share"]) for row in rows})
    except OSError as error:
        raise s3.failure(f"--prior {setting}: cannot be read", error) from error
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        told = "no shares of the seven emotions by name, as JSON, or as CSV with the columns emotion and share"
        raise UserError(f"--prior {setting}: {told} ({first_line(error) or type(error).__name__})") from error


def learnt(probabilities: Probabilities, training: Shares) -> Shares:
    """The shares that make answers likeliest, float32 [n, 7] in `EMOTIONS` order; rows of NaN do not count.

    `training` are the shares in the data that the model learnt from, which no answers leave as they are.
    """
    given = probabilities[~np.isnan(probabilities[:, 0])].astype(np.float64)
    before = np.array([training[emotion] for emotion in EMOTIONS])
    now = before.copy()
    for _ in range(STEPS if len(given) else 0):
        weighted = given * (now / before)
        after = (weighted / weighted.sum(axis=1, keepdims=True)).mean(axis=0)
        now, change = after, np.abs(after - now).max()
        if change < CLOSE:
            break
    return _shares(dict(zip(EMOTIONS, now.tolist(), strict=True)))


def added(training: Shares, wanted: Shares) -> NDArray[np.float32]:
    """What each emotion's score gains where `wanted` takes the place of `training`: float32 [7]."""
    return np.array([np.log(wanted[emotion] / training[emotion]) for emotion in EMOTIONS], np.float32)


def _shares(found: Mapping[str, float]) -> Shares:
    """Shares of the seven emotions, by name, that sum to 1. Raises ValueError where they cannot be."""
    named = {canonical(name): float(share) for name, share in found.items()}
    if len(found) != len(EMOTIONS) or set(named) != set(EMOTIONS):
        raise ValueError("its names are not those of the seven emotions")
    shares = np.array([named[emotion] for emotion in EMOTIONS])
    if not (np.isfinite(shares).all() and (shares >= 0).all() and shares.sum() > 0):
        raise ValueError("a share is below 0, or none is above")
    shares = np.maximum(shares / shares.sum(), LEAST)
    return {emotion: round(float(share), 5) for emotion, share in zip(EMOTIONS, shares / shares.sum(), strict=True)}
