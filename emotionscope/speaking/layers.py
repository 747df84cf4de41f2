"""The network of LR-ASD: Liao, Duan, Feng, Zhao, Yang, Chen, Chen, "LR-ASD: Lightweight and Robust Network for Active
Speaker Detection", International Journal of Computer Vision 2025.

Batch norms are folded into the convolutions before them. Many tracks run as one stream. Between two of them lie `GAP`
frames that are set to zero before each convolution over time: to a track they look like the zeros beyond its ends.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

GAP = 2  # frames: as far as the longest convolution over time, of five, reaches
SOUNDS = 4  # rows of sound features for a frame
WIDTHS = 32, 64, 128
MEAN, STD = 0.4161, 0.1688  # of grey values in 0..1


class Block(nn.Module):
    """Two convolutions within each frame, then two over time; kernels of 5 and 3 in both.

    `flat` frames are one pixel wide: columns of sound features.
    """

    def __init__(self, before: int, after: int, *, flat: bool = False, stride: int = 1) -> None:
        super().__init__()

        def within(before: int, after: int, kernel: int, stride: int = 1) -> nn.Conv2d:
            size, padding = ((kernel, 1), (kernel // 2, 0)) if flat else ((kernel, kernel), (kernel // 2, kernel // 2))
            return nn.Conv2d(before, after, size, stride, padding)

        self.within_5 = within(before, after // 2, 5, stride)
        self.within_3 = within(after // 2, after, 3)
        self.over_5 = nn.Conv2d(after, after, (5, 1), padding=(2, 0))
        self.over_3 = nn.Conv2d(after, after, (3, 1), padding=(1, 0))

    def forward(self, frames: Tensor, gaps: Tensor) -> Tensor:
        """Frames float [t, before, h, w] to [t, after, h, w]; `gaps` are positions of frames between tracks."""
        frames = self.within_3(self.within_5(frames).relu_()).relu_()
        return self._over_time(self.over_3, self._over_time(self.over_5, frames, gaps), gaps)

    @staticmethod
    def _over_time(convolution: nn.Conv2d, frames: Tensor, gaps: Tensor) -> Tensor:
        frames[gaps] = 0
        time, channels, height, width = frames.shape
        # As a picture of t x hw pixels, a view in channels-last order: far quicker than a 3-D convolution.
        picture = frames.permute(0, 2, 3, 1).reshape(1, time, height * width, channels).permute(0, 3, 1, 2)
        result: Tensor = convolution(picture).relu_()
        return result.permute(0, 2, 3, 1).reshape(time, height, width, -1).permute(0, 3, 1, 2)


class Gate(nn.Module):
    """Attention over channels: each is scaled by a sigmoid of all."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weights = nn.Linear(channels, channels)

    def forward(self, values: Tensor) -> Tensor:
        """Values float [..., channels], scaled."""
        scaled: Tensor = values * self.weights(values).sigmoid()
        return scaled


class Network(nn.Module):
    """Pictures and sound of several tracks to the log odds that each face speaks."""

    def __init__(self) -> None:
        super().__init__()
        pairs = list(zip((1, *WIDTHS), WIDTHS, strict=False))
        self.picture = nn.ModuleList(Block(*pair, stride=2 if pair[0] == 1 else 1) for pair in pairs)
        self.sound = nn.ModuleList(Block(*pair, flat=True) for pair in pairs)
        self.both = Gate(2 * WIDTHS[-1])
        self.over_time = nn.GRU(2 * WIDTHS[-1], WIDTHS[-1] // 2, batch_first=True, bidirectional=True)
        self.after = Gate(WIDTHS[-1])
        self.odds = nn.Linear(WIDTHS[-1], 1)

    def forward(self, pictures: Tensor, sounds: Tensor, lengths: list[int]) -> Tensor:
        """Log odds float32 [sum of lengths] from two streams, without gaps in the result.

        `pictures` uint8 [t, side, side] and `sounds` float32 [4t, 13] hold the tracks, of `lengths` frames, one after
        the other, with `GAP` frames (4 x `GAP` rows) of anything between two.
        """
        inside = torch.cat([torch.arange(n) + GAP * k + sum(lengths[:k]) for k, n in enumerate(lengths)])
        between = torch.ones(len(pictures), dtype=torch.bool)
        between[inside] = False
        gaps, inside = between.nonzero()[:, 0].to(pictures.device), inside.to(pictures.device)
        features = torch.cat([self.hear(sounds, gaps)[inside], self.see(pictures, gaps)[inside]], 1)
        tracks = pad_sequence(list(self.both(features).split(lengths)), batch_first=True)
        packed = pack_padded_sequence(tracks, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.over_time(packed)[0], batch_first=True)
        states = torch.cat([track[:n] for track, n in zip(states, lengths, strict=True)])
        result: Tensor = self.odds(self.after(states))[:, 0]
        return result

    def see(self, pictures: Tensor, gaps: Tensor) -> Tensor:
        """Features float32 [t, 128] of grey pictures uint8 [t, side, side]."""
        frames = ((pictures[:, None].float() / 255 - MEAN) / STD).contiguous(memory_format=torch.channels_last)
        for number, block in enumerate(self.picture):
            frames = block(max_pool2d(frames, 3, 2, 1) if number else frames, gaps)
        return frames.amax((2, 3))

    def hear(self, sounds: Tensor, gaps: Tensor) -> Tensor:
        """Features float32 [t, 128] of sound features float32 [4t, 13]."""
        frames = sounds[:, None, :, None].contiguous(memory_format=torch.channels_last)
        rows = SOUNDS
        for number, block in enumerate(self.sound):
            if number:
                frames = self._halve(frames)
                rows //= 2
            places = (gaps[:, None] * rows + torch.arange(rows, device=gaps.device)).flatten()
            frames = block(frames, places)
            frames[places] = 0  # pooling over time must not see beyond a track's ends
        return frames.mean((2, 3))

    @staticmethod
    def _halve(frames: Tensor) -> Tensor:
        """Frames float [t, channels, h, 1] to [t / 2, channels, h, 1]: the largest of three neighbours in time."""
        time, channels, height, _ = frames.shape
        picture = frames.permute(0, 2, 3, 1).reshape(1, time, height, channels).permute(0, 3, 1, 2)
        pooled = max_pool2d(picture, (3, 1), (2, 1), (1, 0))
        return pooled.permute(0, 2, 3, 1).reshape(-1, height, 1, channels).permute(0, 3, 1, 2)
