"""Where on a face the vision model looks."""

import cv2
import numpy as np
import torch

from emotionscope.labels import EMOTIONS
from emotionscope.video import pictures
from emotionscope.vision.model import VisionModel


def activation_map(model: VisionModel, face: np.ndarray, emotion: str | None = None) -> np.ndarray:
    """How much each place of a face speaks for an emotion, float32 [s, s] in 0..1.

    `face` is uint8 [s, s], as `VisionModel.decode` gives it; the emotion is the predicted one unless named.
    LayerCAM (Jiang et al. 2021) of the second stage: the last one, which CAM and Grad-CAM use, is 2 by 2
    for a face of 64 pixels.
    """
    network = model.network
    kept: list[torch.Tensor] = []
    handle = network.layer2.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    try:
        device = network.fc.weight.device
        with torch.enable_grad():
            grey = torch.from_numpy(face).to(device)[None, None].float() / 255
            scores = network(model.normalise(grey).requires_grad_())[0]
            target = int(scores.argmax()) if emotion is None else EMOTIONS.index(emotion)
            (gradient,) = torch.autograd.grad(scores[target], kept[0])
    finally:
        handle.remove()
    map_ = (gradient.clamp(min=0) * kept[0]).sum(1)[0].clamp(min=0).detach().cpu().numpy()
    map_ = cv2.resize(map_, face.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return (map_ / max(float(map_.max()), 1e-12)).astype(np.float32)


def overlay(model: VisionModel, image: bytes) -> bytes:
    """An encoded face with its activation map over it, as JPEG of the same size.

    Raises RowError where the image cannot be read.
    """
    heat = activation_map(model, model.decode(image))
    picture = pictures.decode(image)
    heat = cv2.resize(heat, (picture.shape[1], picture.shape[0]))
    coloured = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return cv2.imencode(".jpg", cv2.addWeighted(picture, 0.55, coloured, 0.45, 0))[1].tobytes()
