"""The sound features that LR-ASD reads: mel-frequency cepstral coefficients (Davis & Mermelstein 1980).

The published weights were trained with the defaults of `python_speech_features`; the same numbers come out here. Each
window is 25 ms long, has no taper, and starts 10 ms after the one before. The power spectrum after pre-emphasis goes
through 26 triangular filters from 0 to 8 kHz, then log, DCT and a lifter of 22. The first coefficient is replaced by
the log of the window's energy.
"""

from functools import lru_cache

import numpy as np
from scipy.fft import dct

RATE = 16_000  # samples a second
STEP = 160  # samples: 10 ms
WINDOW = 400  # samples: 25 ms
COEFFICIENTS = 13
FFT = 512
FILTERS = 26
LIFTER = 22
PRE_EMPHASIS = 0.97
FULL_SCALE = 32768  # the network was trained on 16-bit samples, and the energy tells how loud they are
LEAST = np.finfo(np.float64).eps  # stands for no energy, of which there is no log


def mfcc(samples: np.ndarray) -> np.ndarray:
    """Coefficients float32 [m, 13], 100 a second, of mono sound float32 [n] in -1..1 with 16,000 samples a second.

    The last window is filled with zeros, so m = 1 + ceil((n - 400) / 160), and at least 1. A second of sound gives 99
    rows: add 240 zeros to have 100. No samples give float32 [0, 13]. Raises ValueError for samples of another shape
    or that are not finite.
    """
    if samples.ndim != 1 or not np.isfinite(samples).all():
        raise ValueError("the sound must have one channel and finite samples")
    if not len(samples):
        return np.empty((0, COEFFICIENTS), np.float32)
    whole = np.rint(samples.astype(np.float64) * FULL_SCALE).clip(-FULL_SCALE, FULL_SCALE - 1)
    sharpened = np.append(whole[:1], whole[1:] - PRE_EMPHASIS * whole[:-1])
    count = 1 + max(0, -(-(len(sharpened) - WINDOW) // STEP))
    padded = np.pad(sharpened, (0, max(0, (count - 1) * STEP + WINDOW - len(sharpened))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::STEP]
    power = np.abs(np.fft.rfft(windows, FFT)) ** 2 / FFT
    cepstrum = dct(_log(power @ _filters().T), axis=1, norm="ortho")[:, :COEFFICIENTS]
    cepstrum *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / LIFTER)
    cepstrum[:, 0] = _log(power.sum(1))
    return np.asarray(cepstrum, np.float32)


def _log(energies: np.ndarray) -> np.ndarray:
    return np.log(np.where(energies == 0, LEAST, energies))


@lru_cache(maxsize=1)
def _filters() -> np.ndarray:
    """Triangles float64 [26, 257] over the bins of the spectrum, evenly spaced on the mel scale."""
    mels = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), FILTERS + 2)
    corners = np.floor((FFT + 1) * 700 * (10 ** (mels / 2595) - 1) / RATE)
    left, top, right = (corners[first : first + FILTERS, None] for first in range(3))
    bins = np.arange(FFT // 2 + 1)
    return np.asarray(np.minimum((bins - left) / (top - left), (right - bins) / (right - top)).clip(0))
