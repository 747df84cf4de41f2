"""A file that a process reads through its caller: the caller opens it, and the process has neither path nor keys."""

import io
import struct
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import IO, Any

from emotionscope.errors import JobError, RowError, UserError, first_line

Opener = Callable[[], IO[bytes]]
READ = 2**22  # bytes, at most, of one answer
BUFFER = 2**18  # bytes that the process asks for at least
_REQUEST = struct.Struct("<qq")  # the place in the file and a number of bytes; or `_OPEN`
_OPEN = -1
_TOLD_AS_THEY_ARE = (RowError, JobError, UserError, OSError)


class Lender:
    """Answers the process at the other end of a connection, in a thread that ends with it.

    `opener` opens the file of the task under way; what it and the file raise is raised in the process.
    """

    def __init__(self, connection: Connection) -> None:
        self.opener: Opener | None = None
        threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: Connection) -> None:
        stream: IO[bytes] = io.BytesIO()
        with connection:
            try:
                while True:
                    place, size = _REQUEST.unpack(connection.recv_bytes(_REQUEST.size))
                    try:
                        if place == _OPEN:
                            stream.close()
                            stream = self._opened()
                            answer: object = stream.seek(0, io.SEEK_END)
                        else:
                            stream.seek(place)
                            answer = stream.read(min(size, READ))
                    except _TOLD_AS_THEY_ARE as error:
                        answer = error
                    except Exception as error:
                        answer = OSError(f"{type(error).__name__}: {first_line(error)}")
                    connection.send(answer)
            except (EOFError, OSError, struct.error):  # the process has ended, or is not itself
                pass
            finally:
                stream.close()

    def _opened(self) -> IO[bytes]:
        if self.opener is None:
            raise OSError("no file is lent")
        return self.opener()


class _Borrowed(io.RawIOBase):
    """The file as the process reads it."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._place = connection, 0
        self._size = self._ask(_OPEN, 0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        before = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(before + offset, 0)
        return self._place

    def readinto(self, buffer: Any) -> int:
        content = self._ask(self._place, len(buffer))
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)

    def _ask(self, place: int, size: int) -> Any:
        self._connection.send_bytes(_REQUEST.pack(place, size))
        answer = self._connection.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Borrower:
    """The process's end of the connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open(self) -> IO[bytes]:
        """The file that is lent for the task under way, at its start. Raises what the caller's opener raises."""
        return io.BufferedReader(_Borrowed(self._connection), BUFFER)
