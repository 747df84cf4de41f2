"""Pictures of groups beside each other: all emotions of each, or one emotion with its intervals."""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from emotionscope.dashboard.charts import COLOUR, FOOT, NAMES, ROW, AnyChart
from emotionscope.dashboard.queries.grouping import Grouped
from emotionscope.labels import EMOTIONS

SIDES = ("#3b7dd8", "#b78e10", "#8a5bb0", "#5f8d4e")  # of groups side by side: none of an emotion
FULL = 8  # groups whose bars fill a plot; of fewer, none is as wide as a page
TALL = 220  # pixels of a plot that runs from left to right
_TOOLTIP = [
    alt.Tooltip("group:N"),
    alt.Tooltip("side:N"),
    alt.Tooltip("emotion:N"),
    alt.Tooltip("share:Q", format=".1%"),
    alt.Tooltip("least:Q", format=".1%", title="at least"),
    alt.Tooltip("most:Q", format=".1%", title="at most"),
    alt.Tooltip("rows:Q", format=",d"),
    alt.Tooltip("of:Q", format=",d"),
]


def side_colours(table: pd.DataFrame) -> dict[str, str]:
    """A colour for each group side by side, the largest first."""
    sizes = table.groupby("side")["rows"].sum().sort_values(ascending=False)
    return dict(zip(sizes.index, SIDES, strict=False))


def stacked(found: Grouped, across: str) -> AnyChart:
    """Shares of all emotions by group, from left to right where the groups have an order."""
    table = found.table.assign(name=_names(found.table))
    order = table.sort_values(["place", "side"])["name"].unique().tolist()
    told = f"Shares of the emotions by {across}: {', '.join(_tell(table, name) for name in order[:20])}."
    share = alt.Axis(format="%")
    bars = alt.Chart(table).mark_bar().encode(color=COLOUR, order=alt.Order("emotion:O"), tooltip=_TOOLTIP)
    if found.is_ordered:
        place = alt.X("name:N", sort=order, title=across, axis=alt.Axis(labelAngle=0, labelOverlap=True))
        bars = bars.mark_bar(width=alt.RelativeBandSize(min(len(order) / FULL, 1)))
        chart = bars.encode(x=place, y=alt.Y("rows:Q", stack="normalize", title=None, axis=share))
        high = TALL + FOOT
    else:
        name = alt.Y("name:N", sort=order, title=None, axis=NAMES)
        chart = bars.encode(y=name, x=alt.X("rows:Q", stack="normalize", title="share of utterances", axis=share))
        high = FOOT + ROW * len(order)
    encoded: AnyChart = chart.properties(height=high, description=told)
    return encoded


def with_intervals(found: Grouped, across: str, emotion: str, colours: Mapping[str, str]) -> AnyChart:
    """The share of one emotion by group, with its 95% interval; groups side by side differ in colour and place."""
    table = found.table[found.table["emotion"] == emotion]
    order = found.table.sort_values("place")["group"].unique().tolist()
    told = ", ".join(f"{row.group} {row.side} {row.share:.0%}" for row in table.head(20).itertuples())
    base = alt.Chart(table).encode(
        color=alt.Color("side:N", scale=alt.Scale(domain=list(colours), range=list(colours.values())), title=None),
        tooltip=_TOOLTIP,
    )
    sides, title = list(colours), f"share of {emotion}"
    kind: type[alt.X | alt.Y]
    if found.is_ordered:
        group = alt.X("group:N", sort=order, title=across, axis=alt.Axis(labelAngle=0, labelOverlap=True))
        base = base.encode(x=group, xOffset=alt.XOffset("side:N", sort=sides))
        along, kind, height = "y", alt.Y, TALL + FOOT
    else:
        base = base.encode(
            y=alt.Y("group:N", sort=order, title=None, axis=NAMES), yOffset=alt.YOffset("side:N", sort=sides)
        )
        along, kind, height = "x", alt.X, FOOT + max(ROW, 14 * len(sides)) * len(order)
    share = kind("share:Q", scale=alt.Scale(zero=True), axis=alt.Axis(format="%"), title=title)
    rules = base.mark_rule(strokeWidth=2).encode(**{along: kind("least:Q", title=title), f"{along}2": "most:Q"})
    points = base.mark_point(filled=True, size=60, opacity=1).encode(**{along: share})
    chart = alt.layer(rules, points).properties(height=height)
    return chart.properties(description=f"Share of {emotion} by {across}: {told}.")


def _names(table: pd.DataFrame) -> pd.Series:
    return table["group"].where(table["side"] == "", table["group"] + " · " + table["side"])


def _tell(table: pd.DataFrame, name: str) -> str:
    rows = table[table["name"] == name].set_index("emotion")["share"].reindex(list(EMOTIONS)).fillna(0)
    return f"{name} mostly {rows.idxmax()} ({rows.max():.0%})"
