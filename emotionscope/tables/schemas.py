"""The one schema that all files of a dataset are read as, and whether their values fit it."""

import re
from collections.abc import Sequence

import pyarrow as pa

from emotionscope.errors import UserError, first_line
from emotionscope.tables import columns, parquet_files
from emotionscope.tables.contracts import CONTRACTS, FACES, INTERNAL, Kind, TableContract
from emotionscope.tables.input_file import InputFile, partition_column

MANY = 4  # columns that are named in one message
# How a table of the kind that is wanted is made of one of another kind.
WAYS: dict[Kind, dict[Kind, str]] = {
    "scores": {
        "keyframes": "score it first: emotionscope score --keyframes {uri} --output scores",
        "dialogues": "score it first: emotionscope score --dialogues {uri} --output scores",
    },
    "faces": {"scores": "the faces table is the one that score --faces writes"},
    "keyframes": {
        "scores": "name the table that the scores were made from",
        "dialogues": "find its faces first: emotionscope extract_keyframes --dialogues {uri} --output keyframes",
    },
}
# What others call our columns, in lower case and without what stands between words.
OTHER_NAMES = {
    "utterance": ("text", "sentence", "transcript", "message", "content", "words", "line"),
    "dialogue_id": ("dialogid", "dialogue", "conversationid", "conversation", "callid", "sessionid", "threadid"),
    "utterance_id": ("turnid", "turn", "uttid", "messageid", "sentenceid", "lineid", "index", "position"),
}


def with_partitions(
    schemas: list[pa.Schema], parts: list[InputFile], contract: TableContract, known: pa.Schema | None
) -> list[pa.Schema]:
    """The schemas with the columns that the folders tell: whole numbers where all of them are, else text.

    Raises UserError where the contract, or a schema that is `known`, wants another type.
    """
    told = [parquet_files.partition_values(part.partition) for part in parts]
    values: dict[str, set[str]] = {}
    for each in told:
        for name, value in each.items():
            values.setdefault(name, set()).update([value] if value is not None else [])
    types = {name: pa.int64() if all(map(_is_integer, there)) else pa.string() for name, there in values.items()}
    types |= {name: contract.by_name[name].type for name in types if name in contract.by_name}
    types |= {name: known.field(name).type for name in types if known and name in known.names}
    for part, each in zip(parts, told, strict=True):
        for name in each:
            partition_column(part, name, types[name], 1)
    return [
        pa.schema([*schema, *(pa.field(name, types[name]) for name in sorted(each) if name not in schema.names)])
        for schema, each in zip(schemas, told, strict=True)
    ]


def _is_integer(text: str) -> bool:
    """Whether a number is written as Python would write it: 007 is none."""
    return text.removeprefix("-").isdecimal() and str(int(text)) == text and abs(int(text)) < 2**63


def unify(
    uri: str, contract: TableContract, schemas: list[pa.Schema], names: Sequence[str], known: pa.Schema | None
) -> pa.Schema:
    """The one schema that all files of a dataset are read as: the one that is `known`, or one that suits them all.

    Raises UserError where they break the contract, or cannot be read as it.
    """
    unified = known
    first = "the table to add to" if known else names[0]
    for name, found in zip(names, schemas, strict=True):
        schema = _contract_schema(found, contract, name)
        unified = unified if unified is not None else schema
        if set(schema.names) != set(unified.names):
            odd = sorted(set(schema.names) ^ set(unified.names))
            raise UserError(f"{name}: columns differ from those of {first}: {', '.join(odd)}")
        try:
            unified = pa.unify_schemas([unified, schema], promote_options="permissive")
        except pa.ArrowException as error:
            raise UserError(f"{name}: a column's type differs from other files' ({first_line(error)})") from error
    assert unified is not None
    if known and not unified.equals(known):
        (column, *_) = (field.name for field in known if unified.field(field.name).type != field.type)
        wanted = known.field(column).type
        raise UserError(f"{names[0]}: column {column!r} is not {wanted}, as it is in the table to add to")
    missing = [column.name for column in contract.columns if column.required and column.name not in unified.names]
    if missing:
        raise UserError(f"{uri}: {_lacking(uri, contract, unified.names, missing)}")
    return unified


def _lacking(uri: str, contract: TableContract, names: list[str], missing: list[str]) -> str:
    """What to do about a table without some columns: it may be of another kind, or name them otherwise."""
    kinds = [each for each, own in CONTRACTS.items() if {c.name for c in own.columns if c.required} <= set(names)]
    for kind, way in WAYS.get(contract.kind, {}).items():
        if kind in kinds:
            return f"a {kind} table, where a {contract.kind} table is wanted; {way.format(uri=uri)}"
    shown = (
        ", ".join(missing) if len(missing) < MANY else f"{', '.join(missing[: MANY - 1])} and {len(missing) - 2} more"
    )
    plain = {re.sub(r"[\s_.-]+", "", name.lower()): name for name in names}
    twins = [
        f"{plain[other]!r} to {name}"
        for name in missing
        for other in (name.replace("_", ""), *OTHER_NAMES.get(name, ()))
        if other in plain
    ]
    hint = f"; rename the column {', '.join(twins)}" if twins else ""
    return f"not a {contract.kind} table, it lacks the column {shown}{hint}"


def _contract_schema(schema: pa.Schema, contract: TableContract, uri: str) -> pa.Schema:
    """The schema a file is read as: the contract's columns in its types, others in their own.

    Raises UserError for a column of the contract that has another type, and for a name that is ours.
    """
    fields = []
    for field in schema:
        column = contract.by_name.get(field.name)
        if field.name.startswith(INTERNAL):
            raise UserError(f"{uri}: column {field.name!r}: names that begin with {INTERNAL} are taken; rename it")
        if column is None:
            fields.append(pa.field(field.name, columns.plain_type(field.type)))
            continue
        number = column.numbered and columns.is_number(field.type)
        if not (number or columns.can_become(field.type, column.type)):
            wanted = "a list of structs as keyframes have it" if pa.types.is_list(column.type) else column.type
            raise UserError(f"{uri}: column {field.name!r} is {field.type}, and must be {wanted}")
        fields.append(pa.field(field.name, column.type))
    return pa.schema(fields)


def check_values(parts: list[InputFile], schemas: list[pa.Schema], schema: pa.Schema) -> None:
    """Raise UserError for a value that its column's type cannot hold; reads only columns where there may be one."""
    for part, found in zip(parts, schemas, strict=True):
        wanted_types = {field.name: field.type for field in schema if field.type != FACES}  # which hold the images
        names = [
            field.name
            for field in found
            if field.name in wanted_types and not columns.surely_fits(field.type, wanted_types[field.name])
        ]
        if not names:
            continue
        with parquet_files.open_file(part.uri) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=names)
                for name in names:
                    reason = columns.fits(table[name], wanted_types[name])
                    if reason:
                        raise UserError(f"{part.uri}: column {name!r} cannot be read as {wanted_types[name]}: {reason}")


def conform(name: str, table: pa.Table, contract: TableContract) -> pa.Table:
    """A table in memory, called `name` in messages, in the types of a contract. Raises UserError where it breaks it."""
    schema = unify(name, contract, [table.schema.remove_metadata()], [name], None)
    for field in schema:
        reason = columns.fits(table[field.name], field.type)
        if reason:
            raise UserError(f"{name}: column {field.name!r} cannot be read as {field.type}: {reason}")
    return columns.conform(table, schema)
