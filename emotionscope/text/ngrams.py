"""Compiled TF-IDF: n-grams are hashed as a text is walked over, and looked up in the vocabulary.

A text is its code points, uint32. The vocabulary is an open-addressed table from an n-gram's 64-bit hash to its column.
An entry holds 40 bits of the hash and 24 of the column. `build_table` proves that no two n-grams of the vocabulary are
taken for each other; another n-gram is taken for one of them at most once in 10^12 look-ups.

All compiled code is in this file: a change to it makes Numba compile all of it again.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

MAX_NGRAMS = 2**24 - 1  # columns that fit in an entry of the table
WORDS, CHARACTERS, MARKS = range(3)  # the families of n-grams, in the order of their columns
_MARK, _SPACE, _WORD = range(3)  # classes of characters
_APOSTROPHE, _BLANK = ord("'"), ord(" ")
_MULTIPLIER, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)
_COLUMN_BITS = np.uint64(24)
_COLUMN = np.uint64(MAX_NGRAMS)
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)

Array = NDArray[Any]
_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(function: _Function) -> _Function:
    """Numba's compilation of a function, kept beside the package or, where that is read-only, in the user's cache."""
    try:
        return cast(_Function, numba.njit(function, cache=True, error_model="numpy"))
    except RuntimeError:  # neither can be written: each process compiles anew
        return cast(_Function, numba.njit(function, error_model="numpy"))


@lru_cache(maxsize=1)
def character_classes() -> NDArray[np.uint8]:
    r"""The class of each of Unicode's code points, uint8 [0x110000]: ``\w``, ``\s`` or neither, as `re` has it."""
    everything = "".join(map(chr, range(0x110000)))
    classes = np.full(len(everything), _MARK, np.uint8)
    for pattern, kind in ((r"\w+", _WORD), (r"\s+", _SPACE)):
        for run in re.finditer(pattern, everything):
            classes[run.start() : run.end()] = kind
    classes.flags.writeable = False
    return classes


def code_points(text: str) -> NDArray[np.uint32]:
    """A text's code points, uint32 [characters], read-only."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


@_compiled
def _add(hashed: Any, point: Any) -> Any:
    mixed = (hashed ^ point) * _MULTIPLIER
    return mixed ^ (mixed >> _SHIFT)


@_compiled
def _seed(family: int) -> Any:
    return _add(np.uint64(0), np.uint64(0x110000 + family))


@_compiled
def build_table(points: Array, lengths: Array, families: tuple[int, int, int]) -> Array:
    """The table uint64 [a power of two] of a vocabulary, or an empty one where two n-grams cannot be told apart.

    `points` uint32 are the code points of all n-grams, one after another, and `lengths` uint32 [n] their numbers;
    `families` says how many n-grams each family has.
    """
    size = 1024
    while size < 2 * len(lengths):
        size *= 2
    mask = np.uint64(size - 1)
    table = np.full(size, _EMPTY, np.uint64)
    start = np.int64(0)
    for column in range(len(lengths)):
        family = WORDS if column < families[0] else CHARACTERS if column < families[0] + families[1] else MARKS
        hashed = _seed(family)
        for place in range(start, start + np.int64(lengths[column])):
            hashed = _add(hashed, np.uint64(points[place]))
        start += np.int64(lengths[column])
        slot = (hashed * _MULTIPLIER >> _SHIFT) & mask
        while table[slot] != _EMPTY:
            if (table[slot] ^ hashed) >> _COLUMN_BITS == 0:
                return np.empty(0, np.uint64)
            slot = (slot + np.uint64(1)) & mask
        table[slot] = (hashed >> _COLUMN_BITS << _COLUMN_BITS) | np.uint64(column)
    return table


@_compiled
def _count(hashes: Array, number: int, table: Array, entries: Array, counts: Array, found: Array) -> int:
    """Count the n-grams of the first `number` hashes; how many columns were met, which `found` then lists."""
    mask = np.uint64(len(table) - 1)
    for index in range(number):  # by itself, so that the memory answers many look-ups at a time
        entries[index] = table[(hashes[index] * _MULTIPLIER >> _SHIFT) & mask]
    total = 0
    for index in range(number):
        hashed, entry = hashes[index], entries[index]
        slot = (hashed * _MULTIPLIER >> _SHIFT) & mask
        while entry != _EMPTY and (entry ^ hashed) >> _COLUMN_BITS != 0:
            slot = (slot + np.uint64(1)) & mask
            entry = table[slot]
        if entry != _EMPTY:
            column = np.int64(entry & _COLUMN)
            if counts[column] == 0:
                found[total] = column
                total += 1
            counts[column] += 1
    return total


@_compiled
def _hash_words(points: Array, classes: Array, shortest: int, longest: int, room: Array, hashes: Array) -> int:
    r"""Hash the n-grams of the tokens ``\w+(?:'\w+)?|[^\w\s]``; their number. `room` is for the tokens' places."""
    tokens, position = 0, 0
    while position < len(points):
        kind = classes[points[position]]
        begin = position
        position += 1
        if kind == _SPACE:
            continue
        if kind == _WORD:
            while position < len(points) and classes[points[position]] == _WORD:
                position += 1
            after = position + 1
            if after < len(points) and points[position] == _APOSTROPHE and classes[points[after]] == _WORD:
                position = after + 1
                while position < len(points) and classes[points[position]] == _WORD:
                    position += 1
        room[0, tokens], room[1, tokens] = begin, position
        tokens += 1
    number = 0
    for first in range(tokens):
        hashed = _seed(WORDS)
        for length in range(1, min(longest, tokens - first) + 1):
            if length > 1:
                hashed = _add(hashed, np.uint64(_BLANK))
            for place in range(room[0, first + length - 1], room[1, first + length - 1]):
                hashed = _add(hashed, np.uint64(points[place]))
            if length >= shortest:
                hashes[number] = hashed
                number += 1
    return number


@_compiled
def _hash_windows(points: Array, shortest: int, longest: int, hashes: Array, number: int) -> int:
    """Hash the n-grams of characters in `points` behind the first `number` hashes; the new number."""
    for first in range(len(points) - shortest + 1):
        hashed = _seed(CHARACTERS)
        for length in range(1, min(longest, len(points) - first) + 1):
            hashed = _add(hashed, np.uint64(points[first + length - 1]))
            if length >= shortest:
                hashes[number] = hashed
                number += 1
    return number


@_compiled
def _hash_characters(
    points: Array, classes: Array, shortest: int, longest: int, across: bool, room: Array, hashes: Array
) -> int:
    """Hash the n-grams of the whole text, in which white space of more than one character is a blank; their number.

    That is scikit-learn's ``char``. Where not `across`, the n-grams of each word between white space, with a blank
    before and behind it: its ``char_wb``.
    """
    number, size, position = 0, 0, 0
    while position < len(points):
        begin = position
        space = classes[points[position]] == _SPACE
        while position < len(points) and (classes[points[position]] == _SPACE) == space:
            position += 1
        if across and space and position - begin > 1:
            room[size] = _BLANK
            size += 1
        elif across:
            room[size : size + position - begin] = points[begin:position]
            size += position - begin
        elif not space:
            size = position - begin + 2
            room[0], room[size - 1] = _BLANK, _BLANK
            room[1 : size - 1] = points[begin:position]
            least = min(shortest, size)  # a word that is shorter counts once, whole
            number = _hash_windows(room[:size], least, longest, hashes, number)
    return _hash_windows(room[:size], shortest, longest, hashes, 0) if across else number


@_compiled
def _hash_marks(points: Array, classes: Array, hashes: Array) -> int:
    r"""Hash the runs of marks, ``[^\w\s]+``; their number."""
    number, position = 0, 0
    while position < len(points):
        if classes[points[position]] != _MARK:
            position += 1
            continue
        hashed = _seed(MARKS)
        while position < len(points) and classes[points[position]] == _MARK:
            hashed = _add(hashed, np.uint64(points[position]))
            position += 1
        hashes[number] = hashed
        number += 1
    return number


@_compiled
def tfidf(
    points: Array,
    ends: Array,
    classes: Array,
    lengths: tuple[int, int, int, int],
    across: bool,
    table: Array,
    idf: Array,
    marks_weight: float,
) -> tuple[Array, Array, Array]:
    """TF-IDF of m texts as a CSR matrix: values float64, columns int32, and int64 [m + 1] where each text's begin.

    The texts' code points end at `ends` int64 [m] in `points`. `lengths` are the least and the greatest length of
    n-grams of words, then of characters. A value is (1 + log of the n-gram's number) times its `idf` float32 [n],
    over the Euclidean length of its family; marks are not divided by it, but multiplied by `marks_weight`.
    """
    counts, found = np.zeros(len(idf), np.int32), np.empty(len(idf), np.int32)
    longest, begin = 0, 0
    for end in ends:
        longest, begin = max(longest, end - begin), end
    room = np.empty((2, longest + 2), np.uint32)
    # Every second character may be a word, which the blanks around it make three.
    most = (2 * longest + 2) * max(lengths[1], lengths[3])
    hashes, entries = np.empty(most, np.uint64), np.empty(most, np.uint64)
    values, columns = np.empty(1024, np.float64), np.empty(1024, np.int32)
    starts = np.zeros(len(ends) + 1, np.int64)
    begin, size = 0, 0
    for text in range(len(ends)):
        own = points[begin : ends[text]]
        begin = ends[text]
        for family in range(3):
            if family == WORDS:
                number = _hash_words(own, classes, lengths[0], lengths[1], room, hashes)
            elif family == CHARACTERS:
                number = _hash_characters(own, classes, lengths[2], lengths[3], across, room[0], hashes)
            else:
                number = _hash_marks(own, classes, hashes)
            total = _count(hashes, number, table, entries, counts, found)
            if size + total > len(values):
                more = size + total + len(values)
                old_values, old_columns = values, columns
                values, columns = np.empty(more, np.float64), np.empty(more, np.int32)
                values[:size], columns[:size] = old_values[:size], old_columns[:size]
            square = 0.0
            for index in range(total):
                column = found[index]
                value = (1 + np.log(counts[column]) if counts[column] > 1 else 1.0) * idf[column]
                counts[column] = 0
                square += value * value
                values[size + index], columns[size + index] = value, column
            scale = marks_weight if family == MARKS else 1 / np.sqrt(square)
            for index in range(size, size + total):
                values[index] *= scale
            size += total
        starts[text + 1] = size
    return values[:size], columns[:size], starts
