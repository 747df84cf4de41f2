"""A film to a chart: which emotions its faces show, second by second.

    python examples/film_to_chart.py FILM CHART.svg

It needs EmotionScope with the extra ``dashboard``. The chart is one file that opens in a browser.
"""

import sys

import altair as alt

import emotionscope
from emotionscope.palette import COLOURS

WIDE = 1.0  # seconds that one step of the chart averages


def main(film: str, chart: str) -> None:
    """Look at the faces of the film, average them by time, and draw the chart."""
    with emotionscope.load() as models:
        faces = models.clip(film)
    if faces.empty:
        sys.exit(f"{film}: no face was found")
    faces["second"] = faces["time"] // WIDE * WIDE
    means = faces.groupby("second")[list(COLOURS)].mean().reset_index()
    long = means.melt("second", var_name="emotion", value_name="probability")
    drawn = alt.Chart(long, width=700, height=250, title="Emotions of the faces on screen").mark_area(
        interpolate="step-after"
    )
    drawn = drawn.encode(
        x=alt.X("second:Q", title="seconds of the film", axis=alt.Axis(tickMinStep=1)),
        y=alt.Y("probability:Q", title="mean probability", scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("emotion:N", scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))),
    )
    drawn.save(chart)
    print(f"{len(faces)} faces in {means['second'].max() + WIDE:g} seconds: {chart}")


if __name__ == "__main__":
    main(*sys.argv[1:])
