"""Transcripts as programs really write them: scrolling captions, speakers, dialects, damage, encodings, formats."""

import json
from typing import Any

import pytest

from emotionscope.prepare import transcripts
from emotionscope.prepare.cues import Transcript, in_seconds
from tests.prepare.test_transcripts import spoken, srt, texts, times, vtt


def read(name: str, content: str | bytes, encoding: str | None = None) -> Transcript:
    return transcripts.read(name, content if isinstance(content, bytes) else content.encode(), encoding)


# Scrolling and repeated captions.

SAID = ["come in", "the door is open", "we were waiting for you"]


def cue(start: float, end: float, *lines: str) -> str:
    return f"00:00:{start:06.3f} --> 00:00:{end:06.3f}\n" + "\n".join(lines)


def scroll(short: bool) -> str:
    """Captions of two lines, the old above the new; with `short`, a cue of 10 ms between them."""
    cues, before = [], " "
    for n, line in enumerate(SAID):
        cues.append(cue(2 * n + 1, 2 * n + (2.99 if short else 3), before, line))
        cues += [cue(2 * n + 2.99, 2 * n + 3, line, " ")] if short else []
        before = line
    return vtt(*cues)


@pytest.mark.parametrize("short", [True, False])
def test_a_line_that_scrolls_counts_once_from_when_it_comes(short: bool) -> None:
    found = read("film.vtt", scroll(short))
    assert texts(found) == SAID
    assert times(found) == [(1.0, 3.0), (3.0, 5.0), (5.0, 7.0)]
    assert found.rolled == (3 if short else 0)


def test_two_lines_that_scroll_are_enough() -> None:
    two = [
        cue(1, 3, " ", "come<00:00:01.500><c> in</c>"), cue(3, 3.01, "come in", " "),
        cue(3.01, 5, "come in", "the<00:00:03.500><c> door</c>"), cue(5, 5.01, "the door", " "),
    ]  # fmt: skip
    assert texts(read("film.vtt", vtt(*two))) == ["come in", "the door"]


def test_a_line_that_grows_word_by_word_counts_once() -> None:
    words = ["come", "in", "and", "shut", "the", "door"]
    cues = [cue(n, n + 1, " ".join(words[: n + 1])) for n in range(len(words))]
    found = read("film.vtt", vtt(*cues, cue(7, 8, "thank you")))
    assert texts(found) == ["come in and shut the door", "thank you"]
    assert times(found)[0] == (0.0, 6.0)


def test_a_refrain_stays_and_what_two_people_say_is_no_scroll() -> None:
    again = [cue(1, 2, "no"), cue(2, 3, "no"), cue(4, 5, "la la"), cue(9, 10, "la la"), cue(11, 12, "no wait")]
    assert texts(read("film.vtt", vtt(*again))) == ["no", "no", "la la", "la la", "no wait"]
    more = scroll(False) + "\n" + cue(20, 21, "come in") + "\n"
    assert texts(read("film.vtt", more)) == [*SAID, "come in"]


def test_the_cue_that_two_segments_share_counts_once() -> None:
    one, two, three = cue(1, 2, "a"), cue(3, 4, "b"), cue(5, 6, "c")
    joined = vtt(one, two) + "\n" + vtt("X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000", two, three)
    found = read("film.vtt", joined)
    assert (texts(found), found.repeated) == (["a", "b", "c"], 1)


# Speakers.


@pytest.mark.parametrize("one", ["Mara Lind", "Speaker 1", "Анна", "小明", "أنا", "anna", "Jean-Luc O'Neil"])
def test_a_name_that_comes_back_is_a_speaker_whatever_its_case_and_script(one: str) -> None:
    lines = [f"{one}: Good morning.", "One thing: we won.", f"{one}: Goodbye.", "See you."]
    assert spoken(read("film.srt", srt(*lines))) == [
        (one, "Good morning."), (None, "One thing: we won."), (one, "Goodbye."), (None, "See you.")
    ]  # fmt: skip


@pytest.mark.parametrize("one", ["Ben", "Mary Ann", "Mary (on the phone)", "Speaker 2"])
def test_a_name_said_once_is_a_speaker_where_every_line_begins_with_one(one: str) -> None:
    lines = ["Ida: Good morning.", f"{one}: Hello.", "Ida: Goodbye."]
    assert [who for who, _ in spoken(read("film.srt", srt(*lines)))] == ["Ida", one.partition(" (")[0], "Ida"]
    assert [who for who, _ in spoken(read("film.srt", srt(*lines, "See you.")))] == ["Ida", None, "Ida", None]
    clause = srt("Ida: Good morning.", "One thing: we won.", "Ida: Goodbye.", "Note: it rains.", "Note: it rained.")
    assert [who for who, _ in spoken(read("film.srt", clause))] == ["Ida", None, "Ida", None, None]


def test_the_time_behind_a_name_is_no_part_of_it() -> None:
    lines = ["Speaker 1 (00:01): Hi.", "Speaker 2 (00:05): Ho.", "Speaker 1 (00:09): Bye."]
    assert spoken(read("film.srt", srt(*lines))) == [("Speaker 1", "Hi."), ("Speaker 2", "Ho."), ("Speaker 1", "Bye.")]


SPOKEN = {
    "a clause": ("One thing: we won.", [(None, "One thing: we won.")]),
    "a sign": ("WARNING: KEEP OUT", [(None, "WARNING: KEEP OUT")]),
    "a clause without cases": ("我想说的是：你一定要来", [(None, "我想说的是：你一定要来")]),
    "a time": ("10:30: we start", [(None, "10:30: we start")]),
    "an aside": ("IDA (whispering): Come.", [("IDA", "Come.")]),
    "a sound": ("[SLAM] IDA: Come.", [("IDA", "Come.")]),
    "a mark of change": (">> MAYOR: Sit down.", [("MAYOR", "Sit down.")]),
    "a mark alone": ("&gt;&gt; Thank you.", [(None, "Thank you.")]),
    "a mark of a topic": (">>> Good evening. >> Hi.", [(None, "Good evening. Hi.")]),
    "dashes": ("- IDA: Come in.\n- BO: I will.", [("IDA", "Come in."), ("BO", "I will.")]),
    "two in a line": ("IDA: Come in. BO: I will.", [("IDA", "Come in."), ("BO", "I will.")]),
    "first nobody": ("Who is it? IDA: Me.", [(None, "Who is it?"), ("IDA", "Me.")]),
}


@pytest.mark.parametrize("shape", SPOKEN)
def test_who_speaks_in_a_cue(shape: str) -> None:
    text, expected = SPOKEN[shape]
    assert spoken(read("film.srt", srt(text))) == expected


def test_a_name_without_a_colon_of_its_own_width() -> None:
    assert spoken(read("film.srt", srt("小明：你好", "小明：再见"))) == [("小明", "你好"), ("小明", "再见")]


# Recognisers' JSON.

WORDS = [("Come", 1.0, 1.3, "A"), ("in.", 1.3, 1.6, "A"), ("No!", 1.8, 2.4, "B")]


def words(unit: float = 1, key: str = "word", **more: Any) -> list[dict[str, Any]]:
    return [
        {key: word, "start": start * unit, "end": end * unit, "speaker": who, **more} for word, start, end, who in WORDS
    ]


TURNS = [(1.0, 1.6, "A", "Come in."), (1.8, 2.4, "B", "No!")]
PLAIN = [(1.0, 2.4, None, "Come in. No!")]
JSON: dict[str, tuple[Any, list[tuple[float, float, str | None, str]]]] = {
    "WhisperX": ({"segments": [{"start": 1.0, "end": 2.4, "text": "…", "speaker": "A", "words": words()}]}, TURNS),
    "whisper.cpp": ({"transcription": [{"offsets": {"from": 1000, "to": 2400}, "text": " Come in. No!"}]}, PLAIN),
    "Hugging Face": ({"text": "…", "chunks": [{"timestamp": [1.0, 2.4], "text": " Come in. No!"}]}, PLAIN),
    "Hugging Face, words": (
        {"chunks": [{"timestamp": [start, end], "text": f" {word}"} for word, start, end, _ in WORDS]},
        [(*turn[:2], None, turn[3]) for turn in TURNS],
    ),
    "AssemblyAI": (
        {"utterances": [{"start": 1000, "end": 1600, "text": "Come in.", "speaker": "A"},
                        {"start": 1800, "end": 2400, "text": "No!", "speaker": "B"}], "words": []},
        TURNS,
    ),
    "AssemblyAI without speakers": ({"utterances": None, "words": words(1000, "text")}, TURNS),
    "Whisper's words": ({"text": "…", "words": words()}, TURNS),
    "a duration": ([{"start": s, "duration": e - s, "text": t, "speaker": w} for s, e, w, t in TURNS], TURNS),
    "Deepgram": (
        {"results": {"utterances": [{"start": s, "end": e, "speaker": w, "transcript": t} for s, e, w, t in TURNS]}},
        TURNS,
    ),
    "Deepgram, words": ({"results": {"channels": [{"alternatives": [{"words": words()}]}]}}, TURNS),
}  # fmt: skip


@pytest.mark.parametrize("dialect", JSON)
def test_what_recognisers_write(dialect: str) -> None:
    value, expected = JSON[dialect]
    found = read("film.json", json.dumps(value))
    assert [(cue.start, cue.end, cue.speaker, cue.text) for cue in found.cues] == expected


def test_a_missing_end_is_the_next_start() -> None:
    value = {"segments": [{"start": 1, "end": None, "text": "a"}, {"start": 2.5, "end": None, "text": "b"}]}
    found = read("film.json", json.dumps(value))
    assert times(found) == [(1.0, 2.5), (2.5, None)]
    assert found.open_ended == 2


# Columns.

COLUMNS = {
    "backslashes": (
        'start,end,text\n0,2,"He said \\"never\\", and left."\n2,4,Fine.\n',
        ['He said "never", and left.', "Fine."],
    ),
    "doubled quotes": ('start,end,text\n0,2,"He said ""never"", and left."\n', ['He said "never", and left.']),
    "tabs": ('start\tend\ttext\n0\t2\t"I go\n2\t4\tAnd "you"\n', ['"I go', 'And "you"']),
    "commas in the text": ("start,end,text\n0,2,Well, I never, ever.\n", ["Well, I never, ever."]),
    "commas before the speaker": ("start,end,text,speaker\n0,2,Well, I never,Ida\n", ["Well, I never"]),
    "bars": ("start|end|text\n0|2|Hi, you.\n", ["Hi, you."]),
    "Excel's first line": ("sep=;\nstart;end;text\n0;2;Hi.\n", ["Hi."]),
    "a duration": ("text,start,duration\nHi.,0,2\n", ["Hi."]),
    "units in the names": ("Start (s),End (s),Text\n0,2,Hi.\n", ["Hi."]),
    "other names": ("Start Time;End Time;Utterance\n0;2;Hi.\n", ["Hi."]),
}


@pytest.mark.parametrize("dialect", COLUMNS)
def test_a_dialect_of_columns(dialect: str) -> None:
    content, expected = COLUMNS[dialect]
    found = read("film.csv", content)
    assert texts(found) == expected
    assert bool(found.guessed) == ("commas" in dialect)
    assert times(found)[0] == (0.0, 2.0)


@pytest.mark.parametrize("nobody", ["", " ", "nan", "None", "NULL", "<NA>"])
def test_what_programs_write_for_nobody_is_no_speaker(nobody: str) -> None:
    assert spoken(read("film.csv", f"start,end,text,speaker\n0,2,Hi.,{nobody}\n")) == [(None, "Hi.")]


def test_rows_of_another_length_are_named() -> None:
    found = read("film.csv", "start,end,text,speaker\n0,2,Well, well,Ida\n2,4\n4,5,Hi.,Bo\n")
    assert [reason.partition(":")[0] for reason in found.guessed] == ["line 2", "line 3"]
    assert spoken(found) == [("Ida", "Well, well"), ("Bo", "Hi.")]


def test_a_quote_that_is_never_closed_swallows_no_row() -> None:
    found = read("film.csv", 'start,end,text\n0,2,"I go\n2,4,And you?\n4,6,"Yes."\n')
    assert [text.strip('"') for text in texts(found)] == ["I go", "And you?", "Yes."]
    assert found.guessed


@pytest.mark.parametrize(("length", "expected"), [(20.0, (1.5, 4.2)), (5000.0, (1500.0, 4200.0)), (None, (1.5, 4.2))])
def test_milliseconds_are_seen_by_the_length_of_the_video(length: float | None, expected: tuple[float, float]) -> None:
    found, milliseconds = in_seconds(read("film.tsv", "start\tend\ttext\n1500\t4200\tHi.\n"), length)
    assert times(found) == [expected]
    assert milliseconds == (expected[0] == 1.5)
    floats = read(
        "film.csv", "start,end,text\n1500.0,4200.0,Hi.\n"
    )  # as pandas writes whole numbers beside a missing one
    assert times(in_seconds(floats, length)[0]) == [expected]
    assert in_seconds(read("film.csv", "start,end,text\n1500.5,4200.5,Hi.\n"), 20.0)[1] is False


# Damage.

DAMAGED = {
    "line ends made twice": srt("Where?", "Here.").replace("\n", "\r\r\n"),
    "an empty line after each": srt("Where?", "Here.").replace("\n", "\n\n"),
    "an empty line after the number": srt("Where?", "Here.").replace("1\n", "1\n\n", 1).replace("2\n", "2\n\n", 1),
    "no fractions": "1\n00:00:01 --> 00:00:02\nWhere?\n\n2\n0:03 --> 0:04\nHere.\n",
    "long fractions": "00:00:01,123456 --> 00:00:02,5\nWhere?\n\n00:00:03,2499 --> 00:00:04\nHere.\n",
    "spaces in times": "00: 00: 01, 000 --> 00: 00: 02, 000\nWhere?\n\n00:00:03,000 --> 00:00:04,000\nHere.\n",
    "text behind the times": "1\n0:0:1,0 --> 0:0:2,0 Where?\n\n2\n0:0:3,0 --> 0:0:4,0 X1:2 Y1:3\nHere.\n",
    "the number before the times": "1 00:00:01,000 --> 00:00:02,000\nWhere?\n\n2. 0:0:3,0 --> 0:0:4,0\nHere.\n",
    "numbers with a sign": srt("Where?", "Here.").replace("\n\n2", "\n#2").replace("1\n", "1.\n", 1),
    "colons for points": srt("Where?", "Here.").replace(",", ":"),
    **{
        f"the arrow {arrow}": srt("Where?", "Here.").replace("-->", arrow)
        for arrow in ("->", "–>", "-- >", "→", "=>", "——>", "&gt;", "to", "-")
    },
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_file_is_read_and_no_number_is_text(damage: str) -> None:
    found = read("film.srt", DAMAGED[damage])
    assert texts(found) == ["Where?", "Here."]
    assert [start for start, _ in times(found)] in ([1.0, 2.0], [1.0, 3.0], [1.123456, 3.2499])


def test_what_stands_before_the_first_cue_is_told() -> None:
    found = read("film.srt", "Lost words.\n\n" + srt("Hi."))
    assert (found.before, texts(found)) == (("line 1: Lost words.",), ["Hi."])
    assert not read("film.vtt", vtt("NOTE nothing\nmore", "STYLE\n::cue {}", cue(1, 2, "Hi."))).before


# Markup.

MARKUP = {
    "I am so<br>happy<br/>you<BR />came": "I am so happy you came",
    "<p>One</p><p>two</p>": "One two",
    "I&amp;#39;m Tom &amp;amp;amp; you&amp;nbsp;too": "I'm Tom & you too",
    "a < b, I <3 you > me": "a < b, I <3 you > me",
    "if x<y and y>z": "if x<y and y>z",
    "write to <ida@example.org>, <font color=red>now</font>": "write to <ida@example.org>, now",
    r"{\an7\p1}m 0 0 l 100 0{\p0}Come {\pos(1,2)}in": "Come in",
}


@pytest.mark.parametrize("text", MARKUP)
def test_what_is_shown_is_the_text(text: str) -> None:
    assert texts(read("film.srt", srt(text, "End."))) == [MARKUP[text], "End."]


def test_a_drawing_is_no_text() -> None:
    found = read("film.srt", srt(r"{\p1}m 0 0 l 1 1{\p0}", "Hi."))
    assert (texts(found), found.empty) == (["Hi."], 1)


# Encodings.

ENCODED = {
    "cp1251": ("Здравствуйте, как у вас дела?", "Спасибо, всё хорошо."),
    "cp866": ("Где ты был вчера вечером? Мы тебя ждали.", "Прости меня, я не мог прийти."),
    "iso8859_5": ("Где ты был вчера вечером? Мы тебя ждали.", "Прости меня, я не мог прийти."),
    "koi8_u": ("Привіт, як справи? Що ти робиш?", "Дякую, все добре, їжа є."),
    "koi8_r": ("Здравствуйте, как у вас дела?", "Спасибо, всё хорошо."),
    "cp1250": ("Příliš žluťoučký kůň úpěl ďábelské ódy.", "Děkuji vám, jak se máte?"),
    "cp1252": ("Café, déjà vu – “naïve” garçon, où êtes-vous?", "C’est très gentil, merci."),
    "cp1253": ("Καλημέρα σας, πώς είστε σήμερα;", "Ευχαριστώ πολύ. Χαίρομαι που σας βλέπω."),
    "cp1255": ("שלום מה שלומך היום", "תודה רבה אני שמח לראות אותך"),
    "gbk": ("你好,今天天气怎么样?", "谢谢你,我很高兴见到你。"),
    "shift_jis": ("こんにちは、お元気ですか。", "ありがとうございます。"),
    "euc_kr": ("안녕하세요 오늘 기분이 어떠세요", "감사합니다"),
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_an_encoding_is_guessed_or_named(encoding: str) -> None:
    content = srt(*ENCODED[encoding]).encode(encoding)
    found = read("film.srt", content)
    assert texts(found) == list(ENCODED[encoding])
    assert not found.encoding.startswith("utf")
    assert texts(read("film.srt", content, encoding)) == list(ENCODED[encoding])


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_seen_without_a_mark_in_any_script(encoding: str) -> None:
    for lines in (ENCODED["cp1251"], ENCODED["gbk"], ("Hi.",)):
        assert texts(read("film.srt", srt(*lines).encode(encoding))) == list(lines)


def test_utf8_with_a_few_bad_bytes_or_cut_within_a_letter_stays_utf8() -> None:
    lines = "“Voilà”, said Zoë – déjà vu…"
    bad = srt(lines).encode() + b"\n\n9\n00:00:09,000 --> 00:00:09,500\nAdi\xf3s"
    assert texts(read("film.srt", bad)) == [lines, "Adi\ufffds"]
    few = srt("Café à la crème", "naïve").encode() + b"\n\n9\n00:00:09,000 --> 00:00:09,500\nAdi\xf3s ni\xf1o"
    assert texts(read("film.srt", few)) == ["Café à la crème", "naïve", "Adi\ufffds ni\ufffdo"]
    assert texts(read("film.srt", srt("Hi", "Voilà").encode()[:-1])) == ["Hi", "Voil"]


# Other formats.

ASS = """[Script Info]
ScriptType: v4.00+

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,Nobody says this.
Dialogue: 0,0:00:01.00,0:00:02.00,Default,Ida,0,0,0,,{\\i1}Come in, please.
Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,Sit\\Ndown.
"""
TTML = """<?xml version="1.0"?>
<tt xmlns="NAMESPACE" xmlns:ttm="NAMESPACE#metadata" xmlns:ttp="NAMESPACE#parameter" ttp:tickRate="1000">
<head><metadata><ttm:agent xml:id="i" type="person"><ttm:name type="full">Ida</ttm:name></ttm:agent></metadata></head>
<body><div><p begin="00:00:01.000" end="00:00:02.000" ttm:agent="i">Come in,<br/><span>please.</span></p>
<p begin="3000t" dur="1s">Sit<br/>down.</p></div></body></tt>"""
SBV = "0:00:01.000,0:00:02.000\nIDA: Come in,\nplease.\n\n0:00:03.000,0:00:04.000\nSit down.\n"
EXPECTED = [(1.0, 2.0, "Come in, please."), (3.0, 4.0, "Sit down.")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("film.ass", ASS),
        ("film.ssa", ASS),
        ("film.ttml", TTML.replace("NAMESPACE", "http://www.w3.org/ns/ttml")),
        ("film.dfxp", TTML.replace("NAMESPACE", "http://www.w3.org/2006/10/ttaf1")),
        ("film.sbv", SBV),
    ],
)
def test_other_formats_are_read(name: str, content: str) -> None:
    found = read(name, content)
    assert [(cue.start, cue.end, cue.text) for cue in found.cues] == EXPECTED
    assert (found.cues[0].speaker or "").lower() == "ida"


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-8"])
def test_ttml_may_name_its_encoding(encoding: str) -> None:
    content = TTML.replace("NAMESPACE", "http://www.w3.org/ns/ttml").replace("Sit", "Così")
    named = content.replace('version="1.0"', f'version="1.0" encoding="{encoding.upper()}"', 1)
    assert texts(read("film.ttml", named.encode(encoding))) == ["Come in, please.", "Così down."]


def test_a_field_of_ass_that_is_not_used_may_be_damaged() -> None:
    assert texts(read("film.ass", ASS.replace("Dialogue: 0,", "Dialogue: x,"))) == ["Come in, please.", "Sit down."]


def test_a_bad_line_of_ass_is_named_and_the_others_are_read() -> None:
    found = read("film.ass", ASS + "Dialogue: 0,0:00:0x.00,0:00:05.00,Default,,0,0,0,,Lost.\n")
    assert texts(found) == ["Come in, please.", "Sit down."]
    assert found.left_out == ("line 9: its times cannot be read (Lost.)",)
