"""The jobs' settings. They are apart from the jobs, so that the command line reports mistakes before it loads a job."""

from emotionscope.commands.settings.archives import (
    Compare,
    Dashboard,
    Drift,
    Evaluate,
    ExtractKeyframes,
    PrepareMeld,
    PrepareVideos,
    Score,
    ScoreAll,
    Summarise,
)
from emotionscope.commands.settings.models import Bundle, Demo, FitFusion, Predict, TrainText, TrainVision

SETTINGS: dict[str, type] = {
    "prepare_meld": PrepareMeld,
    "prepare_videos": PrepareVideos,
    "extract_keyframes": ExtractKeyframes,
    "score": Score,
    "score_all": ScoreAll,
    "summarise": Summarise,
    "evaluate": Evaluate,
    "compare": Compare,
    "drift": Drift,
    "dashboard": Dashboard,
    "demo": Demo,
    "predict": Predict,
    "train_text": TrainText,
    "train_vision": TrainVision,
    "fit_fusion": FitFusion,
    "bundle": Bundle,
}
__all__ = [
    "SETTINGS",
    "Bundle",
    "Compare",
    "Dashboard",
    "Demo",
    "Drift",
    "Evaluate",
    "ExtractKeyframes",
    "FitFusion",
    "Predict",
    "PrepareMeld",
    "PrepareVideos",
    "Score",
    "ScoreAll",
    "Summarise",
    "TrainText",
    "TrainVision",
]
