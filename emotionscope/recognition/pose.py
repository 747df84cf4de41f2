"""How a head is turned, by five points of its face."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# An average head in millimetres, x to the picture's right, y down, z away from the camera: the right eye, the left eye,
# the tip of the nose, the right and left corner of the mouth. Eyes 63 mm apart, and the rest in the proportions of
# ArcFace's frontal template; the nose stands 25 mm before the eyes and the mouth.
HEAD = np.array([(-31.5, -36, 0), (31.5, -36, 0), (0, 0, -25), (-26, 37, 0), (26, 37, 0)], float)
_FIT = np.linalg.pinv(HEAD - HEAD.mean(0))


class Pose(NamedTuple):
    """Degrees. ``yaw``: to the picture's right; ``pitch``: up; ``roll``: clockwise in the picture, after the others."""

    yaw: float
    pitch: float
    roll: float


def pose(points: Sequence[tuple[float, float]]) -> Pose | None:
    """The turn of a head whose five points are given in pixels, in the order of `HEAD`; None where they are in a line.

    The scaled orthographic projection that fits best by least squares, as in the first step of POSIT (DeMenthon, Davis,
    1995). Faces differ: expect errors of 5 to 10 degrees, and more in a profile.
    """
    found = np.asarray(points, float)
    projection = _FIT @ (found - found.mean(0))
    left, scales, right = np.linalg.svd(projection.T, full_matrices=False)
    if scales[-1] < 1e-6 * max(scales[0], 1e-6):
        return None
    across, down = left @ right  # the head's axes in the picture, as the closest rotation has them
    away = np.cross(across, down)
    yaw = np.arctan2(away[0], np.hypot(across[0], down[0]))
    pitch, roll = np.arctan2(-away[1], away[2]), np.arctan2(down[0], across[0])
    return Pose(*(float(np.degrees(angle)) for angle in (yaw, pitch, roll)))
