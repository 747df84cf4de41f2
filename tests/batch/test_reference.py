"""The fast path, in batches across utterances, gives what a plain loop over utterances and faces gives."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from torchvision.models import resnet18

from emotionscope.batch.stages import score
from emotionscope.bundle.store import Bundle
from emotionscope.fusion import FLOOR, Fusion
from emotionscope.labels import EMOTIONS, probability_columns
from emotionscope.text import training as text_training
from emotionscope.text.pipeline import to_pipeline
from emotionscope.text.reading import read
from emotionscope.text.training import TextHyperparameters
from emotionscope.vision import model as vision_model
from tests.helpers.drawn_faces import drawn_face
from tests.helpers.obvious import keyframes

FUSION = Fusion(0.6, 0.4, {emotion: (1 + position) / 28 for position, emotion in enumerate(EMOTIONS)})
NEAR = 0.02  # what a speed-up may move a probability by


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    text, _ = text_training.train(keyframes(8), [TextHyperparameters((1, 2), (2, 4), False, 5.0, 0.5)])
    faces = vision_model.create(64, seed=3)
    faces.mirror = True
    # An untrained network says nearly the same of all faces: here its answers are spread.
    some = np.stack([faces.decode(drawn_face(label)) for label in range(len(EMOTIONS))])
    with torch.no_grad():
        faces.network.fc.weight *= 20
        faces.network.fc.bias -= faces.network(faces.normalise(torch.from_numpy(some)[:, None].float() / 255)).mean(0)
    return Bundle("", "v", text, faces, FUSION, {})


def plain_text(bundle: Bundle, text: str) -> np.ndarray:
    plain = to_pipeline(bundle.text)
    (found,) = plain.predict_proba([read(text)])
    by_name = dict(zip(plain.classes_, found, strict=True))
    return np.array([by_name[emotion] for emotion in EMOTIONS])


def plain_faces(bundle: Bundle, network: torch.nn.Module, faces: list[dict]) -> np.ndarray:
    assert bundle.vision
    answers, weights = [], []
    for seen in faces:
        grey = torch.from_numpy(bundle.vision.decode(seen["image"])).float() / 255
        pixels = ((grey - bundle.vision.mean) / bundle.vision.std).expand(1, 3, -1, -1)
        with torch.inference_mode():
            both = [network(view).softmax(1)[0].numpy() for view in (pixels, pixels.flip(3))]
        answers.append((both[0] + both[1]) / 2)
        prominence = sum(other["quality"] for other in faces if other["person"] == seen["person"])
        weights.append(seen["quality"] * prominence)
    return np.average(answers, axis=0, weights=weights)


def plain_fusion(text: np.ndarray, faces: np.ndarray) -> np.ndarray:
    prior = np.array([FUSION.prior[emotion] for emotion in EMOTIONS])
    pooled = np.maximum(text, FLOOR) * (1 - FUSION.unknown + FUSION.unknown * faces / prior)
    return pooled / pooled.sum()


def test_every_probability_is_that_of_a_plain_loop(bundle: Bundle) -> None:
    assert bundle.vision
    network = resnet18(num_classes=7).eval()
    network.load_state_dict(bundle.vision.network.state_dict())
    table = keyframes(4)
    found = score(table, bundle).to_pandas()
    assert np.ptp(found["vision_joy"]) > 5 * NEAR  # else any faces would do
    for position, row in enumerate(table.to_pylist()):
        text, faces = plain_text(bundle, row["utterance"]), plain_faces(bundle, network, row["faces"])
        expected = {"text": text, "vision": faces, "fused": plain_fusion(text, faces)}
        for model, values in expected.items():
            ours = found.loc[position, probability_columns(model)].to_numpy(float)
            np.testing.assert_allclose(ours, values, atol=NEAR)


def test_faces_of_unknown_quality_and_person_still_count(bundle: Bundle) -> None:
    rows = keyframes(1).to_pylist()
    for row in rows:
        for seen in row["faces"]:
            seen |= {"quality": None, "person": None}
    found = score(pa.Table.from_pylist(rows, schema=keyframes(1).schema), bundle)
    assert found["vision_emotion"].null_count == 0
    assert found["error"].null_count == len(rows)
