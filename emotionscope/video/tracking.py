"""Who is who in an utterance: faces of one person linked over time, and how each looks.

Within a shot a face is followed by its place and size; from shot to shot people are told apart by the colours of their
hair, face and clothes, which hold for the seconds an utterance lasts. `people` joins the utterances of a video by
colours, and `recognising` by the faces themselves.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from emotionscope.recognition import embedding
from emotionscope.recognition.pose import Pose, pose
from emotionscope.video import alignment
from emotionscope.video.detection import Detection
from emotionscope.video.shrinking import shrink

CROP = 160  # pixels; larger crops of faces are shrunk to it
CROWD = 16  # faces of a frame

CUT = 0.32  # distance of two frames' layouts; on sitcom clips cuts gave 0.40 to 0.50, camera moves up to 0.25
GAP = 1.5  # seconds; a face unseen for longer is no longer followed by place
REACH = 1.5  # heights of the face it may move, or grow in log2 size, between two frames
SAME_SHOT, SAME_PERSON = 0.35, 0.3  # distances of appearances; below them two faces may be one person
UNSEEN = 0.45  # distance of clothes that are not in the picture: says neither yes nor no

# Regions as fractions of the face's box (left, top, right, bottom), and their weights: hair, face, clothes.
REGIONS = np.array([(-0.15, -0.35, 1.15, 0.15), (0.1, 0.2, 0.9, 0.95), (-0.5, 1.2, 1.5, 2.8)])
WEIGHTS = np.array([0.25, 0.25, 0.5])
REGION_SIDE = 32  # pixels to which a region is shrunk
ENOUGH = 0.08  # share of a region that must be in the picture: of clothes, a collar tells as much
BINS = (6, 16, 16)  # of L, a, b
COLOURS = math.prod(BINS)
FORBIDDEN = 1e3  # cost of what must not be

FRONTAL, HIGH = 0.6, 40.0  # of a face that can be recognised: how frontal it is, and its height in pixels
LARGE = 160  # pixels; a face this high is as good as a larger one
SHARP, SHARP_SIDE = 600.0, 64  # variance of the Laplacian of a sharp face, scaled to this side


@dataclass(frozen=True)
class TrackedFace:
    """A face in one sampled frame.

    ``frame`` counts sampled frames, ``shot`` the shots, ``time`` is in seconds; ``box`` (x, y, width, height) is in
    pixels of the video; ``crop`` is uint8 BGR, square; ``appearance`` float32 [3, colours] holds square roots of the
    colour histograms of hair, face and clothes, NaN where not in the picture; ``quality`` lies in [0, 1]. ``pose`` is
    None where the detector finds no points, ``portrait`` (of `embedding.cut`) where the face is turned or tiny.
    """

    frame: int
    shot: int
    time: float
    box: tuple[int, int, int, int]
    crop: np.ndarray
    appearance: np.ndarray
    quality: float
    sure: bool
    pose: Pose | None
    portrait: np.ndarray | None


def colours(images: Sequence[np.ndarray]) -> np.ndarray:
    """Square roots of images' Lab histograms, float32 [images, colours], smoothed; the sum of squares of each is 1."""
    histograms = np.empty((len(images), *BINS), np.float32)
    for histogram, image in zip(histograms, images, strict=True):
        lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB)
        histogram[:] = cv2.calcHist([lab], [0, 1, 2], None, list(BINS), [0, 256, 64, 192, 64, 192])
    light, first, second = _smoothing()
    smooth = (light @ histograms.reshape(-1, BINS[0], BINS[1] * BINS[2])).reshape(histograms.shape)
    flat = (first @ smooth @ second.T).reshape(-1, COLOURS) + 1e-9
    return np.asarray(np.sqrt(flat / flat.sum(1, keepdims=True)))


@lru_cache
def _smoothing() -> list[np.ndarray]:
    """A Gaussian over each axis as a matrix: on so few bins five times as quick as a filter."""
    from scipy.ndimage import gaussian_filter1d  # SciPy takes half a second to import, which texts need not wait

    return [gaussian_filter1d(np.eye(bins, dtype=np.float32), 0.7, axis=0, mode="constant") for bins in BINS]


def layout(image: np.ndarray) -> np.ndarray:
    """The colours of the nine cells of a 3x3 grid over a frame, float32 [9, colours]."""
    small = cv2.resize(image, (96, 96), interpolation=cv2.INTER_NEAREST)
    return colours([cell for row in np.vsplit(small, 3) for cell in np.hsplit(row, 3)])


def is_cut(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether two frames, given by their `layout`, belong to different shots."""
    return bool(_bhattacharyya(before, after).mean() > CUT)


def _bhattacharyya(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.clip(1.0 - (first * second).sum(1), 0.0, 1.0)))


def appearance(image: np.ndarray, face: Detection) -> np.ndarray:
    """The colours of hair, face and clothes, float32 [3, colours]; NaN for a region that is out of the picture."""
    appearances = np.full((len(REGIONS), COLOURS), np.nan, np.float32)
    wanted = np.array([face.x, face.y] * 2) + np.array([face.width, face.height] * 2) * REGIONS
    seen = np.clip(wanted, 0, [*image.shape[1::-1]] * 2).astype(int)
    areas, wanted_areas = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (seen, wanted))
    enough = areas >= ENOUGH * wanted_areas
    parts = [image[y0:y1, x0:x1] for x0, y0, x1, y1 in seen[enough].tolist()]
    appearances[enough] = colours([shrink(part, REGION_SIDE, REGION_SIDE) for part in parts])
    return appearances


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Distance of two appearances in [0, 1]: the weighted mean of the regions' Bhattacharyya distances."""
    parts = _bhattacharyya(first, second)
    return float(WEIGHTS @ np.where(np.isnan(parts), UNSEEN, parts))


def quality(crop_: np.ndarray, face: Detection) -> float:
    """How much a face tells, in [0, 1]: large, sharp (variance of the Laplacian), frontal and surely a face."""
    grey = cv2.resize(cv2.cvtColor(crop_, cv2.COLOR_BGR2GRAY), (SHARP_SIDE, SHARP_SIDE), interpolation=cv2.INTER_AREA)
    sharp = min(cv2.Laplacian(grey, cv2.CV_32F).var() / SHARP, 1.0)
    large = min(max(face.width, face.height) / LARGE, 1.0)
    return float((large * sharp) ** 0.5 * face.confidence * (0.25 + 0.75 * face.frontal))


def describe_faces(
    image: np.ndarray, scale: float, faces: Sequence[Detection], frame: int, shot: int, time: float
) -> list[TrackedFace]:
    """A frame's faces, the largest `CROWD` of them; `scale` is the number of the video's pixels to one of the image."""
    described = []
    for face in sorted(faces, key=lambda face: -face.height)[:CROWD]:
        crop_ = alignment.cut(image, face, CROP)
        corners = np.array([face.x, face.y, face.x + face.width, face.y + face.height])
        x, y, right, bottom = np.rint(scale * np.clip(corners, 0, [*image.shape[1::-1]] * 2)).astype(int).tolist()
        box = x, y, max(right - x, 1), max(bottom - y, 1)
        look, good = appearance(image, face), quality(crop_, face)
        turn = None if face.points is None else pose(face.points)
        portrait = _portrait(image, face)
        described.append(TrackedFace(frame, shot, time, box, crop_, look, good, face.sure, turn, portrait))
    return described


def _portrait(image: np.ndarray, face: Detection) -> np.ndarray | None:
    recognisable = face.sure and face.frontal >= FRONTAL and face.height >= HIGH
    return embedding.cut(image, face.points) if recognisable and face.points is not None else None


def assign_people(tracked: Sequence[TrackedFace], tracks: Sequence[Sequence[int]]) -> list[int]:
    """The person of each face, 0 for the most prominent (the sum of qualities); -1 for what is likely no face.

    The `tracks` are joined by average linkage of their mean appearances; two that are in one frame are never joined. A
    person none of whose faces is sure is left out, if there is another.
    """
    groups: dict[int, list[int]] = {}
    for track, label in zip(tracks, _join(tracked, tracks), strict=True):
        groups.setdefault(label, []).extend(track)
    sure = [group for group in groups.values() if any(tracked[i].sure for i in group)]
    people = sorted(sure or groups.values(), key=lambda group: -sum(tracked[i].quality for i in group))
    persons = [-1] * len(tracked)
    for person, group in enumerate(people):
        for i in group:
            persons[i] = person
    return persons


def follow(tracked: Sequence[TrackedFace]) -> list[list[int]]:
    """Positions in `tracked`, which is in order of time, of one person's faces within one shot, track by track.

    Faces are assigned to tracks frame by frame (Hungarian method).
    """
    tracks: list[list[int]] = []
    frames: dict[int, list[int]] = {}
    for i, face in enumerate(tracked):
        frames.setdefault(face.frame, []).append(i)
    for faces in frames.values():
        open_ = [track for track in tracks if _continues(tracked[track[-1]], tracked[faces[0]])]
        looks = [(tracked[track[-1]], mean_appearance([tracked[i] for i in track])) for track in open_]
        costs = np.array([[_cost(*look, tracked[i]) for i in faces] for look in looks]).reshape(-1, len(faces))
        matched = {f: t for t, f in cheapest_pairs(costs)}
        for f, i in enumerate(faces):
            if f in matched:
                open_[matched[f]].append(i)
            else:
                tracks.append([i])
    return tracks


def cheapest_pairs(costs: np.ndarray) -> list[tuple[int, int]]:
    """Rows and columns paired so that the costs are least in sum (Hungarian method), without pairs of `FORBIDDEN`."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(costs)
    return [(r, c) for r, c in zip(rows.tolist(), columns.tolist(), strict=True) if costs[r, c] < FORBIDDEN]


def _continues(last: TrackedFace, next_: TrackedFace) -> bool:
    return last.shot == next_.shot and next_.time - last.time <= GAP


def _cost(last: TrackedFace, mean: np.ndarray, next_: TrackedFace) -> float:
    """Cost of continuing a track, of a `last` face and a `mean` appearance: how far it moved, grew and changed."""
    moved, grown = _change(last, next_)
    changed = distance(mean, next_.appearance)
    if max(moved, grown) > REACH or changed > SAME_SHOT:
        return FORBIDDEN
    return float((moved + grown) / REACH + changed / SAME_SHOT)


def is_near(last: TrackedFace, next_: TrackedFace) -> bool:
    """Whether one face may be the other a moment later, by place and size."""
    return max(_change(last, next_)) <= REACH


def _change(last: TrackedFace, next_: TrackedFace) -> tuple[float, float]:
    """How far a face has moved, in its heights, and grown, as log2 of its height."""
    (x, y, width, height), (x2, y2, width2, height2) = last.box, next_.box
    moved = np.hypot(x2 - x + (width2 - width) / 2, y2 - y + (height2 - height) / 2) / max(height, height2)
    return float(moved), float(abs(np.log2(height2 / height)))


def mean_appearance(faces: Sequence[TrackedFace]) -> np.ndarray:
    """The mean of the faces' appearances; NaN for a region that is in the picture of none."""
    appearances = np.array([face.appearance for face in faces])
    with np.errstate(invalid="ignore"):  # a region never in the picture stays NaN
        return np.asarray(np.nansum(appearances, 0) / (~np.isnan(appearances)).sum(0))


def _join(tracked: Sequence[TrackedFace], tracks: Sequence[Sequence[int]]) -> list[int]:
    """The person of each track."""
    if len(tracks) < 2:
        return [1] * len(tracks)
    appearances = [mean_appearance([tracked[i] for i in track]) for track in tracks]
    frames = [{tracked[i].frame for i in track} for track in tracks]
    apart = np.zeros((len(tracks), len(tracks)))
    for i in range(len(tracks)):
        for j in range(i):
            together = bool(frames[i] & frames[j])
            apart[i, j] = apart[j, i] = FORBIDDEN if together else distance(appearances[i], appearances[j])
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    return list(fcluster(linkage(squareform(apart), "average"), SAME_PERSON, "distance"))
