"""Who is who: in a film of real clips, and among the tracks of a large archive, which are drawn at random.

The film has each clip twice, in changing order. The table beside the clips has the columns file, track, time, x, y, w,
h, is_speaker and sure: where faces are, followed through their shots, and which is surely the speaker whom labels.csv
names. Every other face of a clip that is surely somebody else's must not have the speaker's number.
"""

import math
import random
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd

from benchmarks.clips import find_clips
from benchmarks.films import RATE, encode
from benchmarks.measure import Figure, show
from emotionscope import cli
from emotionscope.batch import speakers
from emotionscope.errors import UserError
from emotionscope.recognition import linkage
from emotionscope.recognition.embedding import SIZE, normalised
from emotionscope.video.face_tracks import OVERLAP, overlap
from emotionscope.video.faces import Box, FaceSettings, Found, Utterance
from emotionscope.video.video_faces import VideoFaces

SAME, OTHERS = 0.55, 0.03  # median cosine of two tracks of one person and of two people, as measured on 515 photos
HEIGHT = 720  # pixels of the film and of the clips
TWICE = 2  # times that each clip is shown
NEAR = 0.25  # seconds between a face and the row that names it
SIDES = ["x", "y", "w", "h"]


@cli.flags
@dataclass(frozen=True, kw_only=True)
class People:
    """Settings of the benchmark."""

    clips: cli.Path | None = None
    """Folder of clips, with speaking.csv and labels.csv. Default: leave the film out."""
    tracks: cli.NonNegativeInt = 100_000
    """Tracks of the archive. 0 leaves it out."""
    identities: cli.PositiveInt = 5_000
    """People of the archive."""
    seed: cli.NonNegativeInt = 0
    """Seed of the order of the clips and of the tracks."""


def run(settings: People) -> list[Figure]:
    """Print the figures beside their targets, and return them."""
    cv2.setNumThreads(1)
    figures: list[Figure] = []
    if settings.clips:
        figures += [*_film(Path(settings.clips), settings.seed), _cost(Path(settings.clips))]
    if settings.tracks:
        figures += _archive(settings.tracks, settings.identities, settings.seed)
    show("People", figures)
    return figures


def _film(clips: Path, seed: int) -> Iterator[Figure]:
    if not (clips / "speaking.csv").exists():
        raise UserError(f"{clips}: it has no speaking.csv")
    places = pd.read_csv(clips / "speaking.csv")
    speakers = pd.read_csv(clips / "labels.csv").set_index("file")["Speaker"].to_dict()
    names = sorted(places["file"].unique()) * TWICE
    random.Random(seed).shuffle(names)
    finder = VideoFaces(FaceSettings(speakers="never"))
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder, "film.mp4")
        lengths = [_frames(clips / name) for name in names]
        encode([clips / name for name in names], film, math.ceil(sum(lengths) / RATE), 10 * RATE, HEIGHT)
        ends = np.cumsum(lengths) / RATE
        spans = zip((ends - np.array(lengths) / RATE).tolist(), ends.tolist(), strict=True)
        found = finder.of_file(film.name, folder, [Utterance(span) for span in spans])
    faces, named = 0, list[tuple[int | None, str]]()
    wrong = 0
    for name, seen in zip(names, found, strict=True):
        assert isinstance(seen, Found)
        own = [
            (face["person"], _track(face["time"], face["box"], places[places["file"] == name])) for face in seen.faces
        ]
        faces += len(own)
        speaking = {person for person, track in own if track == (1, 1) and person is not None}
        named += [(person, speakers[name]) for person, track in own if track == (1, 1)]
        wrong += sum(person in speaking for person, track in own if track == (0, 1))
    people = {face["person"] for seen in found if isinstance(seen, Found) for face in seen.faces} - {None}
    unknown = sum(face["person"] is None for seen in found if isinstance(seen, Found) for face in seen.faces)
    told = [(person, name) for person, name in named if person is not None]
    right = _pairs(Counter(told))
    yield Figure("the speakers' faces in the film", len(named))
    yield Figure("precision of pairs", right / _pairs(Counter(person for person, _ in told)), least=0.95)
    yield Figure("recall of pairs", right / _pairs(Counter(name for _, name in named)))
    yield Figure("faces of others that have the speaker's number", wrong, most=0)
    yield Figure("people that the film is said to have", len(people))
    yield Figure("share of faces of whom it is not known who they are", unknown / max(faces, 1))


def _cost(clips: Path) -> Figure:
    """What embedding adds to finding faces and measuring who speaks, in processor time."""
    finder, spent = VideoFaces(FaceSettings()), 0.0
    embed = finder.embedder.embed

    def timed(crops: Sequence[np.ndarray]) -> np.ndarray:
        nonlocal spent
        began = time.process_time()
        made = embed(crops)
        spent += time.process_time() - began
        return made

    finder.embedder.embed = timed  # type: ignore[method-assign]
    whole = 0.0
    for round_ in range(2):  # the first warms up
        spent, began = 0.0, time.process_time()
        for clip in find_clips(str(clips)):
            (found,) = finder.of_file(clip.name, str(clip.parent), [Utterance((None, None))])
            if isinstance(found, Found):
                speakers.measured(found)
        whole = time.process_time() - began if round_ else whole
    return Figure(
        "processor time of embedding, to that of decoding, faces and who speaks",
        spent / (whole - spent),
        most=0.1,
    )


def _frames(clip: Path) -> int:
    with av.open(str(clip)) as video:
        return sum(1 for _ in video.decode(video=0))


def _track(when: float, box: Box, places: pd.DataFrame) -> tuple[int, int] | None:
    """Whether a face is the speaker's and whether that is sure, by the box that overlaps it most; None for no box."""
    near = places[(places["time"] - when).abs() <= NEAR]
    corners = np.array([box["x"], box["y"], box["w"], box["h"]], np.float32)
    shared = [overlap(corners, row) for row in near[SIDES].to_numpy(float)]
    if not shared or max(shared) < OVERLAP:
        return None
    best = near.iloc[int(np.argmax(shared))]
    return int(best["is_speaker"]), int(best["sure"])


def _archive(tracks: int, identities: int, seed: int) -> Iterator[Figure]:
    vectors, who = draw(tracks, identities, seed)
    began = time.perf_counter()
    found = linkage.cluster(vectors, np.ones(tracks, np.float32)).label
    seconds = time.perf_counter() - began
    pairs = Counter(zip(who.tolist(), found.tolist(), strict=True))
    right = _pairs(pairs)
    yield Figure(
        f"{tracks:,} tracks of {identities:,} people: precision of pairs",
        right / _pairs(Counter(found.tolist())),
        least=0.98,
    )
    yield Figure("recall of pairs", right / _pairs(Counter(who.tolist())), least=0.9)
    yield Figure("seconds", seconds, most=300)
    yield Figure("GiB of memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, most=4)


def draw(tracks: int, identities: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings float32 [tracks, 128] with the cosines that were measured, and whose they are, int [tracks]."""
    generator = np.random.default_rng(seed)
    who = generator.integers(0, identities, tracks)
    face, people, noise = (
        generator.standard_normal((n, SIZE), np.float32) / math.sqrt(SIZE) for n in (1, identities, tracks)
    )
    mixed = math.sqrt(OTHERS) * face + math.sqrt(SAME - OTHERS) * people[who] + math.sqrt(1 - SAME) * noise
    return normalised(mixed), who


def _pairs(counts: Counter[Any]) -> int:
    return sum(math.comb(count, 2) for count in counts.values())


if __name__ == "__main__":
    cli.main(run)
