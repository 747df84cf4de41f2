"""A bundle's model card in Markdown (Mitchell et al. 2019), generated from its ``bundle.json``."""

import re

import jinja2

from emotionscope.errors import UserError, first_line
from emotionscope.storage.place import JsonObject

_FIGURES = ("weighted_f1", "macro_f1", "accuracy", "expected_calibration_error")
SELDOM, MISSED = 0.02, 0.5  # share of the answers, and of an emotion's rows that are found, below which it is told
# All that fields of another kind can raise.
_ODD = (*(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError), jinja2.TemplateError)
_TITLES = ("weighted F1", "macro F1", "accuracy", "calibration error")


def render(manifest: JsonObject) -> str:
    """The card for what `store.read_manifest` returned: data, settings, figures, limits, label order, licence.

    Raises UserError where a record is not of the kind that the training jobs write.
    """
    try:
        return _render(manifest)
    except _ODD as error:
        told = f"bundle {manifest['version']}: what it records cannot be told as a model card"
        raise UserError(f"{told} ({type(error).__name__}: {first_line(error)})") from error


def _render(manifest: JsonObject) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("emotionscope.bundle"),
        autoescape=False,  # it is Markdown, and `_plain` takes what could break it
        undefined=jinja2.ChainableUndefined,  # a record may lack what its maker did not know
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parts = manifest["parts"]
    return environment.get_template("card.md").render(
        version=manifest["version"],
        labels=manifest["labels"],
        parts=[name for name in ("text", "vision", "fusion") if name in parts],
        text=parts.get("text"),
        vision=parts.get("vision"),
        fusion=parts.get("fusion"),
        entries=parts,
        data=_data,
        figures=_figures,
        emotions=_emotions,
        seldom=_seldom,
    )


def _data(part: JsonObject) -> str:
    """One paragraph on what a part was trained on."""
    data = part.get("data")
    if not data:
        return "Data: not recorded."
    licence = _plain(part.get("licence") or "not stated")
    left_out = ", ".join(f"{count:,} {_plain(reason)}" for reason, count in part.get("left_out", {}).items() if count)
    return (
        f"Data: {_plain(data['name'])}, {data['rows']:,} rows, files: {data['files']:,}, "
        f"fingerprint {data['sha256']}; licence: {licence}." + (f" Left out: {left_out}." if left_out else "")
    )


def _figures(part: JsonObject, things: str) -> str:
    """A table of the splits that were measured, with the floor of always answering the commonest emotion."""
    titles = [*_TITLES, "95% interval of accuracy"]
    lines = [f"| Split | {things} | {' | '.join(titles)} |", "|---|" + "---:|" * (1 + len(titles))]
    for split in ("dev", "test"):
        for name, row in ((split, part.get(split)), (f"{split}, one answer", part.get(split, {}).get("majority"))):
            if row:
                cells = " | ".join(f"{row[key]:.4f}" if key in row else "" for key in _FIGURES)
                lines.append(f"| {name} | {row['n']:,} | {cells} | {_interval(row)} |")
    return "\n" + "\n".join(lines) if len(lines) > 2 else ""


def _interval(row: JsonObject) -> str:
    """The 95% interval of an accuracy (Wilson 1927), which takes the rows to be independent."""
    from scipy.stats import binomtest  # half a second, which a job that only loads a bundle need not wait

    found = binomtest(round(row["accuracy"] * row["n"]), row["n"]).proportion_ci(method="wilson")
    return f"{found.low:.3f}–{found.high:.3f}"


def _emotions(part: JsonObject) -> str:
    """A table of the emotions on the last split that was measured."""
    split = next((name for name in ("test", "dev") if part.get(name, {}).get("per_emotion")), None)
    if split is None:
        return ""
    lines = [f"| Emotion, on {split} | rows | precision | recall | F1 |", "|---|---:|---:|---:|---:|"]
    for emotion, row in part[split]["per_emotion"].items():
        cells = " | ".join(f"{row[key]:.3f}" for key in ("precision", "recall", "f1"))
        lines.append(f"| {_plain(emotion)} | {row['support']:,} | {cells} |")
    return "\n" + "\n".join(lines)


def _seldom(part: JsonObject) -> str:
    """One sentence on the emotions that a model hardly ever answers, or mostly misses."""
    split = next((name for name in ("test", "dev") if part.get(name, {}).get("per_emotion")), None)
    if split is None:
        return ""
    rows = part[split]["per_emotion"]
    answers = {name: row["recall"] * row["support"] / max(row["precision"], 1e-9) for name, row in rows.items()}
    total = max(sum(answers.values()), 1e-9)
    told = [
        f"{_plain(name)} ({answers[name] / total:.1%} of its answers; it finds {row['recall']:.0%})"
        for name, row in rows.items()
        if answers[name] / total < SELDOM or row["recall"] < MISSED
    ]
    return f"\nIt seldom answers or often misses: {', '.join(told)}." if told else ""


def _plain(text: object) -> str:
    """Text that cannot break out of its line or table cell, and is no Markdown: no link, picture, emphasis or HTML."""
    line = " ".join(str(text).replace("|", "/").split())[:200]
    return re.sub(r"([\\`*_\[\]<&~])", r"\\\1", line)
