"""An archive in which each emotion is obvious: its own words, and faces with a mark of its own."""

import pyarrow as pa

from emotionscope.labels import EMOTIONS
from emotionscope.tables import contracts
from tests.helpers.drawn_faces import drawn_face

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


def keyframes(each: int = 16) -> pa.Table:
    """A keyframes table with `each` rows an emotion: half train, a quarter dev, a quarter test."""
    rows = []
    for number in range(each * len(ORDER)):
        emotion, turn = ORDER[number % len(ORDER)], number // len(ORDER)
        label, seed = EMOTIONS.index(emotion), 1000 + 2 * number
        box = {"x": 0, "y": 0, "w": 32, "h": 32}
        faces = [
            {
                "time": t / 2,
                "box": box,
                "person": 0,
                "quality": 0.9,
                "kept": True,
                "image": drawn_face(label, seed + t),
            }
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
