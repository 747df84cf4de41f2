"""How a process of ours ends when it is told to: one line, and the exit code that tells the signal.

That is 130 for SIGINT (Ctrl-C), 143 for SIGTERM and 129 for SIGHUP (a terminal that is closed).
"""

import os
import signal
import sys
import threading
from functools import cache
from types import FrameType

from emotionscope.errors import RESUME

_BASE = 128  # of the exit code, before the signal's number
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@cache
def exit_on_signals() -> None:
    """Exit with one line when a signal comes that ends a process, whatever the process is doing then.

    Ray puts its own handler in place of ours, and aborts where an exception passes through its threads. So a thread
    reads the signal from Python's wakeup file, and with Ray the process ends there: Ray's processes follow it.
    """
    if threading.current_thread() is not threading.main_thread():  # which alone may say what a signal does
        return
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    # A forked process's signals are not ours: none reaches it before it has let go of the wakeup file.
    ends = {each for each in _ENDS if signal.getsignal(each) != signal.SIG_IGN}  # as nohup has SIGHUP
    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ends),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, ends),
        after_in_child=lambda: (signal.set_wakeup_fd(-1), signal.pthread_sigmask(signal.SIG_UNBLOCK, ends)),
    )
    for each in ends:
        signal.signal(each, _exit)

    def wait() -> None:
        while not (came := ends & set(os.read(read, 64))):
            continue
        if "ray" in sys.modules:
            os._exit(say_stopped(_BASE + min(came)))

    threading.Thread(target=wait, daemon=True).start()


def _exit(number: int, _frame: FrameType | None) -> None:
    if "ray" not in sys.modules:
        sys.exit(say_stopped(_BASE + number))


def say_stopped(code: int) -> int:
    """Print that the job was stopped, and return the exit code."""
    print(f"\nstopped; {RESUME}", file=sys.stderr, flush=True)
    return code
