"""A process of our own beside the caller's, for work that may crash, hang or fill the memory.

It is a new interpreter that runs nothing of the caller's script. So it can be started from a plain script, standard
input, a notebook, and from a worker of multiprocessing, which may have no child of that kind. Before it sees anything
untrusted, it gives up what it does not need (`confinement`). A file reaches it through its caller (`lending`), and what
it answers is read as data: plain values, arrays and our own plain types.
"""

import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import IO, Any, Self

from emotionscope.errors import RESUME, JobError, RowError, UserError, first_line
from emotionscope.video import answers, confinement
from emotionscope.video.lending import Borrower, Lender, Opener

START = 120.0  # seconds in which it must be ready
LARGEST_ANSWER, ANSWER = 2**32, 60.0  # bytes; seconds in which they must come
NEWS = 1.0  # seconds from one word of progress to the next
_TOLD_AS_THEY_ARE = (RowError, JobError, UserError, MemoryError)
_PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller
sys.path[:] = {path!r}
from emotionscope.video import confinement
confinement.confine({memory}, {folder!r})
from emotionscope.video import isolation
isolation.serve({tasks}, {files})
"""


_borrower: Borrower  # of the process


class Ended(Exception):
    """The process has ended by itself, with this exit code (negative: the signal)."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


def _ready() -> None:
    """Nothing is to be prepared."""


class Companion:
    """A process that runs functions one at a time, after `start` with the settings. It is started when it is needed.

    A function and its arguments must be picklable, and what it returns made of plain values, arrays and dataclasses of
    this package. The process ends with its caller's, by `close`, or after a function that took too long.
    """

    def __init__(
        self, start: Callable[..., None] = _ready, *settings: Any, memory: int = confinement.MEMORY, folder: str = ""
    ) -> None:
        """`memory` is what the process may take, in bytes of address space; it may write into `folder`, if any."""
        self._start, self._settings, self._memory, self._folder = start, settings, memory, folder
        self.heard: Callable[[int], None] = _ignore
        self._forget()

    def run(
        self, function: Callable[..., Any], arguments: Sequence[Any], seconds: float, lend: Opener | None = None
    ) -> Any:
        """What the function returns, or raises: an error of another kind than ours is a RuntimeError that names it.

        The function reads what `lend` opens here as the stream that `borrowed` gives it, and what it tells meanwhile
        goes to `self.heard`. Raises TimeoutError after so many seconds, and `Ended` where the process does not survive
        it, or answers what it should not.
        """
        if self._owner != os.getpid():  # after a fork, the process is that of the parent
            self._forget()
        with self._lock:
            if self._child is None or self._child.poll() is not None:
                self._begin()
            assert self._lender is not None
            self._lender.opener = lend
            try:
                return self._ask((function, arguments), seconds)
            except (TimeoutError, Ended, KeyboardInterrupt, SystemExit):
                self.close()  # or the next one would get this one's answer
                raise
            finally:
                self._lender.opener = None

    def close(self) -> None:
        """End the process."""
        if self._end:
            self._end()

    def _forget(self) -> None:
        self._owner, self._lock = os.getpid(), threading.RLock()
        self._child: subprocess.Popen[bytes] | None = None
        self._end: Callable[[], Any] | None = None
        self._lender: Lender | None = None

    def _begin(self) -> None:
        self.close()
        tasks, files = socket.socketpair(), socket.socketpair()
        theirs = [pair[1].fileno() for pair in (tasks, files)]
        with tasks[1], files[1]:
            program = _PROGRAM.format(
                path=sys.path, memory=self._memory, folder=self._folder, tasks=theirs[0], files=theirs[1]
            )
            self._child = subprocess.Popen(
                [sys.executable, "-c", program],
                stdin=subprocess.DEVNULL,
                pass_fds=theirs,
                env=confinement.environment(),
            )
        self._connection = Connection(tasks[0].detach())
        self._lender = Lender(Connection(files[0].detach()))
        self._end = weakref.finalize(self, _end, self._child, self._connection, os.getpid())
        try:
            self._ask((self._start, self._settings), START)
        except (TimeoutError, Ended) as error:
            self.close()
            reason = f"the process that reads untrusted files did not start ({first_line(error)})"
            raise JobError(f"{reason}; {RESUME}") from error

    def _ask(self, task: tuple[Callable[..., Any], Sequence[Any]], seconds: float) -> Any:
        assert self._child is not None
        try:
            self._connection.send(task)
            until, good, value = time.monotonic() + seconds, None, None
            while good is None and (answered := self._connection.poll(max(0.0, until - time.monotonic()))):
                good, value = answers.loads(self._received())
                if good is None:
                    self.heard(int(value))
        except (EOFError, ConnectionError):
            raise Ended(self._child.wait()) from None
        except (OSError, TypeError, ValueError):  # it answers what it should not
            self._child.kill()
            raise Ended(self._child.wait()) from None
        if not answered:
            raise TimeoutError(f"more than {seconds:g} s")
        if good:
            return value
        raise value if isinstance(value, Exception) else RuntimeError("no error")

    def _received(self) -> bytes:
        """An answer that has begun to come; the process is ended where the rest does not follow."""
        assert self._child is not None
        patience = threading.Timer(ANSWER, self._child.kill)
        patience.start()
        try:
            return self._connection.recv_bytes(LARGEST_ANSWER)
        finally:
            patience.cancel()


def _ignore(_: int) -> None:
    pass


class Companions:
    """Processes for several threads: each call takes one that is free."""

    def __init__(self, count: int = os.cpu_count() or 1) -> None:
        self._all = [Companion() for _ in range(count)]
        self._free: SimpleQueue[Companion] = SimpleQueue()
        for companion in self._all:
            self._free.put(companion)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for companion in self._all:
            companion.close()

    def run(
        self, function: Callable[..., Any], arguments: Sequence[Any], seconds: float, lend: Opener | None = None
    ) -> Any:
        """As `Companion.run`; the wait for a free process does not count."""
        companion = self._free.get()
        try:
            return companion.run(function, arguments, seconds, lend)
        finally:
            self._free.put(companion)


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
        _caller.send_bytes(answers.dumps((None, done)))


def borrowed() -> IO[bytes]:
    """The file that the caller lends to the function under way. Raises what opening it raised there."""
    return _borrower.open()


def serve(tasks: int, files: int) -> None:
    """The process's own loop: run what comes through one socket until the caller is gone; files come by the other."""
    global _borrower, _caller
    _caller = connection = Connection(tasks)
    _borrower = Borrower(Connection(files))
    for file in (tasks, files):
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
        try:
            content = answers.dumps(answer)
        except (pickle.PicklingError, TypeError) as error:
            content = answers.dumps((False, RuntimeError(f"no answer: {first_line(error)}")))
        connection.send_bytes(content)
