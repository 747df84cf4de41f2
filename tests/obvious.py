"""An archive in which each emotion is obvious: its own words, and faces that are a pattern of its own."""

import cv2
import numpy as np
import pyarrow as pa

from emotionscope.io import contracts
from emotionscope.labels import EMOTIONS

# Deliberately not in alphabetical order: what comes out right must have been mapped by name.
ORDER = ("surprise", "joy", "anger", "sadness", "neutral", "fear", "disgust")
WORDS = {
    "anger": ("furious", "shut up", "I hate this"),
    "disgust": ("disgusting", "gross", "it stinks"),
    "fear": ("terrified", "help me", "so scared"),
    "joy": ("wonderful", "so happy", "hooray"),
    "neutral": ("the table", "at seven", "on Monday"),
    "sadness": ("I miss him", "crying", "so lonely"),
    "surprise": ("what?!", "oh my god", "no way"),
}


def face(emotion: str, seed: int) -> bytes:
    """A JPEG of a grey pattern, the emotion's own, with noise."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[-1:1:64j, -1:1:64j] + rng.uniform(-0.1, 0.1, (2, 1, 1))
    pattern = {
        "anger": np.sin(6 * down),
        "disgust": np.sin(24 * down),
        "fear": np.sin(6 * across),
        "joy": np.sin(24 * across),
        "neutral": np.zeros_like(down),
        "sadness": np.sin(14 * down) * np.sin(14 * across),
        "surprise": np.cos(14 * np.hypot(down, across)),
    }[emotion]
    image = 128 + 90 * pattern + rng.normal(0, 12, pattern.shape)
    return cv2.imencode(".jpg", image.clip(0, 255).astype(np.uint8))[1].tobytes()


def keyframes(each: int = 32) -> pa.Table:
    """A keyframes table with `each` rows an emotion: half train, a quarter dev, a quarter test."""
    rows = []
    for number in range(each * len(ORDER)):
        emotion, turn = ORDER[number % len(ORDER)], number // len(ORDER)
        box = {"x": 0, "y": 0, "w": 64, "h": 64}
        faces = [
            {"time": t / 2, "box": box, "person": 0, "quality": 0.9, "image": face(emotion, 2 * number + t)}
            for t in range(2)
        ]
        row = {
            "dialogue_id": f"d{number // 10:04d}",
            "utterance_id": number % 10,
            "utterance": f"Well, {WORDS[emotion][turn % 3]} number {turn % 5}",
            "speaker": ("Ann", "Bo", None)[number % 3],
            "emotion": emotion,
            "split": ("train", "dev", "train", "test")[turn % 4],
            "faces": faces,
            "video_error": None,
        }
        rows.append(row)
    assert set(ORDER) == set(EMOTIONS)
    texts = ("dialogue_id", "utterance", "speaker", "emotion", "split", "video_error")
    fields = [(name, pa.string()) for name in texts]
    schema = pa.schema([*fields, ("utterance_id", pa.int64()), ("faces", contracts.FACES)])
    return pa.Table.from_pylist(rows, schema=schema)
