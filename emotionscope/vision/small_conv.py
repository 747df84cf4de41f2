"""A 3x3 convolution that is quick on maps of two pixels or one, which a CPU's general kernels treat as large ones.

A face of 64 pixels leaves ResNet-18's last stage maps of 2x2. There a zero-padded 3x3 kernel meets padding more often
than pixels, and the general kernel for its gradient runs at a fifth of the speed of the others. One product with the
matrix of the taps that do meet pixels gives the same numbers.
"""

import torch
from torch import Tensor, nn

LARGEST = 2  # pixels; from 3 on the matrix is no smaller than the convolution's work


class SmallMapConv2d(nn.Conv2d):
    """`torch.nn.Conv2d`, 3x3 with stride 1, padding 1 and no bias; same numbers up to rounding, same state dict."""

    def forward(self, maps: Tensor) -> Tensor:
        """Maps float [n, in, h, w] to [n, out, h, w]."""
        n, channels, height, width = maps.shape
        if not maps.is_cpu or max(height, width) > LARGEST:
            return super().forward(maps)
        taps = self.weight.permute(0, 2, 3, 1)
        # From pixel (i, j), the tap 1 - i + y, 1 - j + x meets pixel (y, x).
        rows = [taps[:, 1 - i : 1 - i + height, 1 - j : 1 - j + width] for i in range(height) for j in range(width)]
        matrix = torch.stack(rows).reshape(height * width * self.out_channels, height * width * channels)
        result = maps.permute(0, 2, 3, 1).reshape(n, -1) @ matrix.T
        return result.view(n, height, width, self.out_channels).permute(0, 3, 1, 2)


def use_small_convs(network: nn.Module) -> None:
    """Replace the convolutions of a network that can be a `SmallMapConv2d`; the parameters stay the same objects."""
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Conv2d and (child.kernel_size, child.stride, child.bias) == ((3, 3), (1, 1), None):
                small = SmallMapConv2d(child.in_channels, child.out_channels, 3, padding=1, bias=False, device="meta")
                small.weight = child.weight
                setattr(parent, name, small)
