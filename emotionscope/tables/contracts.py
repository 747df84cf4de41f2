"""What each table must have, may have and reserves. The tables of ``docs/tables.md`` are made of this."""

from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from emotionscope.errors import UserError
from emotionscope.labels import EMOTIONS, MODELS, probability_columns

KEY = ("dialogue_id", "utterance_id")
INTERNAL = "_emotionscope_"  # how the names of columns begin that only live within a job

BOX = pa.struct([pa.field(side, pa.int32()) for side in "xywh"])  # pixels
EMBEDDING = pa.list_(pa.float32())  # 128 numbers, by `recognition.embedding`
FACE = pa.struct(
    [
        pa.field("time", pa.float64()),  # seconds from the start of the utterance's span
        pa.field("box", BOX),
        pa.field("person", pa.int32()),  # null where nobody knows who it is
        pa.field("quality", pa.float32()),
        pa.field("kept", pa.bool_()),  # whether it is among the best of the utterance
        pa.field("speaking", pa.float32()),  # 0 to 1; null where not measured
        *(pa.field(turn, pa.float32()) for turn in ("yaw", "pitch", "roll")),  # degrees; null without a face's points
        pa.field("embedding", EMBEDDING),  # null unless asked for, and of all but the best frontal faces
        pa.field("image", pa.binary()),  # JPEG; small and grey where not kept
    ]
)
FACES = pa.list_(FACE)

Kind = Literal["dialogues", "keyframes", "labelled faces", "scores", "faces"]


@dataclass(frozen=True)
class Column:
    """A column: the type it is read as, what it means, and whether a table must have it.

    `numbered` columns may be whole numbers in the file, which are read as text.
    """

    name: str
    type: pa.DataType
    meaning: str
    required: bool = False
    numbered: bool = False


@dataclass(frozen=True)
class TableContract:
    """A kind of table: what a row is, its columns, and the job that writes it, if one does.

    `error` is the column that says why a row failed, `faces` the one that holds or counts its faces. Where there is no
    `error`, each row is a face.

    Any other column is carried in its own type. The names in `reserved` are those that jobs add to such a table, so
    that a table they are to be added to must not have them.
    """

    kind: Kind
    row: str
    columns: tuple[Column, ...]
    reserved: tuple[str, ...] = ()
    job: str | None = None
    error: str | None = None
    faces: str | None = None
    by_name: dict[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})


_KEY = (
    Column("dialogue_id", pa.string(), "the conversation", required=True, numbered=True),
    Column("utterance_id", pa.int64(), "the utterance's place in it; both together are the key", required=True),
)
_TEXT = Column("utterance", pa.string(), "what is said", required=True)
_OPTIONAL = (
    Column("video", pa.string(), "its video or picture: a path in the videos' folder, or file:// or s3://"),
    Column("start", pa.float64(), "where it starts in a longer video, in seconds"),
    Column("end", pa.float64(), "where it ends there, in seconds"),
    Column("speaker", pa.string(), "who speaks", numbered=True),
    Column("emotion", pa.string(), "its label, to learn from or to measure by"),
    Column("split", pa.string(), "train, dev or test; names such as Validation are known too"),
)
_FACES = (
    Column("faces", FACES, "its faces: empty if none was found, null without a video", required=True),
    Column("video_error", pa.string(), "why the video could not be read", required=True),
)
_SCORES = (
    *(
        column
        for model in MODELS
        for column in (
            Column(f"{model}_emotion", pa.string(), f"the {model} model's likeliest emotion"),
            *(
                Column(name, pa.float32(), f"its probability by the {model} model; the seven sum to 1", required=True)
                for name in probability_columns(model)
            ),
        )
    ),
    Column("text_known", pa.float32(), "share of the text's n-grams that the text model knows; null without a text"),
    Column("face_count", pa.int32(), "number of faces that were looked at"),
    Column("speaker_person", pa.int32(), "the person whose face speaks; null where none does, or nobody measured it"),
    Column("listener_emotion", pa.string(), "the likeliest emotion of the faces that do not speak, where measured"),
    Column("error", pa.string(), "why the row, or one modality of it, has no score"),
    Column("bundle", pa.string(), "version of the bundle that scored it", required=True),
)

DIALOGUES = TableContract(
    "dialogues",
    "an utterance",
    (*_KEY, _TEXT, *_OPTIONAL),
    reserved=tuple(column.name for column in (*_FACES, *_SCORES)),
)
KEYFRAMES = TableContract(
    "keyframes",
    "an utterance",
    (*_KEY, _TEXT, *_OPTIONAL, *_FACES),
    reserved=tuple(column.name for column in _SCORES),
    job="extract_keyframes",
    error="video_error",
    faces="faces",
)
SCORES = TableContract(
    "scores",
    "an utterance",
    (*_KEY, Column("utterance", pa.string(), "what is said"), *_OPTIONAL, *_SCORES),
    job="score",
    error="error",
    faces="face_count",
)
LABELLED_FACES = TableContract(
    "labelled faces",
    "a face image, or an utterance of a keyframes table",
    (
        Column("split", pa.string(), "train, dev or test; names such as Validation are known too", required=True),
        Column("emotion", pa.string(), "the face's label, unless there are columns of votes"),
    ),
)
FACES_TABLE = TableContract(
    "faces",
    "a face that was looked at",
    (
        *_KEY,
        Column("video", pa.string(), "the utterance's video"),
        Column("time", pa.float64(), "where in the video, in seconds", required=True),
        Column(
            "person", pa.int32(), "number of the person within the video; null if not known who it is", required=True
        ),
        Column("box", BOX, "where in the picture: x, y, w, h in pixels of the video as it is shown"),
        Column("quality", pa.float32(), "how well it can be seen, 0 to 1"),
        Column("speaking", pa.float32(), "how surely it speaks, 0 to 1; null where not measured"),
        Column("yaw", pa.float32(), "degrees that it is turned to the picture's right"),
        Column("pitch", pa.float32(), "degrees that it looks up"),
        Column("roll", pa.float32(), "degrees that it is tilted clockwise"),
        Column("embedding", EMBEDDING, "128 numbers that tell who it is; only with --embeddings, of a few faces"),
        Column("emotion", pa.string(), "its likeliest emotion"),
        *(Column(name, pa.float32(), "its probability; the seven sum to 1", required=True) for name in EMOTIONS),
        Column("bundle", pa.string(), "version of the bundle that scored it"),
    ),
    job="score --faces",
)
CONTRACTS = {contract.kind: contract for contract in (DIALOGUES, KEYFRAMES, SCORES, LABELLED_FACES, FACES_TABLE)}


def made_by(job: str) -> TableContract:
    """The contract of the table that a job writes."""
    return next(contract for contract in CONTRACTS.values() if contract.job == job)


def keyframes_schema(dialogues: pa.Schema) -> pa.Schema:
    """The schema of the keyframes table made from a dialogues table. Raises UserError where a name is taken."""
    return _with_columns(dialogues, _FACES, "finding faces", ", or name a keyframes table by --keyframes")


def scores_schema(keyframes: pa.Schema) -> pa.Schema:
    """The schema of the scores table made from a keyframes table. Raises UserError where a name is taken."""
    own = {column.name for column in _FACES}
    return _with_columns(pa.schema([each for each in keyframes if each.name not in own]), _SCORES, "scoring")


def source_schema(scores: pa.Schema, kind: Kind) -> pa.Schema:
    """The schema of the dialogues or keyframes table that a scores table was made from."""
    own = {column.name for column in _SCORES}
    faces = _FACES if kind == "keyframes" else ()
    carried = (each for each in scores if each.name not in own)
    return pa.schema([*carried, *(pa.field(column.name, column.type) for column in faces)])


def faces_schema(embeddings: bool = False) -> pa.Schema:
    """The schema of a faces table, with the column embedding or without it."""
    columns = [column for column in FACES_TABLE.columns if embeddings or column.name != "embedding"]
    return pa.schema([(column.name, column.type) for column in columns])


def _with_columns(schema: pa.Schema, columns: tuple[Column, ...], by: str, or_else: str = "") -> pa.Schema:
    taken = [column.name for column in columns if column.name in schema.names]
    if taken:
        raise UserError(f"the input has columns that {by} writes: {', '.join(taken)}; rename them{or_else}")
    return pa.schema([*schema, *(pa.field(column.name, column.type) for column in columns)])
