"""The table of a clip's faces, which can show itself."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from emotionscope.errors import UserError
from emotionscope.storage.place import Place

if TYPE_CHECKING:
    from emotionscope.film.figure import Picture


@dataclass(frozen=True)
class Source:
    """Where faces come from: a video's name and folder, and the second of it from which their times are counted."""

    name: str
    folder: Place
    start: float


class Faces(pd.DataFrame):
    """A row a face that was looked at, as ``Models.clip`` gives them: a DataFrame of pandas with a picture of its own.

    Its rows may be filtered before they are shown: ``faces[faces["person"] == 0].plot()``.
    """

    _metadata = ["source"]  # noqa: RUF012  # what pandas hands on to a part of the table
    source: Source | bytes | None = None

    @property
    def _constructor(self) -> type["Faces"]:
        return Faces

    def plot(self) -> "Picture":  # type: ignore[override]
        """A frame with its faces marked, a strip of faces, and the emotions over time, as a Figure of Matplotlib.

        The frame is that of the surest face that is not neutral. The video is read again: it must still be there.
        Raises UserError where there is no face, or a table whose faces are of no single video, and RowError where the
        video cannot be read.
        """
        if not len(self) or self.source is None:
            raise UserError("nothing to plot: no face" if not len(self) else "nothing to plot: the video is not known")
        from emotionscope.film import figure
        from emotionscope.film.answers import film
        from emotionscope.film.saving import FilmOnDisk

        rows: list[dict[str, Any]] = [
            {**{str(name): row[name] for name in row}, "box": {side: row[side] for side in "xywh"}}
            for row in self.to_dict("records")
        ]
        if isinstance(self.source, Source):
            return figure.draw(FilmOnDisk(film(self.source.name, (), rows), self.source.folder), self.source.start)
        with tempfile.TemporaryDirectory(prefix="emotionscope-") as folder:
            Path(folder, "picture").write_bytes(self.source)
            return figure.draw(FilmOnDisk(film("picture", (), rows), Place(folder)))
