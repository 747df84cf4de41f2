"""No transcript takes more time than its size allows, and one that does harms only itself."""

from contextlib import suppress
from pathlib import Path

import pytest

from emotionscope.prepare import transcripts
from tests.prepare.test_prepare_videos import SRT, folder, prepare

SIZE = 300_000  # bytes: what takes a second in linear time, and ten minutes where each byte looks at all others
CUE = "00:00:01.000 --> 00:00:02.000\n"
ASS = "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
LINE = "Dialogue: 0,0:00:01.00,0:00:02.00,D,,0,0,0,,"


def repeated(text: str) -> str:
    return text * (SIZE // len(text))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(
            (f"signs{suffix}", CUE + repeated(text))
            for suffix in (".vtt", ".srt")
            for text in ("<v ", "<v.", "<b", "<v")
        ),
        ("one_voice.vtt", CUE + "<v" + " " * SIZE),
        ("returns.srt", "\r" * SIZE),
        ("speakers.srt", CUE + repeated("A: a. ")),
        ("lines.srt", CUE + repeated("A: a\n")),
        ("asides.srt", CUE + repeated("[a]\n")),
        ("same_lines.srt", CUE + repeated("a\n") + "\n" + CUE + repeated("a\n") + "b"),
        ("quote.csv", 'start,end,text\n1,2,"' + "\n" * 100_000),
        ("no_end.csv", "start,end,text\n" + repeated("1,,a\n")),
        ("drawing.ass", f"{ASS}{LINE}{{{repeated(chr(92) + 'p1')}\n"),
        ("events.ass", ASS + repeated(f"{LINE}a\n")),
        ("bad_event.ass", ASS + "Dialogue: x\n" + repeated(f"{LINE}a\n")),
    ],
)
def test_whatever_is_repeated_is_read_in_linear_time(name: str, text: str) -> None:
    with suppress(ValueError):  # it may have no cue
        transcripts.read(name, text.encode())


def test_a_transcript_that_takes_too_long_is_named_and_its_video_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcripts, "SECONDS", 0.0)
    monkeypatch.setattr(transcripts, "BYTES_A_SECOND", 2**30)
    rows, account = prepare(folder(tmp_path, **{"a.mp4": b"", "a.srt": SRT.format("Hello.") * 20_000}))
    assert account.unreadable_transcripts == ["a.srt: it takes too long to read: more than 0 s"]
    assert [row["utterance"] for row in rows] == [None, None]
