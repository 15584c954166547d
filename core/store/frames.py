"""Frames and Arrow tables into the shape a table of the store has, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import InputError
from core.records import decode_json, encode_json
from core.store.schema import Column, Table

#: A table's rows: a frame (a named index counts as columns), an Arrow table, or a list of mappings.
Rows: TypeAlias = pd.DataFrame | pa.Table | Sequence[Mapping[str, Any]]

_ARROW: Mapping[str, Any] = {
    "VARCHAR": pa.string(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "FLOAT[]": pa.list_(pa.float32()),
    "DOUBLE[]": pa.list_(pa.float64()),
}
_WORDS: Mapping[str, str] = {
    "VARCHAR": "text",
    "INTEGER": "whole numbers of 32 bits",
    "BIGINT": "whole numbers of 64 bits",
    "DOUBLE": "numbers",
    "BOOLEAN": "true and false",
    "DATE": "days",
    "TIMESTAMP": "times",
    "FLOAT[]": "lists of numbers",
    "DOUBLE[]": "lists of numbers",
    "JSON": "what JSON can hold",
}


def to_arrow(rows: Rows, table: Table, *, constants: Mapping[str, Any] | None = None) -> pa.Table:
    """`rows` as an Arrow table of `table`'s types. `constants` fills columns with one value each.

    NaN, NaT, None and NA become missing, except inside a list, where NaN stays NaN. JSON columns take Python objects.
    Raises InputError for an unknown or absent column, a value of another type, a missing value where one is required,
    and a column that says something else than its constant.
    """
    constants = constants or {}
    columns, count = _columns(rows)
    result: dict[str, Any] = {}
    for name, values in columns.items():
        result[name] = convert(values, table.column(name), where=f"table {table.name}")
    for name, value in constants.items():
        column = table.column(name)
        given = convert([value], column, where=f"table {table.name}")[0]
        if name in result:
            for other in pc.unique(result[name]).to_pylist():
                if other != given.as_py():
                    raise InputError(
                        f"column '{name}' says {other!r}", where=f"table {table.name}", allowed=repr(given.as_py())
                    )
        # A dictionary of one entry is far smaller to hand over than the value repeated.
        result[name] = pa.DictionaryArray.from_arrays(
            pa.repeat(pa.scalar(0, pa.int8()), count), pa.array([given.as_py()])
        )
    for column in table.columns.values():
        if column.name in result and column.required and result[column.name].null_count:
            row = result[column.name].is_null().index(pa.scalar(True)).as_py()
            raise InputError(f"column '{column.name}' has no value in row {row + 1}", where=f"table {table.name}")
        if count and column.name not in result and column.required and not column.filled:
            raise InputError(f"column '{column.name}' is absent", where=f"table {table.name}")
    return pa.table(result)


def convert(values: Any, column: Column, *, where: str) -> Any:
    """`values` as an Arrow array of the column's type. Raises InputError where that would lose something."""
    try:
        if column.type == "JSON":
            return _json_array(values)
        if column.type.endswith("[]"):
            return _list_array(values, _ARROW[column.type])
        if isinstance(values, (pa.Array, pa.ChunkedArray)):
            return _scalar_array(values, column.type)
        if hasattr(values, "dtype") and values.dtype != object:
            return _scalar_array(pa.array(values, from_pandas=True), column.type)
        return pa.array([_element(value, column.type) for value in values], type=_ARROW[column.type])
    except InputError:
        raise
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as wrong:
        reason = str(wrong).strip().splitlines()[0] if str(wrong).strip() else type(wrong).__name__
        raise InputError(
            f"column '{column.name}' cannot be stored ({reason})", where=where, allowed=_WORDS[column.type]
        ) from wrong


def to_frame(arrow: pa.Table, table: Table) -> pd.DataFrame:
    """What was read, as a frame: text `str`, days and times `datetime64[us]`, JSON as Python objects, lists as arrays.

    Missing numbers are NaN; whole numbers that may be missing are pandas' `Int32` and `Int64`.
    """
    return pd.DataFrame(
        {name: _series(arrow.column(name), table.column(name)) for name in arrow.column_names},
        index=pd.RangeIndex(arrow.num_rows),
    )


def _columns(rows: Rows) -> tuple[dict[str, Any], int]:
    if isinstance(rows, pa.Table):
        names = rows.column_names
        columns = {name: rows.column(name) for name in names}
        count = rows.num_rows
    elif isinstance(rows, pd.DataFrame):
        named = [name for name in rows.index.names if name is not None and name not in rows.columns]
        names = [*named, *rows.columns]
        columns = {name: rows.index.get_level_values(str(name)) for name in named}
        columns |= {name: rows.iloc[:, position] for position, name in enumerate(rows.columns)}
        count = len(rows)
    else:
        rows = list(rows)
        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = {name: [row.get(name) for row in rows] for name in names}
        count = len(rows)
    for name in names:
        if not isinstance(name, str):
            raise InputError(f"a column is named by text, not by {name!r}", where="store")
        if names.count(name) > 1:
            raise InputError(f"two columns are named '{name}'", where="store")
    return columns, count


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def _objects(values: Any) -> list[Any]:
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values.to_pylist()
    return list(values)


def _json_array(values: Any) -> Any:
    texts = [None if _missing(value) else encode_json(value) for value in _objects(values)]
    return pa.array(texts, type=pa.string())


def _list_array(values: Any, target: Any) -> Any:
    if not isinstance(values, (pa.Array, pa.ChunkedArray)):
        return pa.array([None if _missing(value) else value for value in values], type=target)
    kind = values.type
    if pa.types.is_null(kind):
        return values.cast(target)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        inner = kind.value_type
        if pa.types.is_floating(inner) or pa.types.is_integer(inner):
            # DuckDB turns a fixed-size list into its own list faster than Arrow casts it.
            return values
    raise TypeError(f"{kind} is no list of numbers")


def _element(value: Any, name: str) -> Any:
    """One Python or numpy value for a column of that type; Arrow alone takes 20200101 for a day, and cuts off hours."""
    if _missing(value):
        return None
    if isinstance(value, np.generic):
        value = pd.Timestamp(value) if isinstance(value, np.datetime64) else value.item()
        if _missing(value):
            return None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if name == "DOUBLE" and number:
        return float(value)
    if name in ("INTEGER", "BIGINT") and number and value == int(value):
        return int(value)
    if (name == "VARCHAR" and isinstance(value, str)) or (name == "BOOLEAN" and isinstance(value, bool)):
        return value
    if name == "DATE" and isinstance(value, str):
        return date.fromisoformat(value)
    if name == "DATE" and isinstance(value, datetime):
        if value.tzinfo is not None:
            raise TypeError("a day has no time zone")
        if value != datetime(value.year, value.month, value.day):
            raise ValueError("a time of day is given")
        return value.date()
    if name == "TIMESTAMP" and isinstance(value, datetime):
        value = value.to_pydatetime(warn=False) if isinstance(value, pd.Timestamp) else value
        return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    if name == "DATE" and isinstance(value, date):
        return value
    raise TypeError(f"one of its values is {value!r}")


def _scalar_array(array: Any, name: str) -> Any:
    kind, target = array.type, _ARROW[name]
    if pa.types.is_null(kind):
        return array.cast(target)
    if pa.types.is_dictionary(kind):
        if name == "VARCHAR" and _is_text(kind.value_type):
            return array
        array = array.cast(kind.value_type)
        kind = array.type
    accepted = {
        "VARCHAR": _is_text(kind),
        "INTEGER": _is_number(kind),
        "BIGINT": _is_number(kind),
        "DOUBLE": _is_number(kind),
        "BOOLEAN": pa.types.is_boolean(kind),
        "DATE": pa.types.is_date(kind) or pa.types.is_timestamp(kind) or _is_text(kind),
        "TIMESTAMP": pa.types.is_date(kind) or pa.types.is_timestamp(kind),
    }
    if not accepted[name]:
        raise TypeError(f"its values are {kind}")
    if pa.types.is_floating(kind):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, kind), array)
    if name == "DATE" and pa.types.is_timestamp(kind):
        if kind.tz is not None:
            raise TypeError("a day has no time zone")
        days = array.cast(pa.date32(), safe=False)
        if pc.any(pc.not_equal(days.cast(kind), array)).as_py():
            raise ValueError("a time of day is given")
        return days
    return array.cast(target)


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _series(values: Any, column: Column) -> Any:
    if column.type == "JSON":
        texts = values.to_pylist()
        return pd.Series([None if text is None else decode_json(text) for text in texts], dtype=object)
    if column.type == "VARCHAR":
        return pd.Series(values.to_pandas(), dtype="str")
    if column.type == "DATE":
        return values.cast(pa.timestamp("us")).to_pandas()
    if column.type in ("INTEGER", "BIGINT") and not column.required:
        wide = pd.Int32Dtype() if column.type == "INTEGER" else pd.Int64Dtype()
        return values.to_pandas(types_mapper={pa.int32(): wide, pa.int64(): wide}.get)
    return values.to_pandas()


def bindable(value: Any, column: Column, *, where: str) -> Any:
    """`value` as a parameter of SQL that is compared with the column; None where it is missing."""
    if column.type == "JSON" or column.type.endswith("[]"):
        raise InputError(f"rows cannot be chosen by column '{column.name}'", where=where)
    found = convert([value], column, where=where)[0].as_py()
    return found.replace(tzinfo=None) if isinstance(found, datetime) else found
