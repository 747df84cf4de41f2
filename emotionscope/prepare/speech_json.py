"""JSON of speech recognisers to cues: Whisper, WhisperX, whisper.cpp, Hugging Face, AssemblyAI and Deepgram."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from emotionscope.prepare.cues import Found, RawCue, seconds

Json = Any
_ENDS = re.compile(r"[.?!…。？！]['\"”’)]*$")  # of a sentence
LONGEST = 30  # words in a row that no mark ends


def read(text: str) -> Found:
    """The segments of a recogniser's answer. Raises ValueError where it is none of theirs."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error})") from error
    for read_dialect in (_whisper_cpp, _deepgram, _hugging_face, _segments, _assembly_ai):
        found = read_dialect(value)
        if found is not None:
            return found
    raise ValueError(
        "it has no list 'segments' (Whisper, WhisperX), and nothing that whisper.cpp, Hugging Face, AssemblyAI or "
        "Deepgram write"
    )


def _get(value: Json, *path: str | int) -> Json:
    """What stands below, None where there is nothing of that kind."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and len(value) > step else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _cue(place: str, start: Json, end: Json, text: Json, speaker: Json = None, unit: float = 1.0) -> RawCue:
    first, last = (None if value is None else seconds(value) for value in (start, end))
    return RawCue(
        place,
        None if first is None else first * unit,
        None if last is None else last * unit,
        text if isinstance(text, str) else "",
        None if speaker is None else str(speaker),
    )


def _row(place: str, row: Json, text: str = "text", unit: float = 1.0) -> RawCue:
    """The cue of a row with start, end or duration, and speaker."""
    start, end = _get(row, "start"), _get(row, "end")
    if end is None and (lasts := seconds(_get(row, "duration"))) and (begins := seconds(start)) is not None:
        end = begins + lasts
    return _cue(place, start, end, _get(row, text), _get(row, "speaker"), unit)


def _whisper_cpp(value: Json) -> Found | None:
    rows = _get(value, "transcription")
    if not isinstance(rows, list):
        return None
    return Found([
        _cue(f"segment {n}", _get(row, "offsets", "from"), _get(row, "offsets", "to"), _get(row, "text"),
             _get(row, "speaker"), 0.001)
        for n, row in enumerate(rows)
    ])  # fmt: skip


def _hugging_face(value: Json) -> Found | None:
    rows = _get(value, "chunks") if isinstance(value, dict) else value
    if not isinstance(rows, list) or not rows or not all(isinstance(_get(row, "timestamp"), list) for row in rows):
        return None
    cues = [
        _cue(
            f"chunk {n}", _get(row, "timestamp", 0), _get(row, "timestamp", 1), _get(row, "text"), _get(row, "speaker")
        )
        for n, row in enumerate(rows)
    ]
    words = len(cues) > 1 and all(" " not in cue.text.strip() for cue in cues)
    return Found(list(_sentences(cues)) if words else cues)


def _assembly_ai(value: Json) -> Found | None:
    """Its times are in milliseconds."""
    for name in ("utterances", "sentences", "words"):
        rows = _get(value, name)
        if isinstance(rows, list) and rows and isinstance(_get(rows, 0, "text"), str):
            cues = [_row(f"{name} {n}", row, unit=0.001) for n, row in enumerate(rows)]
            return Found(list(_sentences(cues)) if name == "words" else cues)
    return None


def _deepgram(value: Json) -> Found | None:
    results = _get(value, "results")
    rows, channels = _get(results, "utterances"), _get(results, "channels")
    if isinstance(rows, list) and rows:
        return Found([_row(f"utterance {n}", row, "transcript") for n, row in enumerate(rows)])
    if not isinstance(channels, list):
        return None
    cues: list[RawCue] = []
    for n, channel in enumerate(channels):
        name = str(n) if len(channels) > 1 else None  # a channel for each speaker
        words = _get(channel, "alternatives", 0, "words")
        cues += _sentences([_deepgram_word(f"channel {n}, word {k}", word, name) for k, word in enumerate(words or ())])
    return Found(cues)


def _deepgram_word(place: str, word: Json, channel: str | None) -> RawCue:
    speaker = channel if _get(word, "speaker") is None else _get(word, "speaker")
    text = _get(word, "punctuated_word") or _get(word, "word")
    return _cue(place, _get(word, "start"), _get(word, "end"), text, speaker)


def _segments(value: Json) -> Found | None:
    """An object with ``segments``, as Whisper and WhisperX write it, or a list of segments."""
    rows = _get(value, "segments") if isinstance(value, dict) else value
    words = _get(value, "words")
    if not isinstance(rows, list) and isinstance(_get(words, 0, "word"), str):  # of Whisper, asked for words alone
        return Found(list(_sentences([_row(f"word {n}", word, "word") for n, word in enumerate(words)])))
    if not isinstance(rows, list):
        return None
    cues = [cue for n, row in enumerate(rows) for cue in _segment(f"segment {n}", row)]
    times = [_get(row, key) for row in rows for key in ("start", "end")]
    return Found(cues, numbers=all(isinstance(time, int) for time in times if time is not None))


def _segment(place: str, row: Json) -> Iterator[RawCue]:
    """A segment; where its words have several speakers, a cue for each run of one."""
    whole = _row(place, row)
    words = _get(row, "words")
    turns: list[tuple[str | None, Json]] = []
    named = [word for word in words if isinstance(word, dict)] if isinstance(words, list) else []
    speaker = next((str(word["speaker"]) for word in named if word.get("speaker") is not None), whole.speaker)
    for word in named:  # one without a speaker, such as a number, belongs to those before it
        speaker = speaker if word.get("speaker") is None else str(word["speaker"])
        turns.append((speaker, word))
    if len({who for who, _ in turns}) < 2:
        yield replace(whole, speaker=whole.speaker or speaker)
        return
    runs = [(who, [word for _, word in run]) for who, run in groupby(turns, key=lambda turn: turn[0])]
    edge = whole.start
    for n, (who, run) in enumerate(runs):
        starts, ends = ([t for word in run if (t := seconds(word.get(key))) is not None] for key in ("start", "end"))
        start = edge if n == 0 else min(starts, default=edge)
        edge = whole.end if n == len(runs) - 1 else max(ends, default=edge)
        text = " ".join(str(word.get("word") or word.get("text") or "").strip() for word in run)
        yield RawCue(place, start, edge, text, who)


def _sentences(words: Sequence[RawCue]) -> Iterator[RawCue]:
    """Words put together: until one ends a sentence, another speaks, or there are many."""
    run: list[RawCue] = []
    for word in words:
        if run and (run[-1].speaker != word.speaker or _ENDS.search(run[-1].text.strip()) or len(run) >= LONGEST):
            yield _together(run)
            run = []
        run.append(word)
    if run:
        yield _together(run)


def _together(run: list[RawCue]) -> RawCue:
    starts = [word.start for word in run if word.start is not None]
    ends = [word.end for word in run if word.end is not None]
    text = " ".join(word.text.strip() for word in run)
    return RawCue(run[0].place, min(starts, default=None), max(ends, default=None), text, run[0].speaker)
