"""The dashboard's pictures, in Vega: one colour an emotion, words beside it, and all of it told to screen readers."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from emotionscope.dashboard.archive import GROUP, POSITIONS
from emotionscope.evaluation.palette import COLOURS
from emotionscope.labels import EMOTIONS, MODELS

_SCALE = alt.Scale(domain=list(EMOTIONS), range=[COLOURS[emotion] for emotion in EMOTIONS])
_COLOUR = alt.Color(
    "emotion:N", scale=_SCALE, legend=alt.Legend(title=None, orient="bottom", columns=4, symbolOpacity=1)
)
_LEGEND = 90  # pixels below a chart that its legend takes: a chart's height holds both
_INK = "#868e96"  # words on the page, light or dark
_COUNT = alt.Tooltip("rows:Q", format=",")


def spread(table: pd.DataFrame) -> alt.LayerChart:
    """Rows by emotion, from `Overview.emotions`."""
    table = table.assign(share=table["rows"] / max(table["rows"].sum(), 1))
    base = alt.Chart(table, height=_LEGEND + 200).encode(
        y=alt.Y("emotion:N", sort=list(EMOTIONS), title=None), x=alt.X("rows:Q", title="utterances")
    )
    bars = base.mark_bar(cornerRadiusEnd=3).encode(
        color=alt.Color("emotion:N", scale=_SCALE, legend=None), tooltip=["emotion", _COUNT]
    )
    words = base.mark_text(align="left", dx=4, color=_INK).encode(text=alt.Text("share:Q", format=".0%"))
    told = ", ".join(f"{row.emotion} {row.share:.0%}" for row in table.itertuples())
    return (bars + words).properties(description=f"Bars of the utterances by emotion: {told}.")


def by_speaker(table: pd.DataFrame) -> alt.Chart:
    """Shares of the emotions for each speaker, from `Overview.by_speaker`."""
    order = table.groupby("speaker")["rows"].sum().sort_values(ascending=False).index.tolist()
    return (
        alt.Chart(table, height=_LEGEND + 26 * len(order))
        .mark_bar()
        .properties(description=f"Shares of the emotions by speaker: {_mostly(table, 'speaker', order)}.")
        .encode(
            y=alt.Y("speaker:N", sort=order, title=None, axis=alt.Axis(labelOverlap=False)),
            x=alt.X("rows:Q", stack="normalize", title="share of utterances", axis=alt.Axis(format="%")),
            color=_COLOUR,
            order="emotion:N",
            tooltip=["speaker:N", "emotion", _COUNT],
        )
    )


def over_time(table: pd.DataFrame) -> alt.Chart:
    """Shares of the emotions in the course of dialogues, from `Overview.by_position`."""
    first = table["position"] * GROUP + 1
    last = ("–" + (first + GROUP - 1).astype(str)).mask(table["position"] == POSITIONS - 1, "+")
    name = first.astype(str) + last
    table = table.assign(place=name)
    told = _mostly(table, "place", table["place"].unique().tolist())
    return (
        alt.Chart(table, height=_LEGEND + 200)
        .mark_bar()
        .properties(description=f"Shares of the emotions in the course of a dialogue, by utterances: {told}.")
        .encode(
            x=alt.X(
                "place:O",
                sort=alt.SortField("position"),
                title="utterance of the dialogue",
                axis=alt.Axis(labelAngle=0),
            ),
            y=alt.Y("rows:Q", stack="normalize", title=None, axis=alt.Axis(format="%")),
            color=_COLOUR,
            order="emotion:N",
            tooltip=[alt.Tooltip("place:O", title="utterances"), "emotion", _COUNT],
        )
    )


def squares(table: pd.DataFrame, across: str, down: str, titles: tuple[str, str]) -> alt.LayerChart:
    """Counts by two emotions as a grid, the diagonal being agreement: columns `across`, `down` and rows."""
    table = table[table["rows"] > 0]
    table = table.assign(share=table["rows"] / table.groupby(down)["rows"].transform("sum"))
    base = alt.Chart(table, height=360).encode(
        x=alt.X(f"{across}:N", scale=alt.Scale(domain=list(EMOTIONS)), title=titles[0], axis=alt.Axis(labelAngle=-40)),
        y=alt.Y(f"{down}:N", scale=alt.Scale(domain=list(EMOTIONS)), title=titles[1]),
    )
    cells = base.mark_rect(cornerRadius=3).encode(
        color=alt.Color("share:Q", scale=alt.Scale(scheme="blues", domain=[0, 1]), legend=None),
        tooltip=[down, across, _COUNT, alt.Tooltip("share:Q", format=".0%")],
    )
    words = base.mark_text().encode(
        text=alt.Text("rows:Q", format=",d"),
        color=alt.condition("datum.share > 0.5", alt.value("white"), alt.value("#1b1f24")),
    )
    agree, whole = table["rows"][table[across] == table[down]].sum(), table["rows"].sum()
    told = f"Grid of counts: {titles[0]} against {titles[1]}. They agree on {agree:,} of {whole:,}."
    return (cells + words).properties(description=told)


def _mostly(table: pd.DataFrame, by: str, order: list[str]) -> str:
    """In words, the likeliest emotion of each group and its share."""
    shares = table.pivot_table(index=by, columns="emotion", values="rows", aggfunc="sum", fill_value=0).loc[order]
    shares = shares.div(shares.sum(axis=1), axis=0)
    return ", ".join(f"{name} mostly {row.idxmax()} ({row.max():.0%})" for name, row in shares.iterrows())


def line_of_feeling(rows: pd.DataFrame, model: str) -> alt.LayerChart:
    """How sure one model is of each emotion over a dialogue's utterances, with the likeliest marked."""
    columns = {f"{model}_{emotion}": emotion for emotion in EMOTIONS}
    long = rows.rename(columns=columns).melt(["utterance_id"], list(columns.values()), "emotion", "probability")
    long["likeliest"] = long.groupby("utterance_id")["probability"].transform("max") == long["probability"]
    base = alt.Chart(long.dropna(), height=_LEGEND + 240).encode(
        x=alt.X("utterance_id:Q", title="utterance", axis=alt.Axis(tickMinStep=1)),
        y=alt.Y("probability:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"), title=None),
        color=_COLOUR,
        tooltip=["utterance_id", "emotion", alt.Tooltip("probability:Q", format=".0%")],
    )
    points = base.transform_filter("datum.likeliest").mark_point(filled=True, size=90, opacity=1)
    told = ", ".join(f"{row.utterance_id} {row.emotion} ({row.probability:.0%})" for row in _likeliest(long))
    lines = base.mark_line(strokeWidth=1.5, opacity=0.6)
    return (lines + points).properties(description=f"The likeliest emotion by utterance: {told}.")


def _likeliest(long: pd.DataFrame) -> list[Any]:
    return list(long[long["likeliest"]].sort_values("utterance_id").itertuples())


def probabilities(values: dict[str, np.ndarray]) -> alt.FacetChart:
    """All seven probabilities of each model side by side; `values` has float [7] by model, NaN where it has none."""
    rows = [
        {"model": model, "emotion": emotion, "probability": float(value)}
        for model, given in values.items()
        if not np.isnan(given[0])
        for emotion, value in zip(EMOTIONS, given, strict=True)
    ]
    told = [
        f"{model}: " + ", ".join(f"{r['emotion']} {r['probability']:.0%}" for r in rows if r["model"] == model) + "."
        for model in values
    ]
    base = alt.Chart(pd.DataFrame(rows, columns=["model", "emotion", "probability"])).encode(
        y=alt.Y("emotion:N", sort=list(EMOTIONS), title=None),
        x=alt.X("probability:Q", scale=alt.Scale(domain=[0, 1.15]), axis=None),
    )
    bars = base.mark_bar(cornerRadiusEnd=3).encode(color=alt.Color("emotion:N", scale=_SCALE, legend=None))
    words = base.mark_text(align="left", dx=4, color=_INK).encode(text=alt.Text("probability:Q", format=".0%"))
    chart: alt.FacetChart = (
        alt.layer(bars, words)
        .properties(width=190, height=200)
        .facet(column=alt.Column("model:N", sort=list(MODELS), title=None))
        .properties(description="Probabilities. " + " ".join(told))
    )
    return chart


def calibration(bins: dict[str, list[dict[str, float]]]) -> alt.LayerChart:
    """Share of right answers by certainty, for each model; the diagonal is perfect."""
    rows = [{"model": model, **entry} for model, entries in bins.items() for entry in entries]
    ideal = alt.Chart(pd.DataFrame({"x": [0, 1], "y": [0, 1]})).mark_line(strokeDash=[4, 4], opacity=0.5)
    line = alt.Chart(pd.DataFrame(rows), height=360).encode(
        x=alt.X("confidence:Q", scale=alt.Scale(domain=[0, 1]), title="certainty", axis=alt.Axis(format="%")),
        y=alt.Y("accuracy:Q", scale=alt.Scale(domain=[0, 1]), title="right", axis=alt.Axis(format="%")),
        color=alt.Color("model:N", sort=list(MODELS), legend=alt.Legend(title=None, orient="bottom")),
        tooltip=["model", alt.Tooltip("n:Q", format=",", title="utterances")],
    )
    told = ", ".join(f"{row['model']} {row['confidence']:.0%} certain and {row['accuracy']:.0%} right" for row in rows)
    layers = ideal.encode(x="x:Q", y="y:Q") + line.mark_line() + line.mark_point(filled=True, size=50)
    return layers.properties(description=f"Share of right answers by certainty: {told}.")
