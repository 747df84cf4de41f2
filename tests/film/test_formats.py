"""Scores as files of other programs: each is read back by a reader of its own, and what is said stays data."""

import json
import xml.etree.ElementTree as ET

import pysubs2
import pytest

from emotionscope.film import elan, label_studio, subtitles
from emotionscope.labels import EMOTIONS
from emotionscope.prepare import transcripts
from tests.helpers.films import FACES, LINES, film

NASTY = (
    "<i>no markup</i> & {\\an8} a\n\n00:00:01,000 --> 00:00:02,000\nline",
    "![x](http://evil) </v> --> --- &lt;",
    "小明 said: שלום \x0b\ufffe 🤖",
)


def nasty() -> tuple:
    return tuple(
        (place, place + 0.9, f"<b>{text[:9]}</b>", text, "joy", None, "joy") for place, text in enumerate(NASTY)
    )


@pytest.mark.parametrize("write", [subtitles.srt, subtitles.vtt])
def test_subtitles_hold_times_words_and_the_emotion(write) -> None:
    read = pysubs2.SSAFile.from_string(write(film(), "fused"))
    assert [(event.start, event.end) for event in read] == [(200, 1000), (1000, 1800), (1800, 2900)]
    for event, (*_, speaker, text, _, _, fused) in zip(read, LINES, strict=True):
        assert text in event.plaintext
        assert f"[{fused} 90%]" in event.plaintext
        assert speaker in event.text or write is subtitles.vtt


@pytest.mark.parametrize(("write", "name"), [(subtitles.srt, "a.srt"), (subtitles.vtt, "a.vtt")])
def test_what_is_said_is_no_cue_no_tag_and_no_override(write, name: str) -> None:
    found = transcripts.read(name, write(film(nasty(), ()), "fused").encode())
    assert len(found.cues) == len(NASTY)
    for cue, text in zip(found.cues, NASTY, strict=True):
        shown = cue.text.replace("\u2060", "")
        for word in ("<i>no", "markup</i>", "{\\an8}", "![x](http://evil)", "</v>", "小明", "שלום"):
            assert (word in text) == (word in shown), word


def test_a_line_without_an_answer_has_its_words_alone() -> None:
    lines = ((0.0, 1.0, None, "Hm.", None, None, None),)
    assert subtitles.srt(film(lines), "fused") == "1\n00:00:00,000 --> 00:00:01,000\nHm.\n"
    assert "[" not in subtitles.vtt(film(lines), "fused").split("STYLE")[1].split("\n\n", 1)[1]


def test_elan_has_a_tier_a_speaker_a_model_and_a_person() -> None:
    root = ET.fromstring(elan.eaf(film()))
    tiers = {tier.attrib["TIER_ID"]: tier for tier in root.iter("TIER")}
    assert set(tiers) == {
        *("Anna", "Anna, text", "Anna, vision", "Anna, fused", "Bo", "Bo, text", "Bo, fused"),
        *("person 0, faces", "person 1, faces"),
    }
    values = {name: [value.text for value in tier.iter("ANNOTATION_VALUE")] for name, tier in tiers.items()}
    assert values["Anna"] == ["You came back!", "Leave me alone."]
    assert values["Anna, fused"] == ["joy", "anger"]
    assert values["person 0, faces"] == ["joy", "anger"]
    assert tiers["Anna, fused"].attrib["PARENT_REF"] == "Anna"
    times = {slot.attrib["TIME_SLOT_ID"]: int(slot.attrib["TIME_VALUE"]) for slot in root.iter("TIME_SLOT")}
    assert list(times.values()) == sorted(times.values())
    spans = [
        (times[each.attrib["TIME_SLOT_REF1"]], times[each.attrib["TIME_SLOT_REF2"]])
        for each in tiers["person 0, faces"].iter("ALIGNABLE_ANNOTATION")
    ]
    assert spans == [(0, 1500), (1500, 3000)]
    chosen = {each.text for each in root.iter("CVE_VALUE")}
    assert chosen == set(EMOTIONS)


def test_elan_takes_any_text_and_lines_that_overlap() -> None:
    lines = (*nasty(), (0.5, 5.0, "Anna", "one", "joy", None, "joy"), (1.0, 2.0, "Anna", "two", "joy", None, "joy"))
    root = ET.fromstring(elan.eaf(film(lines, FACES, "odd & <name>.mp4")))
    said = [value.text for value in root.iter("ANNOTATION_VALUE")]
    assert " ".join(NASTY[1].split()) in said
    tiers = {tier.attrib["TIER_ID"] for tier in root.iter("TIER")}
    assert {"Anna", "Anna (2)"} <= tiers
    media = root.find("HEADER/MEDIA_DESCRIPTOR")
    assert media is not None and media.attrib["RELATIVE_MEDIA_URL"] == "./odd%20%26%20%3Cname%3E.mp4"


def test_label_studio_has_a_prediction_of_each_model_whose_regions_span_the_texts() -> None:
    lines = (*LINES, (3.0, 4.0, None, "Oh 🤖!", None, None, "fear"))
    task = json.loads(json.dumps(label_studio.task(film(lines), ["v1"])))
    assert [each["text"] for each in task["data"]["dialogue"]] == [text for *_, text, _, _, _ in lines]
    assert [each["model_version"] for each in task["predictions"]] == ["fused v1", "vision v1", "text v1"]
    regions = task["predictions"][0]["result"]
    assert [region["value"]["paragraphlabels"] for region in regions] == [["joy"], ["neutral"], ["anger"], ["fear"]]
    assert regions[3]["value"] | {"endOffset": 6} == regions[3]["value"]  # a robot is two code units of UTF-16
    root = ET.fromstring(label_studio.CONFIG)
    names = {each.attrib["name"] for each in root.iter() if "name" in each.attrib}
    assert {regions[0]["from_name"], regions[0]["to_name"]} <= names
    assert {label.attrib["value"] for label in root.iter("Label")} == set(EMOTIONS)
