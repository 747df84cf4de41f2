"""EmotionScope: recognises emotions in conversations, from text and faces, on a Ray cluster."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emotionscope.api import Models, RowError, UserError, load

__version__ = "0.1.0"
__all__ = ["Models", "RowError", "UserError", "load"]


def __getattr__(name: str) -> Any:
    """Bring the API when it is asked for: the jobs need not wait for all that it loads."""
    if name in __all__:
        from emotionscope import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
