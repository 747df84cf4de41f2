"""A film's answers beside its file: drawn on it, and its frames at some times, all read in a separate process."""

import os
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa

from emotionscope.errors import UserError
from emotionscope.film import annotated, stills
from emotionscope.film.answers import Film, Line, SeenFace
from emotionscope.storage.place import Place
from emotionscope.video import video_faces
from emotionscope.video.length import lengths
from emotionscope.video.sampler import Frame
from emotionscope.video.sandbox import IsolatedVideos

SUFFIXES = (annotated.FILM, *annotated.PICTURES)
PATIENCE, SPEED = 300.0, 30.0  # seconds that drawing may take: at least, and for each second of film


@dataclass(frozen=True)
class FilmOnDisk:
    """What the models say of a film, and the `folder` or prefix in which the film lies."""

    film: Film
    folder: Place

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is said, in order of time."""
        return self.film.lines

    @property
    def faces(self) -> tuple[SeenFace, ...]:
        """The faces that were looked at, in order of time."""
        return self.film.faces

    def save(self, target: str | os.PathLike[str], model: str = "fused") -> None:
        """Write the film with the answers drawn on it: faces with person, emotion and who speaks, and the words.

        `target` is a path or URI that ends in ``.mp4``, or for a picture in ``.jpg`` or ``.png``; a file that is there
        is replaced. The words have what `model` says of them. Raises UserError for another suffix, and RowError where
        the video cannot be read.
        """
        place, source = Place(target), self.folder / self.film.name
        suffix = check_target(place, source)
        with (
            tempfile.TemporaryDirectory(prefix="emotionscope-") as folder,
            closing(IsolatedVideos(folder=folder)) as process,
        ):
            drawn = os.path.join(folder, f"drawn{suffix}")
            if suffix == annotated.FILM:
                (length,) = lengths([source])
                seconds = PATIENCE + SPEED * (length.seconds or self.film.end)
                process.read(annotated.write_film, self.film.name, self.folder, (self.film, drawn, model), seconds)
            else:
                process.read(annotated.write_picture, self.film.name, self.folder, (self.film, drawn))
            with pa.memory_map(drawn) as content:
                place.write_bytes(content.read_buffer())

    def stills(self, times: Sequence[float]) -> list[Frame]:
        """The frames that are shown at some times. Raises RowError."""
        with closing(IsolatedVideos()) as process:
            found: list[Frame] = process.read(stills.stills, self.film.name, self.folder, (list(times),))
        return found


def check_target(target: Place, source: Place) -> str:
    """The suffix of a file to save a film or picture in.

    Raises UserError for one that is none or does not suit the source, for the source itself, and where S3 does not let
    one in.
    """
    suffix = os.path.splitext(target)[1].lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{target}: a film is saved as .mp4, and a picture as .jpg or .png")
    if target.exists() and os.path.realpath(target) == os.path.realpath(source):
        raise UserError(f"{target}: is the film itself; name another file")
    try:
        with source.open() as stream:
            picture = video_faces.is_picture(stream)
    except OSError:
        return suffix  # whoever reads it tells why it cannot be read
    if picture != (suffix in annotated.PICTURES):
        kind, wanted = ("picture", ".jpg or .png") if picture else ("film", ".mp4")
        raise UserError(f"{target}: a {kind} is saved as {wanted}")
    return suffix
