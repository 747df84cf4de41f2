"""Draws a small synthetic release in MELD's shape: the three CSVs and a clip for each utterance.

Run as ``python -m emotionscope.sample.release --output FOLDER --dialogues N`` it makes an archive of any size.
"""

import csv
import io
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
import pyarrow as pa
from cyclopts import Parameter
from cyclopts.validators import Number

from emotionscope import cli
from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS
from emotionscope.prepare.meld import CLIP_FOLDERS, COLUMNS
from emotionscope.sample.person import draw_person
from emotionscope.sample.phrases import AMBIGUOUS, PHRASES, say
from emotionscope.sample.scenes import RATE, Take, draw_clip, draw_face
from emotionscope.storage.place import Place
from emotionscope.tables import datasets

SHARES = {"anger": 0.13, "disgust": 0.1, "fear": 0.1, "joy": 0.15, "neutral": 0.27, "sadness": 0.12, "surprise": 0.13}
SPLITS = {"train": 0.6, "dev": 0.14, "test": 0.26}
NAMES = (
    "Nora", "Theo", "Mina", "Oscar", "Lena", "Victor", "Ada", "Felix", "Clara", "Hugo", "Ruth", "Samir", "Ines", "Paul",
)  # fmt: skip

# How often words and face tell the truth; they err independently of each other.
CLEAR_TEXT, SWAPPED_TEXT = 0.82, 0.04  # the rest is ambiguous
CLEAR_FACE, WRONG_FACE, BLURRED_FACE = 0.7, 0.07, 0.08  # the rest is nearly neutral


@dataclass(frozen=True)
class Line:
    """One utterance of the release: its CSV row and its clip."""

    split: str
    dialogue: int
    utterance: int
    row: dict[str, object]
    take: Take

    @property
    def clip(self) -> str:
        """The clip's path within the release."""
        return f"{CLIP_FOLDERS[self.split]}/dia{self.dialogue}_utt{self.utterance}.mp4"


def _other(rng: np.random.Generator, emotion: str) -> str:
    return str(rng.choice([name for name in EMOTIONS if name != emotion]))


def _deck(rng: np.random.Generator, size: int) -> list[str]:
    """Emotions in the proportions of `SHARES`, shuffled; each at least once where there is room."""
    counts = {emotion: max(1, round(share * size)) for emotion, share in SHARES.items()}
    counts["neutral"] += max(0, size - sum(counts.values()))
    deck = [emotion for emotion, count in counts.items() for _ in range(count)]
    return [deck[k] for k in rng.permutation(len(deck))[:size]]


def _clock(rng: np.random.Generator, seconds: float) -> str:
    """A time as MELD writes it: the hour with two digits or one."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hour = "0" if rng.random() < 0.25 else "00"
    return f"{hour}:{minutes:02d}:{second:02d},{milliseconds:03d}"


def _text(rng: np.random.Generator, emotion: str, names: tuple[str, ...]) -> str:
    luck = rng.random()
    if luck < CLEAR_TEXT:
        return say(rng, PHRASES[emotion], names)
    if luck < CLEAR_TEXT + SWAPPED_TEXT:
        return say(rng, PHRASES[_other(rng, emotion)], names)
    return say(rng, AMBIGUOUS, names)


def _face(rng: np.random.Generator, emotion: str) -> tuple[str, float, float]:
    """The emotion a face shows, how strongly, and the blur over it in pixels."""
    luck = rng.random()
    if luck < CLEAR_FACE:
        return emotion, 1.0, 0.0
    if luck < CLEAR_FACE + WRONG_FACE:
        return _other(rng, emotion), 0.9, 0.0
    if luck < CLEAR_FACE + WRONG_FACE + BLURRED_FACE:
        return emotion, 0.6, 6.0
    return emotion, 0.3, 0.0


def write_script(dialogues: int, seed: int, seconds: float) -> Iterator[Line]:
    """Make up all utterances of a release, split by split in order. Raises UserError for under 3 dialogues."""
    if dialogues < 3:
        raise UserError("a sample needs at least 3 dialogues, one for each split")
    cast = {name: draw_person(np.random.default_rng([seed, 1, k])) for k, name in enumerate(NAMES)}
    sizes = {split: max(1, round(share * dialogues)) for split, share in SPLITS.items()}
    sizes["train"] += dialogues - sum(sizes.values())
    for part, (split, size) in enumerate(sizes.items()):
        rng = np.random.default_rng([seed, 2, part])
        lengths = rng.integers(3, 9, size)
        deck = iter(_deck(rng, int(lengths.sum())))
        serial = 0
        for dialogue, length in enumerate(lengths.tolist()):
            people = tuple(str(name) for name in rng.choice(NAMES, rng.integers(2, 4), replace=False))
            room, season, episode = (int(rng.integers(low, high)) for low, high in ((0, 999), (1, 10), (1, 25)))
            clock = rng.uniform(30, 1200)
            for utterance in range(length):
                emotion, speaker = next(deck), people[utterance % len(people)]
                frames = round(np.clip(rng.lognormal(np.log(seconds), 0.25), 0.3, 12) * float(RATE))
                start, clock = clock, clock + frames / float(RATE)
                serial += 1 + (rng.random() < 0.02)
                sentiment = {"joy": "positive", "neutral": "neutral"}.get(emotion, "negative")
                if emotion == "surprise":
                    sentiment = str(rng.choice(["positive", "negative"]))
                row = (
                    serial, _text(rng, emotion, people), speaker, emotion, sentiment, dialogue, utterance,
                    season, episode, _clock(rng, start), _clock(rng, clock),
                )  # fmt: skip
                shown, strength, blur = _face(rng, emotion)
                listeners = tuple(cast[name] for name in people if name != speaker)
                nobody = split == "test" and (dialogue, utterance) == (0, 1)
                take = Take(
                    seed=(seed, 3, part, dialogue, utterance), room=room, frames=frames,
                    speaker=None if nobody else cast[speaker], emotion=shown, strength=strength, blur=blur,
                    listeners=listeners, sound=bool(rng.random() < 0.3),
                )  # fmt: skip
                yield Line(split, dialogue, utterance, dict(zip(COLUMNS, row, strict=True)), take)
                clock += rng.uniform(0.1, 2)


def _draw_line(folder: str, line: Line) -> None:
    cv2.setNumThreads(1)
    content = draw_clip(line.take)
    if line.split == "test" and (line.dialogue, line.utterance) == (0, 2):
        content = content[: len(content) * 2 // 3]  # the index (moov) stands at the end
    (Place(folder) / line.clip).write_bytes(content)


def _draw_face(seed: int, number: int, emotion: str) -> bytes:
    return cv2.imencode(".jpg", draw_face((seed, 4, number), emotion))[1].tobytes()


def _cores() -> ProcessPoolExecutor:
    # Spawned, because a fork of a process that has threads (OpenCV, Ray) may hang.
    return ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("spawn"))


def draw_release(folder: str, dialogues: int = 64, seed: int = 0, seconds: float = 0.85) -> dict[str, int]:
    """Draw a release below a folder, on all cores, and return the number of utterances of each split.

    Clips last about `seconds`. As in MELD, one clip is missing (dev dia0_utt0), one broken (test dia0_utt2), one
    shows nobody (test dia0_utt1), and a hidden file lies among them. The same arguments give the same files.
    Raises UserError where the folder already holds files, or for under 3 dialogues.
    """
    lines = list(write_script(dialogues, seed, seconds))
    if Place(folder).list():
        raise UserError(f"{folder}: not empty; choose a new folder for the sample")
    counts = {}
    for split in SPLITS:
        rows = [line.row for line in lines if line.split == split]
        counts[split] = len(rows)
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
        (Place(folder) / f"{split}_sent_emo.csv").write_bytes(text.getvalue().encode())
    (Place(folder) / CLIP_FOLDERS["train"] / "._dia0_utt0.mp4").write_bytes(b"\0" * 120)
    present = [line for line in lines if (line.split, line.dialogue, line.utterance) != ("dev", 0, 0)]
    with _cores() as pool:
        list(pool.map(_draw_line, [folder] * len(present), present, chunksize=8))
    return counts


def draw_faces(uri: str, each: int, seed: int = 0) -> dict[str, int]:
    """Draw labelled face images of people who are not in the release, and return their number in each split.

    One Parquet file with the columns image (JPEG), emotion and split: `each` of an emotion in train, a sixth of that
    in dev and in test.
    """
    sizes = {"train": each, "dev": max(1, each // 6), "test": max(1, each // 6)}
    splits = [split for split, size in sizes.items() for _ in range(size * len(EMOTIONS))]
    emotions = [EMOTIONS[number % len(EMOTIONS)] for number in range(len(splits))]
    with _cores() as pool:
        images = list(pool.map(_draw_face, [seed] * len(splits), range(len(splits)), emotions, chunksize=16))
    table = pa.table({"image": pa.array(images, pa.binary()), "emotion": emotions, "split": splits})
    datasets.write_part(table, Place(uri) / "part-00000.parquet")
    return {split: size * len(EMOTIONS) for split, size in sizes.items()}


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where to draw a sample, and how much of it."""

    output: cli.Path
    """New folder for the release."""
    dialogues: cli.PositiveInt = 64
    """Number of dialogues in all three splits. Each has 3 to 8 utterances."""
    seed: cli.NonNegativeInt = 0
    """Seed of the drawing: another seed draws another sample."""
    seconds: Annotated[float, Parameter(validator=Number(gt=0))] = 0.85
    """Median length of a clip, in seconds."""
    faces: cli.Path | None = None
    """New folder for labelled faces of other people, to train a vision model on."""
    faces_each: cli.PositiveInt = 128
    """Training faces of each emotion. Dev and test get a sixth as many each."""


def run(settings: Settings) -> None:
    """Draw a synthetic release in MELD's shape, and labelled faces where they are asked for."""
    if settings.faces and Place(settings.faces).list():
        raise UserError(f"--faces {settings.faces}: not empty; choose a new folder")
    counts = draw_release(settings.output, settings.dialogues, settings.seed, settings.seconds)
    print("drew " + _listed(counts, "utterances") + f" in {settings.output}")
    if settings.faces:
        print("drew " + _listed(draw_faces(settings.faces, settings.faces_each, settings.seed), "faces"), end="")
        print(f" in {settings.faces}")


def _listed(counts: dict[str, int], things: str) -> str:
    return ", ".join(f"{count:,} {things} of {split}" for split, count in counts.items())


if __name__ == "__main__":
    cli.main(run)
