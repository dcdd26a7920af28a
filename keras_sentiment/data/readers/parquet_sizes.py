"""How many bytes the rows of a Parquet file take when they are unpacked, known before they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from keras_sentiment.data.readers.arrow_sizes import holds_lists, width_of
from keras_sentiment.data.readers.parquet_pages import DELTA_BYTE_ARRAY, Chunk, Page, pages
from keras_sentiment.data.reviews import MAX_REVIEW_BYTES
from keras_sentiment.errors import InputError

# Bytes of a page of Parquet, and of a dictionary; writers make pages of 1 MB, DuckDB of 100 MB, fastparquet
# one of each column of a group of rows.
MAX_PAGE_BYTES, MAX_DICTIONARY_BYTES = 128 << 20, 32 << 20
# Pages of a file: so many, and one for so many of its bytes. Each takes some microseconds.
FREE_PAGES, BYTES_PER_PAGE = 100_000, 1 << 10
# Bytes of texts, and rows, that are decoded at once.
MAX_DECODED_BYTES, MAX_ROWS = 16 << 20, 64
# Values in a column of lists of a group of rows: so many, or so many for each of their bytes in the file.
MAX_LIST_VALUES, MAX_LIST_RATIO = 4 << 20, 100


class _Sizes(NamedTuple):
    """Of a chunk.

    Args:
        unit: bytes that one of its values may have.
        values: how many it has.
        total: bytes of all values, about: those of a dictionary are taken for its mean.
    """

    unit: int
    values: int
    total: float


class ParquetSizes:
    """The sizes of a Parquet file's columns; the pages of each are looked at once.

    Args:
        file: that can seek.
        size: of the file.
        name: what a message calls it.
        groups: chunks of each group of rows, as `row_groups` returns them.
        table: the file as pyarrow opened it.

    Raises:
        ValueError: a group of rows has other columns than the file.
    """

    def __init__(self, file: IO[bytes], size: int, name: str, groups: list[list[Chunk]], table: Any) -> None:
        self._file, self._name, self._groups = file, name, groups
        self._schema = table.schema_arrow
        self._leaves = [table.schema[n].path for n in range(len(table.schema))]
        if any(len(chunks) != len(self._leaves) for chunks in groups):
            raise ValueError("a group of rows has other columns than the file")
        self._found: dict[tuple[int, int], _Sizes] = {}
        self._pages_left = FREE_PAGES + size // BYTES_PER_PAGE

    def rows_at_once(self, columns: list[str], group: int = 0) -> Iterator[tuple[int, int]]:
        """Yield the number of each group of rows from one on, and how many rows may be decoded at once.

        Raises:
            InputError: while iterating, a column holds what is too large to be unpacked.
        """
        owners = self._owners(columns)
        widths = {name: width_of(self._schema.field(name).type) for name in columns}
        lists = {name for name in columns if holds_lists(self._schema.field(name).type)}
        for name, width in widths.items():
            if width > MAX_REVIEW_BYTES:
                raise InputError(f"{self._name}: column {name!r} has values of {width:,} bytes; leave it out")
        for number in range(group, len(self._groups)):
            row = 0
            for leaf, name in owners:
                sizes, width = self._sizes(number, leaf, name), widths[name]
                most = max(MAX_LIST_VALUES, MAX_LIST_RATIO * self._groups[number][leaf].size)
                if name in lists and sizes.values * max(width, 1) > most:
                    raise InputError(
                        f"{self._name}: column {name!r} has {sizes.values:,} values in lists of one group of "
                        "rows; leave it out, or write smaller groups"
                    )
                row += max(width, sizes.unit)
            yield number, min(max(MAX_DECODED_BYTES // max(row, 1), 1), MAX_ROWS)

    def total(self, columns: list[str]) -> float:
        """Return about how many bytes the values of columns are.

        Raises:
            InputError: a column holds what is too large to be unpacked.
        """
        owners = self._owners(columns)
        numbers = range(len(self._groups))
        return sum(self._sizes(number, leaf, name).total for number in numbers for leaf, name in owners)

    def _owners(self, columns: list[str]) -> list[tuple[int, str]]:
        """Return the number of each leaf of the schema that belongs to a column, and the column."""
        wanted = set(columns)
        return [
            (leaf, name)
            for leaf, path in enumerate(self._leaves)
            for name in _ancestors(path)
            if name in wanted
        ]

    def _sizes(self, group: int, leaf: int, column: str) -> _Sizes:
        if (group, leaf) not in self._found:
            self._found[group, leaf] = self._looked_at(self._groups[group][leaf], column)
        return self._found[group, leaf]

    def _looked_at(self, chunk: Chunk, column: str) -> _Sizes:
        unit = values = 0
        total = mean = 0.0
        for page in pages(self._file, chunk):
            self._pages_left -= 1
            if self._pages_left < 0:
                raise ValueError("it has more pages than files of its size have; write larger ones")
            self._require_small(page, column)
            # What numbers stand for, and what is made of the value before, may be as long as all of the page.
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
                f"{self._name}: column {column!r} has a page of {page.values:,} values that unpacks to "
                f"{page.size:,} bytes, and a review has {MAX_REVIEW_BYTES:,}; remove longer ones, "
                "or write smaller pages or groups of rows"
            )


def _ancestors(path: str) -> Iterator[str]:
    """Yield the columns that a leaf may belong to: its path, and what of it ends before a dot."""
    yield path
    while (end := path.rfind(".")) >= 0:
        yield (path := path[:end])
