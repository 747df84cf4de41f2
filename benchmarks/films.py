"""Long films: what their utterances cost beside decoding, and whether people keep their numbers through them.

The films are real clips, encoded anew. For people, each dialogue of a drawn sample, whose cast is known, becomes
a film: the figures are of synthetic pictures.
"""

import itertools
import math
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2

from benchmarks.clips import find_clips, join
from benchmarks.measure import Figure, show
from benchmarks.video import decode
from emotionscope import cli
from emotionscope.sample import release, scenes
from emotionscope.video.faces import Face, FaceSettings, Found, Span, Utterance
from emotionscope.video.video_faces import VideoFaces

FILM, EVERY, SPAN = 284, 10, 3  # seconds of the film, from one key frame to the next, and of an utterance
LENGTHS = (150, 600)  # seconds of the films with one key frame
ROUNDS, RATE = 3, 24
WIDE = 100  # pixels that a face may be from the place of its person


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Films:
    """Settings of the benchmark."""

    clips: cli.Path
    """Folder of clips (*.mp4, at any depth)."""
    dialogues: cli.PositiveInt = 24
    """Dialogues of the drawn sample."""


def run(settings: Films) -> list[Figure]:
    """Print the figures beside their targets, and return them."""
    cv2.setNumThreads(1)
    finder = VideoFaces(FaceSettings(speakers="never"))
    with tempfile.TemporaryDirectory() as folder:
        clips = find_clips(settings.clips)
        figures = [*_cost(clips, Path(folder), finder), *_growth(clips, Path(folder), finder)]
        figures += _people(Path(folder), settings.dialogues, finder)
    show("Films", figures)
    return figures


def _cost(clips: Sequence[Path], folder: Path, finder: VideoFaces) -> Iterator[Figure]:
    film = folder / "film.mp4"
    encode(clips, film, FILM, EVERY * RATE, 720)
    ours, theirs = _faces_seconds(film, FILM, finder), _seconds(partial(decode, "DEFAULT", str(film)))
    yield Figure(
        f"{FILM // SPAN} utterances of a film of {FILM} s, times decoding every frame", ours / theirs, most=1.3
    )


def _growth(clips: Sequence[Path], folder: Path, finder: VideoFaces) -> Iterator[Figure]:
    costs = []
    for length in LENGTHS:
        film = folder / f"{length}.mp4"
        encode(clips, film, length, length * RATE, 360)
        costs.append(_faces_seconds(film, length, finder))
        yield Figure(f"a film of {length} s with one key frame: seconds", costs[-1])
    exponent = math.log(costs[-1] / costs[0]) / math.log(LENGTHS[-1] / LENGTHS[0])
    yield Figure("exponent of its time", exponent, most=1.1)


def _people(folder: Path, dialogues: int, finder: VideoFaces) -> Iterator[Figure]:
    """Pairs of faces of one film: which share of those with one number is one person's, and the other way round."""
    release.draw_release(str(folder / "sample"), dialogues, seconds=2.0)
    lines = list(release.write_script(dialogues, 0, 2.0))
    right = same_number = same_person = 0
    for key, group in itertools.groupby(lines, lambda line: (line.split, line.dialogue)):
        own = [line for line in group if line.take.speaker and _opens(folder / "sample" / line.clip)]
        film = folder / f"{key[0]}-{key[1]}.mp4"
        spans = join([folder / "sample" / line.clip for line in own], film)
        found = finder.of_file(film.name, str(folder), [Utterance(span) for span in spans])
        pairs = [
            (face["person"], _shown(line, face))
            for line, seen in zip(own, found, strict=True)
            if isinstance(seen, Found)
            for face in seen.faces
        ]
        right += _pairs(Counter(pairs))
        same_number += _pairs(Counter(number for number, _ in pairs))
        same_person += _pairs(Counter(person for _, person in pairs))
    yield Figure("people of drawn films, precision of pairs", right / same_number)
    yield Figure("people of drawn films, recall of pairs", right / same_person)


def _opens(clip: Path) -> bool:
    """Whether a clip is there and whole: of a sample, one is missing and one is broken."""
    try:
        av.open(str(clip)).close()
    except (av.FFmpegError, OSError):
        return False
    return True


def _shown(line: release.Line, face: Face) -> Any:
    """The person that a face of a drawn clip shows; None for what is no face."""
    frame, middle = face["time"] * float(scenes.RATE), face["box"]["x"] + face["box"]["w"] / 2
    for frames, people in scenes.people_shown(line.take):
        if frame < frames:
            return next((person for person, x in people if abs(x - middle) < WIDE), None)
        frame -= frames
    return None


def _pairs(counts: Counter[Any]) -> int:
    return sum(math.comb(count, 2) for count in counts.values())


def _spans(seconds: int) -> list[Span]:
    return [(float(start), float(start + SPAN)) for start in range(0, seconds - SPAN + 1, SPAN)]


def _faces_seconds(film: Path, length: int, finder: VideoFaces) -> float:
    utterances = [Utterance(span) for span in _spans(length)]
    return _seconds(partial(finder.of_file, film.name, str(film.parent), utterances))


def _seconds(work: Callable[[], object]) -> float:
    """The least processor time of a few rounds."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def encode(clips: Iterable[Path], target: Path, seconds: int, key_frames: int, height: int) -> None:
    """Encode the clips one after another, again and again, with a key frame at least every so many frames."""
    options = {"preset": "veryfast", "g": str(key_frames), "keyint_min": str(key_frames), "sc_threshold": "0"}
    width = height * 16 // 9 // 2 * 2
    with av.open(str(target), "w") as sink:
        stream = sink.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, frame in enumerate(itertools.islice(_pictures(itertools.cycle(clips)), seconds * RATE)):
            picture = frame.reformat(width, height, "yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            picture.pict_type = av.video.frame.PictureType.NONE
            sink.mux(stream.encode(picture))
        sink.mux(stream.encode())


def _pictures(clips: Iterable[Path]) -> Iterator[av.VideoFrame]:
    for clip in clips:
        with av.open(str(clip)) as video:
            yield from video.decode(video=0)


if __name__ == "__main__":
    cli.main(run)
