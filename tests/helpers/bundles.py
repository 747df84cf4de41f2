"""What a training job records of a part that it publishes, made by hand."""

from emotionscope.labels import EMOTIONS

_FIGURES = {"n": 1, "weighted_f1": 0.5, "macro_f1": 0.5, "accuracy": 0.5, "expected_calibration_error": 0.1}
_PER_EMOTION = {name: {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 1} for name in EMOTIONS}
RECORD = {"settings": {}, "rows": {}, "dev": {**_FIGURES, "per_emotion": _PER_EMOTION}}
