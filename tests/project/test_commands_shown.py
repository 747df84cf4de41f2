"""The commands that the pages show: each is one of a job, with flags that it has.

Those of README and of the pages about films run as they stand. Those of a cluster, of MELD's videos and of long
trainings do not.
"""

import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

import av
import pytest

from emotionscope import __main__ as command
from emotionscope import cli
from emotionscope.commands import NAMES, demo
from emotionscope.commands.settings import SETTINGS
from emotionscope.labels import EMOTIONS
from tests.conftest import ROOT, run_here, scores_of

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "cluster" / "README.md", *(ROOT / "docs").glob("*.md")]
COMMON = {"quiet", "json", "help", "version"}  # flags of every job
CLOSE = 3  # percent between what a page shows and what another machine answers


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.+?)```", page.read_text(), re.DOTALL)


def commands(text: str) -> Iterator[list[str]]:
    """The words of each job's command in lines of a shell: those behind `emotionscope` or `python -m jobs.`."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in line.split("&&"):
            words = shlex.split(part, comments=True)
            if words[:1] == ["emotionscope"] and len(words) > 1:
                yield words[1:]
            elif "-m" in words and words[words.index("-m") + 1].startswith("jobs."):
                name, *flags = words[words.index("-m") + 1 :]
                yield [name.removeprefix("jobs."), *flags]


def shown(page: Path) -> list[list[str]]:
    """The commands of a page's blocks."""
    found = [words for text in blocks(page, "sh") for words in commands(text)]
    return [words for words in found if "…" not in words and "--help" not in words]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_job_takes_every_command_in_a_block(page: Path) -> None:
    for name, *flags in shown(page):
        cli.read(SETTINGS[name], name, "", [*command._meant(flags)] if name == "predict" else flags)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_flags_of_every_command_within_a_line_exist(page: Path) -> None:
    for text in re.findall(r"`((?:emotionscope|python -m jobs\.)[^`]+)`", page.read_text()):
        for name, *flags in commands(text):
            known = {each.name for each in fields(SETTINGS[name])} | COMMON if name in NAMES else COMMON
            assert {flag.split("=")[0] for flag in flags if flag.startswith("--")} <= {
                f"--{each.replace('_', '-')}" for each in known
            }, text


def test_the_pages_show_commands() -> None:
    assert {words[0] for page in PAGES for words in shown(page)} >= {"predict", "prepare_videos", "score", "summarise"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which README's commands find what they name."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(demo.FILMS, tmp_path / "films")
    for file in (tmp_path / "films").glob("tears*"):
        file.rename(file.with_stem("film"))
    shutil.copytree(demo.FILMS, tmp_path / "emotionscope/films")
    return tmp_path


def predictions() -> list[tuple[list[str], str]]:
    """Each of README's questions to predict, and the answer that it prints below it."""
    pairs = re.findall(r"```sh\n([^`]*predict [^`]*)```\n```\n([^`]+)```", (ROOT / "README.md").read_text())
    return [(next(commands(question)), answer) for question, answer in pairs]


@pytest.mark.parametrize(("question", "answer"), predictions(), ids=lambda value: value[1] if len(value) < 9 else "")
def test_predict_answers_what_readme_prints(
    question: list[str], answer: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *flags = question
    assert run_here(name, *flags) == 0
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    first, *lines = [line.split() for line in answer.splitlines()]
    start = told.index(first)
    for line, said in zip(lines, told[start + 1 :], strict=False):
        (words, wanted), (same, given) = answered(line), answered(said)
        assert words == same, (line, said)
        for what, share in wanted.items():
            assert share <= CLOSE or abs(share - given.get(what, 0)) <= CLOSE, (line, said)


def answered(words: list[str]) -> tuple[list[str], dict[str, int]]:
    """What stands before a line's shares, and the shares, in percent: of who speaks, and of the emotions by name."""
    first = next((number for number, word in enumerate(words) if word in EMOTIONS), len(words))
    shares = {what: int(share.rstrip("%,")) for what, share in zip(words[first::2], words[first + 1 :: 2], strict=True)}
    shares |= {f"word {number}": int(word[:-1]) for number, word in enumerate(words[:first]) if word.endswith("%")}
    return [word for word in words[:first] if not word.endswith("%")], shares


def ran(page: Path, done: Sequence[str] = ()) -> list[str]:
    """The names of the commands of a page's blocks, each of which is run, but for those `done` already."""
    names = []
    for name, *flags in (words for words in shown(page) if words[0] not in done):
        assert run_here(name, *flags) == 0, (name, flags)
        names.append(name)
    return names


@pytest.mark.slow
def test_readme_scores_films_and_a_parquet_file(here: Path, ray_cluster: object) -> None:
    readme = ROOT / "README.md"
    (snippet,) = blocks(readme, "python")
    exec(snippet, {})
    assert ran(readme, ["predict"]) == ["prepare_videos", "score", "score"]
    assert len(scores_of("scores")) == 9 and (here / "faces").is_dir()
    reasons = scores_of("answers")["error"].to_pylist()
    assert reasons[0].startswith("video missing") and reasons[1] is None
    assert ran(ROOT / "docs/summaries.md") == ["summarise"]
    shutil.copy("films/film.mp4", "film.mp4")
    shutil.copy("films/film.vtt", "film.vtt")
    with av.open("film.mp4") as film:
        next(film.decode(video=0)).to_image().save("team.jpg")
    assert set(ran(ROOT / "docs/export.md")) == {"export", "predict"}
    for made in ("film.srt", "film.html", "elan/film.eaf", "answers.mp4", "answers.jpg"):
        assert (here / made).stat().st_size


@pytest.mark.slow
def test_films_are_scored_and_their_people_found_as_the_pages_show(here: Path, ray_cluster: object) -> None:
    assert ran(ROOT / "docs/videos.md") == ["prepare_videos", "score", "summarise"]
    shutil.rmtree("scores")
    for film in (here / "films").glob("*.mp4"):  # where the table lies is where its videos are looked for
        shutil.copy(film, "dialogues")
    score, people, known = shown(ROOT / "docs/people.md")
    for name, *flags in (score, people):
        assert run_here(name, *flags) == 0, (name, flags)
    shutil.copytree("people", "people-monday")
    assert run_here(*known) == 0
