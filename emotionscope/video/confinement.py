"""What a process that reads untrusted files is left with: memory within a limit, the program's own files, and no more.

It has none of the caller's variables, such as keys, and cannot gain privileges. Where the kernel can (Landlock from
Linux 5.13, seccomp), it opens no file but those of the program and the system, writes none, has no network, starts no
program and reaches no other process. Kernels that cannot leave those out.
"""

import contextlib
import ctypes
import errno
import os
import resource
import sys
import sysconfig
from pathlib import Path

MEMORY = 6 * 2**30  # bytes of address space for the process, of which the libraries take two
PIXELS = 2**26  # of a picture, at most
# Variables of the caller that a program needs to start, and none that may hold a secret.
_KEPT = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "LANG", "LC_ALL", "TZ", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_NO_NEW_PRIVILEGES = 38  # of prctl
_SYSTEM = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/sys")
_OWN = ("/proc/self", "/proc/cpuinfo")
_REFUSED = (
    *("socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "io_uring_setup"),
    *("execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_open", "pidfd_getfd"),
    *("kill", "tkill", "rt_sigqueueinfo", "pidfd_send_signal", "kcmp"),
    *("mount", "fsopen", "unshare", "setns", "chroot", "pivot_root", "open_by_handle_at", "name_to_handle_at"),
    *("bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key"),
)


def environment() -> dict[str, str]:
    """The variables that the process starts with."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # OpenCV reads its limit when it is loaded. ONNX's telemetry would warn that it cannot write.
    return kept | {"OPENCV_IO_MAX_IMAGE_PIXELS": str(PIXELS), "ORT_DISABLE_TELEMETRY": "1"}


def confine(memory: int = MEMORY, folder: str = "") -> None:
    """Take from this process, for good, what it does not need. It must not have started a thread yet.

    `memory` is in bytes; `folder`, if any, may be written to. Nothing is raised where the kernel knows no such limit.
    """
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    with contextlib.suppress(OSError):  # what the kernel, or the container around, does not allow
        _close_files(folder)
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: the system has no libseccomp
        _close_calls()


def _close_files(folder: str) -> None:
    import landlockpy

    for path in _OWN:
        os.open(path, os.O_PATH)  # stays open: the kernel may forget an entry of /proc, and its rule
    scope = landlockpy.Scope.ABSTRACT_UNIX_SOCKET | landlockpy.Scope.SIGNAL
    with landlockpy.Ruleset(scoped=scope) as rules:
        for path in {*_SYSTEM, *_OWN, *_program()}:
            listing = landlockpy.AccessFS.READ_DIR if os.path.isdir(path) else landlockpy.AccessFS.NONE
            with contextlib.suppress(FileNotFoundError):
                rules.allow_path(path, landlockpy.AccessFS.READ_FILE | landlockpy.AccessFS.EXECUTE | listing)
        if folder:
            may = landlockpy.AccessFS
            writing = may.WRITE_FILE | may.TRUNCATE | may.MAKE_REG | may.REMOVE_FILE
            rules.allow_path(folder, may.READ_FILE | may.READ_DIR | writing)
        rules.allow_path(os.devnull, landlockpy.AccessFS.READ_FILE | landlockpy.AccessFS.WRITE_FILE)
        rules.restrict()


def _program() -> list[str]:
    """The folders of Python, its libraries and this package."""
    installed = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    added = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    return [*installed, *added, f"{sys.base_prefix}/lib", str(Path(__file__).parents[1])]


def _close_calls() -> None:
    import pyseccomp

    refused = pyseccomp.ERRNO(errno.EPERM)
    calls = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in _REFUSED:
        with contextlib.suppress(OSError):  # one that this system's library does not know
            calls.add_rule(refused, name)
    # Its own threads may end it, and it may ask for its own limits.
    calls.add_rule(refused, "tgkill", pyseccomp.Arg(0, pyseccomp.NE, os.getpid()))
    calls.add_rule(refused, "prlimit64", pyseccomp.Arg(0, pyseccomp.NE, 0))
    calls.load()
