"""What an archive needs in machines, hours and storage, from what one core was measured to do: `docs/capacity.md`.

The costs are those of the machine in the README; give your own, from `make bench`, as flags.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from emotionscope import cli
from emotionscope.batch.pipeline import SHARD_ROWS
from emotionscope.errors import UserError

CORES = (16, 128, 1024)
Kind = Literal["video", "text"]
ARCHIVES: dict[str, tuple[Kind, int]] = {
    "10 million clips": ("video", 10_000_000),
    "1 billion texts": ("text", 1_000_000_000),
}


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Costs:
    """What was measured, on one core where it is computing."""

    clip_seconds: float = 0.41
    """Core-seconds from a clip to its scores."""
    text_seconds: float = 0.00021
    """Core-seconds from a text to its scores."""
    start_seconds: float = 9.0
    """Seconds of a job before its first row and after its last."""
    shards_a_second: float = 40.0
    """Shards that Ray's scheduler and one driver hand out and take back in a second."""
    clip_bytes: float = 770_000
    """Bytes of a clip."""
    text_bytes: float = 60
    """Bytes of an utterance's text and keys in compressed Parquet."""
    keyframe_bytes: float = 3_900
    """Bytes that a clip leaves in a keyframes table."""
    score_bytes: float = 113
    """Bytes of a row of scores."""
    node_cores: int = 16
    """Cores of a machine."""
    node_bytes_a_second: float = 600e6
    """Bytes a second that a machine reads from object storage."""
    video_shard: int = SHARD_ROWS["video"]
    """--shard-rows of a job with videos."""
    text_shard: int = SHARD_ROWS["text"]
    """--shard-rows of a job without."""


@dataclass(frozen=True)
class Need:
    """What one archive takes on so many cores; `bound` is what keeps it from being faster."""

    cores: int
    machines: int
    hours: float
    core_hours: float
    read_bytes_a_second: float
    bound: str


def most_cores(costs: Costs, kind: Kind) -> float:
    """Cores that one driver keeps busy: beyond, shards end faster than they are handed out."""
    shard = costs.video_shard if kind == "video" else costs.text_shard
    return costs.shards_a_second * shard * _row_seconds(costs, kind)


def need(costs: Costs, kind: Kind, rows: int, cores: int) -> Need:
    """Hours and machines for `rows` on `cores`. Raises UserError for fewer than one core or row."""
    if cores < 1 or rows < 1:
        raise UserError(f"{cores} cores and {rows} rows: each must be at least 1")
    machines = -(-cores // costs.node_cores)
    row_bytes = costs.clip_bytes if kind == "video" else costs.text_bytes
    limits = {
        "cores": cores / _row_seconds(costs, kind),
        "shards a second": min(cores, most_cores(costs, kind)) / _row_seconds(costs, kind),
        "network": machines * costs.node_bytes_a_second / row_bytes,
    }
    rate = min(limits.values())
    bound = next(name for name, limit in limits.items() if limit == rate)
    seconds = costs.start_seconds + rows / rate
    return Need(cores, machines, seconds / 3600, rows * _row_seconds(costs, kind) / 3600, row_bytes * rate, bound)


def storage(costs: Costs, kind: Kind, rows: int) -> dict[str, float]:
    """Bytes by table."""
    if kind == "text":
        return {"dialogues": rows * costs.text_bytes, "scores": rows * costs.score_bytes}
    return {
        "videos": rows * costs.clip_bytes,
        "dialogues": rows * costs.text_bytes,
        "keyframes": rows * costs.keyframe_bytes,
        "scores": rows * costs.score_bytes,
    }


def page(costs: Costs, cores: Sequence[int] = CORES) -> str:
    """The tables of `docs/capacity.md`."""
    parts = []
    for name, (kind, rows) in ARCHIVES.items():
        table = ["| Cores | Machines | Hours | Read a second | Bound by |", "|---:|---:|---:|---:|---|"]
        for count in cores:
            one = need(costs, kind, rows, count)
            table.append(
                f"| {count:,} | {one.machines:,} | {one.hours:,.1f} | {_bytes(one.read_bytes_a_second)} | {one.bound} |"
            )
        core_hours = need(costs, kind, rows, 1).core_hours
        sizes = ", ".join(f"{table_name} {_bytes(size)}" for table_name, size in storage(costs, kind, rows).items())
        shard = costs.video_shard if kind == "video" else costs.text_shard
        words = (
            f"{core_hours:,.0f} core-hours; {-(-rows // shard):,} shards of {shard:,} rows; storage: {sizes}. "
            f"One driver keeps up to {most_cores(costs, kind):,.0f} cores busy."
        )
        parts.append(f"### {name}\n\n" + "\n".join(table) + f"\n\n{words}\n")
    shard = 8 * costs.text_shard
    more = most_cores(replace(costs, text_shard=shard), "text")
    parts.append(f"With `--shard-rows {shard}` the driver of the texts keeps {more:,.0f} cores busy.\n")
    return "\n".join(parts)


def _row_seconds(costs: Costs, kind: Kind) -> float:
    return costs.clip_seconds if kind == "video" else costs.text_seconds


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


DEFAULT = Costs()


def run(costs: Costs = DEFAULT) -> None:
    """Print the tables."""
    print(page(costs))


if __name__ == "__main__":
    cli.main(run)
