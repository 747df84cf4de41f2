"""Compiled TF-IDF: n-grams are hashed as a text is walked over, and looked up in the vocabulary.

A text is its code points, uint32. The vocabulary is an open-addressed table from an n-gram's 64-bit hash to its column.
An entry holds 40 bits of the hash and 24 of the column. `build_table` proves that no two n-grams of the vocabulary are
taken for each other; another n-gram is taken for one of them at most once in 10^12 look-ups. Before it stands a Bloom
filter of one bit a hash, which fits in a core's cache and keeps most n-grams of other texts away from the table.

All compiled code is in this file: a change to it makes Numba compile all of it again.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from emotionscope.text.characters import MARK, SPACE, WORD

MAX_NGRAMS = 2**24 - 1  # columns that fit in an entry of the table
WORDS, CHARACTERS, MARKS = range(3)  # the families of n-grams, in the order of their columns
FAMILIES = 3
_APOSTROPHE, _BLANK = ord("'"), ord(" ")
_MULTIPLIER, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)
_COLUMN_BITS = np.uint64(24)
_COLUMN = np.uint64(MAX_NGRAMS)
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
_FILTER, _BIT = np.uint64(24), np.uint64(61)  # where the bits of a hash begin that are its place in the filter
# What an n-gram's first, second … occurrence adds to 1 + log of its number, and to the square of that; 0 of them is 0.
_FACTORS = np.concatenate([[0], 1 + np.log(np.arange(1, 64))])
_STEPS = np.diff(_FACTORS, prepend=0).astype(np.float32)
_SQUARE_STEPS = np.diff(_FACTORS**2, prepend=0).astype(np.float32)

Array = NDArray[Any]
_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(function: _Function) -> _Function:
    """Numba's compilation of a function, kept beside the package or, where that is read-only, in the user's cache."""
    try:
        return cast(_Function, numba.njit(function, cache=True, error_model="numpy"))
    except RuntimeError:  # neither can be written: each process compiles anew
        return cast(_Function, numba.njit(function, error_model="numpy"))


@_compiled
def _add(hashed: Any, point: Any) -> Any:
    mixed = (hashed ^ point) * _MULTIPLIER
    return mixed ^ (mixed >> _SHIFT)


@_compiled
def _seed(family: int) -> Any:
    return _add(np.uint64(0), np.uint64(0x110000 + family))


@_compiled
def build_table(points: Array, lengths: Array, families: tuple[int, int, int], places: Array) -> tuple[Array, Array]:
    """The table uint64 [a power of two] of a vocabulary, and its filter uint8 of the same length.

    `points` uint32 are the code points of all n-grams, one after another, and `lengths` uint32 [n] their numbers;
    `families` says how many n-grams each family has, and `places` int64 [n] what the table says of each. The table is
    empty where two n-grams cannot be told apart.
    """
    size = 1024
    while size < 2 * len(lengths):
        size *= 2
    mask = np.uint64(size - 1)
    table, known = np.full(size, _EMPTY, np.uint64), np.zeros(size, np.uint8)
    start = np.int64(0)
    family, end = 0, families[0]
    for column in range(len(lengths)):
        while column >= end:
            family += 1
            end += families[family]
        hashed = _seed(family)
        for place in range(start, start + np.int64(lengths[column])):
            hashed = _add(hashed, np.uint64(points[place]))
        start += np.int64(lengths[column])
        slot = (hashed * _MULTIPLIER >> _SHIFT) & mask
        while table[slot] != _EMPTY:
            if (table[slot] ^ hashed) >> _COLUMN_BITS == 0:
                return np.empty(0, np.uint64), known
            slot = (slot + np.uint64(1)) & mask
        table[slot] = (hashed >> _COLUMN_BITS << _COLUMN_BITS) | np.uint64(places[column])
        known[(hashed >> _FILTER) & mask] |= np.uint8(1) << np.uint8(hashed >> _BIT)
    return table, known


@_compiled
def _find(hashes: Array, number: int, table: Array, known: Array, entries: Array, columns: Array) -> int:
    """Put the columns of the first `number` hashes that are in the vocabulary into `columns`; how many these are."""
    mask = np.uint64(len(table) - 1)
    kept: Any = 0
    for index in range(number):  # without a branch: what is in the vocabulary and what is not cannot be foretold
        hashed = hashes[index]
        hashes[kept] = hashed
        kept += np.int64(known[(hashed >> _FILTER) & mask] >> np.uint8(hashed >> _BIT) & np.uint8(1))
    for index in range(kept):  # by itself, so that the memory answers many look-ups at a time
        entries[index] = table[(hashes[index] * _MULTIPLIER >> _SHIFT) & mask]
    total = 0
    for index in range(kept):
        hashed, entry = hashes[index], entries[index]
        slot = (hashed * _MULTIPLIER >> _SHIFT) & mask
        while entry != _EMPTY and (entry ^ hashed) >> _COLUMN_BITS != 0:
            slot = (slot + np.uint64(1)) & mask
            entry = table[slot]
        columns[total] = np.int64(entry & _COLUMN)
        if entry != _EMPTY:  # almost always
            total += 1
    return total


@_compiled
def _find_tokens(points: Array, classes: Array, room: Array) -> int:
    r"""Put where the tokens ``\w+(?:'\w+)?|[^\w\s]`` begin and end into `room`; their number."""
    tokens, position = 0, 0
    while position < len(points):
        kind = classes[points[position]]
        begin = position
        position += 1
        if kind == SPACE:
            continue
        if kind == WORD:
            while position < len(points) and classes[points[position]] == WORD:
                position += 1
            after = position + 1
            if after < len(points) and points[position] == _APOSTROPHE and classes[points[after]] == WORD:
                position = after + 1
                while position < len(points) and classes[points[position]] == WORD:
                    position += 1
        room[0, tokens], room[1, tokens] = begin, position
        tokens += 1
    return tokens


@_compiled
def _hash_words(points: Array, classes: Array, shortest: int, longest: int, room: Array, hashes: Array) -> int:
    """Hash the n-grams of tokens; their number."""
    tokens = _find_tokens(points, classes, room)
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
        space = classes[points[position]] == SPACE
        while position < len(points) and (classes[points[position]] == SPACE) == space:
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
        if classes[points[position]] != MARK:
            position += 1
            continue
        hashed = _seed(MARKS)
        while position < len(points) and classes[points[position]] == MARK:
            hashed = _add(hashed, np.uint64(points[position]))
            position += 1
        hashes[number] = hashed
        number += 1
    return number


@_compiled
def _hash(
    family: int,
    points: Array,
    classes: Array,
    lengths: tuple[int, int, int, int],
    across: bool,
    room: Array,
    hashes: Array,
) -> int:
    """Hash a text's n-grams of one family; their number."""
    if family == WORDS:
        return _hash_words(points, classes, lengths[0], lengths[1], room, hashes)
    if family == CHARACTERS:
        return _hash_characters(points, classes, lengths[2], lengths[3], across, room[0], hashes)
    return _hash_marks(points, classes, hashes)


@_compiled
def _room(longest: int, lengths: tuple[int, int, int, int]) -> tuple[Array, Array, Array, Array]:
    """Arrays for the places, hashes, entries and columns of a text of `longest` characters."""
    # Every second character may be a word, which the blanks around it make three.
    most = (2 * longest + 2) * max(lengths[1], lengths[3])
    return (
        np.empty((2, longest + 2), np.uint32),
        np.empty(most, np.uint64),
        np.empty(most, np.uint64),
        np.empty(most, np.int32),
    )


@_compiled
def columns(
    points: Array, classes: Array, lengths: tuple[int, int, int, int], across: bool, table: Array, known: Array
) -> Array:
    """The columns int32 of a text's n-grams, each as often as it stands there.

    `lengths` are the least and the greatest length of n-grams of words, then of characters.
    """
    room, hashes, entries, found = _room(len(points), lengths)
    result = np.empty(0, np.int32)
    for family in range(FAMILIES):
        number = _hash(family, points, classes, lengths, across, room, hashes)
        result = np.append(result, found[: _find(hashes, number, table, known, entries, found)])
    return result


@_compiled
def sums(
    points: Array,
    ends: Array,
    classes: Array,
    lengths: tuple[int, int, int, int],
    across: bool,
    table: Array,
    known: Array,
    rows: Array,
    marks_weight: float,
) -> tuple[Array, Array]:
    """What the n-grams of m texts add to seven scores, float32 [7, m], and how many are known, int32 [3, m].

    The texts' code points end at `ends` int64 [m] in `points`; `lengths` as in `columns`. `rows` float32 [n, 8] hold
    an n-gram's weights times its idf, and the square of its idf, which is negative where it has fewer than two
    letters. A value is (1 + log of the n-gram's number) times its idf, over the Euclidean length of its family; marks
    are multiplied by `marks_weight` instead. The counts are of a text's n-grams, of the known ones, and of the known
    ones with two letters.
    """
    longest, begin = 0, 0
    for end in ends:
        longest, begin = max(longest, end - begin), end
    room, hashes, entries, found = _room(longest, lengths)
    seen, begin = np.zeros(len(rows), np.int32), 0
    result, counts = np.zeros((7, len(ends)), np.float32), np.zeros((3, len(ends)), np.int32)
    for text in range(len(ends)):
        own = points[begin : ends[text]]
        begin = ends[text]
        for family in range(FAMILIES):
            number = _hash(family, own, classes, lengths, across, room, hashes)
            total = _find(hashes, number, table, known, entries, found)
            a = b = c = d = e = f = g = square = np.float32(0)
            letters = 0
            for index in range(total):
                column = found[index]
                seen[column] += 1
                row, count = rows[column], seen[column]
                if count < len(_STEPS):
                    one, two = _STEPS[count], _SQUARE_STEPS[count]
                else:
                    before, after = 1 + np.log(count - 1), 1 + np.log(count)
                    one, two = np.float32(after - before), np.float32(after * after - before * before)
                a, b, c = a + one * row[0], b + one * row[1], c + one * row[2]
                d, e, f = d + one * row[3], e + one * row[4], f + one * row[5]
                g, square = g + one * row[6], square + two * abs(row[7])
                letters += row[7] > 0
            for index in range(total):
                seen[found[index]] = 0
            if total:
                scale = np.float32(marks_weight if family == MARKS else 1 / np.sqrt(square))
                for label, value in enumerate((a, b, c, d, e, f, g)):
                    result[label, text] += scale * value
            counts[0, text] += number
            counts[1, text] += total
            counts[2, text] += letters
    return result, counts
