"""SIGTERM ends a process with one line and exit code 143."""

import os
import signal
import sys
import threading
from functools import cache

from emotionscope.errors import RESUME


@cache
def exit_on_sigterm() -> None:
    """Exit with 143 and one line when SIGTERM comes, whatever the process is doing then.

    Ray puts its own handler in place of ours, and aborts where an exception passes through its threads. So a thread
    reads the signal from Python's wakeup file, and with Ray the process ends there: Ray's processes follow it.
    """
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    # A forked process's signals are not ours: none reaches it before it has let go of the wakeup file.
    terminate = {signal.SIGTERM}
    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, terminate),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, terminate),
        after_in_child=lambda: (signal.set_wakeup_fd(-1), signal.pthread_sigmask(signal.SIG_UNBLOCK, terminate)),
    )
    signal.signal(signal.SIGTERM, lambda *_: None if "ray" in sys.modules else sys.exit(say_stopped(143)))

    def wait() -> None:
        while signal.SIGTERM not in os.read(read, 64):
            continue
        if "ray" in sys.modules:
            os._exit(say_stopped(143))

    threading.Thread(target=wait, daemon=True).start()


def say_stopped(code: int) -> int:
    """Print that the job was stopped, and return the exit code."""
    print(f"\nstopped; {RESUME}", file=sys.stderr, flush=True)
    return code
