"""How many machines and hours an archive needs, from measured costs: the tables of `docs/capacity.md`.

The defaults are the costs that the page names; give your own, from `make bench`, as options.
"""

from dataclasses import dataclass

from benchmarks.measure import markdown
from emotionscope import cli
from emotionscope.batch.shard_sizes import Source, rows_per_shard
from emotionscope.errors import UserError

CORES = (16, 128, 1024)
ARCHIVES: dict[str, tuple[Source, int]] = {"10 million clips": ("clips", 10**7), "1 billion texts": ("texts", 10**9)}
BYTES = {"dialogues": 60, "keyframes": 3_900, "scores": 113}  # of a row, in compressed Parquet
HEAD = ("Cores", "Machines", "Hours", "Read a second", "Bound by")


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Costs:
    """What was measured, on one core where it is computing."""

    clip_seconds: float = 0.2
    """Core-seconds from a clip to its scores."""
    text_seconds: float = 0.00002
    """Core-seconds from a text to its scores."""
    start_seconds: float = 9.0
    """Seconds of a job before its first row and after its last."""
    shards_a_second: float = 40.0
    """Shards that one driver hands out and takes back in a second."""
    clip_bytes: float = 770_000
    """Bytes of a clip."""
    node_cores: int = 16
    """Cores of a machine."""
    node_bytes_a_second: float = 600e6
    """Bytes that a machine reads from object storage in a second."""

    def of_row(self, kind: Source) -> tuple[float, float]:
        """Core-seconds and bytes read for a row."""
        if kind == "clips":
            return self.clip_seconds, self.clip_bytes
        return self.text_seconds, BYTES["dialogues"]


@dataclass(frozen=True)
class Need:
    """What an archive takes on so many cores; `bound` is what keeps it from being faster."""

    cores: int
    machines: int
    hours: float
    core_hours: float
    read_bytes_a_second: float
    bound: str


def most_cores(costs: Costs, kind: Source, rows: int) -> float:
    """Cores that one driver keeps busy with an archive of `rows`: beyond, shards end faster than it hands them out."""
    return costs.shards_a_second * rows_per_shard(kind, rows) * costs.of_row(kind)[0]


def need(costs: Costs, kind: Source, rows: int, cores: int) -> Need:
    """Hours and machines for `rows` on `cores`. Raises UserError for fewer than one core or row."""
    if cores < 1 or rows < 1:
        raise UserError(f"{cores} cores and {rows} rows: each must be at least 1")
    machines = -(-cores // costs.node_cores)
    seconds, read = costs.of_row(kind)
    limits = {  # rows a second
        "cores": cores / seconds,
        "shards a second": min(cores, most_cores(costs, kind, rows)) / seconds,
        "network": machines * costs.node_bytes_a_second / read,
    }
    bound = min(limits, key=lambda name: limits[name])
    hours = (costs.start_seconds + rows / limits[bound]) / 3600
    return Need(cores, machines, hours, rows * seconds / 3600, read * limits[bound], bound)


def storage(costs: Costs, kind: Source, rows: int) -> dict[str, float]:
    """Bytes by table."""
    each = {"videos": costs.clip_bytes, **BYTES}
    names = each if kind == "clips" else ("dialogues", "scores")
    return {name: rows * each[name] for name in names}


def page(costs: Costs) -> str:
    """The tables of `docs/capacity.md`."""
    parts = []
    for name, (kind, rows) in ARCHIVES.items():
        needs = [need(costs, kind, rows, cores) for cores in CORES]
        table = [
            (f"{one.cores:,}", f"{one.machines:,}", f"{one.hours:,.3g}", _bytes(one.read_bytes_a_second), one.bound)
            for one in needs
        ]
        sizes = ", ".join(f"{table_name} {_bytes(size)}" for table_name, size in storage(costs, kind, rows).items())
        shard = rows_per_shard(kind, rows)
        words = (
            f"{needs[0].core_hours:,.0f} core-hours; {-(-rows // shard):,} shards of {shard:,} rows; storage: {sizes}. "
            f"One driver keeps up to {most_cores(costs, kind, rows):,.0f} cores busy."
        )
        parts.append(f"### {name}\n\n{markdown(HEAD, table)}\n{words}\n")
    return "\n".join(parts)


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
