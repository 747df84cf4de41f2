"""A selection of a scores table, and its SQL."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from emotionscope.labels import ALIASES, EMOTIONS, SPLIT_ALIASES


@dataclass(frozen=True)
class ColumnFilter:
    """The values that one column may have: some, compared as text, or those from `least` to `most`."""

    column: str
    values: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Selection:
    """Filters that combine. An empty one lets every row through.

    `model` is whose emotion and certainty count: text, vision or fused. `certainty` is the least probability of the
    likeliest emotion. `after` are emotions, by the same model, of the utterance before in the dialogue. `labels` and
    `splits` are canonical names. `wrong` wants an answer that differs from the label, `faces` at least so many faces.
    `search` is looked for in the text, whatever its case.
    """

    model: str = "fused"
    emotions: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    speakers: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    wrong: bool = False
    certainty: float = 0.0
    faces: int = 0
    disagreement: bool = False
    error: bool = False
    search: str = ""
    columns: tuple[ColumnFilter, ...] = ()


FACE_COUNT = "face_count"  # the scores column

Mark = Callable[[object], str]


def condition(chosen: Selection, column: Callable[[str], str], mark: Mark) -> str:
    """The filters as an SQL condition on the view ``scores``.

    `column` gives a column's SQL by its name, and `mark` the SQL that stands for a value.
    """

    def any_of(sql: str, values: Iterable[object]) -> str:
        return f"{sql} IN ({', '.join(map(mark, values))})"

    answer = column(f"{chosen.model}_emotion")
    terms = ["true"]
    if chosen.emotions:
        terms.append(any_of(answer, chosen.emotions))
    if chosen.speakers:
        terms.append(any_of(column("speaker"), chosen.speakers))
    if chosen.certainty > 0:
        # Many times quicker than asking for the greatest, which is that of a chosen emotion where some are chosen.
        names = [column(f"{chosen.model}_{emotion}") for emotion in chosen.emotions or EMOTIONS]
        terms.append(f"({' OR '.join(f'{name} >= {mark(chosen.certainty)}' for name in names)})")
    if chosen.labels:
        terms.append(any_of(_plain(column("emotion")), _names(chosen.labels, ALIASES)))
    if chosen.splits:
        terms.append(any_of(_plain(column("split")), _names(chosen.splits, SPLIT_ALIASES)))
    if chosen.wrong:
        terms.append(f"{any_of(_label(column), EMOTIONS)} AND {answer} <> {_label(column)}")
    if chosen.faces:
        terms.append(f"{column(FACE_COUNT)} >= {mark(chosen.faces)}")
    if chosen.disagreement:
        terms.append(f"{column('text_emotion')} <> {column('vision_emotion')}")
    if chosen.error:
        terms.append(f"{column('error')} IS NOT NULL")
    if chosen.search:
        # `lower` would write every text of the archive anew.
        terms.append(f"regexp_matches({column('utterance')}, {mark(re.escape(chosen.search))}, 'i')")
    for each in chosen.columns:
        terms += _column_terms(each, column(each.column), mark, any_of)
    if chosen.after:
        key = f"{column('dialogue_id')}, {column('utterance_id')}"
        inner = f"SELECT {key}, {previous(chosen.model, column)} AS previous FROM scores"
        terms.append(f"({key}) IN (SELECT {key} FROM ({inner}) WHERE {any_of('previous', chosen.after)})")
    return " AND ".join(terms)


def _column_terms(
    wanted: ColumnFilter, sql: str, mark: Mark, any_of: Callable[[str, Iterable[object]], str]
) -> list[str]:
    terms = []
    if wanted.values:
        terms.append(any_of(f"CAST({sql} AS VARCHAR)", wanted.values))
    if wanted.least is not None:
        terms.append(f"{sql} >= {mark(wanted.least)}")
    if wanted.most is not None:
        terms.append(f"{sql} <= {mark(wanted.most)}")
    return terms


def previous(model: str, column: Callable[[str], str]) -> str:
    """A model's emotion in the utterance before of the same dialogue, as SQL."""
    order = f"PARTITION BY {column('dialogue_id')} ORDER BY {column('utterance_id')}"
    return f"lag({column(f'{model}_emotion')}) OVER ({order})"


def split(column: Callable[[str], str]) -> str:
    """A row's split by its canonical name, as SQL."""
    return _canonical(column("split"), SPLIT_ALIASES)


def _label(column: Callable[[str], str]) -> str:
    """A row's label by its canonical name, as SQL; other names stay as they are."""
    return _canonical(column("emotion"), ALIASES)


def _canonical(sql: str, aliases: Mapping[str, str]) -> str:
    cases = " ".join(f"WHEN '{alias}' THEN '{name}'" for alias, name in aliases.items())
    return f"(CASE {_plain(sql)} {cases} ELSE {_plain(sql)} END)"


def _plain(sql: str) -> str:
    return f"lower(trim({sql}))"


def _names(wanted: Iterable[str], aliases: Mapping[str, str]) -> list[str]:
    """All names that mean one of those wanted."""
    wanted = list(wanted)
    return [*wanted, *(alias for alias, name in aliases.items() if name in wanted)]


def literal(value: object) -> str:
    """A value as SQL text."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)
