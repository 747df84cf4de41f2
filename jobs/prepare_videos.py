"""Turn videos and their subtitles into a dialogues table.

Each video becomes a dialogue, and each cue of its transcript an utterance with its start and end. A video without a
transcript is cut into windows without text. Reads SubRip (.srt), WebVTT (.vtt), JSON of Whisper and WhisperX (.json),
and CSV with the columns start, end, text and speaker (.csv). Prints what it found, what it left out and why.
"""

from collections.abc import Sequence
from dataclasses import asdict

from emotionscope import cli, ray_session
from emotionscope.io import s3, small_output, tables, uris
from emotionscope.prepare import videos
from emotionscope.prepare.videos import Account
from emotionscope.video.length import lengths
from jobs.settings import PrepareVideos

SHOWN = 5  # names shown of each kind; the summary file holds all


def run(settings: PrepareVideos) -> Account:
    """Run the job and return its account."""
    folder = uris.absolute(settings.videos)
    texts = uris.absolute(settings.transcripts) if settings.transcripts else None
    output = ray_session.output_uri(settings.output)
    s3.check_access(output)
    account = Account()
    found = videos.find(folder, texts, account)
    run = {"job": "prepare_videos", "videos": folder, "transcripts": texts, "window": settings.window}
    small_output.begin(output, run)
    print(f"prepare_videos: {account.videos:,} videos in {folder}", flush=True)
    for number, table in enumerate(videos.tables(found, settings.window, lengths, account)):
        tables.write_part(table, uris.join(output, f"part-{number:05d}.parquet"))
    _print_account(account, settings.window)
    small_output.finish(output, {"job": "prepare_videos", **asdict(account), "settings": run})
    print(f"  written to {output}", flush=True)
    print(f"  next: emotionscope score --dialogues {output} --videos {folder} --output scores", flush=True)
    return account


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
        "transcripts that are not in UTF-8 or UTF-16, read as Windows-1252": account.not_unicode,
        "cues left out": account.cues_left_out,
        "videos with cues after their end, kept: is the transcript that of another cut?": account.cues_outside,
    }
    for meaning, names in kinds.items():
        if names:
            shown = "\n    ".join(names[:SHOWN]) + ("\n    …" if len(names) > SHOWN else "")
            print(f"  {len(names):,} {meaning}:\n    {shown}")
    counts = {
        "cues without a text, left out": account.cues_without_text,
        "cues out of order, sorted by their start": account.cues_reordered,
        "cues that begin before the video, cut to its start": account.cues_clipped,
        "cues that do not end after their start, kept: they show no frame": account.cues_backwards,
        "other files, left out": account.other_files,
    }
    for meaning, count in counts.items():
        if count:
            print(f"  {count:,} {meaning}")


if __name__ == "__main__":
    cli.main(run)
