"""Static word vectors from the files of a token embedding: a table of tokens, and the byte-pair encoding of words.

WordLlama's wheel (MIT) has such files: ``weights/l2_supercat_256.safetensors`` and
``tokenizers/l2_supercat_tokenizer_config.json``. No code of it is run.
"""

import json
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors

from emotionscope.errors import UserError

START = "▁"  # before a token that begins a word


class WordVectors:
    """The vectors of a folder that holds one table as safetensors and one tokenizer as JSON, anywhere below it.

    Raises UserError where it does not.
    """

    def __init__(self, folder: str) -> None:
        try:
            (tensors,) = load_tensors(_only(folder, "*.safetensors").read_bytes()).values()
            model = json.loads(_only(folder, "*tokenizer*.json").read_bytes())["model"]
            self._table: NDArray[np.float32] = tensors.astype(np.float32)
            self._columns: dict[str, int] = {token: int(place) for token, place in model["vocab"].items()}
            pairs = (pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"])
            self._ranks = {(first, second): rank for rank, (first, second) in enumerate(pairs)}
            if self._table.ndim != 2 or not 0 <= max(self._columns.values()) < len(self._table):
                raise ValueError("the table and the tokens differ in number")
        except (SafetensorError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise UserError(f"{folder}: no word vectors that can be read ({error or type(error).__name__})") from error

    @property
    def words(self) -> list[str]:
        """The whole words of the table, in lower case: runs of two or more English letters."""
        starts = {token[1:].lower() for token in self._columns if token.startswith(START)}
        return sorted(word for word in starts if len(word) > 1 and word.isascii() and word.isalpha())

    def of(self, words: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of words, float32 [n, d], each of length 1: the mean of their tokens; 0 where none is known."""
        result = np.zeros((len(words), self._table.shape[1]), np.float32)
        for row, word in enumerate(words):
            if places := self._places(word):
                result[row] = self._table[places].mean(axis=0)
        lengths = np.linalg.norm(result, axis=1, keepdims=True)
        return np.asarray(result / np.where(lengths > 0, lengths, 1), np.float32)

    @cache  # noqa: B019 (lives as long as the training)
    def _places(self, word: str) -> list[int]:
        return [self._columns[token] for token in self._tokens(word) if token in self._columns and token != START]

    def _tokens(self, word: str) -> list[str]:
        """A word's tokens by byte-pair encoding (Sennrich et al. 2016): the pair of the lowest rank is joined first."""
        tokens, none = list(START + word), len(self._ranks)
        while len(tokens) > 1:
            ranks = [self._ranks.get(pair, none) for pair in pairwise(tokens)]
            place = ranks.index(min(ranks))
            if ranks[place] == none:
                break
            tokens[place : place + 2] = [tokens[place] + tokens[place + 1]]
        return tokens


def _only(folder: str, pattern: str) -> Path:
    found = sorted(Path(folder).rglob(pattern))
    if len(found) != 1:
        raise ValueError(f"{len(found)} files {pattern} in it, not one")
    return found[0]
