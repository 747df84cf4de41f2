"""A film's lines as a task of Label Studio, with the models' emotions as predictions to be corrected.

`CONFIG` is the labelling interface that shows such a task.
"""

from typing import Any

from emotionscope.film.answers import Film
from emotionscope.labels import EMOTIONS, MODELS
from emotionscope.palette import COLOURS

CONFIG = (
    '<View><Video name="film" value="$video"/>'
    '<ParagraphLabels name="emotion" toName="dialogue">'
    + "".join(f'<Label value="{emotion}" background="{COLOURS[emotion]}"/>' for emotion in EMOTIONS)
    + '</ParagraphLabels><Paragraphs name="dialogue" value="$dialogue" layout="dialogue"'
    ' nameKey="author" textKey="text"/></View>'
)
EMPTY = "–"  # the text of a line without words, which could not be marked else


def task(film: Film, bundles: list[str]) -> dict[str, Any]:
    """One task: the film, its lines as paragraphs, and for each model that has an answer one prediction.

    Offsets count UTF-16 code units, as browsers do. `bundles` are the versions that gave the answers.
    """
    dialogue = [
        {"author": line.speaker or "", "text": line.text or EMPTY, "start": line.start, "end": line.end}
        for line in film.lines
    ]
    version = ", ".join(bundles)
    predictions = []
    for model in reversed(MODELS):  # fused first: the first one is shown
        found = [
            _region(place, dialogue[place]["text"], *answer)
            for place, line in enumerate(film.lines)
            if (answer := line.likeliest(model))
        ]
        if found:
            mean = sum(region["score"] for region in found) / len(found)
            predictions.append({"model_version": f"{model} {version}", "score": round(mean, 4), "result": found})
    return {"data": {"video": film.name, "dialogue": dialogue}, "predictions": predictions}


def _region(place: int, text: Any, emotion: str, probability: float) -> dict[str, Any]:
    value = {
        "start": str(place),
        "end": str(place),
        "startOffset": 0,
        "endOffset": len(str(text).encode("utf-16-le", "surrogatepass")) // 2,
        "paragraphlabels": [emotion],
    }
    return {
        "id": f"line-{place}",
        "from_name": "emotion",
        "to_name": "dialogue",
        "type": "paragraphlabels",
        "value": value,
        "score": round(probability, 4),
    }
