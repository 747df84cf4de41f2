"""A folder of videos, with transcripts or without, to a dialogues table: a dialogue a video, an utterance a cue."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

import pyarrow as pa

from emotionscope.errors import UserError
from emotionscope.prepare import pairing, transcripts
from emotionscope.prepare.cues import Cue, Transcript, in_seconds
from emotionscope.prepare.pairing import Paired
from emotionscope.storage.place import File, Place
from emotionscope.video.length import Length

SCHEMA = pa.schema(
    [
        ("dialogue_id", pa.string()),
        ("utterance_id", pa.int64()),
        ("utterance", pa.string()),
        ("video", pa.string()),
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("speaker", pa.string()),
    ]
)
READERS = 16  # threads that read transcripts, to hide the delay of S3
BATCH = 64  # videos whose transcripts are in memory at once
PART_ROWS = 100_000  # of one file of the table

Lengths = Callable[[Iterable[str]], Iterator[Length]]


@dataclass
class Account:
    """What was found, what was left out, and why. Lists hold names, most with what is to be said of them."""

    videos: int = 0
    utterances: int = 0
    with_speaker: int = 0  # utterances
    transcripts: dict[str, int] = field(default_factory=dict)  # used, by format
    windowed: list[str] = field(default_factory=list)  # videos without a transcript
    unreadable_videos: list[str] = field(default_factory=list)
    unreadable_transcripts: list[str] = field(default_factory=list)
    spare_transcripts: list[str] = field(default_factory=list)  # of a video that has a better one
    stray_transcripts: list[str] = field(default_factory=list)  # of no video
    unread_formats: list[str] = field(default_factory=list)  # transcripts beside a video, in formats that are not read
    no_speech: list[str] = field(default_factory=list)  # chapters, preview pictures and the like
    not_unicode: list[str] = field(default_factory=list)  # transcripts
    milliseconds: list[str] = field(default_factory=list)  # transcripts
    before_first_cue: list[str] = field(default_factory=list)  # lines
    guessed: list[str] = field(default_factory=list)  # rows of columns with too many or few values
    cues_left_out: list[str] = field(default_factory=list)
    cues_without_text: int = 0
    cues_reordered: int = 0
    cues_clipped: int = 0
    cues_repeated: int = 0
    cues_rolled: int = 0
    cues_divided: int = 0
    cues_without_end: int = 0
    cues_outside: list[str] = field(default_factory=list)  # videos, with the number of their cues after its end
    cues_backwards: int = 0
    other_files: int = 0


def find(videos: str, folder: str | None, account: Account) -> list[Paired]:
    """The videos below a folder or prefix in order of their names, each with its transcripts.

    These lie beside the video, or below `folder`. Hidden files are not looked at. Raises UserError for a folder that is
    not there or holds no video.
    """
    beside = Place(folder or videos)
    for place in (Place(videos), beside):
        if not place.exists():
            raise UserError(f"{place}: no such folder")
    files = Place(videos).list()
    found = [file for file in files if pairing.is_video(file)]
    if not found:
        raise UserError(f"{videos}: no video in it ({', '.join(pairing.VIDEOS)})")
    others = [file for file in (beside.list() if folder else files) if not pairing.is_video(file)]
    silent = [file for file in others if pairing.is_transcript(file) and pairing.shows_no_speech(file)]
    texts = [file for file in others if pairing.is_transcript(file) and file not in silent]
    paired, stray = pairing.pair(found, texts, anywhere=folder is not None)
    unread = pairing.pair(found, filter(pairing.is_unread, others), anywhere=folder is not None)[0]
    account.videos = len(found)
    account.no_speech = [file.name for file in silent]
    account.stray_transcripts = [file.name for file in stray]
    account.unread_formats = sorted({file.name for one in unread for file in one.transcripts})
    known = sum(map(pairing.is_transcript, files)) + (0 if folder else len(account.unread_formats))
    account.other_files = len(files) - len(found) - known
    return paired


def beside(name: str, folder: Place, transcript: str | None = None) -> Paired:
    """One video of a folder or prefix with the `transcript`, or else with those that lie beside it.

    Raises UserError for a transcript that is not there, or whose format is not read.
    """
    video = File(folder / name, name, 0, 0)
    if transcript is None:
        near = [file for file in folder.list(deep=False) if pairing.is_transcript(file)]
        return pairing.pair([video], [file for file in near if not pairing.shows_no_speech(file)], anywhere=False)[0][0]
    place = Place(transcript)
    file = File(place, place.name, 0, 0)
    if not pairing.is_transcript(file):
        raise UserError(f"{transcript}: not a transcript ({', '.join(transcripts.SUFFIXES)})")
    if not place.is_file():
        raise UserError(f"{transcript}: no such file")
    return Paired(video, (file,))


@dataclass(frozen=True)
class Script:
    """What the transcripts of one video gave: the file used, None where none can be; all that were read; the rest."""

    file: File | None
    cues: tuple[Cue, ...]
    read: tuple[tuple[File, Transcript], ...]
    problems: tuple[str, ...]
    spare: tuple[str, ...]


def read_script(one: Paired, encoding: str | None = None, reader: transcripts.Reader = transcripts.read) -> Script:
    """The first transcript of a video that has a cue to use."""
    read: list[tuple[File, Transcript]] = []
    problems = []
    for number, file in enumerate(one.transcripts, start=1):
        try:
            if file.size > transcripts.LARGEST:
                raise ValueError(f"larger than {transcripts.LARGEST // 2**20} MiB")
            transcript = reader(file.name, file.uri.read_bytes(), encoding)
        except (ValueError, OSError) as error:
            problems.append(f"{file.name}: {' '.join(str(error).split())}")
            continue
        read.append((file, transcript))
        if transcript.cues:
            spare = tuple(each.name for each in one.transcripts[number:])
            return Script(file, transcript.cues, tuple(read), tuple(problems), spare)
        problems.append(f"{file.name}: none of its cues can be used")
    return Script(None, (), tuple(read), tuple(problems), ())


def tables(
    paired: list[Paired], window: float, lengths: Lengths, account: Account, encoding: str | None = None
) -> Iterator[pa.Table]:
    """Tables of `SCHEMA` of some `PART_ROWS` rows, a video's rows in one; `account` is filled in as they come.

    `lengths` tells how long videos are. A video without a transcript is cut into windows of `window` seconds; where its
    length is not known either, it is one row without a span. `encoding` is that of transcripts not in Unicode.
    """
    rows: list[tuple[object, ...]] = []
    measured = lengths([one.video.uri for one in paired])
    with transcripts.isolated() as reader, ThreadPoolExecutor(READERS) as readers:
        read_one = partial(read_script, encoding=encoding, reader=reader)
        for start in range(0, len(paired), BATCH):
            batch = paired[start : start + BATCH]
            for one, read in zip(batch, readers.map(read_one, batch), strict=True):
                length = next(measured)
                script = _timed(read, length, account)
                _note(account, one, script, length)
                name, before = one.video.name, len(rows)
                for number, cue in enumerate(script.cues):
                    rows.append((name, number, cue.text, name, cue.start, cue.end, cue.speaker))
                if not script.cues:
                    spans = windows(length.seconds, window)
                    rows += [(name, number, None, name, *span, None) for number, span in enumerate(spans)]
                account.utterances += len(rows) - before
            if len(rows) >= PART_ROWS:
                yield _table(rows)
                rows = []
    if rows:
        yield _table(rows)


def _timed(script: Script, length: Length, account: Account) -> Script:
    """The cues in seconds, and those without an end up to the video's."""
    if script.file is None:
        return script
    transcript, milliseconds = in_seconds(script.read[-1][1], length.seconds)
    if milliseconds:
        account.milliseconds.append(script.file.name)
    ended = (
        replace(cue, end=length.seconds) if cue.end is None and length.seconds and length.seconds > cue.start else cue
        for cue in transcript.cues
    )
    return replace(script, cues=tuple(ended))


def windows(length: float | None, window: float) -> list[tuple[float | None, float | None]]:
    """Spans of `window` seconds; what is left at the end, if it is less than half of one, belongs to the last."""
    if length is None:
        return [(None, None)]
    count = max(round(length / window), 1)
    edges = [round(window * number, 3) for number in range(count)] + [round(length, 3)]
    return list(itertools.pairwise(edges))


def _note(account: Account, one: Paired, script: Script, length: Length) -> None:
    """Add a video to the account."""
    name = one.video.name
    account.unreadable_transcripts += script.problems
    account.spare_transcripts += script.spare
    for file, transcript in script.read:
        account.cues_left_out += [f"{file.name}, {reason}" for reason in transcript.left_out]
        account.before_first_cue += [f"{file.name}, {line}" for line in transcript.before]
        account.guessed += [f"{file.name}, {reason}" for reason in transcript.guessed]
        account.cues_without_text += transcript.empty
    if length.error:
        account.unreadable_videos.append(f"{name}: {length.error}")
    if script.file is None:
        account.windowed += [] if length.error else [name]
        return
    transcript = script.read[-1][1]
    suffix = pairing.suffix(script.file.name)
    account.transcripts[suffix] = account.transcripts.get(suffix, 0) + 1
    account.cues_reordered += transcript.reordered
    account.cues_clipped += transcript.clipped
    account.cues_repeated += transcript.repeated
    account.cues_rolled += transcript.rolled
    account.cues_divided += transcript.divided
    account.cues_without_end += transcript.open_ended
    account.cues_backwards += sum(cue.end is not None and cue.end <= cue.start for cue in script.cues)
    account.with_speaker += sum(cue.speaker is not None for cue in script.cues)
    if not transcript.encoding.startswith("utf"):
        account.not_unicode.append(f"{script.file.name}: {transcript.encoding}")
    outside = sum(cue.start >= length.seconds for cue in script.cues) if length.seconds else 0
    if outside:
        account.cues_outside.append(f"{name}: {outside:,} after its end at {length.seconds:,.1f} s")


def _table(rows: list[tuple[object, ...]]) -> pa.Table:
    return pa.table(list(zip(*rows, strict=True)), SCHEMA)
