"""Draws a chart on a page: in the page's colours, with a download, and with an action when a mark is clicked."""

import io
import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Literal

import altair as alt
import streamlit as st

from emotionscope.dashboard.charts import CLICK, AnyChart
from emotionscope.dashboard.keyboard import CLICKABLE
from emotionscope.storage.place import JsonObject

_INKS = {"light": ("#31333f", "#4b5058"), "dark": ("#fafafa", "#c3c7cf")}  # for words, and for axes
KINDS: Final = ("svg", "png")
WIDTH, LETTERS = 640, 100  # of a saved chart: pixels, and letters in a line below its title
Act = Callable[[JsonObject], None]


def draw(chart: AnyChart, name: str, on_click: Act | None = None, title: str = "", told: Sequence[str] = ()) -> None:
    """Show a chart, offer it as a file of this name, and call `on_click` with what a clicked mark stands for.

    The file says the `title`, and below it what the chart is `told` to be of. Such a chart has no legend on the page,
    which has one for all of its charts.
    """
    theme = "dark" if st.context.theme.type == "dark" else "light"
    # A key of its own for each click forgets the last one, so that the same mark can be clicked again.
    key = f"{name}-{st.session_state.get('clicks', 0)}"
    with st.container(key=f"{CLICKABLE if on_click else 'plain'}-{name}"):
        st.altair_chart(
            _inked(chart, theme, disable=bool(told), orient="bottom", columns=4).properties(padding=0),
            width="stretch",
            key=key,
            on_select=partial(_clicked, key, on_click) if on_click else "ignore",
            selection_mode=CLICK if on_click else None,
        )
    with st.container(horizontal=True, horizontal_alignment="right", gap="small", key=f"files-{name}"):
        for kind in KINDS:
            st.download_button(
                kind.upper(),
                partial(_as_file, chart, kind, title, tuple(told)),
                f"{name}.{kind}",
                key=f"{name}-{kind}",
                on_click="ignore",
                type="tertiary",
                help=f"Save the chart {name!r} as {kind.upper()}",
            )


def _inked(chart: AnyChart, theme: str, **legend: Any) -> AnyChart:
    ink, quiet = _INKS[theme]
    inked: AnyChart = (
        chart.configure_axis(labelColor=quiet, titleColor=quiet, labelLimit=140)
        .configure_legend(labelColor=ink, **legend)
        .configure_title(color=ink, subtitleColor=quiet, anchor="start")
        .configure_text(color=ink)
    )
    return inked


def _clicked(key: str, act: Act) -> None:
    marks = st.session_state[key]["selection"][CLICK]
    st.session_state["clicks"] = st.session_state.get("clicks", 0) + 1
    if marks:
        act(marks[0])


def _as_file(chart: AnyChart, kind: Literal["svg", "png"], title: str, told: Sequence[str]) -> bytes:
    """A chart for print: with what it shows, on white, at twice the pixels where it has pixels."""
    file = io.BytesIO() if kind == "png" else io.StringIO()
    printed = _inked(chart, "light", orient="bottom", columns=7, symbolOpacity=1).properties(background="white")
    if title:
        below = [line for each in told for line in textwrap.wrap(each, LETTERS)]
        printed = printed.properties(title=alt.TitleParams([title], subtitle=below, offset=12))
    if isinstance(printed, alt.Chart | alt.LayerChart) and printed.width is alt.Undefined:
        printed = printed.properties(width=WIDTH)
    printed.save(file, format=kind, scale_factor=2 if kind == "png" else 1)
    content = file.getvalue()
    return content if isinstance(content, bytes) else content.encode()
