"""The vision model: ResNet-18 (He et al. 2016) over one face.

Every face is made grey, because the labelled sets are grey and videos are not: one domain for both.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from torch.nn.functional import pad
from torchvision.models import ResNet, resnet18

from emotionscope.errors import RowError
from emotionscope.labels import EMOTIONS, indices
from emotionscope.storage.place import JsonObject
from emotionscope.vision.preprocessing import decode
from emotionscope.vision.small_conv import use_small_convs

FORMAT = "emotionscope-vision-1"
BATCH = 256  # faces a forward pass
GPU_BATCH = 1024
STEMS = ("7x7", "3x3")
LARGEST = 1024  # pixels of a face; what a bundle may ask for
SMALLEST = 32  # pixels; below, the last stage of the network has nothing left to see
MEAN, STD = 0.5, 0.25  # of grey values in 0..1: what faces come to, roughly


class VisionModel:
    """A ResNet-18 with all it needs to read a face: image size, normalisation and label order.

    `image_size` is the side in pixels that faces are scaled to. `mean` and `std` normalise grey values in
    0..1. With `mirror`, a face's probabilities are the mean over it and its mirror image, at twice the time.
    """

    def __init__(
        self,
        network: ResNet,
        image_size: int = 64,
        *,
        mean: float = MEAN,
        std: float = STD,
        mirror: bool = False,
    ) -> None:
        if image_size < SMALLEST:
            raise ValueError(f"image size {image_size}: the smallest is {SMALLEST}")
        use_small_convs(network)
        self.network = network.to(memory_format=torch.channels_last).eval()
        self.image_size = image_size
        self.mean, self.std = mean, std
        self.mirror = mirror
        self._fixed_batch = False

    @property
    def stem(self) -> str:
        """The kernel of the first layer, one of `STEMS`."""
        return "x".join(map(str, self.network.conv1.kernel_size))

    def to(self, device: str | torch.device) -> "VisionModel":
        """Move the network to a device, where `predict` then runs, and return the model."""
        self.network.to(device)
        return self

    @torch.no_grad()
    def change_prior(self, before: Mapping[str, float], after: Mapping[str, float]) -> None:
        """Answer for data in which the emotions occur as in `after` in place of `before` (Saerens et al. 2002).

        Both hold a share above 0 for each emotion, by name.
        """
        self.network.fc.bias += torch.tensor([math.log(after[name] / before[name]) for name in EMOTIONS])

    def compile(self) -> "VisionModel":
        """Let `torch.compile` build the network's kernels at the first batch, about a minute; return the model."""
        self.network.compile(dynamic=False)
        self._fixed_batch = True
        return self

    def decode(self, image: bytes) -> np.ndarray:
        """An encoded image as a grey face, uint8 [image_size, image_size]. Raises RowError where it is none."""
        return decode(image, self.image_size)

    def probabilities(self, images: Sequence[bytes]) -> np.ndarray:
        """Probabilities float32 [n, 7] of encoded faces (JPEG or PNG, of any mode), in `EMOTIONS` order.

        Raises RowError, with the position of the image, for one that cannot be read. Where single images may
        be bad, `decode` them one by one and `predict` the rest.
        """
        faces = np.empty((len(images), self.image_size, self.image_size), dtype=np.uint8)
        for position, image in enumerate(images):
            try:
                faces[position] = self.decode(image)
            except RowError as error:
                raise RowError(f"{error} (image {position})") from error
        return self.predict(faces)

    @torch.inference_mode()
    def predict(self, faces: np.ndarray, mirror: bool | None = None) -> np.ndarray:
        """Probabilities float32 [n, 7] of grey faces uint8 [n, image_size, image_size]; rows sum to 1.

        `mirror` overrules the model's own.
        """
        mirror = self.mirror if mirror is None else mirror
        device = self.network.fc.weight.device
        size = GPU_BATCH if device.type == "cuda" else BATCH
        pixels = torch.from_numpy(np.require(faces, requirements=["C", "W"]))
        if device.type == "cuda":
            # All at once: with several workers on a GPU one's copies overlap the others' computing.
            pixels = pixels.pin_memory().to(device, non_blocking=True)
        if self._fixed_batch:  # another size would be compiled anew
            pixels = pad(pixels, (0, 0, 0, 0, 0, -len(faces) % size))
        results = [self._classify(batch, mirror) for batch in torch.split(pixels, size) if len(batch)]
        if not results:
            return np.empty((0, len(EMOTIONS)), np.float32)
        return torch.cat(results)[: len(faces)].cpu().numpy()

    def _classify(self, batch: Tensor, mirror: bool) -> Tensor:
        pixels = self.normalise(batch[:, None].float() / 255)
        with mixed_precision(batch.device):
            values: Tensor = self.network(pixels).float().softmax(1)
            if mirror:
                values = (values + self.network(pixels.flip(3)).float().softmax(1)) / 2
        return values

    def normalise(self, grey: Tensor) -> Tensor:
        """Grey values float [n, 1, s, s] in 0..1 as the network's input, [n, 3, s, s] in channels-last order."""
        normal = (grey - self.mean) / self.std
        return normal.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)

    def to_bytes(self, dtype: torch.dtype = torch.float32) -> bytes:
        """The weights as safetensors, with the description needed to use them in its metadata.

        Half precision (`torch.float16`) takes half the space, for probabilities that differ by less than 0.01.
        """
        description = {
            "format": FORMAT,
            "architecture": "resnet18",
            "stem": self.stem,
            "labels": EMOTIONS,
            "image_size": self.image_size,
            "mean": self.mean,
            "std": self.std,
            "mirror": self.mirror,
        }
        weights = {
            name: value.detach().cpu().to(dtype if value.is_floating_point() else None).contiguous()
            for name, value in self.network.state_dict().items()
        }
        return save_tensors(weights, {"model": json.dumps(description)})

    @classmethod
    def from_bytes(cls, payload: bytes) -> "VisionModel":
        """The model that `to_bytes` wrote, on the CPU; outputs are put in `EMOTIONS` order by their names.

        Raises ValueError for anything else, a damaged file or weights that are not finite among them.
        """
        description = _description(payload)
        try:
            weights = load_tensors(payload)
            order = [indices(description["labels"]).index(k) for k in range(len(EMOTIONS))]
            for name in ("fc.weight", "fc.bias"):
                weights[name] = weights[name][order]
            with torch.device("meta"):
                network = _network(description.get("stem", "7x7"))
            if description["architecture"] != "resnet18" or len(description["labels"]) != len(EMOTIONS):
                raise ValueError("it must be a ResNet-18 with seven outputs")
            network.load_state_dict(weights, assign=True)
            if not all(value.isfinite().all() for value in weights.values()):
                raise ValueError("some weights are not finite")
            settings: dict[str, Callable[[Any], Any]] = {"mean": float, "std": float, "mirror": bool}
            network.float().requires_grad_(True)
            model = cls(
                network,
                int(description["image_size"]),
                **{name: convert(description[name]) for name, convert in settings.items()},
            )
            if model.image_size > LARGEST:
                raise ValueError(f"image size {model.image_size}: the largest is {LARGEST}")
            if not (math.isfinite(model.mean) and math.isfinite(model.std) and model.std > 0):
                raise ValueError("its normalisation is not finite")
            return model
        except (SafetensorError, RuntimeError, LookupError, TypeError, ValueError, ArithmeticError) as error:
            raise ValueError(f"not a vision model: {' '.join(str(error).split())[:200]}") from error

    def __reduce__(self) -> tuple[Callable[[bytes], "VisionModel"], tuple[bytes]]:
        return VisionModel.from_bytes, (self.to_bytes(),)


def create(
    image_size: int, pretrained: dict[str, Tensor] | None = None, seed: int = 0, stem: str = "7x7"
) -> VisionModel:
    """A model to train: random weights, or those of an ImageNet ResNet-18 with a new last layer.

    The stem of ImageNet's networks, a 7x7 convolution with stride 2 before the pooling, shrinks a face of 48 pixels to
    12 at once; a 3x3 with stride 1 keeps 24, for four times the work. Raises ValueError for another stem.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(stem)
    if pretrained is not None:
        body = {name: value for name, value in pretrained.items() if not name.startswith("fc.")}
        network.load_state_dict({**network.state_dict(), **body})
    return VisionModel(network, image_size)


def _network(stem: str) -> ResNet:
    network = resnet18(num_classes=len(EMOTIONS))
    if stem not in STEMS:
        raise ValueError(f"stem {stem!r}: choose {', '.join(STEMS)}")
    if stem == "3x3":
        network.conv1 = nn.Conv2d(3, network.conv1.out_channels, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    return network


def mixed_precision(device: torch.device) -> torch.autocast:
    """Autocast to bfloat16 where the hardware computes in it; elsewhere it costs time (15 times on AVX2)."""
    if device.type == "cuda":
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        # Older releases of torch cannot say, and stay in float32.
        capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        supported = any(capabilities.get(name) for name in ("amx_bf16", "avx512_bf16"))
    return torch.autocast(device.type, torch.bfloat16, enabled=supported)


def _description(payload: bytes) -> JsonObject:
    """The model's description from the safetensors header: eight bytes of length, then JSON."""
    try:
        header = json.loads(payload[8 : 8 + int.from_bytes(payload[:8], "little")])
        description = json.loads(header["__metadata__"]["model"])
        if description["format"] == FORMAT:
            return dict(description)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise ValueError("not a vision model: no safetensors file with this package's description in it")
