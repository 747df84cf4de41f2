"""Loads a bundle's models and hands them to the workers."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from emotionscope.storage import s3

if TYPE_CHECKING:
    from emotionscope.bundle.store import Bundle
    from emotionscope.text.prior import Shares
    from emotionscope.vision.model import VisionModel


@dataclass(frozen=True)
class Models:
    """A bundle's models in Ray's object store; `image_size` is that of the vision model, None where there is none."""

    version: str
    image_size: int | None
    vision: "ray.ObjectRef[VisionModel]"
    others: "ray.ObjectRef[Bundle]"


def load(uri: str, faces: bool, gpus: bool, encoder: bool = False, prior: "Shares | None" = None) -> Models:
    """Load and check a bundle once; every worker scores with exactly this version. Raises what `store.load` does.

    It takes seconds to load the libraries, so the caller's process does without them: a worker beside it, which needs
    them anyway, loads the models, while the other workers load the libraries.
    """
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    task: Any = _load_models.options(num_cpus=0, num_returns=3, scheduling_strategy=here)
    facts, vision, others = task.remote(uri, faces, encoder, prior, s3.environment())
    for _ in range(int(ray.available_resources().get("CPU", 0)) - 1):
        _load_libraries.options(num_cpus=1, max_retries=0).remote(faces and not gpus)
    version, image_size = ray.get(facts)
    return Models(version, image_size, vision, others)


@ray.remote
def _load_models(
    uri: str, faces: bool, encoder: bool, prior: "Shares | None", aws: dict[str, str]
) -> tuple[tuple[str, int | None], "VisionModel | None", "Bundle"]:
    from emotionscope.bundle import store
    from emotionscope.text import model as text_model

    s3.use_environment(aws)
    bundle = store.load(uri, faces, encoder, prior)
    text_model.warm_up()
    image_size = bundle.vision.image_size if bundle.vision else None
    return (bundle.version, image_size), bundle.vision, replace(bundle, vision=None)


@ray.remote
def _load_libraries(faces: bool) -> None:
    from emotionscope.batch import stages  # noqa: F401
    from emotionscope.text import model as text_model

    text_model.warm_up()
    if faces:
        from emotionscope.vision import model as vision_model  # noqa: F401
