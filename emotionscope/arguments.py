"""Parses a command line into a job's settings, and writes one. A mistake is one line that says what to write."""

import re
import shlex
import sys
from dataclasses import MISSING, fields
from typing import Any, TypeVar

import cyclopts
from cyclopts import ArgumentCollection

from emotionscope.errors import UserError

Common = TypeVar("Common")
# What a word without a flag most likely is, where a job has such a flag.
MAIN = ("--text", "--dialogues", "--scores", "--videos", "--meld", "--archives", "--keyframes", "--bundle", "--output")


def read(app: cyclopts.App, kind: type, common: type[Common], words: list[str]) -> tuple[Any, Common]:
    """The settings of a kind, and those of all jobs. Prints the help and exits where it is asked for.

    Raises UserError for words that are none of the flags, and for values that are none of theirs.
    """

    def take(settings: Any, common: Any) -> tuple[Any, Any]:
        return settings, common

    optional = all(field.default is not MISSING for field in fields(kind))
    take.__annotations__ |= {"settings": kind, "common": common}
    take.__defaults__ = (kind(), common()) if optional else (common(),)  # cyclopts wants one for what needs no flag
    app.default(take)
    try:
        if words and not words[0].startswith("-"):
            raise UserError(_no_flag(app, words[0]))
        found = app(words, exit_on_error=False, print_error=False)
    except cyclopts.CycloptsError as error:
        raise UserError(_explained(app, error)) from error
    if found is None:  # the help is shown
        sys.exit(0)
    settings, others = found
    return settings, others


def command(name: str, settings: Any) -> str:
    """The command line that runs a job with these settings: flags where they are not the default."""
    words = ["emotionscope", name]
    for field in sorted(fields(settings), key=lambda field: field.name == "output"):  # which comes last
        value, flag = getattr(settings, field.name), field.name.replace("_", "-")
        if value == field.default:
            continue
        for one in value if isinstance(value, tuple) else (value,):
            words += [f"--{flag}"] if one is True else [f"--no-{flag}"] if one is False else [f"--{flag}", str(one)]
    return shlex.join(words)


def _collection(app: cyclopts.App) -> ArgumentCollection:
    return app.assemble_argument_collection(parse_docstring=True)


def _no_flag(app: cyclopts.App, word: str) -> str:
    names = {argument.name for argument in _collection(app)}
    flag = next(each for each in (*MAIN, "") if each in names or not each)
    value = word if word.isascii() and " " not in word else repr(word)
    return f"{word!r} stands without a flag; did you mean {flag} {value}? {_help(app)}"


def _explained(app: cyclopts.App, error: cyclopts.CycloptsError) -> str:
    told = " ".join(str(error).split())
    meant = re.search(r"Did you mean (?P<flag>\S+) instead of (?P<given>\S+)\?", told) or re.search(
        r"Unknown option: (?P<given>\S+)\. Did you mean (?P<flag>\S+)\?", told
    )
    if meant:
        return f"there is no flag {meant['given']}; did you mean {meant['flag']}? {_help(app)}"
    if isinstance(error, cyclopts.UnusedCliTokensError):
        return _no_flag(app, str((error.unused_tokens or [""])[0]))
    if isinstance(error, cyclopts.MissingArgumentError) and error.argument:
        name = error.argument.name
        found = next((each.parameter.help for each in _collection(app) if each.name == name), None)
        meaning = " ".join((found or "").split())
        if error.keyword is None:
            return f"{name} is missing: {meaning} {_help(app)}"
        return f"{name} has no value: {meaning} (One that begins with a dash is written with a sign: {name}=-1)"
    return f"{told.rstrip('.')}{'' if told.endswith('?') else '.'} {_help(app)}"


def _help(app: cyclopts.App) -> str:
    return f"({app.name[0]} --help lists the flags)"
