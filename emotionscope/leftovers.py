"""Ends what a process has started and left behind; a program of its own, which outlives that process.

Ray's agents would live for another minute when their driver is killed: they try to tell a head that is gone.
"""

import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

MARK = "EMOTIONSCOPE_STARTED_BY"  # variable by which the processes are known
GRACE = 5.0  # seconds in which they may end by themselves
LOOK = 1.0  # from one look for their children to the next
Process = tuple[int, str]  # its id, and when it began, as a later process may have its id


def marked(mark: str) -> set[Process]:
    """The processes of this user that were started with the mark, and their children; without this process.

    Children are found by their parents, as some write their title over their variables.
    """
    wanted = f"{MARK}={mark}".encode()
    parents: dict[int, int] = {}
    begun: dict[int, str] = {}
    found: set[int] = set()
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # another user's, or gone
            facts, pid = (place / "stat").read_text(errors="replace").rpartition(")")[2].split(), int(place.name)
            if facts[0] != "Z":
                parents[pid], begun[pid] = int(facts[1]), facts[19]
                if wanted in (place / "environ").read_bytes().split(b"\0"):
                    found.add(pid)
    while children := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= children
    return {(pid, begun[pid]) for pid in found - {os.getpid()}}


def is_alive(process: Process) -> bool:
    """Whether a process has not ended."""
    with suppress(OSError):
        facts = Path(f"/proc/{process[0]}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return facts[0] != "Z" and facts[19] == process[1]
    return False


def main(mark: str) -> None:
    """Wait until the process that started this one has ended, or closes the pipe, and end what it has left."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)
    known: set[Process] = set()
    while not select.select([sys.stdin], [], [], LOOK)[0]:
        known = {each for each in known if is_alive(each)} | marked(mark)
    known |= marked(mark)
    end = time.monotonic() + GRACE
    while any(map(is_alive, known)) and time.monotonic() < end:
        time.sleep(LOOK / 5)
    for each in known:
        if is_alive(each):
            with suppress(ProcessLookupError):
                os.kill(each[0], signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1])
