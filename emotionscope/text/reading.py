"""Normalises a text for the model: one spelling for characters that look alike, names for emoji, signs for capitals."""

import re
import unicodedata

import emoji

MAX_CHARACTERS = 10_000  # of an utterance; what stands behind is not read
TOKEN = r"\w+(?:'\w+)?|[^\w\s]"
SOME, ALL = " \u21e7", " \u21e7\u21e7"  # ⇧ behind a text with words in capitals, ⇧⇧ where most of it is
_STRAIGHT = tuple(zip("‘’‚‛“”„‟´`–—", "''''\"\"\"\"''--", strict=True))
_MAYBE_CAPITALS = re.compile(r"[A-Z]['A-Z]|[^\W\d_\x00-\x7fà-ÿ]")  # two, or a letter that English lacks
_MAYBE_EMOJI = re.compile("[\u203c-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001ffff]")
_TOKEN = re.compile(TOKEN)
_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")


def read(text: str) -> str:
    """The text in lower case as the n-grams are taken from it, cut at `MAX_CHARACTERS`.

    It is in Unicode's form NFKC, with straight quotes and plain dashes. Emoji are their English names (Unicode CLDR).
    Words in capitals leave a sign behind the text, as lower case loses them.
    """
    text = text[:MAX_CHARACTERS]
    if not text.isascii():  # else it is in that form
        text = unicodedata.normalize("NFKC", text)
    sign = _shouting(text) if _MAYBE_CAPITALS.search(text) else ""
    if text.isascii():
        return text.replace("`", "'").lower() + sign
    if _MAYBE_EMOJI.search(text):
        text = emoji.demojize(_TONES.sub("", text), ("\ue000", "\ue001"))
        text = re.sub("\ue000(.+?)\ue001", lambda found: f" {re.sub('[_-]+', ' ', found[1])} ", text)
    for odd, plain in _STRAIGHT:  # several times as fast as str.translate
        text = text.replace(odd, plain)
    return text.lower() + sign


def _shouting(text: str) -> str:
    """The sign for a text's words in capitals. One short word is none: it may be a name, such as TV."""
    words = [word for word in _TOKEN.findall(text) if len(word) > 1 and not word.isdigit()]
    loud = [word for word in words if word.isupper()]
    if len(loud) < 2 and len("".join(loud)) < 4:
        return ""
    return ALL if 2 * len(loud) >= len(words) else SOME
