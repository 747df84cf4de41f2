"""What visitors have uploaded: only where a page asks for it, and no more of it than the page shows."""

import threading
from collections.abc import Callable
from typing import cast

from streamlit.runtime import exists, get_instance
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from emotionscope.dashboard import MEGABYTES

PATH = "/_stcore/upload_file/"  # of Streamlit's server; a visit's id and a file's follow
MOST = 4 * MEGABYTES * 2**20  # bytes in memory, of all visits


class Uploads:
    """The files in memory, by the id of a visit: its newest one, and of all visits at most `most` bytes."""

    def __init__(
        self, files: Callable[[], MemoryUploadedFileManager], is_active: Callable[[str], bool], most: int = MOST
    ) -> None:
        self.files, self.is_active, self.most = files, is_active, most
        self.kept: dict[str, tuple[str, int] | None] = {}  # a file and its bytes; None: asked for, and not there yet
        self.lock = threading.Lock()  # each visit's page is drawn in a thread of its own

    def ask(self, visit: str) -> None:
        """Let a visit upload: its page shows a field for it."""
        with self.lock:
            self.kept = {each: file for each, file in self.kept.items() if self.is_active(each)}
            self.kept.setdefault(visit, None)

    def end(self, visit: str) -> None:
        """Forget a visit's file: its page shows no field for it any more."""
        with self.lock:
            self._remove(visit)
            self.kept.pop(visit, None)

    def is_asked(self, visit: str) -> bool:
        """Whether a visit may upload a file."""
        return visit in self.kept

    def keep(self, visit: str, file: str) -> None:
        """Keep a file that has come, in place of the visit's last one, and of the oldest ones where they are many."""
        with self.lock:
            size = sum(len(each.data) for each in self.files().get_files(visit, [file]))
            if visit not in self.kept:  # it went to another page while its file came
                self.files().remove_file(visit, file)
                return
            if (self.kept[visit] or ("", 0))[0] != file:
                self._remove(visit)
            del self.kept[visit]  # so that it comes last
            self.kept[visit] = file, size
            for each in list(self.kept)[:-1]:
                if sum(there[1] for there in self.kept.values() if there) <= self.most:
                    break
                self._remove(each)

    def _remove(self, visit: str) -> None:
        if there := self.kept.get(visit):
            self.files().remove_file(visit, there[0])
            self.kept[visit] = None


def _files() -> MemoryUploadedFileManager:
    return cast(MemoryUploadedFileManager, get_instance().uploaded_file_mgr)


uploads = Uploads(_files, lambda visit: get_instance().is_active_session(visit))


def follow(asked: bool) -> None:
    """Tell whether the page that is drawn asks its visitor for a file."""
    context = get_script_run_ctx()
    if context and exists():
        (uploads.ask if asked else uploads.end)(context.session_id)
