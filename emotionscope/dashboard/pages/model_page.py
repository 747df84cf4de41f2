"""Page "Model": what the models are, and how good they are on the archive's own labels, where it has some."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from emotionscope.bundle import model_card
from emotionscope.dashboard import card_html, charts, drawing, markup, shared
from emotionscope.dashboard.queries.archive import Archive
from emotionscope.errors import UserError
from emotionscope.evaluation import evaluation, rows
from emotionscope.evaluation.figures import Figures, ModelFigures
from emotionscope.labels import EMOTIONS
from emotionscope.storage.place import JsonObject
from emotionscope.tables import datasets

MOST = 2_000_000  # labelled rows measured while somebody waits


def show(sources: shared.Sources) -> None:
    """Draw the page."""
    st.title("Model")
    if sources.scores:
        archive = shared.open_archive(sources)
        if archive is not None:
            _figures(archive, sources.name)
    bundle = shared.open_models(sources)
    if bundle is not None:
        try:
            card = card_html.to_html(model_card.render(bundle.manifest))
        except UserError as error:
            markup.say(str(error), "error")
            return
        with st.container(border=True):
            st.html(card)


def _figures(archive: Archive, called: str) -> None:
    if "emotion" not in archive.columns:
        st.info("The archive has no labels (a column `emotion`), so nothing can be measured on it.")
        return
    if archive.dataset.rows > MOST:
        st.info(f"The archive has over {MOST:,} rows: measure it with `emotionscope evaluate`.")
        return
    try:
        figures = _measure(archive)
    except UserError as error:
        markup.say(str(error))
        return
    where = f"split {markup.escape(figures.split)}" if figures.split else "all labelled rows"
    st.html(f"<h2>On this archive, {where}</h2>")
    if figures.split is None and archive.columns.count("split"):
        st.caption("No row is of split test. Figures on rows that the models were trained on are too good.")
    _headline(figures)
    name = st.segmented_control(
        "Model",
        list(figures.models),
        default=list(figures.models)[-1],
        required=True,
        key="figures",
        bind="query-params",
    )
    model = name or list(figures.models)[-1]
    shared.keep_address("Model", {"figures": [model]})
    versions = ", ".join(archive.values("bundle"))
    rows = f"split {figures.split}" if figures.split else "all labelled rows"
    _details(model, figures.split, figures.models[model], [f"{called}: {model} answers of bundle {versions}, {rows}"])


def _headline(figures: Figures) -> None:
    columns = {
        model: {
            "rows": f"{row.n:,}",
            "weighted F1": f"{row.weighted_f1:.3f}",
            "macro F1": f"{row.macro_f1:.3f}",
            "accuracy": f"{row.accuracy:.3f}",
            "calibration error": f"{row.expected_calibration_error:.3f}",
        }
        for model, row in figures.models.items()
    }
    st.dataframe(pd.DataFrame(columns))  # models side by side fit on a phone


def _pick(model: str, split: str | None, mark: JsonObject) -> None:
    """Show the utterances of a cell on the archive page."""
    address = {"model": [model], "label": [mark["label"]], "emotion": [mark["answer"]]}
    shared.go_to("Archive", address | ({"split": [split]} if split else {}))


def _details(model: str, split: str | None, figures: ModelFigures, told: Sequence[str]) -> None:
    left, right = st.columns(2)
    with left:
        st.header("Confusion")
        cells = [
            {"label": truth, "answer": answer, "rows": figures.confusion[truth][answer]}
            for truth in EMOTIONS
            for answer in EMOTIONS
        ]
        chart = charts.squares(pd.DataFrame(cells), "answer", "label", ("answer", "label"))
        drawing.draw(chart, "confusion", partial(_pick, model, split), "Confusion of emotions", told)
        st.caption(
            "A stronger cell is a larger share of its label's utterances. Click a cell to see them. "
            f"Labels with fewer than {evaluation.THIN} are grey."
        )
    with right:
        st.header("Calibration")
        drawing.draw(charts.calibration(figures.reliability), "calibration", None, "Calibration", told)
        st.caption(
            "On the dashed line, a certainty of 70% is right 7 times in 10. A larger dot holds more utterances; "
            f"those of fewer than {evaluation.THIN} are grey. A bar is the 95% interval."
        )


@st.cache_data(show_spinner="Measuring …", hash_funcs={Archive: lambda archive: archive.dataset.uri})
def _measure(archive: Archive) -> Figures:
    return evaluation.evaluate(datasets.read(archive.dataset, rows.COLUMNS))
