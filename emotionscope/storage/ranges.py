"""Objects of S3, of which each range that is read is whole."""

import io
from typing import Any

import pyarrow as pa

from emotionscope.storage import s3

TRIES = 3  # of a read that the store ends early


def whole(stream: pa.NativeFile, place: int, size: int) -> bytearray:
    """So many bytes of an object. Raises OSError where the store goes on to send fewer.

    A store may end an answer early without having told its length. Arrow then leaves the rest as it finds it, and says
    that all was read: so the last byte is looked at, twice where it is what was there before.
    """
    content = bytearray(size)
    for before in (0xA5, 0x5A) * TRIES if size else ():
        content[-1] = before
        stream.seek(place)
        if stream.readinto(content) == size and content[-1] != before:
            return content
    if size:
        raise OSError(f"{s3.SHORT}: not all of {size:,} bytes from {place:,}")
    return content


class Ranges(io.RawIOBase):
    """A large object as a stream."""

    def __init__(self, stream: pa.NativeFile) -> None:
        self._stream, self._size, self._place = stream, stream.size(), 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """The new place, as of any stream."""
        before = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(before + offset, 0)
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, up to the end; how many bytes. Raises OSError as `whole` does."""
        content = whole(self._stream, self._place, max(min(len(buffer), self._size - self._place), 0))
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)

    def close(self) -> None:
        """Close the object, too."""
        self._stream.close()
        super().close()
