"""The quick convolution of small maps gives the numbers of the general one, and so does the network made of it."""

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from emotionscope.vision import model as vision_model
from emotionscope.vision.small_conv import SmallMapConv2d
from tests.helpers.drawn_faces import drawn_face


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (2, 2), (3, 2), (4, 4)])
def test_values_and_gradients_are_those_of_a_convolution(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    quick, plain = SmallMapConv2d(5, 3, 3, padding=1, bias=False), nn.Conv2d(5, 3, 3, padding=1, bias=False)
    quick.load_state_dict(plain.state_dict())
    results = []
    for layer in (quick, plain):
        maps = torch.randn(4, 5, *shape, generator=generator.manual_seed(1)).requires_grad_()
        found = layer(maps)
        found.backward(torch.randn(found.shape, generator=generator.manual_seed(2)))
        results.append((found, maps.grad, layer.weight.grad))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("size", [32, 48, 64, 112])
def test_a_model_answers_as_torchvisions_network_does(size: int) -> None:
    model = vision_model.create(size, seed=1)
    faces = np.stack([model.decode(drawn_face(i, seed=i)) for i in range(7)])
    plain = resnet18(num_classes=7)
    plain.load_state_dict(model.network.state_dict())
    grey = (torch.from_numpy(faces).float()[:, None] / 255 - model.mean) / model.std
    with torch.inference_mode():
        expected = plain.eval()(grey.expand(-1, 3, -1, -1)).softmax(1)
    # A CPU that computes in bfloat16 rounds to three digits.
    np.testing.assert_allclose(model.predict(faces), expected, atol=0.01)
