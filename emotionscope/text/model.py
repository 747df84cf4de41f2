"""Emotion from what is said: TF-IDF of words and character n-grams, then logistic regression.

`emotionscope.text.training` fits the model with scikit-learn. Scoring is compiled: `emotionscope.text.ngrams`.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS, indices
from emotionscope.text import characters, encoder, ngrams
from emotionscope.text.blank import has_text
from emotionscope.text.reading import read

FORMAT = "emotionscope-text-2"
MAX_LENGTH = 20  # words or characters of an n-gram
LARGEST = 1_000_000  # of weights, so that no sum of them overflows
_LETTER = re.compile(r"\w")
BATCH = 512  # texts scored at a time; their code points are held together


@dataclass(frozen=True)
class NGramLengths:
    """The least and the greatest length of n-grams, of words and of characters.

    With `across`, n-grams of characters reach from one word into the next. Raises ValueError for lengths that are
    not whole numbers in 1 to `MAX_LENGTH`.
    """

    words: tuple[int, int]
    characters: tuple[int, int]
    across: bool

    def __post_init__(self) -> None:
        for shortest, longest in (self.words, self.characters):
            if not (type(shortest) is type(longest) is int and 1 <= shortest <= longest <= MAX_LENGTH):
                raise ValueError(f"n-grams of {shortest} to {longest}: the lengths are 1 to {MAX_LENGTH}")


@dataclass(frozen=True, eq=False)
class Head:
    """What a sentence encoder adds: ``ngrams * (the n-grams' sum) + vectors @ weights + bias`` are the scores then.

    `weights` is float32 [384, k] and `bias` float32 [k], for the model's `labels`; `ngrams` is a factor.
    """

    ngrams: float
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TextModel:
    """A vocabulary of n n-grams (of words, then characters, then marks) with its weights.

    `terms` holds the n-grams one after another, as code points uint32, `sizes` uint32 [n] their numbers of
    characters, and `families` says how many n-grams each family has. `idf` float32 [n] is the inverse document
    frequency (1 for marks); `weights` float32 [n, k] and `bias` float32 [k] belong to the emotions in `labels`.
    `marks_weight` multiplies the marks, whose values are not divided by their length. With `deep`, the `head` answers,
    which needs the extra ``encoder``.

    Raises ValueError where these do not fit together, or a number is not finite or beyond `LARGEST`.
    """

    lengths: NGramLengths
    labels: tuple[str, ...]
    families: tuple[int, int, int]
    marks_weight: float
    terms: NDArray[np.uint32]
    sizes: NDArray[np.uint32]
    idf: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    head: Head | None = None
    deep: bool = False

    def __post_init__(self) -> None:
        n, k = len(self.sizes), len(self.labels)
        if len(set(self.labels) & set(EMOTIONS)) != k or k < 2:
            raise ValueError("its labels are not two or more different emotions")
        if (
            len(self.families) != ngrams.FAMILIES
            or sum(self.families) != n
            or min(self.families) < 0
            or n > ngrams.MAX_NGRAMS
        ):
            raise ValueError("the sizes of its families are not those of its vocabulary")
        shapes = (self.idf.shape, self.weights.shape, self.bias.shape)
        if shapes != ((n,), (n, k), (k,)) or self.sizes.sum(dtype=np.uint64) != len(self.terms):
            raise ValueError("its vocabulary and weights differ in size")
        numbers = [self.idf, self.weights, self.bias, np.array(self.marks_weight)]
        if self.head:
            numbers += [self.head.weights, self.head.bias, np.array(self.head.ngrams)]
            if (self.head.weights.shape, self.head.bias.shape) != ((encoder.SIZE, k), (k,)):
                raise ValueError("its encoder's weights are not those of its labels")
        if not all((np.abs(values) <= LARGEST).all() for values in numbers) or not (self.idf >= 1 / LARGEST).all():
            raise ValueError(f"a weight is not within ±{LARGEST:,}, or a document frequency too small")
        if not len(self._table[0]):
            raise ValueError("an n-gram appears twice in its vocabulary")

    def probabilities(self, texts: Sequence[str | None]) -> NDArray[np.float32]:
        """Probabilities float32 [n, 7] in `labels.EMOTIONS` order; rows sum to 1. An emotion never seen gets 0.

        NaN for a text that is not read: None, blank, or without a known n-gram of two letters. A text of marks alone
        is read where one of them is known.
        """
        return self.read(texts)[0]

    def read(self, texts: Sequence[str | None]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """`probabilities`, and the share of each text's n-grams that the model knows, float32 [n]; 0 of no text."""
        result = np.zeros((len(texts), len(EMOTIONS)), dtype=np.float32)
        shares = np.zeros(len(texts), dtype=np.float32)
        columns = indices(self.labels)
        for start in range(0, len(texts), BATCH):
            batch = [read(text) if text is not None and has_text(text) else "" for text in texts[start : start + BATCH]]
            rows = slice(start, start + len(batch))
            sums, (every, known, telling) = self._sums(batch)
            scores = self._scores(batch, sums[: len(columns)])
            exponentials = np.exp(scores - scores.max(axis=0))
            result[rows, columns] = (exponentials / exponentials.sum(axis=0)).T
            shares[rows] = known / np.maximum(every, 1)
            for row in np.flatnonzero(telling == 0).tolist():
                if not known[row] or _LETTER.search(batch[row]):
                    result[start + row] = np.nan
        return result, shares

    def with_encoder(self) -> Self:
        """The model as its head answers. Raises UserError where it has none, or the encoder is not installed."""
        if not self.head:
            raise UserError("--encoder: the bundle's text model knows none; train one with train_text --encoder")
        encoder.check()
        return replace(self, deep=True)

    def shifted(self, added: NDArray[np.float32]) -> Self:
        """The model with a constant added to each emotion's score, float32 [7] in `EMOTIONS` order."""
        own = added[indices(self.labels)]
        return replace(self, bias=self.bias + own, head=self.head and replace(self.head, bias=self.head.bias + own))

    def _scores(self, batch: list[str], sums: NDArray[np.float32]) -> NDArray[np.float32]:
        """The scores float32 [k, n] of texts that `reading.read` returned, from what their n-grams add."""
        if not (self.head and self.deep):
            return sums + self.bias[:, None]
        added = encoder.vectors(batch) @ self.head.weights + self.head.bias
        return np.asarray(np.float32(self.head.ngrams) * sums + added.T, np.float32)

    def explain(self, text: str, emotion: str | None = None, top: int = 10) -> list[tuple[str, float]]:
        """The n-grams that moved an emotion's score most, largest first: (n-gram, what it added to the logit).

        The model is linear, so these are exact parts of the score and no estimate; with `deep`, the encoder adds to it
        what no n-gram tells. Without `emotion`, the most
        probable one is explained. Nothing moved a text that is not read. Raises ValueError for an emotion the model
        does not know.
        """
        given = self.probabilities([text])[0]
        unread = bool(np.isnan(given[0]))
        if emotion is None:
            emotion = self.labels[0] if unread else EMOTIONS[given.argmax()]
        if emotion not in self.labels:
            raise ValueError(f"the model does not know {emotion!r}")
        if unread:
            return []
        columns, values = self._tfidf(read(text))
        values *= np.float32(self.head.ngrams if self.head and self.deep else 1)
        ends = np.cumsum(self.sizes, dtype=np.int64)
        added: dict[str, float] = {}  # one n-gram may be of several families
        for column, value in zip(columns, values * self.weights[columns, self.labels.index(emotion)], strict=True):
            term = _text(self.terms[ends[column] - self.sizes[column] : ends[column]])
            added[term] = added.get(term, 0) + float(value)
        return sorted(added.items(), key=lambda pair: -abs(pair[1]))[:top]

    def vocabulary(self) -> list[list[str]]:
        """The n-grams of words, of characters and of marks, in the order of the columns."""
        text, ends = _text(self.terms), np.cumsum(self.sizes, dtype=np.int64).tolist()
        terms = [text[start:end] for start, end in pairwise([0, *ends])]
        return [terms[start:end] for start, end in pairwise([0, *accumulate(self.families)])]

    def sample(self, count: int = 200) -> str:
        """A text of some n-grams of the vocabulary, which a model that knows any word reads."""
        ends = np.cumsum(self.sizes, dtype=np.int64)
        chosen = np.unique(np.linspace(0, len(ends) - 1, count).astype(np.int64)).tolist() if len(ends) else []
        return " ".join(_text(self.terms[ends[n] - self.sizes[n] : ends[n]]) for n in chosen)

    def to_bytes(self) -> bytes:
        """The model as safetensors, the vocabulary as one UTF-8 text, with a description in its metadata.

        The same model gives the same bytes.
        """
        description = {name: getattr(self, name) for name in ("labels", "families", "marks_weight")}
        description |= {"format": FORMAT, "lengths": asdict(self.lengths)}
        tensors = {name: getattr(self, name) for name in ("sizes", "idf", "weights", "bias")}
        if self.head:
            description["head"] = {"ngrams": self.head.ngrams, "encoder": encoder.SHA256}
            tensors |= {"head_weights": self.head.weights, "head_bias": self.head.bias}
        tensors["terms"] = np.frombuffer(_text(self.terms).encode("utf-8", "surrogatepass"), np.uint8)
        return save_tensors(tensors, {"model": json.dumps(description)})

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Load what `to_bytes` wrote; outputs are put in `EMOTIONS` order by their names.

        Raises ValueError for anything else.
        """
        try:
            header = json.loads(payload[8 : 8 + int.from_bytes(payload[:8], "little")])
            description = json.loads(header["__metadata__"]["model"])
            if description["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            lengths, tensors = description["lengths"], load_tensors(payload)
            one, two, three, *more = map(int, description["families"])
            if any(more):
                raise ValueError("it has n-grams that this version does not know")
            idf, weights, bias = (tensors[name].astype(np.float32, casting="no") for name in ("idf", "weights", "bias"))
            return cls(
                NGramLengths(tuple(lengths["words"]), tuple(lengths["characters"]), bool(lengths["across"])),
                tuple(map(str, description["labels"])),
                (one, two, three),
                float(description["marks_weight"]),
                characters.code_points(tensors["terms"].tobytes().decode("utf-8", "surrogatepass")),
                tensors["sizes"].astype(np.uint32, casting="no"),
                idf,
                weights,
                bias,
                _head(description.get("head"), tensors),
            )
        # All that reading a file that somebody made up can raise.
        except (SafetensorError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError) as error:
            raise ValueError(f"not a text model: {error or type(error).__name__}") from error
        except ValueError as error:
            raise ValueError(f"not a text model: {error}") from error

    @cached_property
    def _table(self) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
        table, known = ngrams.build_table(
            _frozen(self.terms), _frozen(self.sizes), self.families, _frozen(np.argsort(self._order))
        )
        return _frozen(table), _frozen(known)

    @cached_property
    def _rows(self) -> NDArray[np.float32]:
        """What `ngrams.sums` adds for each n-gram, float32 [n, 8]."""
        rows = np.zeros((len(self.sizes), 8), np.float32)
        rows[:, : len(self.labels)] = self.weights * self.idf[:, None]
        letters = np.append(0, np.cumsum(characters.character_classes()[self.terms] == characters.WORD))
        ends = np.cumsum(self.sizes, dtype=np.int64)
        rows[:, 7] = np.where(letters[ends] - letters[ends - self.sizes] > 1, 1, -1) * self.idf**2
        return _frozen(rows[self._order])

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        """The columns, frequent ones first, so that their rows stay in a core's cache."""
        return np.argsort(self.idf, kind="stable")

    @property
    def _reading(self) -> tuple[NDArray[np.uint8], tuple[int, int, int, int], bool]:
        """How `ngrams` reads a text."""
        return characters.character_classes(), (*self.lengths.words, *self.lengths.characters), self.lengths.across

    def _sums(self, texts: list[str]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """What the n-grams of texts add to the scores of the labels, and their counts, as `ngrams.sums` has them."""
        return ngrams.sums(
            characters.code_points("".join(texts)),
            _frozen(np.fromiter(accumulate(map(len, texts)), np.int64, len(texts))),
            *self._reading,
            *self._table,
            self._rows,
            self.marks_weight,
        )

    def _tfidf(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The columns int64 of a text's n-grams, each once, and their values float32 as `ngrams.sums` has them."""
        found = self._order[ngrams.columns(characters.code_points(text), *self._reading, *self._table)]
        columns, counts = np.unique(found, return_counts=True)
        values = (1 + np.log(counts)).astype(np.float32) * self.idf[columns]
        for family, (begin, end) in enumerate(pairwise([0, *accumulate(self.families)])):
            own = (begin <= columns) & (columns < end)
            if own.any():
                values[own] *= self.marks_weight if family == ngrams.MARKS else 1 / np.linalg.norm(values[own])
        return columns, values


def _head(described: dict[str, Any] | None, tensors: dict[str, NDArray[Any]]) -> Head | None:
    if described is None:
        return None
    if described["encoder"] != encoder.SHA256:
        raise ValueError("it was trained with another sentence encoder")
    weights, bias = (tensors[f"head_{name}"].astype(np.float32, casting="no") for name in ("weights", "bias"))
    return Head(float(described["ngrams"]), weights, bias)


def warm_up() -> None:
    """Load the compiled code of scoring, or compile it where this machine has not yet."""
    none, numbers = np.zeros(0, np.uint32), np.zeros(0, np.float32)
    model = TextModel(
        NGramLengths((1, 1), (1, 1), False),
        EMOTIONS,
        (0, 0, 0),
        1.0,
        none,
        none,
        numbers,
        np.zeros((0, len(EMOTIONS)), np.float32),
        np.zeros(len(EMOTIONS), np.float32),
    )
    model.probabilities([""])


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """The array, read-only as Ray's are: Numba compiles anew for one that can be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def _text(points: NDArray[np.uint32]) -> str:
    return points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
