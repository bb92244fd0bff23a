"""What a table may declare: its rows, columns and footer are bounded before anything of it is decoded or becomes objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from datasets.errors import InputError
from datasets.parquet_footer import TAIL, chunks, footer_of

MOST_COLUMNS = 10_000

CELLS, CELLS_A_BYTE = 10_000_000, 4
"""Values, for any file and more for each of its bytes: in memory a value is some 50 bytes of Python objects."""

MOST_FOOTER = 8 << 20
"""Bytes that describe the columns of a Parquet file; in memory they are some twenty times as many."""


def require_size(name: object, rows: int, columns: int, n_bytes: int, values: int | None = None) -> None:
    """Raise InputError where a table has more columns or values than a file of `n_bytes` may have.

    Args:
        name: of the file, for the error.
        rows: of the table.
        columns: of the table.
        n_bytes: of the file, unpacked.
        values: in all, where a cell may hold several; by default rows × columns.
    """
    if columns > MOST_COLUMNS:
        raise InputError(f"{name}: {columns:,} columns; at most {MOST_COLUMNS:,} are read, leave out those that are not needed")
    values = max(rows * columns, rows, values or 0)
    if values > CELLS + CELLS_A_BYTE * n_bytes:
        raise InputError(
            f"{name}: {values:,} values in {rows:,} rows and {columns:,} columns, more than are read of a file of "
            f"{n_bytes:,} bytes"
        )


def open_parquet(path: Path) -> pq.ParquetFile:
    """A Parquet file whose footer and declared values are within bounds; nothing of it is decoded yet.

    Raises:
        InputError: it is no readable Parquet file, or declares more than it may hold.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(-min(size, TAIL), 2)
            length = int.from_bytes(file.read(TAIL)[:4], "little")
            if MOST_FOOTER < length < size:
                raise InputError(f"{path}: a footer of {length:,} bytes; at most {MOST_FOOTER:,} are read")
            file.seek(-min(size, length + TAIL), 2)
            footer = footer_of(file.read())
        opened = pq.ParquetFile(path)
        _require_declared(path, opened.metadata, footer, size)
        opened.schema_arrow.names  # noqa: B018  # one that is no UTF-8 raises here
        return opened
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise InputError(f"{path}: not a readable Parquet file; damaged or truncated? ({_line(error)})") from error


def rows_of(name: object, data: bytes, schema: pa.Schema | None = None) -> list[dict[str, Any]]:
    """The rows of a Parquet file in memory, whose declared values are within bounds. Raises InputError as `open_parquet`."""
    try:
        with pq.ParquetFile(pa.BufferReader(data)) as file:
            _require_declared(name, file.metadata, footer_of(data), len(data))
        return pq.read_table(pa.BufferReader(data), schema=schema).to_pylist()
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise InputError(f"{name}: not a readable Parquet file; damaged or truncated? ({_line(error)})") from error


def _require_declared(path: object, opened: pq.FileMetaData, footer: bytes, size: int) -> None:
    require_size(path, opened.num_rows, 1, size)
    require_size(path, 0, opened.num_columns, size)
    require_size(path, opened.num_row_groups, opened.num_columns, size)
    values = sum(column.values for group in chunks(footer) for column in group)
    require_size(path, opened.num_rows, opened.num_columns, size, values)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
