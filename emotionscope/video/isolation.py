"""A process of our own beside the caller's, for work that may crash, hang or fill the memory.

It is a new interpreter that runs nothing of the caller's script. So it can be started from a plain script, standard
input, a notebook, and from a worker of multiprocessing, which may have no child of that kind.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from emotionscope.errors import JobError, RowError, UserError, first_line

START = 120.0  # seconds in which it must be ready
NEWS = 1.0  # seconds from one word of progress to the next
_TOLD_AS_THEY_ARE = (RowError, JobError, UserError, MemoryError, OSError)
_PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller
sys.path[:] = {path!r}
from emotionscope.video import isolation
isolation.serve({file})
"""


class Ended(Exception):
    """The process has ended by itself, with this exit code (negative: the signal)."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


class Companion:
    """A process that runs functions one at a time, after `start` with the settings. It is started when it is needed.

    A function and its arguments must be picklable. The process ends with its caller's, by `close`, or after a function
    that took too long.
    """

    def __init__(self, start: Callable[..., None], *settings: Any) -> None:
        self._start, self._settings = start, settings
        self.heard: Callable[[int], None] = _ignore
        self._forget()

    def run(self, function: Callable[..., Any], arguments: Sequence[Any], seconds: float) -> Any:
        """What the function returns, or raises: an error of another kind than ours is a RuntimeError that names it.

        What it tells meanwhile goes to `self.heard`.
        Raises TimeoutError after so many seconds, and `Ended` where the process does not survive it.
        """
        if self._owner != os.getpid():  # after a fork, the process is that of the parent
            self._forget()
        with self._lock:
            if self._child is None or self._child.poll() is not None:
                self._begin()
            try:
                return self._ask((function, arguments), seconds)
            except (TimeoutError, Ended, KeyboardInterrupt, SystemExit):
                self.close()  # or the next one would get this one's answer
                raise

    def close(self) -> None:
        """End the process."""
        if self._end:
            self._end()

    def _forget(self) -> None:
        self._owner, self._lock = os.getpid(), threading.RLock()
        self._child: subprocess.Popen[bytes] | None = None
        self._end: Callable[[], Any] | None = None

    def _begin(self) -> None:
        self.close()
        ours, theirs = socket.socketpair()
        with theirs:
            program = _PROGRAM.format(path=sys.path, file=theirs.fileno())
            command = [sys.executable, "-c", program]
            self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        self._connection = Connection(ours.detach())
        self._end = weakref.finalize(self, _end, self._child, self._connection, os.getpid())
        try:
            self._ask((self._start, self._settings), START)
        except (TimeoutError, Ended) as error:
            self.close()
            raise JobError(f"the process that reads videos did not start ({first_line(error)})") from error

    def _ask(self, task: tuple[Callable[..., Any], Sequence[Any]], seconds: float) -> Any:
        assert self._child is not None
        try:
            self._connection.send(task)
            until, good = time.monotonic() + seconds, None
            while good is None:
                if not self._connection.poll(max(0.0, until - time.monotonic())):
                    raise TimeoutError(f"more than {seconds:g} s")
                good, value = self._connection.recv()
                if good is None:
                    self.heard(value)
        except (EOFError, ConnectionError):
            raise Ended(self._child.wait()) from None
        if good:
            return value
        raise value


def _ignore(_: int) -> None:
    pass


def _end(child: "subprocess.Popen[bytes]", connection: Connection, owner: int) -> None:
    if owner == os.getpid():
        connection.close()
        child.kill()
        child.wait()


_caller: Connection | None = None  # in the process itself
_told = 0.0


def tell(done: int) -> None:
    """Tell the process's caller how much is done, at most once in `NEWS` seconds."""
    global _told
    now = time.monotonic()
    if _caller and now - _told >= NEWS:
        _told = now
        _caller.send((None, done))


def serve(file: int) -> None:
    """The process's own loop: run what comes through the socket until the caller is gone."""
    global _caller
    _caller = connection = Connection(file)
    os.set_inheritable(file, False)
    while True:
        try:
            function, arguments = connection.recv()
        except (EOFError, ConnectionError):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            return
        try:
            answer = True, function(*arguments)
        except _TOLD_AS_THEY_ARE as error:
            answer = False, error
        except Exception as error:
            answer = False, RuntimeError(f"{type(error).__name__}: {first_line(error)}")
        connection.send(answer)
