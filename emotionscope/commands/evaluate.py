"""Measure scores against labels, or show a model card.

With --scores and --report, it measures the three models on the rows that have an emotion label. It writes metrics.json
with every figure, and report.html, one page that needs no other file. With --bundle alone, it shows the model card.
"""

import pyarrow as pa
from rich import box
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from emotionscope.bundle import model_card
from emotionscope.bundle import store as bundle_store
from emotionscope.commands.settings import Evaluate
from emotionscope.errors import JobError, UserError
from emotionscope.evaluation import comparison, drift, evaluation, report, rows
from emotionscope.evaluation.figures import Figures
from emotionscope.profile import Profile, total
from emotionscope.storage.place import Place
from emotionscope.tables import datasets


def run(settings: Evaluate) -> Figures | None:
    """Run the job and return the figures; None where only a bundle is shown."""
    if not settings.scores:
        manifest = bundle_store.read_manifest(bundle_store.chosen(settings.bundle))
        Console(highlight=False).print(Markdown(model_card.render(manifest)))
        return None
    if settings.drift and settings.drift_from_training:
        raise UserError("give either --drift or --drift-from-training")
    if settings.drift or settings.drift_from_training:
        _drift(settings, settings.scores)
        return None
    if not settings.report:
        if not settings.against:
            raise UserError("name --scores and --report to measure, or neither to show a model card")
        table = datasets.read(datasets.open_dataset(settings.scores, "scores"), rows.COLUMNS)
        _print_comparison(_compare(settings.against, table, settings.split))
        return None
    return _measure(settings, settings.scores, settings.report)


def _compare(against: str, table: pa.Table, split: str | None) -> comparison.Comparison:
    """The scores beside those of --against. Raises UserError where the two cannot be compared."""
    other = datasets.open_dataset(against, "scores")
    try:
        return comparison.compare(datasets.read(other, rows.COLUMNS), table, split)
    except UserError as error:
        raise UserError(f"--against {other.uri}: {error}") from error


def _print_comparison(found: comparison.Comparison) -> None:
    where = f", split {found.split}" if found.split else ""
    print(f"against bundle {' '.join(found.bundles[0]) or 'unknown'}{where}: {found.rows:,} rows in both tables")
    for model, pair in found.models.items():
        low, high = pair.difference.interval
        print(
            f"  {model}: weighted F1 {pair.before:.4f} -> {pair.after:.4f}, {pair.difference.weighted_f1:+.4f} "
            f"({low:+.3f} to {high:+.3f}, {pair.n:,} rows)"
        )
    print(f"  fused answers that changed: {found.changed:,} ({found.fixed:,} became right, {found.broken:,} wrong)")
    if any(found.only):
        print(f"  rows in one table alone: {found.only[0]:,} before, {found.only[1]:,} now")


def _drift(settings: Evaluate, scores: str) -> None:
    """Print how far the scores moved from the reference. Raises JobError where that is surely above the limit."""
    limit, after = settings.drift_limit, drift.profiles_of(scores)
    if settings.drift and Place(scores) == Place(settings.drift):
        before, after = after[:-1], after[-1:]
        if not before:
            raise UserError(f"--drift {settings.drift}: one run made it, so nothing before that can be compared")
    else:
        before = drift.profiles_of(settings.drift) if settings.drift else [_trained_on(settings.bundle)]
        after = after[-1:] if settings.latest else after
    now, then = total(after), total(before)
    print(f"drift: {sum(now['words'].values()):,} rows against {sum(then['words'].values()):,}", flush=True)
    found = drift.compare(then, now)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("property", "index", "95% interval", "drift", "what moved"):
        table.add_column(name, justify="right" if name == "index" else "left")
    for one in found:
        low, high = one.interval
        # As Text, so that no name of a group is read as markup.
        table.add_row(one.name, f"{one.index:.3f}", f"{low:.3f}–{high:.3f}", one.verdict, Text(one.words()))
    Console(highlight=False).print(table)
    beyond = [one.name for one in found if limit is not None and one.interval[0] > limit]
    if beyond:
        raise JobError(f"the scores drifted beyond --drift-limit {limit:g}: {', '.join(beyond)}")


def _trained_on(bundle: str | None) -> Profile:
    """What the bundle's text model answered when it was trained. Raises UserError where the bundle does not say."""
    uri = bundle_store.chosen(bundle)
    found = bundle_store.read_manifest(uri)["parts"].get("text", {}).get("profile")
    if not found:
        raise UserError(f"--drift-from-training: {uri} has no profile of a text model's data; train it again")
    return dict(found)


def _measure(settings: Evaluate, scores: str, folder: str) -> Figures:
    target = Place(folder)
    paths = [target / name for name in ("report.html", "metrics.json")]
    for path in paths:
        if path.exists() and not settings.replace:
            raise UserError(f"{path}: this file exists already; add --replace, or name another folder")
    dataset = datasets.open_dataset(scores, "scores")
    if "emotion" not in dataset.schema.names:
        raise UserError(f"{dataset.uri}: the scores have no column 'emotion', so there is nothing to measure against")
    keyframes = datasets.open_dataset(settings.keyframes, "keyframes") if settings.keyframes else None
    print(f"evaluate: {dataset.rows:,} rows of {dataset.uri}", flush=True)
    table = datasets.read(dataset, rows.COLUMNS)
    models = _models(settings.bundle, table)
    try:
        figures = evaluation.evaluate(table, settings.split)
    except UserError as error:
        raise UserError(f"{dataset.uri}: {error}") from error
    beside = _compare(settings.against, table, settings.split) if settings.against else None
    data = datasets.fingerprint(dataset)
    keys = [(row.dialogue_id, row.utterance_id) for row in figures.mistakes]
    faces = report.best_faces(keyframes, keys) if keyframes else {}
    explanations = report.explain(models, figures.mistakes, faces) if models else {}
    page = report.render(figures, str(data["name"]), settings.note, faces, explanations, beside)
    paths[0].write_bytes(page.encode())
    paths[1].write_json(_to_json(figures, beside) | {"data": data, "note": settings.note})
    _print_figures(figures)
    if beside:
        _print_comparison(beside)
    for path in paths:
        print(path)
    return figures


def _to_json(figures: Figures, beside: comparison.Comparison | None) -> dict[str, object]:
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


def _print_figures(figures: Figures) -> None:
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
