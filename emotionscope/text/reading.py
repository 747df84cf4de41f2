"""A text as the model reads it: one spelling for what looks alike, names for emoji, signs for capitals."""

import re
import unicodedata
from functools import cache

import emoji

MAX_CHARACTERS = 10_000  # of an utterance; what stands behind is not read
TOKEN = r"\w+(?:'\w+)?|[^\w\s]"
SOME, ALL = " \u21e7", " \u21e7\u21e7"  # ⇧ behind a text with words in capitals, ⇧⇧ where most of it is
NEGATIONS = frozenset(
    [
        *("no", "not", "never", "none", "nobody", "nothing", "nowhere", "neither", "nor", "without", "cannot", "aint"),
        *("cant", "dont", "wont", "isnt", "arent", "wasnt", "werent", "didnt", "doesnt", "hasnt", "havent", "hadnt"),
        *("couldnt", "wouldnt", "shouldnt"),
    ]
)
NEGATED = 4  # words behind a negation that it may turn round
NOT = "not_"
_STRAIGHT = tuple(zip("‘’‚‛“”„‟´`–—", "''''\"\"\"\"''--", strict=True))
_TWO_CAPITALS = re.compile("[A-Z]['A-Z]")
_TOKEN = re.compile(TOKEN)
_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")


def read(text: str) -> str:
    """The text in lower case as the n-grams are taken from it, cut at `MAX_CHARACTERS`.

    It is in Unicode's form NFKC, with straight quotes and plain dashes. Emoji are their English names (Unicode CLDR).
    Words in capitals leave a sign behind the text, as lower case loses them.
    """
    text = text[:MAX_CHARACTERS]
    if text.isascii():  # is in that form
        text = text.replace("`", "'")
        return text.lower() + _shouting(text) if _TWO_CAPITALS.search(text) else text.lower()
    text = unicodedata.normalize("NFKC", text)
    sign = _shouting(text)
    if _emoji().search(text):
        text = emoji.demojize(_TONES.sub("", text), ("\ue000", "\ue001"))
        text = re.sub("\ue000(.+?)\ue001", lambda found: f" {re.sub('[_-]+', ' ', found[1])} ", text)
    for odd, plain in _STRAIGHT:  # several times as fast as str.translate
        text = text.replace(odd, plain)
    return text.lower() + sign


def said(read_text: str) -> list[str]:
    """The tokens of a text that `read` returned: words and single marks, the words behind a negation with "not_".

    A negation turns `NEGATED` words at most, and none behind the next mark (after Das & Chen 2001).
    """
    tokens, left = [], 0
    for token in _TOKEN.findall(read_text):
        word = token[0] == "_" or token[0].isalnum()
        tokens.append(NOT + token if left and word else token)
        negates = token in NEGATIONS or token.endswith("n't")
        left = NEGATED if negates else max(0, left - 1) if word else 0
    return tokens


def _shouting(text: str) -> str:
    """The sign for a text's words in capitals. One short word is none: it may be a name, such as TV."""
    words = [word for word in _TOKEN.findall(text) if len(word) > 1 and not word.isdigit()]
    loud = [word for word in words if word.isupper()]
    if len(loud) < 2 and len("".join(loud)) < 4:
        return ""
    return ALL if 2 * len(loud) >= len(words) else SOME


@cache
def _emoji() -> re.Pattern[str]:
    """Any character that an emoji begins with."""
    first = {sign[0] for sign in emoji.EMOJI_DATA} - set("#*0123456789©®")
    return re.compile("[" + "".join(sorted(first)) + "]")
