"""A dialogue's curve and the lanes of its people in words, for those who do not see them; none of it is HTML."""

from collections.abc import Mapping, Sequence

import pandas as pd

from emotionscope.dashboard.queries.utterances import Utterance

TOLD = 100  # utterances, and people

Names = Mapping[tuple[str, int], str]  # of people, by video and number


def clock(seconds: float) -> str:
    """A time as a player shows it, such as 1:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def person_name(names: Names, video: object, person: object) -> str:
    """What a person of a video is called: by name, else by the number that the tables have."""
    if pd.isna(person):  # type: ignore[call-overload]
        return "unknown"
    return names.get((str(video), int(str(person)))) or f"person {person}"


def curve(utterances: Sequence[Utterance], model: str, by_time: bool) -> str:
    """The likeliest emotion of each utterance."""
    told = []
    for each in utterances[:TOLD]:
        answer = each.likeliest(model)
        start, end = each.span
        when = f" at {clock(start)}–{clock(end)}" if by_time and start is not None and end is not None else ""
        told.append(f"{each.number}{when} {f'{answer[0]} ({answer[1]:.0%})' if answer else 'no answer'}")
    more = f" and {len(utterances) - TOLD:,} more" if len(utterances) > TOLD else ""
    return f"The likeliest emotion by {'time' if by_time else 'utterance'}: {', '.join(told)}{more}."


def lanes(faces: pd.DataFrame, names: Names) -> str:
    """When each person of one video is seen, and how they mostly look; empty where nobody is."""
    told: list[str] = []
    for (video, person), own in faces.groupby(["video", "person"], dropna=True):
        if len(told) == TOLD:
            break
        first, last = clock(own["time"].min()), clock(own["time"].max())
        counts = own["emotion"].value_counts()
        when = f"{len(own)} faces from {first} to {last}" if len(own) > 1 else f"1 face at {first}"
        mostly = f"mostly {counts.index[0]} ({counts.iloc[0] / len(own):.0%})"
        told.append(f"{person_name(names, video, person)} {when}, {mostly}")
    return f"Faces by person and time: {'; '.join(told)}." if told else ""
