"""Transcripts in columns: CSV of any dialect, and tab-separated."""

import csv
import io
import re
from dataclasses import replace

from emotionscope.prepare.cues import Found, RawCue, seconds

_SWALLOWED = re.compile(r"\n[^\S\n]*\"?\d[\d:.]*\"?\s*[,;]\s*\"?\d")  # the times of a row within a text
_DELIMITER = re.compile(r"sep=.\r?\n")  # a first line of Excel's
_WHOLE = re.compile(r"\d+(?:\.0+)?")  # pandas writes whole numbers so where one is missing
_NOBODY = ("nan", "NaN", "None", "null", "NULL", "N/A", "n/a", "<NA>")  # what programs write for a missing speaker
NEEDED = ("start", "end", "text")
_OTHER_NAMES = {
    "start": ("begin", "starttime", "from", "startseconds", "starts"),
    "end": ("stop", "endtime", "to", "endseconds", "ends"),
    "duration": ("dur", "length", "durations", "durationseconds"),
    "text": ("utterance", "transcript", "sentence", "subtitle", "content"),
    "speaker": ("name", "speakername", "speakerlabel", "who"),
}


def read(text: str) -> Found:
    """The columns start, end, text and, where it is there, speaker, divided by commas, semicolons, tabs or bars.

    Instead of an end there may be a duration.

    What is divided by tabs has no quotes. Where quotes are escaped by backslashes, they are read so, and where one
    is never closed, all are signs like others. Values too many in a row belong to its text. Raises ValueError where a
    column is missing or a row cannot be read.
    """
    text = text.lstrip("\ufeff").replace("\r\r\n", "\n")
    named = _DELIMITER.match(text)
    text = text[named.end() :] if named else text
    head = text.partition("\n")[0]
    delimiter = max(",;\t|", key=head.count)
    found = _read(text, delimiter, quoted=delimiter != "\t")
    if any(_SWALLOWED.search(cue.text) for cue in found.cues):
        plain = _read(text, delimiter, quoted=False)
        return replace(plain, guessed=("a quote is not closed: quotes are read as signs", *plain.guessed))
    return found


def _read(text: str, delimiter: str, quoted: bool) -> Found:
    spaced = f'{delimiter} "' in text
    rows = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        escapechar="\\" if quoted and '\\"' in text else None,
        skipinitialspace=spaced and quoted,
    )
    cues: list[RawCue] = []
    guessed: list[str] = []
    numbers = True
    try:
        names = _names(next(rows, []))
        for row in filter(None, rows):
            place = f"line {rows.line_num}"
            extra = len(row) - len(names)
            if extra:
                guessed.append(f"{place}: {abs(extra)} values {'more' if extra > 0 else 'fewer'} than the header has")
            cue, plain = _cue(place, names, row, f"{delimiter} " if spaced else delimiter)
            cues.append(cue)
            numbers = numbers and plain
    except csv.Error as error:
        raise ValueError(f"line {rows.line_num}: {error}") from error
    return Found(cues, guessed=tuple(guessed), numbers=numbers)


def _names(row: list[str]) -> list[str]:
    """The names of the columns, ours for those that others use. Raises ValueError where one is missing."""
    names = [name.strip().lower() for name in row]
    for ours, others in _OTHER_NAMES.items():
        theirs = next((n for n in names if re.sub(r"[\W_]+", "", n) in others), None)
        if ours not in names and theirs:
            names[names.index(theirs)] = ours
    missing = [name for name in NEEDED if name not in names and not (name == "end" and "duration" in names)]
    if missing:
        raise ValueError(f"lacks the column {', '.join(missing)}")
    return names


def _cue(place: str, names: list[str], row: list[str], delimiter: str) -> tuple[RawCue, bool]:
    """A row's cue, and whether its times are whole numbers."""
    at, extra = names.index("text"), len(row) - len(names)
    if extra > 0:
        row = [*row[:at], delimiter.join(row[at : at + extra + 1]), *row[at + extra + 1 :]]
    value = dict(zip(names, row, strict=False))
    first, last, lasts = (value.get(name, "").strip() for name in ("start", "end", "duration"))
    start, end = seconds(first), seconds(last or lasts)
    start = start if end is not None or not (last or lasts) else None
    end = start + end if start is not None and end is not None and not last else end
    speaker = value.get("speaker", "").strip()
    cue = RawCue(place, start, end, value.get("text", ""), None if speaker in _NOBODY else speaker)
    return cue, all(_WHOLE.fullmatch(time) for time in (first, last or lasts or "0"))
