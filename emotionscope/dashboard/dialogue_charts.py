"""Charts of a dialogue: how its emotions change, by time where its utterances have times, and its people's faces."""

from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from emotionscope.dashboard.charts import COLOUR, FOOT, SCALE, AnyChart, click
from emotionscope.labels import EMOTIONS

STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800)  # seconds between two ticks of an axis of time
TICKS = 8
PEOPLE = 20  # lanes; those of the people with the most faces
_LANE, _FOOT = 24, 76  # pixels: a lane, and the axis below all of them
_ASIDE = 64  # pixels left of both charts, so that a time is at the same place in each


@dataclass(frozen=True)
class TimeRange:
    """The part of a video that a chart shows, in seconds."""

    low: float
    high: float

    def axis(self) -> alt.X:
        """It as the axis `place`, with ticks at round times."""
        step = next((each for each in STEPS if (self.high - self.low) / each <= TICKS), 3600)
        ticks = list(np.arange(np.ceil(self.low / step) * step, self.high, step))
        label = "floor(datum.value / 60) + ':' + format(datum.value % 60, '02d')"
        return alt.X(
            "place:Q",
            title="time in the video",
            scale=alt.Scale(domain=[self.low, self.high], nice=False),
            axis=alt.Axis(values=ticks, labelExpr=label),
        )


def clock(seconds: float) -> str:
    """A time as a player shows it, such as 1:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def time_range(rows: pd.DataFrame) -> TimeRange | None:
    """The time that utterances span, where all have a start and an end in one video; None where some have not."""
    if rows.empty or not {"start", "end"} <= set(rows.columns):
        return None
    if "video" in rows.columns and rows["video"].nunique(dropna=False) > 1:
        return None  # whose times each begin at zero
    start, end = rows["start"].astype(float), rows["end"].astype(float)
    if not (np.isfinite(start) & np.isfinite(end) & (start <= end)).all() or start.min() >= end.max():
        return None
    return TimeRange(float(start.min()), float(end.max()))


def emotion_curve(rows: pd.DataFrame, model: str) -> AnyChart:
    """How sure one model is of each emotion over a dialogue's utterances, with the likeliest marked.

    An utterance stands at the middle of its time where `time_range` finds times, else at its turn.
    """
    span = time_range(rows)
    columns = {f"{model}_{emotion}": emotion for emotion in EMOTIONS}
    known = rows.dropna(subset=["utterance_id", *columns]).astype({"utterance_id": int})
    wide = known[["utterance_id", *columns]].rename(columns=columns)
    if span:
        wide["place"] = (known["start"] + known["end"]) / 2
        wide["time"] = known["start"].map(clock) + "–" + known["end"].map(clock)
    else:
        wide["place"] = wide["utterance_id"]
    kept = [name for name in ("utterance_id", "place", "time") if name in wide]
    long = wide.melt(kept, list(EMOTIONS), "emotion", "probability")
    long["likeliest"] = long.groupby("utterance_id")["probability"].transform("max") == long["probability"]
    turns = alt.X("place:Q", title="utterance", axis=alt.Axis(tickMinStep=1, format="d"))
    base = alt.Chart(long, height=FOOT + 240).encode(
        x=span.axis() if span else turns,
        y=alt.Y("probability:Q", scale=alt.Scale(domain=[0, 1]), axis=_aside(format="%"), title=None),
        color=COLOUR,
        tooltip=[*(name for name in kept if name != "place"), "emotion", alt.Tooltip("probability:Q", format=".0%")],
    )
    points = base.transform_filter("datum.likeliest").mark_point(filled=True, size=90, opacity=1)
    points = points.add_params(click("utterance_id"))
    told = ", ".join(_tell(row) for row in _likeliest(long))
    lines = base.mark_line(strokeWidth=1.5, opacity=0.6)
    by = "time" if span else "utterance"
    return alt.layer(lines, points).properties(description=f"The likeliest emotion by {by}: {told}.")


def _aside(**settings: Any) -> alt.Axis:
    return alt.Axis(minExtent=_ASIDE, maxExtent=_ASIDE, **settings)


def _likeliest(long: pd.DataFrame) -> list[Any]:
    return list(long[long["likeliest"]].sort_values("utterance_id").itertuples())


def _tell(row: Any) -> str:
    when = f" at {row.time}" if hasattr(row, "time") else ""
    return f"{row.utterance_id}{when} {row.emotion} ({row.probability:.0%})"


def lanes(faces: pd.DataFrame, span: TimeRange | None) -> AnyChart:
    """A lane for each person, and on it their faces at their times, from `Archive.people`; of one video.

    `span` is what the line above shows; without one, the lanes span their faces.
    """
    faces = faces.assign(place=faces["time"], who=faces["person"].map(_name), when=faces["time"].map(clock))
    most = faces["person"].value_counts().head(PEOPLE).index
    faces = faces[faces["person"].isin(most)]
    order = [_name(person) for person in sorted(most)]
    span = span or TimeRange(min(0.0, float(faces["place"].min())), float(faces["place"].max()) + 1)
    chart = alt.Chart(faces, height=_FOOT + _LANE * len(order)).mark_point(filled=True, size=80, opacity=0.9)
    told = "; ".join(f"{name} {_tell_lane(faces[faces['who'] == name])}" for name in order)
    encoded: AnyChart = (
        chart.encode(
            x=span.axis(),
            y=alt.Y("who:N", sort=order, title=None, axis=_aside(grid=True, tickSize=0, labelOverlap=False)),
            color=alt.Color("emotion:N", scale=SCALE, legend=None),  # the line's holds for both
            tooltip=["who:N", "when:N", "utterance_id", "emotion", alt.Tooltip("probability:Q", format=".0%")],
        )
        .add_params(click("utterance_id"))
        .properties(description=f"Faces by person and time: {told}.")
    )
    return encoded


def _name(person: int) -> str:
    return f"person {person + 1}"


def _tell_lane(faces: pd.DataFrame) -> str:
    counts = faces["emotion"].value_counts()
    first, last = clock(faces["time"].min()), clock(faces["time"].max())
    when = f"{len(faces)} faces from {first} to {last}" if len(faces) > 1 else f"1 face at {first}"
    return f"{when}, mostly {counts.index[0]} ({counts.iloc[0] / len(faces):.0%})"
