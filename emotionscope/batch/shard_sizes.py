"""How many rows a shard has, by the kind of its input and the size of the archive; the command line's help reads it."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Source = Literal["clips", "films", "keyframes", "texts"]  # a clip is one utterance's, a film has many
MANY = 1000  # shards of a large archive: enough for as many cores, and few enough for one driver
# Of each source, the fewest and most rows of a shard, and the shards into which an archive between them is cut. Clips
# take long: a few hundred must keep all cores busy. Of a film, as much as may be is looked at together.
SHARD_ROWS: dict[Source, tuple[int, int, int]] = {
    "clips": (16, 256, 64),
    "films": (256, 256, MANY),
    "keyframes": (256, 2048, MANY),
    "texts": (2**15, 2**20, MANY),
}


def rows_per_shard(source: Source, rows: int) -> int:
    """The rows of a shard of an archive of `rows`: they grow with it, from seconds of work to minutes."""
    least, most, count = SHARD_ROWS[source]
    return min(max(least, -(-rows // count)), most)


def kind_of_videos(schema: "pa.Schema") -> Literal["clips", "films"]:
    """Whether the videos of a dialogues table are clips or films: only of these it says where utterances are."""
    return "films" if {"start", "end"} & set(schema.names) else "clips"
