"""Page "Model": what the models are, and how good, on the archive's own labels where it has some."""

import pandas as pd
import streamlit as st

from emotionscope.bundle import model_card
from emotionscope.dashboard import charts, parts
from emotionscope.dashboard.archive import Archive
from emotionscope.errors import UserError
from emotionscope.evaluation import evaluation
from emotionscope.evaluation.figures import Figures
from emotionscope.io import tables
from emotionscope.labels import EMOTIONS

MOST = 2_000_000  # labelled rows measured while somebody waits


def show(sources: parts.Sources) -> None:
    """Draw the page."""
    st.title("Model")
    if sources.scores:
        archive = parts.open_archive(sources)
        if archive is not None:
            _figures(archive)
    bundle = parts.open_models(sources)
    if bundle is not None:
        with st.container(border=True):
            st.markdown(
                model_card.render(bundle.manifest)
                .replace("\n## ", "\n#### ")
                .replace("# EmotionScope", "### EmotionScope", 1)
            )


def _figures(archive: Archive) -> None:
    if "emotion" not in archive.columns:
        st.info("The archive has no labels (a column `emotion`), so nothing can be measured on it.")
        return
    if archive.dataset.rows > MOST:
        st.info(f"The archive has over {MOST:,} rows: measure it with `python -m jobs.evaluate`.")
        return
    try:
        figures = _measure(archive)
    except UserError as error:
        st.info(str(error))
        return
    where = f"split {figures.split}" if figures.split else "all labelled rows"
    st.subheader(f"On this archive, {where}")
    names = {"n": "rows", "weighted_f1": "weighted F1", "macro_f1": "macro F1", "accuracy": "accuracy",
             "expected_calibration_error": "calibration error"}  # fmt: skip
    table = (
        pd.DataFrame({model: vars(row) for model, row in figures.models.items()}).T[list(names)].rename(columns=names)
    )
    st.dataframe(table.style.format("{:.3f}").format("{:,.0f}", subset=["rows"]))
    model = st.segmented_control("Confusion of", list(figures.models), default=list(figures.models)[-1])
    left, right = st.columns(2)
    with left:
        st.subheader("Confusion")
        counts = figures.models[model or list(figures.models)[-1]].confusion
        cells = [
            {"label": truth, "answer": answer, "rows": counts[truth][answer]}
            for truth in EMOTIONS
            for answer in EMOTIONS
        ]
        st.altair_chart(charts.squares(pd.DataFrame(cells), "answer", "label", ("answer", "label")), width="stretch")
    with right:
        st.subheader("Calibration")
        bins = {name: [vars(bin_) for bin_ in row.reliability] for name, row in figures.models.items()}
        st.altair_chart(charts.calibration(bins), width="stretch")


@st.cache_data(show_spinner="Measuring …", hash_funcs={Archive: lambda archive: archive.dataset.uri})
def _measure(archive: Archive) -> Figures:
    return evaluation.evaluate(tables.read(archive.dataset, evaluation.COLUMNS))
