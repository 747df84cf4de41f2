"""Turn a MELD release into a dialogues table.

Finds the three CSVs anywhere in the release, joins the clips where there are any, and prints what it left out. The
clips stay where they are: the table holds their paths.
"""

from emotionscope import cli, ray_session
from emotionscope.commands.settings import ExtractKeyframes, PrepareMeld, TrainText
from emotionscope.prepare import meld
from emotionscope.runs.run import begin, refuse_finished
from emotionscope.storage.place import JsonObject
from emotionscope.tables import datasets

PART = "part-00000.parquet"
SHOWN = 5  # names shown of each kind; the summary file holds all


def run(settings: PrepareMeld) -> JsonObject:
    """Run the job and return its summary."""
    place = ray_session.output_place(settings.output)
    refuse_finished(place, "prepare_meld")
    release = meld.read_release(settings.meld, settings.duplicate_clips)
    _print_facts(release.facts)
    output = begin(place, "prepare_meld", release.facts)
    datasets.write_part(release.table, output.uri / PART)
    summary = {"job": "prepare_meld", **release.facts}
    output.finish_small(summary, {PART: len(release.table)})
    print(f"  written to {output.uri}", flush=True)
    if release.facts["with_video"]:
        following = ExtractKeyframes(dialogues=output.uri, videos=settings.meld, output="keyframes")
        cli.say_next("extract_keyframes", following)
    else:
        cli.say_next("train_text", TrainText(dialogues=(output.uri,), bundle="bundle"))
    return summary


def _print_facts(facts: JsonObject) -> None:
    rows = facts["rows"]
    print(f"prepare_meld: {sum(rows.values()):,} utterances in {facts['release']}")
    print("  " + ", ".join(f"{split} {count:,}" for split, count in rows.items()))
    for split in meld.CLIP_FOLDERS:
        if split not in rows:
            print(f"  no {split}_sent_emo.csv: the table has no split {split}")
    print(
        f"  with a clip: {facts['with_video']:,}"
        + (f", of two: {facts['duplicate_clips']}" if facts["with_video"] else "")
    )
    kinds = {
        "without_video": "without a clip, kept with video null",
        "unreadable_videos": "clips that are cut off (no moov atom), kept: later jobs report them as failed",
        "suspicious_times": "rows whose times suggest a wrong cut, kept",
        "clips_without_row": "clips without a row in the CSVs, left out",
        "other_videos": "videos that belong to no split, left out",
        "archives": "archives, not read: unpack them first",
    }
    for kind, meaning in kinds.items():
        if facts[kind]:
            names = ", ".join(facts[kind][:SHOWN]) + (", …" if len(facts[kind]) > SHOWN else "")
            print(f"  {len(facts[kind]):,} {meaning}:\n    {names}")
    if facts["rows_with_repaired_characters"]:
        print(f"  {facts['rows_with_repaired_characters']:,} rows of an old release: quotes and dashes repaired")
    if facts["emotions_unknown"]:
        print(f"  {facts['emotions_unknown']:,} labels are no emotion of the seven; training and evaluation skip them")
    if facts["times_unreadable"]:
        print(f"  {facts['times_unreadable']:,} times cannot be read, null in the table")
