"""Train the text model on labelled utterances.

Reads a dialogues table with the columns emotion and split, and adds the model to a bundle. It learns from split train
alone, and cross-validation there chooses its settings. Splits dev and test, where there are any, are only measured. It
runs on this machine and needs no GPU.
"""

import time

from rich import box
from rich.console import Console
from rich.table import Table

from emotionscope import cli
from emotionscope.bundle import store as bundle_store
from emotionscope.errors import UserError
from emotionscope.io import tables
from emotionscope.io.storage import JsonObject
from emotionscope.text import training as text_training
from jobs.settings import TrainText

SMALL = 5000  # rows up to which starting more processes takes longer than it saves


def run(settings: TrainText) -> str:
    """Run the job and return the bundle's new version."""
    started = time.monotonic()
    dataset = tables.open_dataset(settings.dialogues, "dialogues")
    bundle_store.check_free(settings.bundle, "text", settings.replace)
    table = tables.read(dataset, ["utterance", "emotion", "split"])
    print(f"train_text: {dataset.rows:,} utterances, {len(text_training.GRID)} settings to try", flush=True)
    try:
        model, record = text_training.train(table, processes=-1 if dataset.rows > SMALL else 1)
    except UserError as error:
        raise UserError(f"{dataset.uri}: {error}") from error
    _print_record(record)
    record |= {"data": tables.fingerprint(dataset), "licence": settings.licence}
    version = bundle_store.publish(settings.bundle, "text", model.to_bytes(), record, settings.replace)
    print(f"published to {settings.bundle}, version {version}, in {time.monotonic() - started:.0f} s")
    return version


def _print_record(record: JsonObject) -> None:
    """The grid, best first, and the chosen model's figures."""
    console = Console(highlight=False)
    grid = Table(
        title="Settings tried, cross-validated in train",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for name in ("character n-grams", "C", "class-weight power", "weighted F1", "macro F1"):
        grid.add_column(name, justify="right")
    for place, point in enumerate(sorted(record["grid"], key=lambda point: -point["weighted_f1"])):
        grid.add_row(
            "{}-{}".format(*point["characters"]) + (" across words" if point["across"] else ""),
            f"{point['C']:g}",
            f"{point['class_weight_power']:g}",
            f"{point['weighted_f1']:.4f}",
            f"{point['macro_f1']:.4f}",
            style="bold" if place == 0 else None,
        )
    console.print(grid)
    figures = Table(
        title="The first of them, fitted on train", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for name in ("split", "rows", "weighted F1", "macro F1", "accuracy", "ECE"):
        figures.add_column(name, justify="left" if name == "split" else "right")
    floor = f"always {record['majority']}"
    for split in ("dev", "test"):
        if split in record:
            rows = {split: record[split], f"  {floor}": record[split]["majority"]}
            for name, row in rows.items():
                keys = ("weighted_f1", "macro_f1", "accuracy", "expected_calibration_error")
                figures.add_row(name, f"{row['n']:,}", *(f"{row[key]:.4f}" if key in row else "" for key in keys))
    console.print(figures)
    left_out = ", ".join(f"{count:,} with {reason}" for reason, count in record["left_out"].items())
    print(f"temperature {record['temperature']:.2f}; rows left out: {left_out or 'none'}")


if __name__ == "__main__":
    cli.main(run)
