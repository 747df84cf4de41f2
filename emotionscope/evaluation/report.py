"""The report: one HTML page that needs no other file."""

import base64
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import jinja2
import pyarrow as pa

from emotionscope import __version__, metrics
from emotionscope.bundle.store import Bundle
from emotionscope.errors import RowError
from emotionscope.evaluation.comparison import Comparison
from emotionscope.evaluation.evaluation import THIN
from emotionscope.evaluation.figures import Figures, Mistake
from emotionscope.labels import EMOTIONS, MODELS
from emotionscope.palette import COLOURS
from emotionscope.tables import input_file
from emotionscope.tables.contracts import KEY
from emotionscope.tables.datasets import Dataset

FACES_SHOWN = 3  # an utterance, those of the best quality
CHANGES_SHOWN = 20  # utterances whose answer changed
NGRAMS_SHOWN = 6  # n-grams of an utterance, those that counted most

Key = tuple[str | None, int | None]

# MELD's test split is told from other data by its counts; published figures stand beside it alone.
_MELD_TEST = {"anger": 345, "disgust": 68, "fear": 50, "joy": 402, "neutral": 1256, "sadness": 208, "surprise": 281}
_MELD_TEXT = (
    ("text-CNN", 0.550),
    ("bcLSTM", 0.5675),
    ("DialogueRNN", 0.5703),
    ("RoBERTa", 0.6202),
    ("COSMIC", 0.6521),
    ("InstructERC", 0.6915),
)


@dataclass(frozen=True)
class Explanation:
    """What moved the models in one utterance.

    `ngrams` holds n-grams with what they added to the score of the text model's answer, and `saliency` the faces with
    the places that spoke for their emotion, as JPEG.
    """

    ngrams: list[tuple[str, float]]
    saliency: list[bytes]


def render(
    figures: Figures,
    name: str,
    note: str | None = None,
    faces: Mapping[Key, list[bytes]] | None = None,
    reasons: Mapping[Key, Explanation] | None = None,
    against: Comparison | None = None,
) -> str:
    """The page for what `evaluation.evaluate` returned.

    `name` is the data set's name and `note` a banner over the page, such as where the data come from. `faces` holds
    JPEG bytes to show beside the mistakes and `reasons` what explains them, both by (dialogue_id, utterance_id). All
    text is escaped. `against` sets the scores beside others of the same archive.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("emotionscope.evaluation"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["picture"] = lambda image: f"data:image/jpeg;base64,{base64.b64encode(image).decode()}"
    breakdowns = {
        "Faces on screen": figures.by_faces,
        "Length": figures.by_length,
        "Speaker": figures.by_speaker,
        "Other splits": figures.other_splits,
    }
    return environment.get_template("report.html").render(
        figures=figures,
        name=name,
        note=note,
        faces=faces or {},
        reasons=reasons or {},
        against=against,
        changes_shown=CHANGES_SHOWN,
        breakdowns={title: groups for title, groups in breakdowns.items() if groups},
        published=_published(figures),
        emotions=EMOTIONS,
        models=[model for model in MODELS if model in figures.models],
        thin=THIN,
        colours=COLOURS,
        resamples=metrics.RESAMPLES,
        bins=metrics.CALIBRATION_BINS,
        version=__version__,
    )


def _published(figures: Figures) -> list[tuple[str, float, bool]]:
    """Published weighted F1 of text models on MELD's test split with this one among them: (system, F1, is this one).

    Empty for other data, or where the text model did not answer every row.
    """
    text = figures.models.get("text")
    if text is None or figures.support != _MELD_TEST or text.n != sum(_MELD_TEST.values()):
        return []
    floor = ("always neutral", figures.floor.weighted_f1, False)
    rows = [floor, *((name, f1, False) for name, f1 in _MELD_TEXT), ("this text model", text.weighted_f1, True)]
    return sorted(rows, key=lambda row: row[1])


def best_faces(keyframes: Dataset, keys: Iterable[Key]) -> dict[Key, list[bytes]]:
    """The best faces of a few utterances of a keyframes table, as JPEG bytes by (dialogue_id, utterance_id)."""
    wanted = set(keys)
    key_schema = pa.schema([keyframes.schema.field(name) for name in KEY])
    faces_schema = pa.schema([keyframes.schema.field("faces")])
    found: dict[Key, list[bytes]] = {}
    for part in keyframes.parts:
        columns = input_file.read_rows(part, key_schema, 0, part.rows).to_pydict().values()
        for row, key in enumerate(zip(*columns, strict=True)):
            if key in wanted:
                (faces,) = input_file.read_rows(part, faces_schema, row, 1)["faces"].to_pylist()
                best = sorted((face for face in faces or () if face["kept"]), key=lambda face: -(face["quality"] or 0))
                found[key] = [face["image"] for face in best[:FACES_SHOWN] if face["image"]]
    return found


def explain(bundle: Bundle, mistakes: Iterable[Mistake], faces: Mapping[Key, list[bytes]]) -> dict[Key, Explanation]:
    """What moved the bundle's models in each of `evaluation.evaluate`'s mistakes, by (dialogue_id, utterance_id)."""
    from emotionscope.vision import saliency  # torch, which a report without faces need not wait for

    explanations = {}
    for row in mistakes:
        key = (row.dialogue_id, row.utterance_id)
        answer = row.answers["text"]
        ngrams = bundle.text.explain(row.utterance, answer, NGRAMS_SHOWN) if answer and row.utterance else []
        maps = []
        for image in faces.get(key, ()):
            # An image that cannot be read was none for the vision model, either.
            with suppress(RowError):
                if bundle.vision:
                    maps.append(saliency.overlay(bundle.vision, image))
        explanations[key] = Explanation(ngrams, maps)
    return explanations
