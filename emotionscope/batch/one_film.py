"""One film without Ray: its transcript, its faces and the scores of its lines, in one pass over the video."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from emotionscope.batch import speakers, stages
from emotionscope.errors import RowError, UserError
from emotionscope.film import answers
from emotionscope.film.answers import Film
from emotionscope.labels import EMOTIONS
from emotionscope.prepare import videos
from emotionscope.storage.place import Place
from emotionscope.tables import contracts
from emotionscope.video.faces import Face, Utterance
from emotionscope.video.length import Length, lengths

if TYPE_CHECKING:
    from emotionscope.bundle.store import Bundle
    from emotionscope.video.faces import Finder

WINDOW = 60.0  # seconds of film that are looked at together


def answer(
    name: str,
    folder: Place,
    bundle: "Bundle",
    find: "Finder",
    transcript: str | None = None,
    call: Callable[[Sequence[Face]], Mapping[int | None, str]] = lambda _: {},
) -> Film:
    """What the models say of the film or picture `name` in a folder or prefix.

    Its lines are the cues of the `transcript`, by default of the one beside it; each is scored with the faces that are
    seen in its time. `call` gives the names of persons by their faces. Raises RowError where the video cannot be read,
    and UserError for a transcript that cannot be.
    """
    cues, length = _cues(name, folder, transcript)
    faces = _faces(name, folder, find, length)
    scored = _scored(cues, faces, bundle)
    seen: Any = bundle.vision.probabilities([face["image"] for face in faces]) if bundle.vision and faces else []
    names = call(faces)
    rows = [
        {**face, "name": names.get(face["person"]), **dict(zip(EMOTIONS, probabilities.tolist(), strict=True))}
        for face, probabilities in zip(faces, seen, strict=True)
    ]
    return answers.film(name, scored, rows)


def _cues(name: str, folder: Place, transcript: str | None) -> tuple[pa.Table, Length]:
    """A dialogues table of the lines of a film, with their words, and the film's length."""
    account = videos.Account()
    one = videos.beside(name, folder, transcript)
    (length,) = lengths([one.video.uri])
    table = pa.concat_tables(videos.tables([one], WINDOW, lambda _: iter([length]), account))
    if transcript and account.unreadable_transcripts:
        raise UserError(f"--transcript {account.unreadable_transcripts[0]}")
    return table.filter(pc.is_valid(table["utterance"])), length


def _faces(name: str, folder: Place, find: "Finder", length: Length) -> list[Face]:
    """The faces of a whole film, with their times from its start, and who speaks."""
    spans = videos.windows(length.seconds, WINDOW)
    everything: list[Face] = []
    failed: list[RowError] = []
    for span, found in zip(spans, find(name, folder, [Utterance(span) for span in spans]), strict=True):
        if isinstance(found, RowError):
            failed.append(found)
            continue
        for face in speakers.measured(found):
            everything.append({**face, "time": face["time"] + (span[0] or 0.0)})
    if len(failed) == len(spans):
        raise failed[0]
    return everything


def _scored(cues: pa.Table, faces: Sequence[Face], bundle: "Bundle") -> list[dict[str, Any]]:
    if not len(cues):
        return []
    own = []
    for start, end in zip(cues["start"].to_pylist(), cues["end"].to_pylist(), strict=True):
        last = math.inf if end is None else end
        own.append([{**face, "time": face["time"] - start} for face in faces if start <= face["time"] < last])
    table = cues.append_column("faces", pa.array(own, contracts.FACES))
    rows: list[dict[str, Any]] = stages.score(table, bundle).to_pylist()
    return rows
