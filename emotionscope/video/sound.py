"""The sound of spans of a video, as the network needs it that hears and sees who speaks."""

from collections.abc import Sequence
from typing import IO

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from emotionscope.speaking.sound import RATE, STEP, WINDOW, mfcc
from emotionscope.video.container import jumps, main_track, open_container, row_errors, start_of
from emotionscope.video.faces import Span

STEPS = RATE // STEP  # rows of features a second
LONGEST = 3600.0  # seconds of sound that are read together
APART = 5.0  # seconds between two spans from which on what lies between them is not read
LEAD = 0.5  # seconds read before a span: the first packets after a jump may not decode
SILENCE = 30  # of 32768, which samples must reach somewhere


def features(stream: IO[bytes], spans: Sequence[Span]) -> list[np.ndarray | None]:
    """The MFCC of each span, float32 [steps, 13], `STEPS` a second from its start; None where there is no sound.

    `stream` is seekable. Raises RowError where the file cannot be read at all.
    """
    result: list[np.ndarray | None] = [None] * len(spans)
    with row_errors(), open_container(stream) as container:
        sound = container.streams.best("audio")
        if not isinstance(sound, AudioStream) or sound.codec_context is None or jumps(container):
            return result
        zero = start_of(container, main_track(container))
        for group in _groups(spans):
            start = min(spans[number][0] or 0.0 for number in group)
            ends = [spans[number][1] for number in group]
            end = start + LONGEST if None in ends else max(each for each in ends if each is not None)
            samples = _samples(container, sound, zero + start, min(zero + end, zero + start + LONGEST))
            if np.abs(samples).max(initial=0) < SILENCE:
                continue
            # The last windows reach beyond the end.
            steps = mfcc(np.pad(samples, (0, WINDOW - STEP)).astype(np.float32) / 32768)
            for number in group:
                low, high = spans[number]
                first = round(((low or 0.0) - start) * STEPS)
                result[number] = steps[first : None if high is None else first + round((high - (low or 0.0)) * STEPS)]
    return result


def _groups(spans: Sequence[Span]) -> list[list[int]]:
    """The spans' numbers in order of time, divided where nothing is wanted for a while, or much is."""
    groups: list[list[int]] = []
    begun = reached = -np.inf
    for number in sorted(range(len(spans)), key=lambda number: spans[number][0] or 0.0):
        start, end = spans[number][0] or 0.0, spans[number][1]
        if not groups or start > reached + APART or (end or np.inf) > begun + LONGEST:
            groups.append([])
            begun = start
        groups[-1].append(number)
        reached = max(reached, np.inf if end is None else end)
    return groups


def _samples(container: InputContainer, sound: AudioStream, low: float, high: float) -> np.ndarray:
    """The sound between two times of the file, int16, mono, `RATE` a second, from `low` on; what is missing is 0."""
    if sound.time_base is None:
        return np.zeros(0, np.int16)
    container.seek(max(round((low - LEAD) / sound.time_base), sound.start_time or 0), stream=sound)
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    pieces: list[tuple[int, np.ndarray]] = []
    for packet in container.demux(sound):
        try:
            frames = packet.decode()
        except av.FFmpegError:  # the next may decode
            continue
        for frame in frames:
            if frame.time is None:
                continue
            if frame.time >= high:
                return _join(pieces, round((high - low) * RATE))
            for each in resampler.resample(frame):
                if each.time is not None:
                    pieces.append((round((each.time - low) * RATE), each.to_ndarray()[0]))
    return _join(pieces, round((high - low) * RATE))


def _join(pieces: Sequence[tuple[int, np.ndarray]], most: int) -> np.ndarray:
    length = min(most, max((first + len(piece) for first, piece in pieces), default=0))
    samples = np.zeros(max(length, 0), np.int16)
    for first, piece in pieces:
        there = slice(max(first, 0), min(first + len(piece), length))
        if there.start < there.stop:
            samples[there] = piece[there.start - first : there.stop - first]
    return samples
