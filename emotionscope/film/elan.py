"""A film's lines and faces as an ELAN document (EAF 3.0), to be looked at and corrected beside the film."""

import mimetypes
import re
import urllib.parse
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from emotionscope.film.answers import Film, Line, SeenFace
from emotionscope.film.frame import person
from emotionscope.labels import EMOTIONS, MODELS

_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML 1.0
_WORDS, _ANSWER, _FACES = "words", "emotion of words", "emotion of faces"  # kinds of tiers
_CHOICES = "emotions"
NOBODY = "words"  # the tier of lines without a speaker


def eaf(film: Film) -> bytes:
    """The document: for each speaker a tier of words, with a tier below it for each model, and a tier for each person.

    Lines of one speaker that overlap stand on several tiers, as ELAN wants it. Faces of one person that follow each
    other and show the same are one annotation.
    """
    return _Document(film).content()


class _Document:
    """An EAF document in the making."""

    def __init__(self, film: Film) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.root = ET.Element(
            "ANNOTATION_DOCUMENT",
            {
                "AUTHOR": "EmotionScope",
                "DATE": now,
                "FORMAT": "3.0",
                "VERSION": "3.0",
                "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
                "xsi:noNamespaceSchemaLocation": _SCHEMA,
            },
        )
        header = ET.SubElement(self.root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
        place = urllib.parse.quote(film.title)
        kind = mimetypes.guess_type(film.title)[0] or "video/*"
        media = {"MEDIA_URL": place, "MIME_TYPE": kind, "RELATIVE_MEDIA_URL": f"./{place}"}
        ET.SubElement(header, "MEDIA_DESCRIPTOR", media)
        self.times = ET.SubElement(self.root, "TIME_ORDER")
        self.names: set[str] = set()
        self.count = 0
        self.slots: list[tuple[int, str]] = []
        for name, lines in _voices(film.lines):
            self._voice(name, lines)
        for number in film.people:
            self._faces(number, [face for face in film.faces if face.person == number], film.step)
        for milliseconds, slot in sorted(self.slots, key=lambda slot: slot[0]):
            ET.SubElement(self.times, "TIME_SLOT", {"TIME_SLOT_ID": slot, "TIME_VALUE": str(milliseconds)})
        self._kinds()

    def content(self) -> bytes:
        """The document as a file."""
        ET.indent(self.root)
        return bytes(ET.tostring(self.root, encoding="UTF-8", xml_declaration=True))

    def _voice(self, name: str, lines: Sequence[Line]) -> None:
        words = self._tier(name, _WORDS, {"PARTICIPANT": _clean(name)})
        owners = [self._aligned(words, line.start, line.end, line.text) for line in lines]
        for model in MODELS:
            if any(model in line.answers for line in lines):
                tier = self._tier(f"{name}, {model}", _ANSWER, {"PARENT_REF": words.attrib["TIER_ID"]})
                for line, owner in zip(lines, owners, strict=True):
                    answer = line.likeliest(model)
                    if answer:
                        self._referring(tier, owner, answer[0])

    def _faces(self, number: int, faces: Iterable[SeenFace], step: float) -> None:
        tier = self._tier(f"{person(number)}, faces", _FACES, {"PARTICIPANT": person(number)})
        for start, end, emotion in runs(faces, step):
            self._aligned(tier, start, end, emotion)

    def _tier(self, name: str, kind: str, more: dict[str, str]) -> ET.Element:
        """A new tier; where the name is taken, with a number behind it."""
        name = _clean(name)
        free = next(each for n in range(1, 10**9) if (each := name if n == 1 else f"{name} ({n})") not in self.names)
        self.names.add(free)
        return ET.SubElement(self.root, "TIER", {"LINGUISTIC_TYPE_REF": kind, "TIER_ID": free, **more})

    def _aligned(self, tier: ET.Element, start: float, end: float, value: str) -> str:
        slots = [self._slot(start), self._slot(max(end, start + 0.001))]
        refs = {"TIME_SLOT_REF1": slots[0], "TIME_SLOT_REF2": slots[1]}
        return self._annotation(tier, "ALIGNABLE_ANNOTATION", refs, value)

    def _referring(self, tier: ET.Element, owner: str, emotion: str) -> None:
        self._annotation(tier, "REF_ANNOTATION", {"ANNOTATION_REF": owner, "CVE_REF": f"cve-{emotion}"}, emotion)

    def _annotation(self, tier: ET.Element, kind: str, refs: dict[str, str], value: str) -> str:
        self.count += 1
        name = f"a{self.count}"
        annotation = ET.SubElement(ET.SubElement(tier, "ANNOTATION"), kind, {"ANNOTATION_ID": name, **refs})
        ET.SubElement(annotation, "ANNOTATION_VALUE").text = _clean(value)
        return name

    def _slot(self, seconds: float) -> str:
        name = f"ts{len(self.slots) + 1}"
        self.slots.append((round(1000 * seconds), name))
        return name

    def _kinds(self) -> None:
        """What the tiers are, and the seven emotions to choose from."""
        free = {"GRAPHIC_REFERENCES": "false", "TIME_ALIGNABLE": "true"}
        chosen = {"CONTROLLED_VOCABULARY_REF": _CHOICES}
        bound = {"GRAPHIC_REFERENCES": "false", "TIME_ALIGNABLE": "false", "CONSTRAINTS": "Symbolic_Association"}
        for name, more in ((_WORDS, free), (_ANSWER, bound | chosen), (_FACES, free | chosen)):
            ET.SubElement(self.root, "LINGUISTIC_TYPE", {"LINGUISTIC_TYPE_ID": name, **more})
        ET.SubElement(self.root, "LANGUAGE", {"LANG_ID": "eng", "LANG_LABEL": "English (eng)"})
        about = "1-1 association with a parent annotation"
        ET.SubElement(self.root, "CONSTRAINT", {"DESCRIPTION": about, "STEREOTYPE": "Symbolic_Association"})
        choices = ET.SubElement(self.root, "CONTROLLED_VOCABULARY", {"CV_ID": _CHOICES})
        ET.SubElement(choices, "DESCRIPTION", {"LANG_REF": "eng"})
        for emotion in EMOTIONS:
            entry = ET.SubElement(choices, "CV_ENTRY_ML", {"CVE_ID": f"cve-{emotion}"})
            ET.SubElement(entry, "CVE_VALUE", {"DESCRIPTION": "", "LANG_REF": "eng"}).text = emotion


def _voices(lines: Iterable[Line]) -> list[tuple[str, list[Line]]]:
    """The lines of each speaker, on as many tiers as it takes that none overlap."""
    tiers: dict[str, list[list[Line]]] = {}
    for line in lines:
        own = tiers.setdefault(line.speaker or NOBODY, [])
        tier = next((tier for tier in own if tier[-1].end <= line.start), None)
        if tier is None:
            own.append([line])
        else:
            tier.append(line)
    return [(name, tier) for name, own in tiers.items() for tier in own]


def runs(faces: Iterable[SeenFace], step: float) -> list[tuple[float, float, str]]:
    """Start, end and emotion of each run of faces of one person that follow each other and show the same emotion.

    Each face stands for the time up to the next that could be looked at, `step` seconds later.
    """
    found: list[tuple[float, float, str]] = []
    for face in faces:
        start, end, emotion = found[-1] if found else (face.time, 0.0, "")
        if emotion == face.emotion and face.time - end < step / 2:
            found[-1] = start, face.time + step, emotion
        else:
            if found:
                found[-1] = start, min(end, face.time), emotion
            found.append((face.time, face.time + step, face.emotion))
    return found


def _clean(value: str) -> str:
    """Text without what no XML may hold."""
    return _FORBIDDEN.sub("\ufffd", value)
