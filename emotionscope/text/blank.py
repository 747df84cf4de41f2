"""Whether there is anything to read in a text."""

import unicodedata

# Letters and signs that show nothing: fillers of Hangul, the empty Braille pattern, joiners and variation selectors.
_EMPTY = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(c) for c in range(0xFE00, 0xFE10)}


def has_text(text: str | None) -> bool:
    """Whether a text shows a sign: neither None nor only spaces, control characters and marks of no width."""
    if text is None:
        return False
    first = text[:1]
    return (first.isascii() and first.isalnum()) or any(  # most texts begin so
        unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp") and sign not in _EMPTY for sign in text
    )
