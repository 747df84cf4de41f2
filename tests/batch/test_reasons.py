"""What a run tells of its errors where a table's own words are among the reasons: some lines, in plain signs."""

import re
import uuid
from collections import Counter

import pytest

from emotionscope import cli
from emotionscope.batch import runner
from emotionscope.batch.counters import OTHERS, REASONS, RunCounters
from emotionscope.errors import JobError, commonest
from emotionscope.tables.manifest import RunRecord, Summary

MANY = {"video missing": 4000} | {f"\x1b[31mred {number}\r\n\u202eevil": 1 + number % 3 for number in range(3000)}


def summary(errors: dict[str, int]) -> Summary:
    run = RunRecord("a", "2026-01-01T00:00:00+00:00", 1, 10_000, 0, 0, errors, 2.0, 5000.0, "1", {}, {})
    return Summary("score", 10_000, 0, errors, {}, [run], [], [])


def test_thousands_of_reasons_end_in_twenty_lines_and_a_count_of_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    runner.print_summary(summary(MANY), "out")
    told = capsys.readouterr().out
    assert len(told.splitlines()) == 3 + 20 + 1 + 1
    assert all(sign.isprintable() or sign == "\n" for sign in told)
    assert "4,000  video missing\n" in told
    counts = [int(found.replace(",", "")) for found in re.findall(r"^    +([\d,]+)  ", told, re.MULTILINE)]
    assert sum(counts) == sum(MANY.values())
    assert "2,981 other reasons" in told


def test_the_commonest_reasons_come_first_and_other_alphabets_stay() -> None:
    assert commonest(Counter({"b": 2, "a": 2, "été\u00a0: 例": 5, "d": 1}), 3) == [
        ("été\u00a0: 例", 5),
        ("a", 2),
        ("b", 2),
        ("1 other reasons", 1),
    ]
    ((shown, _),) = commonest({"x" * 10_000: 1})
    assert len(shown) < 1000


def test_an_error_that_repeats_a_users_words_is_one_line_in_plain_signs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.fail(JobError("\x1b]0;owned\x07 a\nb\u202e.parquet: damaged"))
    told = capsys.readouterr().err
    assert told == "error: \\x1b]0;owned\\x07 a b\\u202e.parquet: damaged\n"


def test_prometheus_keeps_some_reasons_and_one_for_the_others() -> None:
    counters = RunCounters("score", uuid.uuid4().hex, 0, 1)
    labels = [counters.label(reason) for reason in MANY]
    assert labels[0] == "video missing"
    assert len(set(labels)) == REASONS + 1
    assert labels[-1] == OTHERS
    assert all(label.isprintable() for label in labels)
