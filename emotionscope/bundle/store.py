"""The three models as one versioned folder: ``bundle.json`` names the parts, with digests; ``README.md`` is its card.

A part is stored under a name that holds its digest, and ``bundle.json`` is replaced in one step after it.
So a reader sees the bundle before or after a publication, never between, and the version, a digest
of the parts' digests, changes exactly when a model does. Earlier versions stay, each with its manifest in
``versions/``, and ``URI@VERSION`` names one.
"""

import hashlib
import importlib.metadata
import platform
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from emotionscope.errors import UserError, first_line
from emotionscope.fusion import Fusion, Probabilities
from emotionscope.labels import EMOTIONS
from emotionscope.storage import s3
from emotionscope.storage.place import JsonObject, Place, as_json
from emotionscope.text import prior as priors

if TYPE_CHECKING:
    from emotionscope.text.model import TextModel
    from emotionscope.vision.model import VisionModel

SHIPPED = Place(Path(__file__).parents[1] / "models" / "meld-ferplus")  # what comes with the package
FORMAT = 1
VERSIONS = "versions"  # folder of the manifests of all versions
CARD = "README.md"  # the model card, where people and model hubs look for it
Part = Literal["text", "vision", "fusion"]
Model = TypeVar("Model")
SUFFIXES: dict[str, str] = {"text": "safetensors", "vision": "safetensors", "fusion": "json"}
MANIFEST_BYTES = 16 * 2**20  # at most; what is larger is not read
LIMITS: dict[str, int] = {"text": 2**30, "vision": 2**29, "fusion": 2**16}  # bytes of a part, at most
_OWN_FILE = re.compile(r"(text|vision|fusion)-[0-9a-f]{12}\.\w+|versions/\w+\.json|README\.md")
_PACKAGES = ("numba", "numpy", "opencv-python-headless", "ray", "scikit-learn", "torch", "torchvision")


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle. Vision and fusion may be None; `manifest` is the content of ``bundle.json``."""

    uri: str
    version: str
    text: "TextModel"
    vision: "VisionModel | None"
    fusion: Fusion | None
    manifest: JsonObject


def chosen(uri: str | None) -> Place:
    """The bundle that a user named, else the shipped one."""
    return SHIPPED if uri is None else Place(uri)


def split_version(uri: str) -> tuple[Place, str | None]:
    """Where a bundle is, and the version that ``URI@VERSION`` names, or None for the newest."""
    named = re.fullmatch(r"(.+)@([0-9a-f]{12})", Place(uri))
    return (Place(named[1]), named[2]) if named else (Place(uri), None)


def versions(uri: str) -> list[JsonObject]:
    """The manifests of all versions of a bundle, the oldest first. Raises UserError where there is no bundle."""
    base, _ = split_version(uri)
    newest = read_manifest(base)
    found = {newest["version"]: newest}
    for file in (base / VERSIONS).list(".json"):
        version = file.name.removesuffix(".json")
        found[version] = read_manifest(f"{base}@{version}")
    return sorted(found.values(), key=lambda manifest: str(manifest.get("published", "")))


def describe(uri: str, version: str) -> str:
    """A bundle in the words of a job's first line."""
    return f"the models that come with EmotionScope, version {version}" if uri == SHIPPED else f"bundle {version}"


def read_manifest(uri: str) -> JsonObject:
    """The checked content of a bundle's ``bundle.json``.

    Raises UserError where there is none, or it was written by another format of this package.
    """
    base, version = split_version(uri)
    path = base / (f"{VERSIONS}/{version}.json" if version else "bundle.json")
    try:
        if not path.exists():
            raise FileNotFoundError(path)
        manifest = path.read_json(MANIFEST_BYTES)
    except FileNotFoundError as error:
        if version:
            raise UserError(f"{base}: no version {version} of this bundle") from error
        raise UserError(f"{uri}: not a bundle (it has no bundle.json); make one with train_text") from error
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({first_line(error)})") from error
    except OSError as error:
        raise s3.failure(f"{path}: cannot be read", error) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise UserError(f"{path}: not a bundle of format {FORMAT}")
    labels = manifest.get("labels")
    if not isinstance(labels, list) or sorted(map(str, labels)) != sorted(EMOTIONS):
        raise UserError(f"{path}: its labels are not the seven emotions")
    if not isinstance(manifest.get("version"), str) or not re.fullmatch(r"[\w.-]{1,64}", manifest["version"]):
        raise UserError(f"{path}: it has no version")
    parts = manifest.get("parts")
    if not isinstance(parts, dict) or not all(_is_entry(part, entry) for part, entry in parts.items()):
        raise UserError(f"{path}: it does not list its parts with their files and digests")
    return manifest


def _is_entry(part: str, entry: object) -> bool:
    named = isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in ("file", "sha256"))
    return part in SUFFIXES and named


def load(uri: str, faces: bool = True, encoder: bool = False, prior: priors.Shares | None = None) -> Bundle:
    """Load and check every part of a bundle; without `faces` all but vision. Runs no code from it.

    With `encoder`, the text model reads with its sentence encoder; with a `prior`, it answers for texts in which the
    emotions have these shares. Raises UserError where a part is missing, altered, or not the model it claims to be, and
    where the text model knows no encoder or no prior.
    """
    from emotionscope.text.model import TextModel  # scikit-learn and torch take seconds, and a manifest needs neither

    manifest = read_manifest(uri)
    text = _load_part(uri, manifest, "text", TextModel.from_bytes, lambda model: model.probabilities([model.sample()]))
    if text is None:
        raise UserError(f"{uri}: the bundle has no text model yet; run train_text first")
    if encoder:
        text = text.with_encoder()
    if prior:
        text = text.shifted(priors.added(priors.of_training(manifest["parts"]["text"], encoder), prior))
    fusion = _load_part(uri, manifest, "fusion", Fusion.from_bytes, _fused)
    bundle = Bundle(uri, manifest["version"], text, None, fusion, manifest)
    return with_vision(bundle) if faces else bundle


def with_vision(bundle: Bundle) -> Bundle:
    """A bundle that was loaded without its vision model, with it. Raises UserError as `load` does."""
    from emotionscope.vision.model import VisionModel

    def answer(model: VisionModel) -> Probabilities:
        side = model.image_size
        return model.predict(np.linspace(0, 255, side * side).astype(np.uint8).reshape(1, side, side))

    return replace(bundle, vision=_load_part(bundle.uri, bundle.manifest, "vision", VisionModel.from_bytes, answer))


def load_fusion(uri: str) -> Fusion | None:
    """The fusion of a bundle alone, which takes no time; None where it has none. Raises UserError as `load` does."""
    return _load_part(uri, read_manifest(uri), "fusion", Fusion.from_bytes, _fused)


def _fused(fusion: Fusion) -> Probabilities:
    """Its answers to each pair of sure models."""
    sure = np.eye(len(EMOTIONS), dtype=np.float32)
    return fusion.probabilities(np.repeat(sure, len(sure), 0), np.tile(sure, (len(sure), 1)), np.ones(len(sure) ** 2))


def _load_part(
    uri: str,
    manifest: JsonObject,
    part: Part,
    from_bytes: Callable[[bytes], Model],
    answer: Callable[[Model], Probabilities],
) -> Model | None:
    """A part, checked against its digest, whose `answer` to a plain question is one; None where the bundle has none."""
    entry = manifest["parts"].get(part)
    if entry is None:
        return None
    try:
        payload = (split_version(uri)[0] / _plain_name(entry["file"])).read_bytes(LIMITS[part])
        if hashlib.sha256(payload).hexdigest() != entry["sha256"]:
            raise ValueError("its content does not match the digest in bundle.json")
        model = from_bytes(payload)
        with np.errstate(all="ignore"):
            if not np.isfinite(answer(model)).all():
                raise ValueError("it answers nothing: its weights lead to no numbers, or it knows no words")
        return model
    except OSError as error:
        raise s3.failure(f"{uri}: the {part} model cannot be loaded", error) from error
    except ValueError as error:
        raise UserError(f"{uri}: the {part} model cannot be loaded: {first_line(error)}") from error


def check_free(uri: str, part: Part, replace: bool) -> None:
    """Raise UserError, before any work, where `part` could not be published to this bundle."""
    base = Place(uri)
    if (base / "bundle.json").exists():
        if part in read_manifest(base)["parts"] and not replace:
            raise UserError(f"{base}: already has a {part} model; add --replace, or name another bundle")
    elif not all(_OWN_FILE.fullmatch(file.name) for file in base.list()):  # another job may just be publishing
        raise UserError(f"{base}: a folder with other files in it, and not a bundle")


def publish(uri: str, part: Part, payload: bytes, record: JsonObject, replace: bool = False) -> str:
    """Add a trained part to a bundle, or replace it, and return the bundle's new version.

    `record` (settings, data, figures; JSON-able) is kept in ``bundle.json``. A fusion is learnt on the two models
    beside it, so a new text or vision model takes the bundle's fusion away. Earlier versions stay, and so does what
    another job publishes at the same time. Raises UserError where it published the same part first.
    """
    check_free(uri, part, replace)
    base = Place(uri)
    base.delete_abandoned()
    digest = hashlib.sha256(payload).hexdigest()
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES} | {"python": platform.python_version()}
    file = {"file": f"{part}-{digest[:12]}.{SUFFIXES[part]}", "sha256": digest, "bytes": len(payload)}
    (base / str(file["file"])).write_bytes(payload)
    while True:
        before, old = _current(base)
        if part in old and not replace and old[part]["sha256"] != digest:
            raise UserError(f"{base}: another job has just published its {part} model; add --replace, or name another")
        parts = {**old, part: {**file, "packages": packages, **record}}
        if part != "fusion" and digest != old.get(part, {}).get("sha256"):
            parts.pop("fusion", None)
        manifest = _manifest(parts)
        if _make_newest(base, manifest, before):
            return str(manifest["version"])


def restore(uri: str, version: str) -> None:
    """Make an earlier version of a bundle the newest again. Raises UserError where it is not there."""
    base = Place(uri)
    manifest = load(f"{base}@{version}").manifest
    while not _make_newest(base, manifest, _current(base)[0]):
        pass  # another job has just published: it stays as an earlier version


def _current(base: Place) -> tuple[bytes | None, JsonObject]:
    """What ``bundle.json`` holds, and the parts that it lists; None where there is none."""
    path = base / "bundle.json"
    if not path.exists():
        return None, {}
    before = path.read_bytes()
    return before, read_manifest(base)["parts"]


def _manifest(parts: JsonObject) -> JsonObject:
    version = hashlib.sha256("".join(parts[name]["sha256"] for name in sorted(parts)).encode()).hexdigest()[:12]
    return {
        "format": FORMAT,
        "version": version,
        "labels": list(EMOTIONS),
        "published": datetime.now(UTC).isoformat(timespec="seconds"),
        "parts": {name: parts[name] for name in sorted(parts)},
    }


def _make_newest(base: Place, manifest: JsonObject, before: bytes | None) -> bool:
    """Replace ``bundle.json``, if it still holds `before`; the version and the model card lie beside it."""
    from emotionscope.bundle import model_card  # Jinja, which reading a bundle need not wait for

    model_card.render(manifest)  # what cannot be told is not published
    version = base / f"{VERSIONS}/{manifest['version']}.json"
    is_new = not version.exists()
    version.write_json(manifest)
    if not (base / "bundle.json").swap(before, as_json(manifest)):
        if is_new and read_manifest(base)["version"] != manifest["version"]:
            version.delete()
        return False
    shown = None
    while shown != (newest := read_manifest(base)):  # of two jobs at once, the later card must not be the older one
        (base / CARD).write_bytes(model_card.render(newest).encode())
        shown = newest
    return True


def _plain_name(name: object) -> str:
    """A file name that cannot lead out of the bundle's folder. Raises ValueError for any other."""
    if not isinstance(name, str) or "/" in name or "\\" in name or name.startswith("."):
        raise ValueError(f"{name!r} is not a plain file name")
    return name
