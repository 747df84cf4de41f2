"""Draws a chart on a page: in the page's colours, with a download, and with an action when a mark is clicked."""

import io
from collections.abc import Callable
from functools import partial
from typing import Final, Literal

import altair as alt
import streamlit as st

from emotionscope.dashboard.charts import CLICK, AnyChart
from emotionscope.storage.place import JsonObject

_INKS = {"light": ("#31333f", "#4b5058"), "dark": ("#fafafa", "#c3c7cf")}  # for words, and for axes
KINDS: Final = ("svg", "png")
Act = Callable[[JsonObject], None]


def draw(chart: AnyChart, name: str, on_click: Act | None = None) -> None:
    """Show a chart, offer it as a file of this name, and call `on_click` with what a clicked mark stands for."""
    theme = "dark" if st.context.theme.type == "dark" else "light"
    # A key of its own for each click forgets the last one, so that the same mark can be clicked again.
    key = f"{name}-{st.session_state.get('clicks', 0)}"
    st.altair_chart(
        _inked(chart, theme),
        width="stretch",
        key=key,
        on_select=partial(_clicked, key, on_click) if on_click else "ignore",
        selection_mode=CLICK if on_click else None,
    )
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        for kind in KINDS:
            st.download_button(
                kind.upper(),
                partial(_as_file, chart, kind),
                f"{name}.{kind}",
                key=f"{name}-{kind}",
                on_click="ignore",
                type="tertiary",
                help=f"Save the chart {name!r} as {kind.upper()}",
            )


def _inked(chart: AnyChart, theme: str) -> AnyChart:
    ink, quiet = _INKS[theme]
    inked: AnyChart = (
        chart.configure_axis(labelColor=quiet, titleColor=quiet, labelLimit=140)
        .configure_legend(labelColor=ink)
        .configure_title(color=ink)
        .configure_text(color=ink)
    )
    return inked


def _clicked(key: str, act: Act) -> None:
    marks = st.session_state[key]["selection"][CLICK]
    st.session_state["clicks"] = st.session_state.get("clicks", 0) + 1
    if marks:
        act(marks[0])


def _as_file(chart: AnyChart, kind: Literal["svg", "png"]) -> bytes:
    """A chart for print: on white, at twice the pixels where it has pixels."""
    file = io.BytesIO() if kind == "png" else io.StringIO()
    printed = _inked(chart, "light").properties(background="white")
    if isinstance(printed, alt.Chart | alt.LayerChart) and printed.width is alt.Undefined:
        printed = printed.properties(width=640)
    printed.save(file, format=kind, scale_factor=2 if kind == "png" else 1)
    content = file.getvalue()
    return content if isinstance(content, bytes) else content.encode()
