"""EmotionScope: recognises emotions in conversations, from text and faces, on a Ray cluster."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from emotionscope.api import Faces, Models, RowError, UserError, load
    from emotionscope.reader import Table, open_faces, open_scores, open_summary

__version__ = "0.2.0"
__all__ = ["Faces", "Models", "RowError", "Table", "UserError", "load", "open_faces", "open_scores", "open_summary"]

# The API is brought when it is asked for: the jobs need not wait for all that it loads.
__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "api": ["Faces", "Models", "RowError", "UserError", "load"],
        "reader": ["Table", "open_faces", "open_scores", "open_summary"],
    },
)
