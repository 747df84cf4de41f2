"""LR-ASD as it comes with the package: tracks of faces and their sound to the probability that each face speaks."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from emotionscope.speaking.layers import GAP, SOUNDS, Network
from emotionscope.speaking.sound import COEFFICIENTS

SHIPPED = Path(__file__).parents[1] / "models" / "lr_asd" / "speaking.safetensors"
LONGEST = 100  # frames of a piece, 4 s; of longer tracks the pieces are scored one by one
SMALLEST = 16  # pixels of a crop
BATCH = 128  # frames a forward pass: more only leave the processor's cache
GPU_BATCH = 4096


class SpeakerNetwork:
    """Active speaker detection: LR-ASD (Liao et al., IJCV 2025), trained on AVA-ActiveSpeaker, on the CPU at first."""

    def __init__(self, network: Network) -> None:
        self.network = network.eval().requires_grad_(False)
        for module in self.network.modules():
            if isinstance(module, nn.Conv2d):
                module.to(memory_format=torch.channels_last)

    @classmethod
    def load(cls) -> "SpeakerNetwork":
        """The network with the weights that come with the package."""
        return cls.from_bytes(SHIPPED.read_bytes())

    def to(self, device: str | torch.device) -> "SpeakerNetwork":
        """Move the network to a device, where `predict` then runs, and return it."""
        self.network.to(device)
        return self

    def predict(
        self, tracks: Sequence[np.ndarray], sounds: Sequence[np.ndarray], tell: Callable[[int], None] | None = None
    ) -> list[np.ndarray]:
        """For each track, float32 [n]: the probability that its face speaks in each of its n frames.

        A track is grey crops uint8 [n, side, side], 25 a second, of one face without a break (`crops.crop`); all have
        one side. Its sound is float32 [4n, 13], 100 rows a second (`sound.mfcc`), from the moment of its first frame
        on. Tracks of less than a third of a second are scored, but say little. What a track gets does not depend on
        the other tracks. `tell` is called with each number of frames that is done. Raises ValueError where shapes do
        not fit.
        """
        _check(tracks, sounds)
        results = [np.empty(len(track), np.float32) for track in tracks]
        device = self.network.odds.weight.device
        limit = GPU_BATCH if device.type == "cuda" else BATCH
        for pieces in _batches([len(track) for track in tracks], limit):
            pictures = _stream([tracks[k][start:end] for k, start, end in pieces], GAP)
            heard = _stream([sounds[k][SOUNDS * start : SOUNDS * end] for k, start, end in pieces], SOUNDS * GAP)
            lengths = [end - start for _, start, end in pieces]
            with torch.inference_mode():
                odds = self.network(
                    torch.from_numpy(pictures).to(device), torch.from_numpy(heard).to(device, torch.float32), lengths
                )
                speaks = odds.sigmoid().cpu().split(lengths)
            for (k, start, end), values in zip(pieces, speaks, strict=True):
                results[k][start:end] = values.numpy()
            if tell:
                tell(sum(lengths))
        return results

    def to_bytes(self) -> bytes:
        """The weights as safetensors, float32."""
        weights = self.network.state_dict().items()
        return save_tensors({name: value.cpu().contiguous() for name, value in weights})

    @classmethod
    def from_bytes(cls, payload: bytes) -> "SpeakerNetwork":
        """The network that `to_bytes` wrote, on the CPU. Raises ValueError for anything else or a damaged file."""
        try:
            weights = load_tensors(payload)
            if not all(value.isfinite().all() for value in weights.values()):
                raise ValueError("some weights are not finite")
            network = Network()
            network.load_state_dict(weights)
            return cls(network)
        except (SafetensorError, RuntimeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(f"no weights of LR-ASD: {' '.join(str(error).split())[:200]}") from error

    def __reduce__(self) -> "tuple[Callable[[bytes], SpeakerNetwork], tuple[bytes]]":
        return SpeakerNetwork.from_bytes, (self.to_bytes(),)


def _check(tracks: Sequence[np.ndarray], sounds: Sequence[np.ndarray]) -> None:
    if len(tracks) != len(sounds):
        raise ValueError(f"{len(tracks)} tracks, but {len(sounds)} sounds")
    for number, (track, sound) in enumerate(zip(tracks, sounds, strict=True)):
        side = tracks[0].shape[-1]
        if track.dtype != np.uint8 or track.ndim != 3 or track.shape[1:] != (side, side) or side < SMALLEST:
            raise ValueError(f"track {number}: {track.dtype} {track.shape}, but uint8 [n, side, side] is wanted")
        if sound.shape != (SOUNDS * len(track), COEFFICIENTS):
            raise ValueError(f"sound {number}: {sound.shape}, but {(SOUNDS * len(track), COEFFICIENTS)} is wanted")


def _batches(lengths: Sequence[int], limit: int) -> Iterator[list[tuple[int, int, int]]]:
    """Pieces (track, first frame, end) of about equal length within each track, as many at once as `limit` allows."""
    batch: list[tuple[int, int, int]] = []
    frames = 0
    for track, length in enumerate(lengths):
        count = -(-length // LONGEST)
        for piece in range(count):
            start, end = piece * length // count, (piece + 1) * length // count
            if batch and frames + end - start > limit:
                yield batch
                batch, frames = [], 0
            batch.append((track, start, end))
            frames += end - start
    if batch:
        yield batch


def _stream(pieces: Sequence[np.ndarray], gap: int) -> np.ndarray:
    """The pieces one after the other, with `gap` rows of zeros between two."""
    blank = np.zeros((gap, *pieces[0].shape[1:]), pieces[0].dtype)
    return np.concatenate([part for piece in pieces for part in (blank, piece)][1:])
