"""Turn videos and their subtitles into a dialogues table.

Each video becomes a dialogue, and each cue of its transcript an utterance with its start and end. A video without a
transcript is cut into windows without text. Reads subtitles (.srt, .vtt, .ass, .ssa, .ttml, .dfxp, .sbv), JSON of
speech recognisers (.json), and columns start, end, text and speaker (.csv, .tsv). Prints what it found, and what it
left out, joined or guessed, and why.
"""

import codecs
from collections.abc import Sequence
from dataclasses import asdict

from emotionscope import cli, ray_session
from emotionscope.commands.settings import PrepareVideos, Score
from emotionscope.errors import UserError, visible
from emotionscope.prepare import videos
from emotionscope.prepare.videos import Account
from emotionscope.runs.run import begin
from emotionscope.storage.place import Place
from emotionscope.tables import datasets
from emotionscope.video.length import lengths

SHOWN = 5  # names shown of each kind; the summary file holds all


def run(settings: PrepareVideos) -> Account:
    """Run the job and return its account."""
    folder = Place(settings.videos)
    texts = Place(settings.transcripts) if settings.transcripts else None
    encoding = _encoding(settings.encoding)
    account = Account()
    found = videos.find(folder, texts, account)
    facts = {"videos": folder, "transcripts": texts, "window": settings.window, "encoding": encoding}
    output = begin(ray_session.output_place(settings.output), "prepare_videos", facts)
    print(f"prepare_videos: {account.videos:,} videos in {folder}", flush=True)
    rows = {}
    for number, table in enumerate(videos.tables(found, settings.window, lengths, account, encoding)):
        name = f"part-{number:05d}.parquet"
        datasets.write_part(table, output.uri / name)
        rows[name] = len(table)
    _print_account(account, settings.window)
    output.finish_small({"job": "prepare_videos", **asdict(account), "settings": facts}, rows)
    print(f"  written to {output.uri}", flush=True)
    cli.say_next("score", Score(dialogues=output.uri, videos=folder, faces="faces", output="scores"))
    return account


def _encoding(name: str | None) -> str | None:
    try:
        return codecs.lookup(name).name if name else None
    except LookupError:
        raise UserError(f"--encoding {name}: no such encoding; examples are cp1250, cp1251, gbk, shift_jis") from None


def _print_account(account: Account, window: float) -> None:
    used = ", ".join(f"{suffix} {count:,}" for suffix, count in sorted(account.transcripts.items()))
    print(f"  {account.utterances:,} utterances, {account.with_speaker:,} with a speaker")
    print(f"  with a transcript: {sum(account.transcripts.values()):,}" + (f" ({used})" if used else ""))
    kinds: dict[str, Sequence[str]] = {
        f"videos without a transcript, cut into windows of {window:g} s without text": account.windowed,
        "videos that cannot be read, kept: later jobs report them as failed": account.unreadable_videos,
        "transcripts that cannot be read, left out": account.unreadable_transcripts,
        "transcripts of a video that has another, left out": account.spare_transcripts,
        "transcripts without a video, left out": account.stray_transcripts,
        "transcripts in formats that are not read, left out; convert them to .srt": account.unread_formats,
        "files of chapters, preview pictures and the like, left out": account.no_speech,
        "transcripts that are not in Unicode, read as guessed; --encoding names another": account.not_unicode,
        "transcripts whose times are in milliseconds, as the videos' lengths show": account.milliseconds,
        "rows with more or fewer values than their header; those too many are part of the text": account.guessed,
        "lines before the first cue, left out": account.before_first_cue,
        "cues left out": account.cues_left_out,
        "videos with cues after their end, kept: is the transcript that of another cut?": account.cues_outside,
    }
    for meaning, names in kinds.items():
        if names:
            shown = "\n    ".join(map(visible, names[:SHOWN])) + ("\n    …" if len(names) > SHOWN else "")
            print(f"  {len(names):,} {meaning}:\n    {shown}")
    counts = {
        "cues without a text, left out": account.cues_without_text,
        "cues out of order, sorted by their start": account.cues_reordered,
        "cues with the times and text of another, left out": account.cues_repeated,
        "cues that only show again what was said, joined with it (captions that scroll or grow)": account.cues_rolled,
        "cues of several speakers, divided by the length of what each says": account.cues_divided,
        "cues without an end, which end where the next one begins, or with the video": account.cues_without_end,
        "cues that begin before the video, cut to its start": account.cues_clipped,
        "cues that do not end after their start, kept: they show no frame": account.cues_backwards,
        "other files, left out": account.other_files,
    }
    for meaning, count in counts.items():
        if count:
            print(f"  {count:,} {meaning}")
