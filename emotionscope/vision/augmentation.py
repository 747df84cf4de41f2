"""Random changes to training faces, drawn per face or, where that costs too much, for a random part of the batch.

The changes are those between a posed, sharp picture and a face in a film: turned, speaking, lit otherwise or hardly,
partly hidden or cut by the picture's edge, blurred, small and compressed.
"""

import math

import numpy as np
import torch
from scipy.fft import dct
from torch import Tensor
from torch.nn.functional import affine_grid, conv2d, grid_sample, interpolate, pad

ROTATION = math.radians(12)
SCALE = 0.15  # of the side, larger or smaller
SHIFT = 0.08  # of the side
TURN = 0.2  # of the width, which a face loses when it looks aside
JAW, NOSE = 0.15, 0.19  # share by which what is below the nose is drawn out, and where that begins, in half sides
CONTRAST, BRIGHTNESS, GAMMA = 0.3, 0.15, 0.4
ERASE_CHANCE, ERASE_SIDE = 0.4, (0.1, 0.4)  # of the side
CUT_CHANCE, CUT = 0.15, (0.05, 0.3)  # of the side
SPOIL_CHANCE = 0.2  # for each of blur, movement, low resolution, compression, darkness and noise
MOUTH_CHANCE = 0.15
MOUTH, LIPS, OPEN = (0.5, 0.76), (0.06, 0.13), (0.015, 0.05)  # centre; half width and half height of an open mouth
BLUR = (0.4, 1.2)  # standard deviation in pixels
MOVEMENT = (2.0, 5.0)  # pixels
LIGHT = (0.25, 0.6)  # what is left of it in the dark
SHRINK = (0.4, 0.8)  # of the side
JPEG_QUALITY = (15, 70)
NOISE = 0.06  # standard deviation

# The luminance table of the JPEG standard (ITU-T T.81, annex K.1), for quality 50.
_QUANTA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)


def augment(faces: Tensor, generator: torch.Generator, strength: float = 1.0, size: int | None = None) -> Tensor:
    """Faces float [n, 1, s, s] in 0..1 as training sees them, float [n, 1, size, size] in 0..1.

    Each is turned, scaled, shifted, perhaps mirrored, relit and partly erased; some are given an open mouth, and some
    are blurred, moving, coarse, compressed, dark, noisy or cut. `strength` scales all of it but the mirroring: 1 is
    right for long trainings, 0 for a few epochs on few faces. Where `size` is less than s, a random part of that many
    pixels is taken. `generator` is one of the CPU, so
    that a GPU sees the same changes and never waits to learn a number.
    """
    faces = _open_mouths(faces, generator, strength)
    faces = _warp(faces, generator, strength, size or faces.shape[-1])
    faces = _relight(faces, generator, strength)
    for spoil in (_darken, _blur, _move, _coarsen, _compress, _noise):
        chosen = (torch.rand(len(faces), generator=generator) < strength * SPOIL_CHANCE).nonzero()[:, 0]
        if len(chosen):
            chosen = _there(chosen, faces)
            faces[chosen] = spoil(faces[chosen], generator).clamp(0, 1)
    return _cut(_erase(faces, generator, strength), generator, strength)


def _uniform(faces: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    return _there(low + (high - low) * torch.rand(len(faces), generator=generator), faces)


def _there(values: Tensor, faces: Tensor) -> Tensor:
    """Small tensors drawn on the CPU, where the faces are."""
    return values.pin_memory().to(faces.device, non_blocking=True) if faces.is_cuda else values


def _one(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _open_mouths(faces: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    """A dark ellipse between the lips of some faces: people on film speak, which says nothing of their emotion."""
    place = (torch.arange(faces.shape[-1], device=faces.device) + 0.5) / faces.shape[-1]
    width, height = (_uniform(faces, *span, generator)[:, None] for span in (LIPS, OPEN))
    across, down = ((place - MOUTH[0]) / width) ** 2, ((place - MOUTH[1]) / height) ** 2
    inside = torch.sigmoid(6 * (1 - across[:, None, :] - down[:, :, None]))[:, None]
    chosen = _uniform(faces, 0, 1, generator) < strength * MOUTH_CHANCE
    return faces * (1 - 0.7 * inside * chosen[:, None, None, None])


def _warp(faces: Tensor, generator: torch.Generator, strength: float, size: int) -> Tensor:
    part = size / faces.shape[-1]
    angle = strength * _uniform(faces, -ROTATION, ROTATION, generator)
    scale = (1 + strength * _uniform(faces, -SCALE, SCALE, generator)) * part
    mirror = torch.where(_uniform(faces, 0, 1, generator) < 0.5, -1.0, 1.0)
    # affine_grid measures in half sides.
    most = 2 * strength * SHIFT + 1 - part
    across, down = (_uniform(faces, -most, most, generator) for _ in range(2))
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    turned = mirror * (1 + strength * _uniform(faces, 0, TURN, generator))
    rows = (torch.stack([cosine * turned, -sine, across], 1), torch.stack([sine * turned, cosine, down], 1))
    grid = affine_grid(torch.stack(rows, 1), [len(faces), 1, size, size], align_corners=False)
    below = (torch.linspace(-1, 1, size, device=faces.device) - NOSE).clamp(min=0)[None, :, None, None]
    drawn = strength * _uniform(faces, 0, JAW, generator)[:, None, None, None] * below
    grid = grid - drawn * torch.stack([-sine, cosine], 1)[:, None, None, :]
    return grid_sample(faces, grid, padding_mode="border", align_corners=False)


def _relight(faces: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    contrast, brightness, gamma = (
        strength * _uniform(faces, -most, most, generator)[:, None, None, None]
        for most in (CONTRAST, BRIGHTNESS, GAMMA)
    )
    mean = faces.mean((2, 3), keepdim=True)
    return ((faces - mean) * (1 + contrast) + mean + brightness).clamp(1e-3, 1) ** gamma.exp()


def _blur(faces: Tensor, generator: torch.Generator) -> Tensor:
    deviation = _one(*BLUR, generator)
    kernel = torch.exp(-(torch.arange(-3, 4, device=faces.device) ** 2) / (2 * deviation**2))
    kernel /= kernel.sum()
    return conv2d(pad(faces, (3, 3, 3, 3), mode="replicate"), (kernel[:, None] * kernel)[None, None])


def _move(faces: Tensor, generator: torch.Generator) -> Tensor:
    """The blur of a movement in any direction, in a straight line."""
    length, angle = _one(*MOVEMENT, generator), _one(0, math.pi, generator)
    steps = torch.linspace(-0.5, 0.5, 15) * length
    places = torch.stack([steps * math.sin(angle), steps * math.cos(angle)]).round().long() + 3
    kernel = torch.zeros(7, 7).index_put_((places[0], places[1]), torch.tensor(1 / 15), accumulate=True)
    return conv2d(pad(faces, (3, 3, 3, 3), mode="replicate"), kernel.to(faces.device)[None, None])


def _darken(faces: Tensor, generator: torch.Generator) -> Tensor:
    return faces * _uniform(faces, *LIGHT, generator)[:, None, None, None]


def _coarsen(faces: Tensor, generator: torch.Generator) -> Tensor:
    size = faces.shape[-1]
    fewer = max(8, round(size * _one(*SHRINK, generator)))
    small = interpolate(faces, (fewer, fewer), mode="bilinear", antialias=True, align_corners=False)
    return interpolate(small, (size, size), mode="bilinear", align_corners=False)


def _compress(faces: Tensor, generator: torch.Generator) -> Tensor:
    """What JPEG takes away: the cosine coefficients of 8x8 blocks, rounded as a quality asks for."""
    n, _, size, _ = faces.shape
    quality = _one(*JPEG_QUALITY, generator)
    factor = 50 / quality if quality < 50 else 2 - quality / 50
    quanta = (torch.tensor(_QUANTA, device=faces.device) * factor).clamp(min=1) / 255
    transform = torch.from_numpy(dct(np.eye(8, dtype=np.float32), axis=0, norm="ortho")).to(faces.device)
    more = -size % 8
    padded = pad(faces, (0, more, 0, more), mode="replicate")
    blocks = padded.view(n, (size + more) // 8, 8, (size + more) // 8, 8).transpose(2, 3)
    coefficients = transform @ (blocks - 0.5) @ transform.T
    blocks = transform.T @ (torch.round(coefficients / quanta) * quanta) @ transform + 0.5
    return blocks.transpose(2, 3).reshape(padded.shape)[:, :, :size, :size]


def _noise(faces: Tensor, generator: torch.Generator) -> Tensor:
    deviation = _one(0, NOISE, generator)
    return faces + deviation * _there(torch.randn(faces.shape, generator=generator), faces)


def _erase(faces: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    """Random erasing (Zhong et al. 2020): a rectangle is replaced by the face's mean."""
    place = (torch.arange(faces.shape[-1], device=faces.device) + 0.5) / faces.shape[-1]
    inside = []
    for _ in range(2):
        centre, side = _uniform(faces, 0, 1, generator), _uniform(faces, *ERASE_SIDE, generator)
        inside.append((place - centre[:, None]).abs() < side[:, None] / 2)
    chosen = _uniform(faces, 0, 1, generator) < strength * ERASE_CHANCE
    hole = (inside[0][:, :, None] & inside[1][:, None, :] & chosen[:, None, None])[:, None]
    return torch.where(hole, faces.mean((2, 3), keepdim=True), faces)


def _cut(faces: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    """Faces at the picture's edge: beyond it, the last row or column is repeated, as in a crop."""
    n, _, size, _ = faces.shape
    side = torch.randint(4, (n,), generator=generator)
    width = (size * (CUT[0] + (CUT[1] - CUT[0]) * torch.rand(n, generator=generator))).long()
    width[torch.rand(n, generator=generator) >= strength * CUT_CHANCE] = 0
    place = torch.arange(size)
    lows, highs = (torch.where(side == number, width, 0)[:, None] for number in (0, 1))
    rows = place.clamp(lows, size - 1 - highs)
    lows, highs = (torch.where(side == number, width, 0)[:, None] for number in (2, 3))
    columns = place.clamp(lows, size - 1 - highs)
    which = torch.arange(n)[:, None, None]
    where = _there(torch.stack(torch.broadcast_tensors(which, rows[:, :, None], columns[:, None, :])), faces)
    return faces[where[0], 0, where[1], where[2]][:, None]
