"""Columns as other programs write them, to the types that this one works with; no value changes on the way."""

import uuid
from typing import TypeGuard

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_LARGEST_EXACT = 32  # bits of an integer that every float64 holds


def plain_type(kind: pa.DataType) -> pa.DataType:
    """A type without what is only a way of storing it: dictionaries, views, other programs' extension types."""
    types = pa.types
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType) and not kind.extension_name.startswith("arrow."):
        return plain_type(kind.storage_type)
    if types.is_string_view(kind):
        return pa.string()
    if types.is_binary_view(kind):
        return pa.binary()
    if types.is_struct(kind):
        return pa.struct([_plain_field(each) for each in kind])
    if types.is_map(kind):
        return pa.map_(_plain_field(kind.key_field), _plain_field(kind.item_field))
    if types.is_fixed_size_list(kind):
        return pa.list_(_plain_field(kind.value_field), kind.list_size)
    if types.is_list(kind) or types.is_list_view(kind):
        return pa.list_(_plain_field(kind.value_field))
    if types.is_large_list(kind) or types.is_large_list_view(kind):
        return pa.large_list(_plain_field(kind.value_field))
    return kind


def _plain_field(field: pa.Field) -> pa.Field:
    return field.with_type(plain_type(field.type))


def can_become(kind: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether a column of a contract may have a type in a file; its values are looked at by `fits`."""
    types = pa.types
    kind = plain_type(kind)
    if types.is_null(kind) or kind.equals(wanted):
        return True
    if types.is_string(wanted):
        return types.is_large_string(kind) or _is_binary(kind) or _is_spelled(kind)
    if types.is_binary(wanted):
        return _is_binary(kind)
    if types.is_integer(wanted):
        return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))
    if types.is_floating(wanted):
        return bool(types.is_floating(kind) or types.is_integer(kind) or types.is_decimal(kind))
    if types.is_struct(wanted):
        return bool(types.is_struct(kind)) and _has_fields(kind, wanted)
    return bool(types.is_list(wanted)) and _is_list(kind) and can_become(kind.value_type, wanted.value_type)


def is_number(kind: pa.DataType) -> bool:
    """Whether a type is of numbers, which are read as text where all of them are whole: see `cast`."""
    types, kind = pa.types, plain_type(kind)
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _has_fields(found: pa.StructType, wanted: pa.StructType) -> bool:
    """Whether a struct has the fields of another, with types that become theirs, in any order."""
    places = {each.name: each.type for each in found}
    for each in wanted:
        kind = places.get(each.name)
        if kind is None or not can_become(kind, each.type):
            return False
    return True


def surely_fits(kind: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether every value of a type can be kept in another, so that no value need be looked at."""
    types = pa.types
    kind = plain_type(kind)
    if kind.equals(wanted) or types.is_null(kind):
        return True
    if _is_text(wanted):
        return not (types.is_floating(kind) or types.is_decimal(kind))
    if types.is_floating(wanted):
        if types.is_floating(kind):
            return True
        return bool(types.is_integer(kind) and types.is_float64(wanted) and kind.bit_width <= _LARGEST_EXACT)
    if types.is_integer(wanted) and types.is_integer(kind):
        room = wanted.bit_width - types.is_unsigned_integer(kind)
        return bool(types.is_signed_integer(wanted) and kind.bit_width <= room)
    return False


def fits(column: pa.ChunkedArray, wanted: pa.DataType) -> str | None:
    """None where every value of a column can be kept in another type, else what cannot, in one line."""
    try:
        there = cast(column, wanted)
        numeric = pa.types.is_decimal(column.type) or pa.types.is_integer(column.type)
        if numeric and pa.types.is_floating(wanted) and not there.cast(column.type).equals(column):
            return "a value would be rounded"
    except pa.ArrowException as error:
        return str(error).splitlines()[0]
    return None


def cast(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    """A column in another type, with valid UTF-8: bytes that are none become U+FFFD, and NaN integers nulls.

    As text, a whole number stands without a point. Raises pa.ArrowException for a value that the type cannot hold.
    """
    if pa.types.is_floating(column.type) and (pa.types.is_integer(wanted) or _is_text(wanted)):
        column = column.cast(pa.float64())  # which all of the below can read
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    if _is_text(wanted) and is_number(column.type):
        column = _whole(column)
    if _is_text(wanted) and _is_spelled(column.type):
        column = pa.chunked_array([_spelled(chunk) for chunk in column.chunks], pa.string())
    if pa.types.is_list_view(column.type) or pa.types.is_large_list_view(column.type):
        column = pa.chunked_array([_as_list(chunk) for chunk in column.chunks], plain_type(column.type))
    if not _holds_text(wanted):
        return column if column.type == wanted else column.cast(wanted)
    try:
        text = column if column.type == wanted else column.cast(wanted)
        text.validate(full=True)
        return text
    except pa.ArrowInvalid:
        return pa.chunked_array([_decoded(chunk, wanted) for chunk in column.chunks], wanted)


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers as integers. Raises pa.ArrowException where one is none."""
    if pa.types.is_floating(column.type):
        return column.cast(pa.int64())
    if pa.types.is_decimal(column.type):
        wide = pa.types.is_decimal256(column.type)
        return column.cast(pa.decimal256(76, 0) if wide else pa.decimal128(38, 0))
    return column


def _is_spelled(kind: pa.DataType) -> bool:
    """Whether a type is one of Arrow's own whose values have one spelling: UUIDs, and JSON."""
    return isinstance(kind, pa.UuidType | pa.JsonType)


def _spelled(chunk: pa.Array) -> pa.Array:
    if isinstance(chunk.type, pa.JsonType):
        return chunk.storage.cast(pa.string())
    values = chunk.storage.to_pylist()
    return pa.array([None if value is None else str(uuid.UUID(bytes=value)) for value in values], pa.string())


def _as_list(chunk: pa.Array) -> pa.Array:
    """A list view as a plain list. (pyarrow 25's cast gives an array without its last offset.)"""
    lengths = pc.fill_null(pc.list_value_length(chunk), 0).to_numpy(zero_copy_only=False)
    kind = plain_type(chunk.type)
    offsets = pa.array(np.append(0, np.cumsum(lengths)), pa.int64() if pa.types.is_large_list(kind) else pa.int32())
    values = chunk.flatten().cast(kind.value_type)
    return type(pa.array([], kind)).from_arrays(offsets, values, mask=chunk.is_null()).cast(kind)


def _decoded(chunk: pa.Array, wanted: pa.DataType) -> pa.Array:
    """A chunk whose text is not all UTF-8, by way of Python."""
    raw = chunk.cast(_as_bytes(plain_type(chunk.type)))
    return pa.array([_decode(value, wanted) for value in raw.to_pylist()], wanted)


def _decode(value: object, wanted: pa.DataType) -> object:
    types = pa.types
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace") if _is_text(wanted) else value
    if isinstance(value, dict):
        return {each.name: _decode(value[each.name], each.type) for each in wanted}
    if isinstance(value, list) and types.is_map(wanted):
        return [(_decode(k, wanted.key_type), _decode(v, wanted.item_type)) for k, v in value]
    if isinstance(value, list):
        return [_decode(each, wanted.value_type) for each in value]
    return value


def _as_bytes(kind: pa.DataType) -> pa.DataType:
    """A type with bytes wherever it has text."""
    types = pa.types

    def of(field: pa.Field) -> pa.Field:
        return field.with_type(_as_bytes(field.type))

    if _is_text(kind):
        return pa.large_binary() if types.is_large_string(kind) else pa.binary()
    if types.is_struct(kind):
        return pa.struct([of(each) for each in kind])
    if types.is_map(kind):
        return pa.map_(of(kind.key_field), of(kind.item_field))
    if types.is_fixed_size_list(kind):
        return pa.list_(of(kind.value_field), kind.list_size)
    if types.is_list(kind):
        return pa.list_(of(kind.value_field))
    if types.is_large_list(kind):
        return pa.large_list(of(kind.value_field))
    return kind


def _holds_text(kind: pa.DataType) -> bool:
    return _is_text(kind) or not _as_bytes(kind).equals(kind)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_binary(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind))


def _is_list(kind: pa.DataType) -> TypeGuard[pa.ListType]:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with the schema's columns, order and types, and valid UTF-8: see `cast`.

    Raises pa.ArrowException where a value does not fit.
    """
    arrays = [cast(table[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)
