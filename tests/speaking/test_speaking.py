"""Who speaks: the sound features, the crops and the network."""

import csv
import pickle
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from emotionscope.speaking import crops, sound
from emotionscope.speaking.network import SHIPPED, SpeakerNetwork


@pytest.fixture(scope="module")
def network() -> Iterator[SpeakerNetwork]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several would wait for each other on a busy machine
    yield SpeakerNetwork.load()
    torch.set_num_threads(threads)


def noise(frames: int, seed: int = 0, side: int = crops.SIDE) -> tuple[np.ndarray, np.ndarray]:
    """A track and its sound, of random numbers."""
    generator = np.random.default_rng(seed)
    track = generator.integers(0, 256, (frames, side, side)).astype(np.uint8)
    return track, generator.normal(0, 5, (4 * frames, 13)).astype(np.float32)


def test_a_window_has_the_energy_and_the_cepstrum_of_its_formula() -> None:
    samples = (0.3 * np.sin(2 * np.pi * 440 * np.arange(1600) / 16000)).astype(np.float32)
    whole = np.round(samples * 32768).astype(np.float64)
    window = np.array([whole[n] - 0.97 * whole[n - 1] for n in range(160, 560)])
    times, bins = np.arange(400), np.arange(257)
    power = np.abs(np.exp(-2j * np.pi * np.outer(bins, times) / 512) @ window) ** 2 / 512
    mels = [k * 2595 * np.log10(1 + 8000 / 700) / 27 for k in range(28)]
    corners = [int(513 * 700 * (10 ** (mel / 2595) - 1) / 16000) for mel in mels]
    logs = []
    for low, top, high in zip(corners, corners[1:], corners[2:], strict=False):
        logs.append(np.log(np.interp(bins, [low, top, high], [0, 1, 0]) @ power))
    expected = [np.log(power.sum())]
    for k in range(1, 13):
        waves = np.cos(np.pi * k * (2 * np.arange(26) + 1) / 52)
        expected.append((1 + 11 * np.sin(np.pi * k / 22)) * np.sqrt(2 / 26) * (waves @ logs))
    np.testing.assert_allclose(sound.mfcc(samples)[1], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("samples", "rows"), [(0, 0), (1, 1), (400, 1), (401, 2), (16000, 99), (16240, 100)])
def test_there_are_100_rows_a_second_also_of_silence(samples: int, rows: int) -> None:
    features = sound.mfcc(np.zeros(samples, np.float32))
    assert features.shape == (rows, 13)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


@pytest.mark.parametrize("samples", [np.zeros((2, 800), np.float32), np.array([0, np.nan], np.float32)])
def test_sound_that_is_no_mono_sound_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(ValueError, match="one channel"):
        sound.mfcc(samples)


def test_a_crop_shows_the_square_below_the_middle_of_the_box() -> None:
    luma = np.full((400, 600), 16, np.uint8)
    luma[120 + 28 : 260 + 28, 200:340] = 235  # the square of a box 100 x 140 at (220, 120), moved by a fifth of it
    shown = crops.crop(luma, (220, 120, 100, 140))
    assert shown.shape == (56, 56)
    assert (shown[1:-1, 1:-1] == 255).all()
    around = crops.crop(luma, (206, 106, 128, 168))
    assert (around[0] == 0).all() and (around[:, 0] == 0).all() and around[28, 28] == 255
    assert crops.crop(luma, (220, 120, 100, 140), limited=False)[28, 28] == 235


def test_a_crop_beyond_the_edge_is_grey_there_and_one_without_area_is_refused() -> None:
    shown = crops.crop(np.full((100, 100), 255, np.uint8), (-50, 0, 100, 100), limited=False)
    assert (shown[:40, :26] == crops.OUTSIDE).all() and (shown[:40, 30:] == 255).all()
    for box in [(0, 0, 0, 0), (float("nan"), 0, 9, 9)]:
        with pytest.raises(ValueError, match="positive size"):
            crops.crop(np.zeros((9, 9), np.uint8), box)


def test_what_a_track_gets_does_not_depend_on_the_others(network: SpeakerNetwork) -> None:
    pairs = [noise(frames, seed, side=24) for seed, frames in enumerate([1, 7, 0, 30, 130, 8])]
    together = network.predict(*map(list, zip(*pairs, strict=True)))
    for (track, heard), speaks in zip(pairs, together, strict=True):
        assert speaks.shape == (len(track),) and ((speaks >= 0) & (speaks <= 1)).all()
        np.testing.assert_allclose(speaks, network.predict([track], [heard])[0], atol=1e-5)
    assert network.predict([], []) == []


def test_a_copy_in_another_process_gives_the_same(network: SpeakerNetwork) -> None:
    track, heard = noise(12)
    copy = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(copy.predict([track], [heard])[0], network.predict([track], [heard])[0])


def test_shapes_that_do_not_fit_are_refused(network: SpeakerNetwork) -> None:
    track, heard = noise(10)
    wrong = [([track], []), ([track], [heard[:-1]]), ([track[0]], [heard]), ([track / 2], [heard])]
    for tracks, sounds in [*wrong, ([track, noise(10, side=64)[0]], [heard, heard])]:
        with pytest.raises(ValueError, match=r"wanted|sounds"):
            network.predict(tracks, sounds)


def test_a_damaged_file_of_weights_is_refused() -> None:
    payload = SHIPPED.read_bytes()
    for damaged in [b"", payload[:-100], payload[100:], payload.replace(b"odds.bias", b"odds.bbbb", 1)]:
        with pytest.raises(ValueError, match="no weights of LR-ASD"):
            SpeakerNetwork.from_bytes(damaged)
    with pytest.raises(ValueError, match="not finite"):
        SpeakerNetwork.from_bytes(payload[:-4] + np.float32("nan").tobytes())


def test_on_film_the_speaker_is_told_from_the_listener(network: SpeakerNetwork, shared: Path) -> None:
    name = "dia110_utt8.mp4"
    tracks: dict[str, list[dict[str, str]]] = {}
    with (shared / "data" / "clips" / "speaking.csv").open() as lines:
        for row in csv.DictReader(lines):
            if row["file"] == name:
                tracks.setdefault(row["is_speaker"], []).append(row)
    pictures, samples = decoded(shared / "data" / "clips" / name)
    heard = sound.mfcc(np.pad(samples, (0, 16000)))
    people = []
    for rows in (tracks["0"], tracks["1"]):
        times = np.array([float(row["time"]) for row in rows if row["track"] == rows[0]["track"]])
        boxes = np.array([[float(row[side]) for side in "xywh"] for row in rows[: len(times)]])
        frames = np.arange(int(times[0] * 25) + 1, int(times[-1] * 25))
        places = np.column_stack([np.interp(frames / 25, times, side) for side in boxes.T])
        # The film has 23.976 frames a second.
        shown = [
            crops.crop(pictures[int(n / 25 * 23.976)], tuple(place)) for n, place in zip(frames, places, strict=True)
        ]
        people.append(network.predict([np.stack(shown)], [heard[4 * frames[0] : 4 * frames[-1] + 4]]))
    assert people[0][0].mean() < 0.3 < 0.7 < people[1][0].mean()


def decoded(path: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """All luma planes of a video, and its sound."""
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray()[: frame.height, : frame.width] for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("fltp", "mono", sound.RATE)
        parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    return pictures, np.concatenate(parts)
