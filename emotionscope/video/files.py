"""The files that hold videos: where they are, and that none lies outside their folder."""

import os
from typing import IO

from emotionscope.errors import RowError, UserError
from emotionscope.storage.place import Place
from emotionscope.tables import datasets
from emotionscope.video.container import row_errors

LOOK = 10_000  # rows in which the first video is looked for
OUTSIDE = "video outside the folder of the videos"


def videos_folder(dataset: datasets.Dataset, chosen: str | None) -> Place:
    """The folder or prefix that holds a dataset's videos: the `chosen` one, else the dataset's own.

    Raises UserError, before any work, where it does not exist or where the first video named lies elsewhere.
    """
    root = Place(chosen or dataset.folder)
    if chosen and not root.exists():
        raise UserError(f"--videos {chosen}: no such folder")
    named = datasets.head(dataset, ["video"], LOOK)["video"].drop_null().to_pylist()
    if named and not (root / named[0]).is_below(root):
        raise UserError(f"{named[0]}: the first video lies outside {root}; name the folder of the videos by --videos")
    return root


def locate(video: str, root: str) -> Place:
    """Where a video is that a row names. Raises RowError where it lies outside `root`."""
    if "\0" in video:
        raise RowError(f"video missing: {video}")
    folder = Place(root)
    place = folder / video
    if not folder.is_s3:  # no link leads out of the folder
        try:
            place, folder = folder / os.path.realpath(place), Place(os.path.realpath(folder))
        except OSError as error:  # a link that went while it was followed
            raise RowError(f"video missing: {video}") from error
    if not place.is_below(folder):
        raise RowError(f"{OUTSIDE}: {video}")
    return place


def open_video(video: str, root: str) -> IO[bytes]:
    """The stream of a video named in a row. Raises RowError where it is missing or lies outside `root`."""
    place = locate(video, root)
    try:
        with row_errors():
            stream = place.open()
    except RowError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise RowError(f"video missing: {video}") from error
        raise
    # A link may have been put in the path meanwhile: what counts is the file that is open.
    if not place.is_s3 and not Place(os.readlink(f"/proc/self/fd/{stream.fileno()}")).is_below(os.path.realpath(root)):
        stream.close()
        raise RowError(f"{OUTSIDE}: {video}")
    return stream
