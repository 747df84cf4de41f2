"""The files that hold videos: where they are, and that none lies outside their folder."""

import os
from typing import IO

from emotionscope.errors import RowError, UserError
from emotionscope.storage import access, s3, uris
from emotionscope.tables import datasets
from emotionscope.video.container import row_errors

LOOK = 10_000  # rows in which the first video is looked for
OUTSIDE = "video outside the folder of the videos"


def videos_folder(dataset: datasets.Dataset, chosen: str | None) -> str:
    """The URI of the folder or prefix that holds a dataset's videos: the `chosen` one, else the dataset's own.

    Raises UserError, before any work, where it does not exist or where the first video named lies elsewhere.
    """
    root = uris.absolute(chosen or dataset.folder)
    if chosen:
        s3.check_access(root)
        if not access.exists(root):
            raise UserError(f"--videos {chosen}: no such folder")
    named = datasets.head(dataset, ["video"], LOOK)["video"].drop_null().to_pylist()
    if named and not uris.is_below(uris.join(root, named[0]), root):
        raise UserError(f"{named[0]}: the first video lies outside {root}; name the folder of the videos by --videos")
    return root


def open_video(video: str, root: str) -> IO[bytes]:
    """The stream of a video named in a row. Raises RowError where it is missing or lies outside `root`."""
    if "\0" in video:
        raise RowError(f"video missing: {video}")
    place = uris.join(root, video)
    if not uris.is_s3(root):  # no link leads out of the folder
        place, root = os.path.realpath(place), os.path.realpath(root)
    if not uris.is_below(place, root):
        raise RowError(f"{OUTSIDE}: {video}")
    try:
        with row_errors():
            return access.open_binary(place)
    except RowError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise RowError(f"video missing: {video}") from error
        raise
