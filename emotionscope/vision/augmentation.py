"""Random changes to training faces: one batched operation each, with parameters drawn per face."""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

ROTATION = math.radians(12)
SCALE = 0.15  # of the side, larger or smaller
SHIFT = 0.1  # of the side
CONTRAST, BRIGHTNESS = 0.3, 0.15
ERASE_CHANCE, ERASE_SIDE = 0.5, (0.1, 0.4)  # of the side


def augment(faces: Tensor, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """Faces float [n, 1, s, s] in 0..1, each turned, scaled, shifted, perhaps mirrored, relit and part erased.

    `strength` scales all of it but the mirroring: 1 is right for long trainings, 0 for a few epochs on few faces.
    """
    return _erase(_relight(_warp(faces, generator, strength), generator, strength), generator, strength)


def _uniform(faces: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(len(faces), generator=generator, device=faces.device)


def _warp(faces: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    angle = strength * _uniform(faces, -ROTATION, ROTATION, generator)
    scale = 1 + strength * _uniform(faces, -SCALE, SCALE, generator)
    mirror = torch.where(_uniform(faces, 0, 1, generator) < 0.5, -1.0, 1.0)
    # affine_grid measures in half sides.
    across, down = (strength * _uniform(faces, -2 * SHIFT, 2 * SHIFT, generator) for _ in range(2))
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    rows = (torch.stack([cosine * mirror, -sine, across], 1), torch.stack([sine * mirror, cosine, down], 1))
    grid = affine_grid(torch.stack(rows, 1), list(faces.shape), align_corners=False)
    return grid_sample(faces, grid, padding_mode="border", align_corners=False)


def _relight(faces: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    contrast, brightness = (
        strength * _uniform(faces, -most, most, generator)[:, None, None, None] for most in (CONTRAST, BRIGHTNESS)
    )
    mean = faces.mean((2, 3), keepdim=True)
    return ((faces - mean) * (1 + contrast) + mean + brightness).clamp(0, 1)


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
