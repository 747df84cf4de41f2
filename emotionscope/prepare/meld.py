"""Reads a release of MELD (Poria et al., 2019) as it lies on disk or in S3: the CSVs, and clips if there are any."""

import csv
import io
import posixpath
import re
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from emotionscope.errors import UserError
from emotionscope.labels import canonical
from emotionscope.storage.place import File, Place

COLUMNS = (
    "Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID", "Season", "Episode",
    "StartTime", "EndTime",
)  # fmt: skip
CLIP_FOLDERS = {
    "train": "train/train_splits",
    "dev": "dev/dev_splits_complete",
    "test": "test/output_repeated_splits_test",
}
SCHEMA = pa.schema(
    [
        ("dialogue_id", pa.string()),
        ("utterance_id", pa.int64()),
        ("utterance", pa.string()),
        ("video", pa.string()),
        ("speaker", pa.string()),
        ("emotion", pa.string()),
        ("sentiment", pa.string()),
        ("split", pa.string()),
        ("season", pa.int64()),
        ("episode", pa.int64()),
        ("clip_start", pa.float64()),  # seconds of the broadcast episode, as clip_end
        ("clip_end", pa.float64()),
        ("sr_no", pa.int64()),
    ]
)
SHORTEST, LONGEST = 0.042, 30.0  # seconds; a clip below one frame or beyond this was cut in the wrong place
READERS = 32  # threads that look into clips, to hide the delay of S3

# Releases before November 2020 hold the bytes of Windows-1252 as C1 controls, which decode without an error.
_C1 = {code: bytes([code]).decode("cp1252", "ignore") or None for code in range(0x80, 0xA0)}
REPAIR = {code: text for code, text in _C1.items() if text} | {0xA0: " "}

_CLIP = re.compile(r"(final_videos_test)?dia(\d+)_utt(\d+)\.mp4")
_TIME = re.compile(r"(\d{1,2}):(\d\d):(\d\d),(\d{1,3})")
_SPLIT_OF = {posixpath.basename(folder): split for split, folder in CLIP_FOLDERS.items()} | {
    split: split for split in CLIP_FOLDERS
}

Key = tuple[str, int, int]  # split, dialogue, utterance


@dataclass(frozen=True)
class Release:
    """A release read: its utterances, and an account of what was and was not used."""

    table: pa.Table
    facts: dict[str, object]


def seconds(time: str) -> float | None:
    """Seconds of a MELD time such as ``00:16:16,059``, ``0:01:02,500`` or ``00:06:47,28`` (47.28 s); else None."""
    match = _TIME.fullmatch(time.strip())
    if not match:
        return None
    hours, minutes, whole, fraction = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(f"{int(whole)}.{fraction}")


def find_csvs(files: Iterable[File]) -> dict[str, Place]:
    """Where each split's CSV is, wherever in the release it lies.

    Raises UserError where there is none, or two of one split that differ.
    """
    found: dict[str, Place] = {}
    for file in files:
        match = re.fullmatch(r"(train|dev|test)_sent_emo\.csv", posixpath.basename(file.name))
        if not match:
            continue
        first = found.setdefault(match[1], file.uri)
        if first != file.uri and first.read_bytes() != file.uri.read_bytes():
            raise UserError(f"{first} and {file.uri} differ: leave only the one to use")
    if not found:
        raise UserError("no train_sent_emo.csv, dev_sent_emo.csv or test_sent_emo.csv in it; is it a MELD release?")
    return {split: found[split] for split in CLIP_FOLDERS if split in found}


def read_csv(uri: str, split: str) -> tuple[list[dict[str, object]], Counter[str]]:
    """The rows of one CSV, by dialogue and utterance, with the columns of `SCHEMA`, and what was mended in them.

    ``video`` is still None, and an unknown emotion stays as it is written. Raises UserError for a missing column, an
    unreadable file, an id that is no number or a repeated key.
    """
    try:
        text = Place(uri).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{uri}: not UTF-8 ({error.reason} at byte {error.start})") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise UserError(f"{uri}: lacks the column {', '.join(missing)}")
    rows: dict[Key, dict[str, object]] = {}
    mended: Counter[str] = Counter()
    try:
        for raw in reader:
            if None in raw or None in raw.values():
                raise ValueError("has more or fewer values than the header")
            clean = {name: value.translate(REPAIR) for name, value in raw.items()}
            mended["rows_with_repaired_characters"] += clean != raw
            row = _row(clean, split)
            mended["emotions_unknown"] += canonical(raw["Emotion"]) is None
            mended["times_unreadable"] += (row["clip_start"] is None) + (row["clip_end"] is None)
            key = (split, int(raw["Dialogue_ID"]), int(raw["Utterance_ID"]))
            if key in rows:
                raise ValueError(f"repeats dialogue {key[1]}, utterance {key[2]}")
            rows[key] = row
    except (ValueError, csv.Error) as error:
        raise UserError(f"{uri}, line {reader.line_num}: {error}") from error
    return [rows[key] for key in sorted(rows)], mended


def _row(raw: dict[str, str], split: str) -> dict[str, object]:
    number = {name: int(raw[name]) for name in ("Sr No.", "Dialogue_ID", "Utterance_ID", "Season", "Episode")}
    return {
        "dialogue_id": f"{split}-dia{number['Dialogue_ID']}",
        "utterance_id": number["Utterance_ID"],
        "utterance": raw["Utterance"],
        "video": None,
        "speaker": raw["Speaker"],
        "emotion": canonical(raw["Emotion"]) or raw["Emotion"].strip() or None,
        "sentiment": raw["Sentiment"],
        "split": split,
        "season": number["Season"],
        "episode": number["Episode"],
        "clip_start": seconds(raw["StartTime"]),
        "clip_end": seconds(raw["EndTime"]),
        "sr_no": number["Sr No."],
    }


def find_clips(files: Iterable[File], duplicate_clips: str) -> tuple[dict[Key, str], list[str]]:
    """The clip of each key, and the names of video files that are none.

    Some test utterances have two clips, one of them named ``final_videos_testdia…``: `duplicate_clips` says which is
    used, plain or final. One that stands alone is used. Raises UserError for two clips of one key.
    """
    found: dict[tuple[bool, Key], str] = {}
    strange = []
    for file in files:
        folder, name = posixpath.split(file.name)
        match = _CLIP.fullmatch(name)
        split = next((_SPLIT_OF[part] for part in reversed(folder.split("/")) if part in _SPLIT_OF), None)
        if not match or not split:
            strange.append(file.name)
            continue
        key = (bool(match[1]), (split, int(match[2]), int(match[3])))
        if key in found:
            raise UserError(f"{found[key]} and {file.uri} are clips of one utterance: leave only the one to use")
        found[key] = file.uri
    final = {key: uri for (is_final, key), uri in found.items() if is_final}
    plain = {key: uri for (is_final, key), uri in found.items() if not is_final}
    return (plain | final if duplicate_clips == "final" else final | plain), strange


def is_whole(uri: str) -> bool:
    """Whether an MP4 file has its index (the ``moov`` box), without which no frame can be decoded."""
    filesystem, path = Place(uri).arrow()
    with filesystem.open_input_file(path) as file:
        place, size = 0, file.size()
        while place + 8 <= size:
            head = file.read_at(16, place)
            length = int.from_bytes(head[:4], "big")
            if head[4:8] == b"moov":
                return bool(place + length <= size)
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length < 8:
                return False
            place += length
    return False


def read_release(uri: str, duplicate_clips: str = "plain") -> Release:
    """Read a release: a table of `SCHEMA`, train before dev before test, ordered by dialogue and utterance.

    ``video`` is the clip's absolute path or ``s3://`` URI, broken or not, and null where there is none. Names of
    hidden files (``._…``) are not looked at. The facts count everything found and left out. Raises UserError.
    """
    folder = Place(uri)
    if not folder.exists():
        raise UserError(f"{folder}: no such folder")
    files = folder.list()
    try:
        csvs = find_csvs(files)
    except UserError as error:
        raise UserError(f"{uri}: {error}") from error
    clips, strange = find_clips([file for file in files if file.name.endswith(".mp4")], duplicate_clips)
    mended: Counter[str] = Counter()
    table: list[dict[str, object]] = []
    without, odd, used = [], [], dict[Key, str]()
    for split, path in csvs.items():
        rows, changes = read_csv(path, split)
        mended.update(changes)
        for row in rows:
            name = f"{row['dialogue_id']}_utt{row['utterance_id']}"
            key = (split, int(str(row["dialogue_id"]).removeprefix(f"{split}-dia")), int(str(row["utterance_id"])))
            row["video"] = clips.get(key)
            if key in clips:
                used[key] = clips[key]
            else:
                without.append(name)
            start, end = row["clip_start"], row["clip_end"]
            if isinstance(start, float) and isinstance(end, float) and not SHORTEST <= end - start <= LONGEST:
                odd.append(f"{name} ({end - start:.2f} s)")
        table += rows
    with ThreadPoolExecutor(READERS) as pool:
        whole = pool.map(is_whole, used.values())
        broken = [path for path, good in zip(used.values(), whole, strict=True) if not good]
    facts = {
        "release": folder,
        "csvs": csvs,
        "duplicate_clips": duplicate_clips,
        "rows": Counter(str(row["split"]) for row in table),
        "with_video": len(used),
        "without_video": without,
        "unreadable_videos": broken,
        "suspicious_times": odd,
        "clips_without_row": sorted(path for key, path in clips.items() if key not in used),
        "other_videos": strange,
        "archives": [file.name for file in files if file.name.endswith((".tar", ".tar.gz", ".tgz"))],
        **mended,
    }
    return Release(pa.Table.from_pylist(table, SCHEMA), facts)
