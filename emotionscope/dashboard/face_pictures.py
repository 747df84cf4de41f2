"""Pictures of faces that a page shows, cut from their videos when a browser asks for them, and then kept."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from emotionscope.errors import RowError
from emotionscope.video.cutouts import Spot
from emotionscope.video.faces import Box

KEPT = 64 * 2**20  # bytes of pictures in memory
AT_ONCE = 12  # faces of one video that are cut in one pass


@dataclass(frozen=True)
class Face:
    """A face of a row: its video, its time there in seconds, and its box x, y, w, h in pixels as shown."""

    video: str
    time: float
    box: tuple[int, int, int, int]

    def spot(self) -> Spot:
        """Where `cut_faces` finds it."""
        x, y, w, h = self.box
        return self.time, Box(x=x, y=y, w=w, h=h)


class FacePictures:
    """Pictures by `cut`, which takes faces of one video; those that are asked for meanwhile are cut together."""

    def __init__(self, cut: Callable[[str, Sequence[Spot]], list[bytes]]) -> None:
        self._cut = cut
        self._cutting, self._changing = threading.Lock(), threading.Lock()
        self._asked: dict[Face, Future[bytes]] = {}
        self._kept: OrderedDict[Face, bytes] = OrderedDict()
        self._size = 0

    def __call__(self, face: Face) -> bytes:
        """A JPEG of the face. Raises RowError where its video cannot be read."""
        with self._changing:
            if face in self._kept:
                self._kept.move_to_end(face)
                return self._kept[face]
            answer = self._asked.setdefault(face, Future())
        with self._cutting:
            if not answer.done():
                self._answer(face)
        return answer.result()

    def _answer(self, wanted: Face) -> None:
        """Cut a face, and others of its video that were asked for meanwhile."""
        with self._changing:
            others = [face for face in self._asked if face.video == wanted.video and face != wanted]
            faces = [wanted, *others[: AT_ONCE - 1]]
            answers = [self._asked.pop(face) for face in faces]
        try:
            pictures = self._cut(wanted.video, [face.spot() for face in faces])
        except BaseException as error:
            for answer in answers:
                answer.set_exception(error)
            return
        for face, answer, picture in zip(faces, answers, pictures, strict=True):
            if picture:
                self._keep(face, picture)
                answer.set_result(picture)
            else:
                answer.set_exception(RowError("video has no frame at the time of the face"))

    def _keep(self, face: Face, picture: bytes) -> None:
        with self._changing:
            self._kept[face] = picture
            self._size += len(picture)
            while self._size > KEPT:
                self._size -= len(self._kept.popitem(last=False)[1])
