"""Tables that other programs write are read exactly, or refused; no row is lost silently."""

import csv
import os

import duckdb
import pandas
import polars
import pyarrow
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyarrow import csv as arrow_csv
from pyarrow import feather, parquet

from keras_sentiment.data.readers.bad_rows import BadRows
from keras_sentiment.data.readers.sources import read
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once
# With `KERAS_SENTIMENT_EXAMPLES=100000`, the tests take 15 minutes instead of one.
EXAMPLES = int(os.environ.get("KERAS_SENTIMENT_EXAMPLES", "200"))
CELLS = st.text(st.sampled_from('"""\'`,,;;\t|\\\n\n\r\0 ab1[]{}:é😀\u2028\ufeff'), max_size=12)
LABELS = st.sampled_from(["a", "b", "1", "x, y", 'q"', "text", "label", "é;|"])
ROWS = st.lists(st.tuples(CELLS, LABELS, CELLS), min_size=1, max_size=6)
DELIMITERS = st.sampled_from(",;\t|")
NAMES = ("text", "label", "id")


def by_csv(rows, path, delimiter, line_end, all_quoted):
    with path.open("w", encoding="utf-8", newline="") as file:
        quoting = csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL
        writer = csv.writer(file, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
        writer.writerows([NAMES, *rows])


def by_pandas(rows, path, delimiter, line_end, all_quoted):
    quoting = csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL
    frame = pandas.DataFrame(rows, columns=list(NAMES))
    frame.to_csv(path, sep=delimiter, lineterminator=line_end, quoting=quoting, index=not all_quoted)


def by_polars(rows, path, delimiter, line_end, all_quoted):
    style = "always" if all_quoted else "necessary"
    frame = polars.DataFrame(rows, schema=list(NAMES), orient="row")
    frame.write_csv(path, separator=delimiter, line_terminator=line_end, quote_style=style)


def arrow(rows):
    return pyarrow.table({name: [row[n] for row in rows] for n, name in enumerate(NAMES)})


def by_pyarrow(rows, path, delimiter, line_end, all_quoted):
    style = "all_valid" if all_quoted else "needed"
    arrow_csv.write_csv(arrow(rows), path, arrow_csv.WriteOptions(delimiter=delimiter, quoting_style=style))


def by_duckdb(rows, path, delimiter, line_end, all_quoted):
    quoted = ", FORCE_QUOTE *" if all_quoted else ""
    copied_by_duckdb(rows, path, f"FORMAT csv, HEADER, DELIMITER '{delimiter}'{quoted}")


def copied_by_duckdb(rows, path, style):
    with duckdb.connect() as connection:
        connection.register("rows", arrow(rows))
        connection.execute(f"COPY rows TO '{path}' ({style})")


def require_same(rows, path):
    """Checks that each row is read or refused, or that the whole file is refused."""
    bad_rows = BadRows("skip", quiet=True)
    try:
        found = [(review.text, review.label) for review in read(path, quiet=True, bad_rows=bad_rows)]
    except InputError:
        return
    expected = [(text, label) for text, label, _ in rows]
    # A line end that a writer did not quote makes two bad rows of one.
    assert len(found) + bad_rows.count >= len(expected)
    rest = iter(expected)
    assert all(pair in rest for pair in found), (found, expected)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("written")


many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
fewer = settings(many, max_examples=EXAMPLES // 6)  # each example writes eleven files


@pytest.mark.parametrize("write", [by_csv, by_pandas, by_polars, by_pyarrow, by_duckdb])
@many
@given(rows=ROWS, delimiter=DELIMITERS, line_end=st.sampled_from(["\n", "\r\n"]), all_quoted=st.booleans())
@example(rows=[(",\\", "a", "\r1"), (",", "a", ",1")], delimiter=",", line_end="\n", all_quoted=False)
@example(rows=[("\r", "a", "\n"), (",1", "a", "")], delimiter=",", line_end="\n", all_quoted=False)
@example(rows=[(' "x"', "a", ""), ("  y", "b", "")], delimiter=",", line_end="\n", all_quoted=False)
def test_separated_tables(folder, write, rows, delimiter, line_end, all_quoted):
    path = folder / "it.csv"
    write(rows, path, delimiter, line_end, all_quoted)
    require_same(rows, path)


def write_others(rows, folder):
    """Write the rows with each writer that needs no delimiter; return the files."""
    frame = pandas.DataFrame(rows, columns=list(NAMES))
    frame.to_json(folder / "lines.jsonl", orient="records", lines=True)
    frame.to_json(folder / "list.json", orient="records", force_ascii=False, indent=1)
    frame.to_parquet(folder / "pandas.parquet")
    table = polars.DataFrame(rows, schema=list(NAMES), orient="row")
    table.write_ndjson(folder / "polars.jsonl")
    table.write_json(folder / "polars.json")
    table.write_parquet(folder / "polars.parquet")
    table.write_ipc(folder / "polars.arrow")
    parquet.write_table(arrow(rows), folder / "pyarrow.parquet")
    feather.write_feather(arrow(rows), folder / "pyarrow.feather", compression="zstd")
    copied_by_duckdb(rows, folder / "duckdb.jsonl", "FORMAT json")
    copied_by_duckdb(rows, folder / "duckdb.json", "FORMAT json, ARRAY true")
    copied_by_duckdb(rows, folder / "duckdb.parquet", "FORMAT parquet")
    return sorted(folder.iterdir())


@fewer
@given(rows=ROWS)
def test_tables_of_objects_and_columns(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("others")
    for path in write_others(rows, folder):
        found = [(review.text, review.label) for review in read(path, quiet=True)]
        assert found == [(text, label) for text, label, _ in rows], path.name
        path.unlink()
    folder.rmdir()
