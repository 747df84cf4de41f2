"""The summaries as SQL. All names in it are ours: nothing that a user's table says becomes part of a query.

A pair is two utterances that follow each other; a shift is a pair whose likeliest emotions differ. There are three
kinds: an utterance and the next of its dialogue (`next`); these two where different people say them (`other_speaker`);
and an utterance and the next of the same speaker, whoever speaks between (`same_speaker`). The last two are
inter-personal and self dependency in Poria et al. 2019, "Emotion Recognition in Conversation". A pair counts where both
utterances have an emotion, and for the group of the second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emotionscope.labels import EMOTIONS

SCORES_COLUMNS = ("dialogue_id", "utterance_id", "speaker", "video", "start", "error")
FACES_COLUMNS = ("dialogue_id", "utterance_id", "video", "time", "person", *EMOTIONS)
_NAMES = str(list(EMOTIONS))  # a list in SQL too; numbers of emotions start at 1, as its places do

TICKS = 1_000_000  # of a second, in which spans are counted
_SPOKEN = r"regexp_matches(speaker, '[^\s\p{Z}]')"  # a blank is no speaker


@dataclass(frozen=True)
class Group:
    """What a summary table is grouped by, and the column without which there is no such table."""

    keys: tuple[str, ...]
    needs: str | None = None


_OF_SCORES = {
    "dialogues": Group(("dialogue_id",)),
    "speakers": Group(("speaker",), "speaker"),
    "dialogue_speakers": Group(("dialogue_id", "speaker"), "speaker"),
    "spans": Group(("dialogue_id", "video", "span"), "start"),
}
_OF_FACES = {
    "persons": Group(("dialogue_id", "video", "person", "name")),
    "person_spans": Group(("dialogue_id", "video", "person", "name", "span")),
}
_OF_IDENTITIES = {"identities": Group(("identity", "name"))}
_MAY_LACK = "video", "name"  # keys that a group need not have
_OF_PAIRS = {"next": "before", "same_speaker": "own_before", "other_speaker": "other_before"}
_OF_PERSONS = {"same_person": "before"}

UTTERANCE_PAIRS = """
    CREATE TABLE pairs AS
    SELECT dialogue_id, video, speaker, span, emotion, before,
        CASE WHEN speaker IS NOT NULL THEN own_before END AS own_before,
        CASE WHEN speaker <> speaker_before THEN before END AS other_before
    FROM (
        SELECT *, lag(emotion) OVER dialogue AS before, lag(speaker) OVER dialogue AS speaker_before,
            lag(emotion) OVER speaking AS own_before
        FROM (SELECT dialogue_id, utterance_id, video, speaker, span, emotion FROM utterances)
        WINDOW dialogue AS (PARTITION BY dialogue_id ORDER BY utterance_id),
            speaking AS (PARTITION BY dialogue_id, speaker ORDER BY utterance_id)
    )"""


def utterances(probabilities: Sequence[str], every: float, columns: Sequence[str]) -> str:
    """Makes the table utterances of ``scores``, whose columns are given; `probabilities` are those of a model."""
    speaker = f"CASE WHEN {_SPOKEN} THEN speaker END" if "speaker" in columns else "NULL::VARCHAR"
    optional = f"{speaker} AS speaker, {'video' if 'video' in columns else 'NULL::VARCHAR AS video'}"
    return f"""
        CREATE TABLE utterances AS
        SELECT dialogue_id, utterance_id, {optional},
            {_span("start", every) if "start" in columns else "NULL::BIGINT"} AS span,
            {"error IS NOT NULL" if "error" in columns else "false"} AS failed, {_emotions(probabilities)}
        FROM scores"""


def faces(every: float, columns: Sequence[str]) -> str:
    """Makes the table seen of ``faces``, whose columns are given, and of ``who``: video, person, identity and name."""
    video = "f.video" if "video" in columns else "NULL::VARCHAR"
    return f"""
        CREATE TABLE seen AS
        SELECT dialogue_id, utterance_id, {video} AS video, f.person, identity, name,
            {_span("time", every)} AS span, false AS failed, {_emotions(EMOTIONS)}
        FROM faces f LEFT JOIN who w ON w.video = coalesce({video}, dialogue_id) AND w.person = f.person
        WHERE f.person IS NOT NULL"""


def person_pairs() -> str:
    """Makes the table person_pairs of seen: a person's emotion in an utterance is that of the mean of the faces."""
    return _pairs_of("person_pairs", "video, person, name")


def identity_pairs() -> str:
    """Makes the table identity_pairs of seen, likewise."""
    return _pairs_of("identity_pairs", "identity, name")


def _pairs_of(table: str, who: str) -> str:
    means = [f"avg({emotion})" for emotion in EMOTIONS]
    return f"""
        CREATE TABLE {table} AS
        SELECT *, lag(emotion) OVER (PARTITION BY dialogue_id, {who} ORDER BY utterance_id) AS before
        FROM (
            SELECT dialogue_id, {who}, utterance_id, min(span) AS span, {_likeliest(means)} AS emotion
            FROM seen GROUP BY dialogue_id, {who}, utterance_id
        )"""


def of_scores(every: float, columns: Sequence[str]) -> dict[str, str]:
    """The query of each summary that a scores table with such columns allows."""
    chosen = {name: group.keys for name, group in _OF_SCORES.items() if group.needs is None or group.needs in columns}
    kinds = _OF_PAIRS if "speaker" in columns else {"next": "before"}
    found = {name: _grouped(keys, "utterances", "pairs", kinds, every) for name, keys in chosen.items()}
    return found | {"transitions": _transitions("pairs", kinds)}


def of_faces(every: float) -> dict[str, str]:
    """The query of each summary of the faces."""
    found = {
        name: _grouped(group.keys, "seen", "person_pairs", _OF_PERSONS, every) for name, group in _OF_FACES.items()
    }
    return found | {"person_transitions": _transitions("person_pairs", _OF_PERSONS)}


def of_identities(every: float) -> dict[str, str]:
    """The query of each summary of the faces by identity."""
    return {
        name: _grouped(group.keys, "seen", "identity_pairs", _OF_PERSONS, every)
        for name, group in _OF_IDENTITIES.items()
    }


def _span(time: str, every: float) -> str:
    # In whole ticks: 0.3 / 0.1 is less than 3.
    return f"CASE WHEN isfinite({time}) THEN try_cast(floor(round({time} * {TICKS}) / {_ticks(every)}) AS BIGINT) END"


def _ticks(every: float) -> int:
    return round(every * TICKS)


def _emotions(probabilities: Sequence[str]) -> str:
    """The seven probabilities by the names of the emotions, null where they are no numbers, and the likeliest."""
    clean = [f"nullif({name}, 'nan'::FLOAT)" for name in probabilities]
    named = ", ".join(f"{sql} AS {emotion}" for sql, emotion in zip(clean, EMOTIONS, strict=True))
    return f"{named}, {_likeliest(clean)} AS emotion"


def _likeliest(values: Sequence[str]) -> str:
    """The number of the greatest of seven values; null where all are."""
    tests = " ".join(f"WHEN {value} THEN {number}" for number, value in enumerate(values, start=1))
    return f"(CASE greatest({', '.join(values)}) {tests} END)::TINYINT"


def _grouped(keys: Sequence[str], rows: str, pairs: str, kinds: Mapping[str, str], every: float) -> str:
    """Rows, shares and means of one table, and pairs and shifts of the other, by the same keys."""
    by, here = ", ".join(keys), " AND ".join(f"{key} IS NOT NULL" for key in keys if key not in _MAY_LACK)
    shown = []
    for key in keys:
        ticks = _ticks(every)
        span = [f"a.span * {ticks} / {TICKS} AS span_start", f"(a.span + 1) * {ticks} / {TICKS} AS span_end"]
        shown += span if key == "span" else [f"a.{key}"]
    counts = [f"count(*) FILTER (emotion = {number})" for number in range(1, len(EMOTIONS) + 1)]
    shares = ", ".join(
        f"round({count} / count(emotion), 6) AS {name}_share" for count, name in zip(counts, EMOTIONS, strict=True)
    )
    means = ", ".join(f"round(avg({name}), 6) AS {name}_mean" for name in EMOTIONS)
    counted = ", ".join(
        f"count(emotion <> {before}) AS {kind}_pairs, count(*) FILTER (emotion <> {before}) AS {kind}_shifts"
        for kind, before in kinds.items()  # null, and not counted, where one of the two has no emotion
    )
    wanted = ", ".join(f"{kind}_pairs, {kind}_shifts" for kind in kinds)
    same = " AND ".join(f"a.{key} IS NOT DISTINCT FROM b.{key}" for key in keys)
    return f"""
        SELECT {", ".join(shown)}, a.* EXCLUDE ({by}), {wanted}
        FROM (
            SELECT {by}, count(*) AS rows, count(emotion) AS scored, count(*) FILTER (failed) AS failed,
                CASE WHEN count(emotion) > 0 THEN {_NAMES}[{_likeliest(counts)}] END AS most_frequent, {shares}, {means}
            FROM {rows} WHERE {here} GROUP BY {by}
        ) a JOIN (SELECT {by}, {counted} FROM {pairs} WHERE {here} GROUP BY {by}) b ON {same}
        ORDER BY {", ".join(f"a.{key}" for key in keys)}"""


def _transitions(pairs: str, kinds: Mapping[str, str]) -> str:
    """How often each emotion follows each, and the share of those that follow it; a row for each two emotions."""
    counted = " UNION ALL ".join(
        f"SELECT {number} AS place, '{kind}' AS pair, {before} AS earlier, emotion AS later, count(*) AS pairs "
        f"FROM {pairs} WHERE {before} IS NOT NULL AND emotion IS NOT NULL GROUP BY ALL"
        for number, (kind, before) in enumerate(kinds.items())
    )
    every = " UNION ALL ".join(f"SELECT {number} AS place, '{kind}' AS pair" for number, kind in enumerate(kinds))
    numbers = f"range(1, {len(EMOTIONS) + 1})"
    return f"""
        SELECT pair, {_NAMES}[earlier] AS emotion, {_NAMES}[later] AS next_emotion, coalesce(pairs, 0) AS pairs,
            round(coalesce(pairs, 0) / sum(pairs) OVER (PARTITION BY pair, earlier), 6) AS share
        FROM ({every}) CROSS JOIN (SELECT unnest({numbers})::TINYINT AS earlier)
            CROSS JOIN (SELECT unnest({numbers})::TINYINT AS later)
            LEFT JOIN ({counted}) USING (place, pair, earlier, later)
        ORDER BY place, earlier, later"""
