"""Transcripts of all shapes end as documented, and no cue is lost in silence."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from emotionscope.prepare import transcripts
from emotionscope.prepare.cues import Cue, Transcript

ONE = "1\n00:00:01,000 --> 00:00:02,500\nHello.\n"
HELLO = Cue(1.0, 2.5, "Hello.")


def srt(*cues: str) -> str:
    """SubRip with each cue from a second to the next but a half."""
    return "\n\n".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n},500\n{text}" for n, text in enumerate(cues, start=1))


def vtt(*blocks: str) -> str:
    return "\n\n".join(("WEBVTT", *blocks)) + "\n"


def texts(found: Transcript) -> list[str]:
    return [cue.text for cue in found.cues]


def spoken(found: Transcript) -> list[tuple[str | None, str]]:
    return [(cue.speaker, cue.text) for cue in found.cues]


def times(found: Transcript) -> list[tuple[float, float]]:
    return [(cue.start, cue.end) for cue in found.cues]


SHAPES: dict[str, tuple[str, bytes | str, Callable[[Transcript], Any], Any]] = {
    "plain": (".srt", ONE, lambda t: t, Transcript((HELLO,))),
    "a byte order mark": (".srt", ONE.encode("utf-8-sig"), lambda t: t.cues, (HELLO,)),
    "UTF-16 with a mark": (".srt", ONE.encode("utf-16"), lambda t: t.cues, (HELLO,)),
    "UTF-16 without one": (".srt", ONE.encode("utf-16-be"), lambda t: (t.cues, t.encoding), ((HELLO,), "utf-16-be")),
    "UTF-32": (".srt", ONE.encode("utf-32"), lambda t: t.cues, (HELLO,)),
    "Latin-1": (".srt", srt("Café?").encode("latin-1"), lambda t: (*texts(t), t.encoding), ("Café?", "windows-1252")),
    "Windows-1252": (".srt", srt("I’m “in”\x81").encode("cp1252", "ignore"), texts, ["I’m “in”"]),
    "a bad byte in UTF-8's place": (".srt", srt("a").encode() + b"\xff", texts, ["aÿ"]),
    "CRLF": (".srt", srt("a", "b").replace("\n", "\r\n"), texts, ["a", "b"]),
    "CR alone": (".srt", srt("a", "b").replace("\n", "\r"), texts, ["a", "b"]),
    "no empty line between cues": (".srt", srt("a", "b").replace("\n\n", "\n"), texts, ["a", "b"]),
    "empty lines within a cue": (".srt", srt("a\n\nb", "c"), texts, ["a b", "c"]),
    "no numbers": (".srt", "00:00:01,000 --> 00:00:02,000\na\n\n00:00:03,000 --> 00:00:04,000\nb", texts, ["a", "b"]),
    "a number as the text": (".srt", srt("Born in\n1984", "7"), texts, ["Born in 1984", "7"]),
    "points and short fields in times": (".srt", "0:1:2.5 --> 0:1:3,25\na", times, [(62.5, 63.25)]),
    "a position behind the times": (".srt", ONE.replace(",500", ",500 X1:201 X2:516"), lambda t: t.cues, (HELLO,)),
    "negative times": (
        ".srt",
        "-00:00:02,000 --> 00:00:01,000\na\n\n-0:0:3,0 --> -0:0:1,0\nb",
        lambda t: (t.cues, t.clipped),
        ((Cue(0.0, 1.0, "a"), Cue(0.0, 0.0, "b")), 2),
    ),
    "huge times": (".srt", "99:59:59,999 --> 123456:00:00,000\na", times, [(359999.999, 444441600.0)]),
    "times beyond all": (
        ".srt",
        ONE + "\n99999999999:00:00,000 --> 99999999999:00:01,000\nLater.",
        lambda t: (t.cues, t.left_out),
        ((HELLO,), ("line 5: its times cannot be read (Later.)",)),
    ),
    "times that are none": (
        ".srt",
        ONE + "\n2\n00:0A:01,000 --> 00:00:02,000\nLost?\n\n3\n00:00:75,000 --> 00:01:99,000\nAnd I?",
        lambda t: (t.cues, t.left_out),
        ((HELLO,), ("line 6: its times cannot be read (Lost?)", "line 10: its times cannot be read (And I?)")),
    ),
    "an end before its start": (".srt", "00:00:05,000 --> 00:00:04,000\na", times, [(5.0, 4.0)]),
    "empty cues": (".srt", srt("a", "", "<i> </i>", "b"), lambda t: (texts(t), t.empty), (["a", "b"], 2)),
    "cues out of order": (
        ".srt",
        "00:00:09,0 --> 00:00:10,0\nc\n\n00:00:01,0 --> 00:00:02,0\na\n\n00:00:05,0 --> 00:00:06,0\nb",
        lambda t: (texts(t), t.reordered),
        (["a", "b", "c"], 2),
    ),
    "overlapping cues": (
        ".srt",
        "00:00:01,0 --> 00:00:09,0\na\n\n00:00:02,0 --> 00:00:03,0\nb\n\n00:00:02,0 --> 00:00:03,0\nc",
        lambda t: (texts(t), times(t)[1:]),
        (["a", "b", "c"], [(2.0, 3.0), (2.0, 3.0)]),
    ),
    "ASS tags": (".srt", srt(r"{\an8}{\i1}Up{\i0}\Nhere", "{no tag}"), texts, ["Up here", "{no tag}"]),
    "HTML": (
        ".srt",
        srt('<font color="red">A &amp; <b>B</b></font>', "I <3 you > me", "&lt;b&gt; <script>x"),
        texts,
        ["A & B", "I <3 you > me", "<b> x"],
    ),
    "an arrow in the text": (".srt", srt("go --> there", "b"), texts, ["go --> there", "b"]),
    "invisible characters": (".srt", srt("\u202aHi\u200b\x07\u202c  you\t!"), texts, ["Hi you !"]),
    "10,000 cues": (
        ".srt",
        "".join(f"{n}\n{n // 3600}:{n // 60 % 60}:{n % 60},0 --> 9:00:00,0\nLine {n}\n\n" for n in range(10_000)),
        lambda t: (len(t.cues), t.cues[-1].text, t.left_out, t.empty),
        (10_000, "Line 9999", (), 0),
    ),
    "speakers in capitals": (
        ".srt",
        srt("ANNA: Hi.", "- DR. O'NEIL: No!", "[Anna B]: Yes.", "SPEAKER_01: So", "Listen: go", "ANNA:", "10:30: late"),
        spoken,
        [("ANNA", "Hi."), ("DR. O'NEIL", "No!"), ("Anna B", "Yes."), ("SPEAKER_01", "So"), (None, "Listen: go"),
         (None, "ANNA:"), (None, "10:30: late")],
    ),
    "two speakers in a cue": (
        ".srt",
        srt("- ANNA: Hello!\n- BEN: Be off"),
        lambda t: (t.cues, t.divided),
        ((Cue(1.0, 1.25, "Hello!", "ANNA"), Cue(1.25, 1.5, "Be off", "BEN")), 1),
    ),
    "WebVTT with all its blocks": (
        ".vtt",
        vtt(
            "STYLE\n::cue { color: red }",
            "NOTE at 00:01.000\nwe begin",
            "name of a cue\n00:01.000 --> 00:02.500 align:start line:0%\n<v.loud Anna Maria>Hi <00:02.000><c.x>you</c>",
            "NOTE hidden",
            "01:00:03.000 --> 01:00:04.000\n<v Anna>Hi</v> <v Ben>No</v>",
        ),
        lambda t: t.cues,
        (
            Cue(1.0, 2.5, "Hi you", "Anna Maria"),
            Cue(3603.0, 3603.538, "Hi", "Anna"),
            Cue(3603.538, 3604.0, "No", "Ben"),
        ),
    ),
    "WebVTT without its first line": (".vtt", "00:01.000 --> 00:02.500\nHello.", lambda t: t.cues, (HELLO,)),
    "Whisper": (
        ".json",
        json.dumps({"text": "…", "segments": [{"start": 1, "end": 2.5, "text": " Hello."}, {"text": "no time"}]}),
        lambda t: (t.cues, t.left_out),
        ((HELLO,), ("segment 1: its times cannot be read (no time)",)),
    ),
    "WhisperX": (
        ".json",
        '{"segments": [{"start": 1.0, "end": 2.5, "text": "Hi \\ud800", "speaker": "SPEAKER_00", "words": []},'
        ' {"start": NaN, "end": 3, "text": "x"}, 7], "word_segments": []}',
        lambda t: (spoken(t), len(t.left_out)),
        ([("SPEAKER_00", "Hi \ufffd")], 2),
    ),
    "CSV": (
        ".csv",
        'start,end,text,speaker\n1,2.5,Hello.,\n"0:03.5",1:00:00,"two\nlines",Ben\n\nsoon,5,lost,\n',
        lambda t: (t.cues, t.left_out),
        ((HELLO, Cue(3.5, 3600.0, "two lines", "Ben")), ("line 6: its times cannot be read (lost)",)),
    ),
    "CSV with semicolons": (".csv", "Text;Start;End\nHello.;1,0;2,5", lambda t: t.cues, (HELLO,)),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_transcript_ends_as_documented(shape: str) -> None:
    suffix, content, told, expected = SHAPES[shape]
    found = transcripts.read(f"film{suffix}", content if isinstance(content, bytes) else content.encode())
    assert told(found) == expected


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("film.srt", b"", "no cue"),
        ("film.srt", b"\x00\x01\x02\xff" * 300, "no cue"),
        ("film.vtt", b"WEBVTT\n\nNOTE nothing is said\n", "no cue"),
        ("film.json", b'{"streams": []}', "no list 'segments'"),
        ("film.json", b"[" * 100_000, "not JSON"),
        ("film.json", b'{"segments": []}', "no cue"),
        ("film.csv", b"when,words\n1,a\n", "lacks the column start, end, text"),
        ("film.ttml", b"<tt>", "not TTML"),
        ("film.ass", b"", "no cue"),
        ("film.vtt", b"WEBVTT\n\n00:00.000 --> 00:05.000\nsprite.jpg#xywh=0,0,160,90\n", "names of pictures"),
        ("film.csv", b"start,end,text\n1,2," + b"a" * 200_000, "field larger"),
    ],
)
def test_a_file_that_is_no_transcript_says_why(name: str, content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        transcripts.read(name, content)


def test_every_cue_of_a_file_is_used_or_accounted_for() -> None:
    lines = [
        "00:00:01,0 --> 00:00:02,0",
        "x --> 0:01",
        "5: --> 7",
        "00:00:03.000 --> 00:00:04.000",
        "",
        "7",
        "<i>",
        "Hi",
    ]
    for seed in range(200):
        order = [lines[(seed * 7 + n * n * 3 + n) % len(lines)] for n in range(12)]
        arrows = sum("-->" in line for line in order)
        read = transcripts.read("film.srt", "\n".join(order).encode()) if arrows else Transcript(())
        assert len(read.cues) + read.empty + read.repeated + read.rolled + len(read.left_out) == arrows
