"""Train the text model on labelled utterances.

Reads dialogues tables with the columns emotion and split, and adds the model to a bundle. It learns from split train
alone, and cross-validation there chooses its settings. Splits dev and test, where there are any, are only measured. It
runs on this machine and needs no GPU.

The first table should be like the data that the model will score. With --encoder the model learns to read with a
sentence encoder, too, and further tables teach it other people's talk; --encoder of predict and score then uses it.
"""

import time

from rich import box
from rich.console import Console
from rich.table import Table

from emotionscope import cli
from emotionscope.bundle import store as bundle_store
from emotionscope.commands.settings import Bundle, TrainText
from emotionscope.errors import UserError
from emotionscope.storage.place import JsonObject
from emotionscope.tables import datasets
from emotionscope.text import encoder
from emotionscope.text import training as text_training

SMALL = 5000  # rows up to which starting more processes takes longer than it saves


def run(settings: TrainText) -> str:
    """Run the job and return the bundle's new version."""
    started = time.monotonic()
    weights = settings.weight or (1.0,) * (len(settings.dialogues) - 1)
    if len(weights) != len(settings.dialogues) - 1:
        raise UserError("give one --weight for each --dialogues but the first")
    if len(settings.dialogues) > 1 and not settings.encoder:
        raise UserError("several --dialogues: only what --encoder brings is learnt from more than one; add --encoder")
    sources = [datasets.open_dataset(uri, "dialogues") for uri in settings.dialogues]
    bundle_store.check_free(settings.bundle, "text", settings.replace)
    if settings.encoder:
        encoder.check()
    first, *others = [datasets.read(dataset, ["utterance", "emotion", "split"]) for dataset in sources]
    rows = sum(dataset.rows for dataset in sources)
    print(f"train_text: {rows:,} utterances, {len(text_training.GRID)} settings to try", flush=True)
    try:
        more = list(zip(others, weights, strict=True))
        encode = encoder.vectors if settings.encoder else None
        model, record = text_training.train(first, processes=-1 if rows > SMALL else 1, more=more, encode=encode)
    except UserError as error:
        raise UserError(f"{', '.join(dataset.uri for dataset in sources)}: {error}") from error
    _print_record(record)
    record |= {"data": datasets.fingerprint(sources[0]), "licence": settings.licence}
    for one, dataset in zip(record.get("encoder", {}).get("more", ()), sources[1:], strict=True):
        one["data"] = datasets.fingerprint(dataset)
    version = bundle_store.publish(settings.bundle, "text", model.to_bytes(), record, settings.replace)
    print(f"published to {settings.bundle}, version {version}, in {time.monotonic() - started:.0f} s")
    cli.say_next("bundle", Bundle(bundle=settings.bundle))
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
    deep = record.get("encoder")
    tables = {"": record, **({", with the encoder": deep} if deep else {})}
    tables |= {f" of table {n}": one for n, one in enumerate(deep["more"] if deep else (), 2)}
    for which, measured in tables.items():
        floor = f"always {measured['majority']}"
        for split in ("dev", "test"):
            if split in measured:
                rows = {f"{split}{which}": measured[split], f"  {floor}": measured[split]["majority"]}
                for title, row in rows.items():
                    keys = ("weighted_f1", "macro_f1", "accuracy", "expected_calibration_error")
                    figures.add_row(title, f"{row['n']:,}", *(f"{row[key]:.4f}" if key in row else "" for key in keys))
    console.print(figures)
    if deep:
        shares = ", ".join(f"{share}: {figure:.4f}" for share, figure in deep["shares"].items())
        print(f"share of the encoder {deep['share']:g}; weighted F1 by share {shares}")
    left_out = ", ".join(f"{count:,} with {reason}" for reason, count in record["left_out"].items())
    print(f"temperature {record['temperature']:.2f}; rows left out: {left_out or 'none'}")
