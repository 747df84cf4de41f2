"""EmotionScope in a notebook or a service: one call opens the models, and each answer is a pandas table.

::

    import emotionscope

    models = emotionscope.load()
    models.texts(["You came back!", "Leave me alone."])
    models.clip("interview.mp4", start=60, end=90)
    models.dialogues(frame, videos="clips")

No Ray, no folders of a job, and the same numbers as `score` writes.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from emotionscope.batch import stages
from emotionscope.bundle import store
from emotionscope.cli import BatchFlags
from emotionscope.errors import RowError, UserError, first_line
from emotionscope.fusion import Probabilities
from emotionscope.io import contracts, tables, uris
from emotionscope.labels import EMOTIONS
from emotionscope.video import keyframes
from emotionscope.video.detection import load_spec
from emotionscope.video.keyframes import Face
from emotionscope.video.sandbox import IsolatedFaces

Name = str | PathLike[str]


class Models:
    """A loaded bundle that answers with tables.

    Close it, or use it in a ``with`` block, to end the process in which it decodes videos.
    """

    def __init__(self, bundle: store.Bundle, detector: str = "auto") -> None:
        self.bundle = bundle
        self._detector = detector

    def texts(self, texts: Sequence[str | None]) -> pd.DataFrame:
        """What the text model says of each text: a row a text with ``emotion`` and a float32 column an emotion.

        A text that is missing, blank, or of whose words the model knows none has a row of missing values.
        """
        return _answers({"text": list(texts)}, self.bundle.text.probabilities(texts))

    def faces(self, crops: Sequence[bytes]) -> pd.DataFrame:
        """What the vision model says of pictures that show one face each, encoded (JPEG, PNG, …): a row a picture.

        Raises RowError where one cannot be read, and UserError where the bundle has no vision model.
        """
        if self.bundle.vision is None:
            raise UserError(f"{self.bundle.uri}: the bundle has no vision model")
        return _answers({}, self.bundle.vision.probabilities(crops))

    def clip(self, video: Name, start: float | None = None, end: float | None = None) -> pd.DataFrame:
        """The faces of a video, or of its seconds `start` to `end`: a row a face, in order of time.

        Columns: ``time`` in seconds from `start`, ``x``, ``y``, ``w``, ``h`` in pixels, ``person`` (one number for
        each individual of the clip), ``quality`` in 0..1, ``emotion`` and one an emotion. Raises RowError where the
        video cannot be read.
        """
        place = uris.absolute(str(video))
        place = place if uris.is_s3(place) else os.path.realpath(place)  # whoever names a link means its file
        folder, name = place.rsplit("/", 1)
        return self._seen(self._finder.of_clip(name, folder, start, end))

    def image(self, picture: Name) -> pd.DataFrame:
        """The faces of a JPEG or PNG picture, as `clip` gives those of a video."""
        return self.clip(picture)

    def dialogues(self, frame: pd.DataFrame, videos: Name | None = None) -> pd.DataFrame:
        """Scores of dialogues, with the columns of the scores table, a row for each row of `frame`.

        `frame` has the columns of a dialogues table. Its videos are looked for in the folder `videos`, or where it is
        not named, left out. Raises UserError where a column is missing or cannot be what it should be.
        """
        with _dataset(frame) as dataset:
            contracts.scores_schema(contracts.keyframes_schema(dataset.schema))
            table = tables.read(dataset)
        if videos is not None and "video" in table.column_names:
            table = keyframes.extract(table, uris.absolute(str(videos)), self._finder)
        scores: pd.DataFrame = stages.score(table, self.bundle).to_pandas()
        return scores

    def close(self) -> None:
        """End the process that decodes videos, if one was started."""
        if "_finder" in self.__dict__:
            self._finder.close()
            del self._finder

    def __enter__(self) -> "Models":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def _finder(self) -> IsolatedFaces:
        return IsolatedFaces(load_spec(self._detector), BatchFlags.max_faces)

    def _seen(self, faces: list[Face]) -> pd.DataFrame:
        columns = {
            "time": [face["time"] for face in faces],
            **{side: [face["box"][side] for face in faces] for side in ("x", "y", "w", "h")},
            "person": [face["person"] for face in faces],
            "quality": [face["quality"] for face in faces],
        }
        given = self.faces([face["image"] for face in faces])
        return pd.concat([pd.DataFrame(columns), given], axis=1)


def load(bundle: Name | None = None, detector: str = "auto") -> Models:
    """Open the models of a bundle, a folder or ``s3://`` prefix; by default those that come with EmotionScope.

    `detector` finds the faces: ``yunet``, ``haar``, or ``auto``, which is YuNet where its file is there. Raises
    UserError where the bundle cannot be read.
    """
    return Models(store.load(store.chosen(None if bundle is None else str(bundle))), detector)


def _answers(columns: dict[str, list[str | None]], probabilities: Probabilities) -> pd.DataFrame:
    best = [None if np.isnan(row[0]) else EMOTIONS[row.argmax()] for row in probabilities]
    given = {emotion: probabilities[:, k] for k, emotion in enumerate(EMOTIONS)}
    return pd.DataFrame({**columns, "emotion": best, **given})


@contextmanager
def _dataset(frame: pd.DataFrame) -> Iterator[tables.Dataset]:
    """A frame as the checked dataset that a job would open."""
    with tempfile.TemporaryDirectory(prefix="emotionscope-") as folder:
        try:
            table = pa.Table.from_pandas(frame, preserve_index=False)
        except pa.ArrowException as error:
            raise UserError(f"the dialogues cannot be a table ({first_line(error)})") from error
        tables.write_part(table, str(Path(folder, "dialogues.parquet")))
        yield tables.open_dataset(folder, "dialogues")


__all__ = ["Models", "RowError", "UserError", "load"]
