"""EmotionScope in a notebook or a service: one call opens the models, and each answer is a pandas table.

::

    import emotionscope

    models = emotionscope.load()
    models.texts(["You came back!", "Leave me alone."])
    models.clip("interview.mp4", start=60, end=90)
    models.clip("interview.mp4").plot()
    models.film("interview.mp4").save("answers.mp4")
    models.dialogues(frame, videos="clips")

No Ray, no folders of a job, and the same numbers as `score` writes.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from emotionscope import inputs
from emotionscope.bundle import store
from emotionscope.errors import RowError, UserError
from emotionscope.film.table import Faces, Source
from emotionscope.fusion import Probabilities
from emotionscope.labels import EMOTIONS
from emotionscope.storage.place import Place
from emotionscope.tables import contracts
from emotionscope.video.faces import DetectorName, FaceSettings, SpeakersChoice

# What faces need is brought with the first of them: a sentence does not wait for it.
if TYPE_CHECKING:
    from emotionscope.film.saving import FilmOnDisk
    from emotionscope.video.faces import Face, Finder
    from emotionscope.video.sandbox import IsolatedFaces

Name = str | PathLike[str]
BLOCK = 10_000  # texts answered at once


class Models:
    """A loaded bundle that answers with tables.

    Close it, or use it in a ``with`` block, to end the process in which it decodes videos.
    """

    def __init__(self, bundle: store.Bundle, looking: FaceSettings | None = None) -> None:
        """`bundle` may come without its vision model, which is then loaded for the first face."""
        self._loaded, self._looking = bundle, looking or FaceSettings()

    def __repr__(self) -> str:
        parts = ", ".join(part for part in store.SUFFIXES if part in self._loaded.manifest["parts"])
        return f"Models(bundle={self._loaded.uri!r}, version={self._loaded.version!r}, parts={parts!r})"

    @cached_property
    def bundle(self) -> store.Bundle:
        """The models."""
        return self._loaded if self._loaded.vision else store.with_vision(self._loaded)

    def texts(self, texts: Any) -> pd.DataFrame:
        """What the text model says of each text: a row a text with ``emotion`` and a float32 column an emotion.

        `texts` is a list, or a Series or array of pandas, Polars, Arrow or NumPy. The answers stand in its order, and
        have the index of a Series. A text that is missing, blank, or of whose words the model knows none has a row of
        missing values. Raises UserError for what is no texts, and for a single one.
        """
        found, index = inputs.texts_of(texts)
        probabilities = np.empty((len(found), len(EMOTIONS)), np.float32)
        with _counting("texts", len(found)) as count:
            for start in range(0, len(found), BLOCK):
                block = found[start : start + BLOCK]
                probabilities[start : start + BLOCK] = self._loaded.text.probabilities(block)
                count(len(block))
        return _answers({"text": found}, probabilities, index)

    def faces(self, crops: Sequence[bytes]) -> pd.DataFrame:
        """What the vision model says of pictures that show one face each, encoded (JPEG or PNG): a row a picture.

        Raises RowError where one cannot be read, and UserError where the bundle has no vision model.
        """
        if "vision" not in self._loaded.manifest["parts"]:
            raise UserError(f"{self._loaded.uri}: the bundle has no vision model")
        vision = self.bundle.vision if len(crops) else None
        return _answers({}, vision.probabilities(crops) if vision else np.empty((0, len(EMOTIONS)), np.float32))

    def clip(self, video: Name, start: float | None = None, end: float | None = None) -> "Faces":
        """The faces of a video, or of its seconds `start` to `end`: a row a face that was looked at, in order of time.

        Columns: ``time`` in seconds from `start`, ``x``, ``y``, ``w``, ``h`` in pixels, ``person`` (one number for
        each individual of the clip, missing where it is not known who it is), ``quality`` in 0..1, ``speaking`` in 0..1
        (missing where it was not measured), ``emotion`` and one an emotion. `Faces.plot` shows them. Raises RowError
        where the video cannot be read.
        """
        name, folder = _place(video)
        from emotionscope.batch import speakers

        with _counting(f"faces of {name}", 1):
            faces = self._seen(speakers.measured(self._finder.of_clip(name, folder, start, end)))
        faces.source = Source(name, folder, max(start or 0.0, 0.0))
        return faces

    def film(self, video: Name, transcript: Name | None = None, names: Name | None = None) -> "FilmOnDisk":
        """What the models say of a whole film: its lines, with the faces that are seen in their time, and all faces.

        The lines are those of the `transcript`, by default of the one that lies beside the video, such as its ``.srt``.
        Without one, there are faces alone. People are called as the portraits in the folder `names` are, as the job
        `people` reads them. Raises RowError where the video cannot be read, and UserError for a
        transcript that cannot be.
        """
        from emotionscope.batch import one_film
        from emotionscope.film.saving import FilmOnDisk
        from emotionscope.identities.names import of_faces, portraits

        name, folder = _place(video)
        call = partial(of_faces, known=portraits(Place(names)) if names else {})
        words = None if transcript is None else os.fspath(transcript)
        with _counting(f"faces of {name}", 1):
            found = one_film.answer(name, folder, self.bundle, self._finder, words, call)
        return FilmOnDisk(found, folder)

    def image(self, picture: Any) -> "Faces":
        """The faces of a picture, as `clip` gives those of a video.

        `picture` is the path or URI of a JPEG or PNG, its bytes, or an array: [height, width] grey,
        [height, width, 3] RGB or [height, width, 4] RGBA, of uint8, or of floats in 0..1; a picture of PIL is one too.
        Raises UserError for what is none, and RowError where it cannot be read.
        """
        if isinstance(picture, str | PathLike):
            return self.clip(picture)
        from emotionscope.video import pictures

        with tempfile.TemporaryDirectory(prefix="emotionscope-") as folder:
            content = pictures.encoded(picture)
            Path(folder, "picture").write_bytes(content)
            faces = self._seen(self._finder.of_clip("picture", folder).faces)
        faces.source = content
        return faces

    def dialogues(self, frame: Any, videos: Name | None = None) -> pd.DataFrame:
        """Scores of dialogues, with the columns of the scores table, a row for each row of `frame`, and its index.

        `frame` is a DataFrame of pandas or Polars, or an Arrow table, with the columns of a dialogues table. Its videos
        are looked for in the folder `videos`, or where it is not named, left out. Raises UserError where a column is
        missing or cannot be what it should be, and where the folder is not there.
        """
        table, index = inputs.dialogues_of(frame)
        contracts.scores_schema(contracts.keyframes_schema(table.schema))
        folder = None if videos is None else Place(videos)
        if folder is not None and not folder.exists():
            raise UserError(f"videos {videos}: no such folder")
        from emotionscope.batch import speakers, stages
        from emotionscope.video import keyframes

        seen = folder is not None and "video" in table.column_names
        if folder is not None and seen:
            with _counting("videos", len(table["video"].drop_null().unique())) as count:
                table = speakers.measure(keyframes.extract(table, folder, _counted(self._finder, count)))
        with _counting("utterances", len(table)):
            scores: pd.DataFrame = stages.score(table, self.bundle if seen else self._loaded).to_pandas()
        return scores if index is None else scores.set_axis(index)

    def close(self) -> None:
        """End the process that decodes videos, if one was started."""
        if "_finder" in self.__dict__:
            self._finder.close()
            del self._finder

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_finder"}  # which cannot travel

    def __enter__(self) -> "Models":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def _finder(self) -> "IsolatedFaces":
        from emotionscope.video.sandbox import IsolatedFaces

        return IsolatedFaces(replace(self._looking, embeddings=True))  # in memory only

    def _seen(self, faces: "list[Face]") -> "Faces":
        columns = {
            "time": [face["time"] for face in faces],
            **{side: [face["box"][side] for face in faces] for side in ("x", "y", "w", "h")},
            "person": pd.array([face["person"] for face in faces], "Int32"),
            "quality": [face["quality"] for face in faces],
            "speaking": pd.array([face["speaking"] for face in faces], "float32"),
        }
        given = self.faces([face["image"] for face in faces])
        return Faces(pd.concat([pd.DataFrame(columns), given], axis=1))


def load(
    bundle: Name | None = None,
    detector: DetectorName = "yunet",
    fps: float = FaceSettings.fps,
    speakers: SpeakersChoice = "auto",
    encoder: bool = False,
) -> Models:
    """Open the models of a bundle, a folder or ``s3://`` prefix; by default those that come with EmotionScope.

    `detector` finds the faces, ``yunet`` or ``haar``, in `fps` frames a second. `speakers` tells whether to measure who
    speaks: ``auto``, where there is sound and, in `dialogues`, words; ``always``; ``never``, which takes half the time.
    With `encoder`, texts are read by the sentence encoder, too, which is better on talk of all kinds and takes
    milliseconds a text; it needs the extra ``encoder``. The vision model is loaded when the first face comes. Raises
    UserError where the bundle cannot be read, and for a setting that is none of these.
    """
    looking = FaceSettings(detector, fps=fps, speakers=speakers)
    looking.check()
    place = store.chosen(None if bundle is None else os.fspath(bundle))
    return Models(store.load(place, faces=False, encoder=encoder), looking)


def _place(video: Name) -> tuple[str, Place]:
    """The name of a video's file, and its folder."""
    place = Place(video)
    place = place if place.is_s3 else Place(os.path.realpath(place))  # whoever names a link means its file
    return place.name, place.folder


def _answers(
    columns: dict[str, list[str | None]], probabilities: Probabilities, index: pd.Index | None = None
) -> pd.DataFrame:
    best = [None if np.isnan(row[0]) else EMOTIONS[row.argmax()] for row in probabilities]
    given = {emotion: probabilities[:, k] for k, emotion in enumerate(EMOTIONS)}
    return pd.DataFrame({**columns, "emotion": best, **given}, index)


@contextmanager
def _counting(what: str, total: int) -> Iterator[Callable[[int], None]]:
    from emotionscope.batch import progress

    with progress.counting(what, total) as count:
        yield count


def _counted(find: "Finder", count: Callable[[int], None]) -> "Finder":
    """The same finder, which counts the videos it has looked at."""

    def counted(*video: Any) -> Any:
        found = find(*video)
        count(1)
        return found

    return counted


__all__ = ["Faces", "Models", "RowError", "UserError", "load"]
