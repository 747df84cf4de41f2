"""A text as code points, and what kind of character each code point is."""

import re
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

MARK, SPACE, WORD = range(3)  # classes of characters


@lru_cache(maxsize=1)
def character_classes() -> NDArray[np.uint8]:
    r"""The class of each of Unicode's code points, uint8 [0x110000]: ``\w``, ``\s`` or neither, as `re` has it."""
    everything = "".join(map(chr, range(0x110000)))
    classes = np.full(len(everything), MARK, np.uint8)
    for pattern, kind in ((r"\w+", WORD), (r"\s+", SPACE)):
        for run in re.finditer(pattern, everything):
            classes[run.start() : run.end()] = kind
    classes.flags.writeable = False
    return classes


def code_points(text: str) -> NDArray[np.uint32]:
    """A text's code points, uint32 [characters], read-only."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
