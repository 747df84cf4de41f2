"""What a page plays and shows beside its words: films by ranges of their bytes, clips, and pictures of faces.

Each address is signed (`signing`), and names a video of the videos' folder, out of which no path leads. Nothing is
copied: a browser asks for the ranges that it plays, on disk and in S3.
"""

import posixpath
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import IO, Any, cast
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from emotionscope.dashboard import signing
from emotionscope.dashboard.face_pictures import Face, FacePictures
from emotionscope.errors import JobError, RowError, UserError
from emotionscope.storage.place import Place
from emotionscope.video.clips import Clip
from emotionscope.video.container import row_errors
from emotionscope.video.faces import Span
from emotionscope.video.files import locate
from emotionscope.video.sandbox import IsolatedClips

PIECE = 2**20  # bytes read and sent at once
KEPT = 4  # clips in memory
# What a file is sent as, whatever is in it: nothing that a browser would run.
KINDS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm", ".ogv": "video/ogg"}
PICTURES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, max-age=3600",
}


def is_picture(video: str) -> bool:
    """Whether a video is one picture, by its name."""
    return _suffix(video) in PICTURES


def _suffix(video: str) -> str:
    return posixpath.splitext(video)[1].lower()


def routes(videos: str) -> list[Route]:
    """The server's answers to the addresses of films, clips and faces, whose videos lie in the folder `videos`."""
    cutter = IsolatedClips()
    faces = FacePictures(lambda video, spots: cutter.faces(video, videos, spots))

    @lru_cache(KEPT)
    def clip_of(video: str, span: Span) -> Clip:
        return cutter(video, videos, span)

    def film(request: Request) -> Response:
        (video,) = _asked("film", request)
        return _answer(lambda: _send_range(video, videos, request.headers.get("range", "")))

    def clip(request: Request) -> Response:
        video, start, end = _asked("clip", request)
        return _answer(lambda: _send_clip(clip_of(video, (start, end))))

    def face(request: Request) -> Response:
        video, time, box = _asked("face", request)
        return _answer(lambda: Response(faces(Face(video, time, tuple(box))), 200, _SAFE, "image/jpeg"))

    return [Route(f"/{each.__name__}/{{token}}", each) for each in (film, clip, face)]


def _asked(kind: signing.Kind, request: Request) -> list[Any]:
    found = signing.values(kind, request.path_params["token"])
    if found is None:
        raise HTTPException(404)
    return found


def _answer(make: Callable[[], Response]) -> Response:
    """What is made, or why it cannot be, as plain text."""
    try:
        return make()
    except (RowError, UserError) as error:
        return Response(str(error), 404, _SAFE, "text/plain")
    except JobError as error:
        return Response(str(error), 503, _SAFE, "text/plain")


def _send_clip(clip: Clip) -> Response:
    told = {"X-Start": str(clip.start), "X-Note": quote(clip.note or "")}
    return Response(clip.content, 200, _SAFE | told, clip.kind)


def _send_range(video: str, root: str, wanted: str) -> Response:
    """The bytes of a video that a `Range` header asks for; all of them where it asks for none, or for several parts."""
    place = locate(video, root)
    kind = (KINDS | PICTURES).get(_suffix(place), "application/octet-stream")
    with row_errors():
        stream = _open(place)
        size = stream.seek(0, 2)
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted)
    headers = _SAFE | {"Accept-Ranges": "bytes"}
    if not found or found[1] == found[2] == "":
        return StreamingResponse(_pieces(stream, 0, size), 200, headers | {"Content-Length": str(size)}, kind)
    start = int(found[1]) if found[1] else max(size - int(found[2]), 0)
    stop = min(int(found[2]) + 1, size) if found[1] and found[2] else size
    if start >= stop:
        stream.close()
        return Response("", 416, headers | {"Content-Range": f"bytes */{size}"})
    headers |= {"Content-Range": f"bytes {start}-{stop - 1}/{size}", "Content-Length": str(stop - start)}
    return StreamingResponse(_pieces(stream, start, stop), 206, headers, kind)


def _open(place: Place) -> IO[bytes]:
    """A stream that reads no more than it is asked for."""
    if not place.is_s3:
        return place.open()
    filesystem, path = place.arrow()
    return cast(IO[bytes], filesystem.open_input_file(path))


def _pieces(stream: IO[bytes], start: int, stop: int) -> Iterator[bytes]:
    with stream:
        stream.seek(start)
        while start < stop and (piece := stream.read(min(PIECE, stop - start))):
            start += len(piece)
            yield piece
