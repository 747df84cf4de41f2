"""Measure scores against labels and write a report.

It measures the three models on the rows that have an emotion label. It writes metrics.json with every figure, and
report.html, one page that needs no other file.
"""

from typing import TYPE_CHECKING

import pyarrow as pa
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from emotionscope.bundle import store as bundle_store
from emotionscope.commands import compare
from emotionscope.commands.settings import Evaluate
from emotionscope.errors import UserError
from emotionscope.storage.place import Place
from emotionscope.tables import datasets

if TYPE_CHECKING:
    from emotionscope.evaluation.comparison import Comparison
    from emotionscope.evaluation.figures import Figures


def run(settings: Evaluate) -> "Figures":
    """Run the job and return the figures."""
    target = Place(settings.report)
    paths = [target / name for name in ("report.html", "metrics.json")]
    for path in paths:
        if path.exists() and not settings.replace:
            raise UserError(f"{path}: this file exists already; add --replace, or name another folder")
    dataset = datasets.open_dataset(settings.scores, "scores")
    if "emotion" not in dataset.schema.names:
        raise UserError(f"{dataset.uri}: the scores have no column 'emotion', so there is nothing to measure against")
    keyframes = datasets.open_dataset(settings.keyframes, "keyframes") if settings.keyframes else None
    from emotionscope.evaluation import evaluation, report, rows  # bring scikit-learn, for which no mistake need wait

    print(f"evaluate: {dataset.rows:,} rows of {dataset.uri}", flush=True)
    table = datasets.read(dataset, rows.COLUMNS)
    models = _models(settings.bundle, table)
    try:
        figures = evaluation.evaluate(table, settings.split)
    except UserError as error:
        raise UserError(f"{dataset.uri}: {error}") from error
    beside = compare.beside(settings.against, table, settings.split) if settings.against else None
    data = datasets.fingerprint(dataset)
    keys = [(row.dialogue_id, row.utterance_id) for row in figures.mistakes]
    faces = report.best_faces(keyframes, keys) if keyframes else {}
    explanations = report.explain(models, figures.mistakes, faces) if models else {}
    page = report.render(figures, str(data["name"]), settings.note, faces, explanations, beside)
    paths[0].write_bytes(page.encode())
    paths[1].write_json(_to_json(figures, beside) | {"data": data, "note": settings.note})
    _print_figures(figures)
    if beside:
        compare.print_figures(beside)
    for path in paths:
        print(path)
    return figures


def _to_json(figures: "Figures", beside: "Comparison | None") -> dict[str, object]:
    return figures.to_json() | ({"against": beside.to_json()} if beside else {})


def _models(uri: str | None, scores: pa.Table) -> bundle_store.Bundle | None:
    """The bundle that made the scores, which can explain them: the one named, or the shipped one where it did.

    Raises UserError where the one named did not.
    """
    made_by = sorted(scores["bundle"].drop_null().unique().to_pylist())
    version = bundle_store.read_manifest(bundle_store.chosen(uri))["version"]
    if made_by == [version]:
        print(f"evaluate: explained by {bundle_store.describe(bundle_store.chosen(uri), version)}", flush=True)
        return bundle_store.load(bundle_store.chosen(uri))
    if uri is None:
        return None
    raise UserError(
        f"--bundle {uri}: its version is {version}, and the scores were made by {', '.join(made_by) or 'none'}"
    )


def _print_figures(figures: "Figures") -> None:
    """The headline table."""
    where = f"split {figures.split}" if figures.split else "all rows"
    title = f"{where}, {figures.rows.labelled:,} labelled rows"
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("model", "rows", "weighted F1", "95% interval", "macro F1", "accuracy", "ECE"):
        table.add_column(name, justify="left" if name == "model" else "right", no_wrap=True)
    for model, row in figures.models.items():
        low, high = row.weighted_f1_interval
        table.add_row(
            model,
            f"{row.n:,}",
            f"{row.weighted_f1:.4f}",
            f"{low:.3f}–{high:.3f}",
            f"{row.macro_f1:.4f}",
            f"{row.accuracy:.4f}",
            f"{row.expected_calibration_error:.3f}",
        )
    floor = figures.floor
    values = (f"{floor.weighted_f1:.4f}", "", f"{floor.macro_f1:.4f}", f"{floor.accuracy:.4f}", "")
    table.add_row(f"always {floor.emotion}", f"{floor.n:,}", *values, style="dim")
    Console(highlight=False).print(table)
    rows = figures.same_rows.n
    for pair, difference in figures.same_rows.differences.items():
        low, high = difference.interval
        print(f"{pair}: {difference.weighted_f1:+.4f} weighted F1 ({low:+.3f} to {high:+.3f}, {rows:,} same rows)")
