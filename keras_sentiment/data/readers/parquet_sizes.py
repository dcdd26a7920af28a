"""The decompressed size of the rows of a Parquet file, known before they are decompressed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from keras_sentiment.data.readers.arrow_sizes import holds_lists, width_of
from keras_sentiment.data.readers.parquet_pages import DELTA_BYTE_ARRAY, Chunk, Page, pages
from keras_sentiment.data.reviews import MAX_REVIEW_BYTES
from keras_sentiment.errors import InputError

# Limits for a data page and a dictionary page, decompressed. Most writers make pages of 1 MB, DuckDB makes
# pages of 100 MB, and fastparquet makes one page for each column of a row group.
MAX_PAGE_BYTES, MAX_DICTIONARY_BYTES = 128 << 20, 32 << 20
# Limit for the pages of a file: FREE_PAGES + bytes of the file / BYTES_PER_PAGE. A page takes microseconds.
FREE_PAGES, BYTES_PER_PAGE = 100_000, 1 << 10
# Limits for the bytes and the rows that are decoded at once.
MAX_DECODED_BYTES, MAX_ROWS = 16 << 20, 64
# Limit for the list values of a column chunk: the larger of MAX_LIST_VALUES and MAX_LIST_RATIO * its bytes.
MAX_LIST_VALUES, MAX_LIST_RATIO = 4 << 20, 100


class _Sizes(NamedTuple):
    """The decompressed sizes of a column chunk.

    Args:
        unit: upper bound for the bytes of one value.
        values: number of values.
        total: about the bytes of all values; a value from a dictionary counts the dictionary's mean.
    """

    unit: int
    values: int
    total: float


class ParquetSizes:
    """The sizes of the columns of a Parquet file; the page headers of each column chunk are read once.

    Args:
        file: the file, which can seek.
        size: int, bytes of the file.
        name: the name of the file in messages.
        groups: the column chunks of each row group, as `row_groups` returns them.
        table: the same file, opened by pyarrow.

    Raises:
        ValueError: a row group has other columns than the schema.
    """

    def __init__(self, file: IO[bytes], size: int, name: str, groups: list[list[Chunk]], table: Any) -> None:
        self._file, self._name, self._groups = file, name, groups
        self._schema = table.schema_arrow
        self._leaves = [table.schema[n].path for n in range(len(table.schema))]
        if any(len(chunks) != len(self._leaves) for chunks in groups):
            raise ValueError("a row group has other columns than the schema")
        self._found: dict[tuple[int, int], _Sizes] = {}
        self._pages_left = FREE_PAGES + size // BYTES_PER_PAGE

    def rows_at_once(self, columns: list[str], group: int = 0) -> Iterator[tuple[int, int]]:
        """Yield the number of each row group, and how many of its rows may be decoded at once.

        Args:
            columns: the columns to read.
            group: number of the first row group.

        Raises:
            InputError: while iterating, a column is too large.
        """
        owners = self._owners(columns)
        widths = {name: width_of(self._schema.field(name).type) for name in columns}
        lists = {name for name in columns if holds_lists(self._schema.field(name).type)}
        for name, width in widths.items():
            if width > MAX_REVIEW_BYTES:
                raise InputError(
                    f"{self._name}: column {name!r} has values of {width:,} bytes; remove the column"
                )
        for number in range(group, len(self._groups)):
            row = 0
            for leaf, name in owners:
                sizes, width = self._sizes(number, leaf, name), widths[name]
                most = max(MAX_LIST_VALUES, MAX_LIST_RATIO * self._groups[number][leaf].size)
                if name in lists and sizes.values * max(width, 1) > most:
                    raise InputError(
                        f"{self._name}: column {name!r} has {sizes.values:,} list values in one row group; "
                        "remove the column or write smaller row groups"
                    )
                row += max(width, sizes.unit)
            yield number, min(max(MAX_DECODED_BYTES // max(row, 1), 1), MAX_ROWS)

    def total(self, columns: list[str]) -> float:
        """Return about how many bytes the values of columns have, decompressed.

        Raises:
            InputError: a page of a column is too large.
        """
        owners = self._owners(columns)
        numbers = range(len(self._groups))
        return sum(self._sizes(number, leaf, name).total for number in numbers for leaf, name in owners)

    def _owners(self, columns: list[str]) -> list[tuple[int, str]]:
        """Return the number of each leaf of the schema that belongs to a wanted column, with that column."""
        wanted = set(columns)
        return [
            (leaf, name)
            for leaf, path in enumerate(self._leaves)
            for name in _ancestors(path)
            if name in wanted
        ]

    def _sizes(self, group: int, leaf: int, column: str) -> _Sizes:
        if (group, leaf) not in self._found:
            self._found[group, leaf] = self._read_sizes(self._groups[group][leaf], column)
        return self._found[group, leaf]

    def _read_sizes(self, chunk: Chunk, column: str) -> _Sizes:
        """Return the sizes of a column chunk from its page headers."""
        unit = values = 0
        total = mean = 0.0
        for page in pages(self._file, chunk):
            self._pages_left -= 1
            if self._pages_left < 0:
                raise ValueError("it has too many pages for its size; write larger pages")
            self._require_small(page, column)
            # One value of a dictionary, or of a delta encoding, may be as long as the whole page.
            whole = page.is_dictionary or page.encoding == DELTA_BYTE_ARRAY
            unit = max(unit, page.size if whole else page.size // max(page.values, 1))
            if page.is_dictionary:
                mean = page.size / max(page.values, 1)
                continue
            values += page.values
            total += page.size * page.values if whole else max(page.size, mean * page.values)
        return _Sizes(unit, values, total)

    def _require_small(self, page: Page, column: str) -> None:
        too_large = page.size > (MAX_DICTIONARY_BYTES if page.is_dictionary else MAX_PAGE_BYTES)
        if too_large or page.size > (page.values + 1) * (MAX_REVIEW_BYTES + 4):
            raise InputError(
                f"{self._name}: column {column!r} has a page of {page.values:,} values with {page.size:,} "
                f"bytes when decompressed, and at most {MAX_REVIEW_BYTES:,} bytes a review are allowed; "
                "remove longer ones, or write smaller pages or row groups"
            )


def _ancestors(path: str) -> Iterator[str]:
    """Yield the columns that a leaf may belong to: its path, and each prefix of it that ends before a dot."""
    yield path
    while (end := path.rfind(".")) >= 0:
        yield (path := path[:end])
