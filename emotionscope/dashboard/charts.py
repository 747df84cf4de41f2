"""The dashboard's charts in Vega: one colour for each emotion, with a label, and a description for screen readers."""

from collections.abc import Sequence
from typing import Final

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from emotionscope.dashboard.queries.archive import GROUP, POSITIONS
from emotionscope.evaluation.evaluation import THIN
from emotionscope.evaluation.figures import ReliabilityBin
from emotionscope.labels import EMOTIONS
from emotionscope.metrics import wilson
from emotionscope.palette import COLOURS

PALE = 0.35  # opacity of what is not chosen
_SQUARE, _SQUARES_FOOT = 38, 84  # pixels: a cell of a grid, and the slanted names below it
_BLUE, _GREY = "#3b7dd8", "#868e96"
POINTER: Final = "pointer"  # over marks that can be clicked
CLICK = "click"  # the selection that tells which mark was clicked
SCALE = alt.Scale(domain=list(EMOTIONS), range=[COLOURS[emotion] for emotion in EMOTIONS])
COLOUR = alt.Color("emotion:N", scale=SCALE, title=None)  # its legend is the page's own; a saved file has one
ROW, FOOT = 26, 64  # pixels: a row of bars, and the axis with its title below all rows
# Groups too small to tell anything are outlined: grey would be taken for neutral.
_FILL = alt.condition("datum.thin", alt.value(0.4), alt.value(1))
_OUTLINE = alt.Stroke("emotion:N", scale=SCALE, legend=None)
_COUNT = alt.Tooltip("rows:Q", format=",d")
_EMOTION, _ORDER = alt.Tooltip("emotion:N"), alt.Order("emotion:O")
_WHOLE = alt.Axis(format=",d", tickMinStep=1)
# Long names lose their middle: two of them often differ at their ends.
NAMES = alt.Axis(
    labelOverlap=False,
    labelLimit=170,
    labelExpr="length(datum.label) > 24 ? slice(datum.label, 0, 13) + '…' + slice(datum.label, -10) : datum.label",
)
_OPACITY = alt.Opacity("opacity:Q", scale=None, legend=None)

AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart


def click(*fields: str) -> alt.Parameter:
    """What a click on a chart hands on: the fields of the mark that was clicked."""
    return alt.selection_point(name=CLICK, fields=list(fields), clear=False)


def spread(table: pd.DataFrame, chosen: Sequence[str] = ()) -> AnyChart:
    """Rows by emotion, from `Overview.emotions`; where some are chosen, the others are pale."""
    table = table.assign(
        share=table["rows"] / max(table["rows"].sum(), 1), opacity=_pale_unless(_is_chosen(table, chosen))
    )
    base = alt.Chart(table, height=FOOT + ROW * len(EMOTIONS)).encode(
        y=alt.Y("emotion:N", scale=alt.Scale(domain=list(EMOTIONS)), title=None),
        x=alt.X("rows:Q", title="utterances", axis=_WHOLE),
    )
    bars = base.mark_bar(cornerRadiusEnd=3, cursor=POINTER).encode(
        color=alt.Color("emotion:N", scale=SCALE, legend=None), opacity=_OPACITY, tooltip=[_EMOTION, _COUNT]
    )
    bars = bars.add_params(click("emotion"))
    words = base.mark_text(align="left", dx=4).encode(text=alt.Text("share:Q", format=".0%"))
    told = ", ".join(f"{row.emotion} {row.share:.0%}" for row in table.itertuples())
    return alt.layer(bars, words).properties(description=f"Bars of the utterances by emotion: {told}.")


def by_speaker(table: pd.DataFrame, chosen: Sequence[str] = ()) -> AnyChart:
    """Shares of the emotions for each speaker, from `Overview.by_speaker`; speakers with few rows are outlined."""
    order = table.groupby("speaker")["rows"].sum().sort_values(ascending=False).index.tolist()
    told = f"Shares of the emotions by speaker: {_mostly(table, 'speaker', order)}."
    share = alt.X("rows:Q", stack="normalize", title="share of utterances", axis=alt.Axis(format="%"))
    bars = _bars(table, "speaker", chosen).encode(
        y=alt.Y("speaker:N", sort=order, title=None, axis=NAMES),
        x=share,
        tooltip=[alt.Tooltip("speaker:N"), _EMOTION, _COUNT],
    )
    chart: AnyChart = bars.properties(height=FOOT + ROW * len(order), description=told)
    return chart


def over_time(table: pd.DataFrame, chosen: Sequence[str] = ()) -> AnyChart:
    """Shares of the emotions in the course of dialogues, from `Overview.by_position`; small groups are outlined."""
    first = table["position"] * GROUP + 1
    last = ("–" + (first + GROUP - 1).astype(str)).mask(table["position"] == POSITIONS - 1, "+")
    table = table.assign(place=first.astype(str) + last)
    order = table.sort_values("position")["place"].unique().tolist()
    told = f"Shares of the emotions in the course of a dialogue, by utterances: {_mostly(table, 'place', order)}."
    bars = _bars(table, "position", chosen).encode(
        x=alt.X("place:N", sort=order, title="utterance of the dialogue", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("rows:Q", stack="normalize", title=None, axis=alt.Axis(format="%")),
        tooltip=[alt.Tooltip("place:N", title="utterances"), _EMOTION, _COUNT],
    )
    chart: AnyChart = bars.properties(height=FOOT + ROW * len(EMOTIONS), description=told)
    return chart


def _bars(table: pd.DataFrame, by: str, chosen: Sequence[str]) -> alt.Chart:
    """Stacked bars of the emotions of groups, to click on; where some are chosen, the others are pale."""
    table = table.assign(thin=is_thin(table, by), opacity=_pale_unless(_is_chosen(table, chosen)))
    bars = alt.Chart(table).mark_bar(cursor=POINTER).add_params(click(by, "emotion"))
    encoded: alt.Chart = bars.encode(color=COLOUR, fillOpacity=_FILL, stroke=_OUTLINE, opacity=_OPACITY, order=_ORDER)
    return encoded


def is_thin(table: pd.DataFrame, by: str) -> pd.Series:
    """Whether a row's group has too few rows to tell anything."""
    return table.groupby(by)["rows"].transform("sum") < THIN


def _is_chosen(table: pd.DataFrame, chosen: Sequence[str]) -> pd.Series:
    return table["emotion"].isin(chosen or EMOTIONS)


def _pale_unless(mask: pd.Series) -> pd.Series:
    return pd.Series(np.where(mask, 1.0, PALE), index=mask.index)


def squares(table: pd.DataFrame, across: str, down: str, titles: tuple[str, str], clickable: bool = True) -> AnyChart:
    """Counts by two emotions as a grid: columns `across`, `down` and rows. A stronger cell is more of its line.

    Lines of few rows are grey. The cells let the page shine through, so that its ink is legible on all of them.
    """
    table = table[table["rows"] > 0]
    of_line = table.groupby(down)["rows"].transform("sum")
    colour = np.where(is_thin(table, down), _GREY, _BLUE)
    table = table.assign(share=table["rows"] / of_line, opacity=0.12 + 0.58 * table["rows"] / of_line, colour=colour)
    base = alt.Chart(table, height=_SQUARES_FOOT + _SQUARE * len(EMOTIONS)).encode(
        x=alt.X(
            f"{across}:N",
            scale=alt.Scale(domain=list(EMOTIONS)),
            title=titles[0],
            axis=alt.Axis(labelAngle=-40, labelOverlap=False),
        ),
        y=alt.Y(f"{down}:N", scale=alt.Scale(domain=list(EMOTIONS)), title=titles[1]),
    )
    cells = base.mark_rect(cornerRadius=3, cursor=POINTER if clickable else "default").encode(
        color=alt.Color("colour:N", scale=None, legend=None),
        opacity=_OPACITY,
        tooltip=[alt.Tooltip(f"{down}:N"), alt.Tooltip(f"{across}:N"), _COUNT, alt.Tooltip("share:Q", format=".0%")],
    )
    if clickable:
        cells = cells.add_params(click(down, across))
    words = base.mark_text().encode(text=alt.Text("rows:Q", format=",d"))
    most = table.sort_values("rows", ascending=False).head(10).to_dict("records")
    told = ", ".join(f"{row[down]} and {row[across]} {row['rows']:,}" for row in most)
    told = f"Grid of counts: {titles[1]} against {titles[0]}. The largest: {told}."
    ground = alt.ViewBackground(fill=_GREY, fillOpacity=0.07, cornerRadius=4, stroke=None)
    return alt.layer(cells, words).properties(description=told, view=ground)


def _mostly(table: pd.DataFrame, by: str, order: list[str]) -> str:
    """In words, the likeliest emotion of each group and its share."""
    shares = table.pivot_table(index=by, columns="emotion", values="rows", aggfunc="sum", fill_value=0).loc[order]
    shares = shares.div(shares.sum(axis=1), axis=0)
    return ", ".join(f"{name} mostly {row.idxmax()} ({row.max():.0%})" for name, row in shares.iterrows())


def probabilities(model: str, values: npt.NDArray[np.float32]) -> AnyChart:
    """All seven probabilities of a model, float [7]."""
    rows = pd.DataFrame({"emotion": EMOTIONS, "probability": values.astype(float)})
    told = ", ".join(f"{emotion} {value:.0%}" for emotion, value in zip(EMOTIONS, values, strict=True))
    base = alt.Chart(rows, height=30 + ROW * len(EMOTIONS), title=model).encode(
        y=alt.Y("emotion:N", scale=alt.Scale(domain=list(EMOTIONS)), title=None),
        x=alt.X("probability:Q", scale=alt.Scale(domain=[0, 1.15]), axis=None),
    )
    bars = base.mark_bar(cornerRadiusEnd=3).encode(color=alt.Color("emotion:N", scale=SCALE, legend=None))
    words = base.mark_text(align="left", dx=4).encode(text=alt.Text("probability:Q", format=".0%"))
    return alt.layer(bars, words).properties(description=f"Probabilities of {model}: {told}.")


def calibration(bins: Sequence[ReliabilityBin]) -> AnyChart:
    """Share of right answers by certainty of one model, with 95% intervals; the dashed diagonal is perfect.

    Small bins are grey. No line joins the dots: it would tell a course where a few rows only scatter.
    """
    rows = pd.DataFrame([vars(bin_) for bin_ in bins])
    low, high = wilson(rows["accuracy"] * rows["n"], rows["n"])
    rows = rows.assign(least=low, most=high, colour=np.where(rows["n"] >= THIN, _BLUE, _GREY))
    ends = pd.DataFrame({"x": [0, 1], "y": [0, 1]})
    ideal = alt.Chart(ends).mark_line(strokeDash=[4, 4], color=_GREY).encode(x="x:Q", y="y:Q")
    base = alt.Chart(rows, height=_SQUARES_FOOT + _SQUARE * len(EMOTIONS)).encode(
        x=alt.X("confidence:Q", scale=alt.Scale(domain=[0, 1]), title="certainty", axis=alt.Axis(format="%")),
        color=alt.Color("colour:N", scale=None, legend=None),
        tooltip=[
            alt.Tooltip("confidence:Q", format=".0%", title="certainty"),
            alt.Tooltip("accuracy:Q", format=".0%", title="right"),
            alt.Tooltip("least:Q", format=".0%", title="at least"),
            alt.Tooltip("most:Q", format=".0%", title="at most"),
            alt.Tooltip("n:Q", format=",d", title="utterances"),
        ],
    )
    share = alt.Y("accuracy:Q", scale=alt.Scale(domain=[0, 1]), title="right answers", axis=alt.Axis(format="%"))
    points = base.mark_point(filled=True, opacity=1).encode(
        y=share, size=alt.Size("n:Q", scale=alt.Scale(range=[40, 400]), legend=None)
    )
    intervals = base.mark_rule(strokeWidth=2).encode(y=alt.Y("least:Q", title="right answers"), y2="most:Q")
    told = ", ".join(f"{bin_.confidence:.0%} certain and {bin_.accuracy:.0%} right" for bin_ in bins)
    layers = alt.layer(ideal, intervals, points)
    return layers.properties(description=f"Share of right answers by certainty: {told}.")
