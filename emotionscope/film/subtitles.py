"""A film's lines as subtitles that say the emotion: SubRip and WebVTT.

What is said is data: signs that a player would take for markup or for times are written so that it shows them as they
are.
"""

import html
import re

from emotionscope.film.answers import Film, Line
from emotionscope.palette import COLOURS

# SubRip has no way to escape: a sign that nobody sees ends what would be a tag, an override or an arrow. Many players
# know overrides, {\an8}, in WebVTT, too.
_UNSEEN = "\u2060"
_MARKUP = re.compile(r"<|\{|--(?=>)")


def srt(film: Film, model: str) -> str:
    """SubRip: each line with its speaker, and below it the emotion by the model, such as [joy 62%]."""
    cues = []
    for number, line in enumerate(film.lines, 1):
        times = f"{_time(line.start)} --> {_time(line.end)}".replace(".", ",")
        named = f"{line.speaker}: {line.text}" if line.speaker else line.text
        said = _MARKUP.sub(lambda match: match[0] + _UNSEEN, " ".join(named.split()))
        cues.append("\n".join([str(number), times, *filter(None, (said, _told(line, model)))]))
    return "\n\n".join(cues) + "\n"


def vtt(film: Film, model: str) -> str:
    """WebVTT: each line with its voice, and below it the emotion in its colour."""
    styles = "\n".join(f"::cue(.{emotion}) {{ color: {colour}; }}" for emotion, colour in COLOURS.items())
    cues = [f"WEBVTT\n\nSTYLE\n{styles}"]
    for line in film.lines:
        said = _escape(line.text)
        if line.speaker:
            said = f"<v {_escape(line.speaker)}>{said}</v>"
        told, answer = _told(line, model), line.likeliest(model)
        told = f"<c.{answer[0]}>{told}</c>" if answer else ""
        cues.append("\n".join([f"{_time(line.start)} --> {_time(line.end)}", *filter(None, (said, told))]))
    return "\n\n".join(cues) + "\n"


def _escape(words: str) -> str:
    return html.escape(" ".join(words.split()), quote=False).replace("{", "{" + _UNSEEN)


def _told(line: Line, model: str) -> str:
    answer = line.likeliest(model)
    return f"[{answer[0]} {answer[1]:.0%}]" if answer else ""


def _time(seconds: float) -> str:
    milliseconds = round(1000 * seconds)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
