"""The same 300 rows in every table format."""

import bz2
import csv
import gzip
import io
import itertools
import json
import lzma
import zipfile

import pyarrow
from pyarrow import ipc, parquet

_WORDS = ("good", "bad", "a “fine”", 'so "so"', "café", "1.5", "a;b", "x|y", "it's", "£9", 'end"', "ok\\no")
# All texts differ, have no tab or line end, and can be encoded as Windows-1252.
ROWS = [
    {
        "id": n,
        "text": f"{_WORDS[n % 12]} {n} {_WORDS[n * 5 % 12]}, {_WORDS[n * 7 % 12]}",
        "label": "pos" if n % 3 else "neg",
    }
    for n in range(300)
]
SPREAD = [{**row, "text": row["text"].replace(" ", "\n", 1) + '\r\nb\t"c\n'} for row in ROWS]
UNPACKED = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pyarrow.compress(data, "zstd", asbytes=True),
}


def separated(rows=ROWS, delimiter=",", encoding="utf-8", header=True, line_end="\r\n", **style):
    """The bytes of a delimited table."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, **style)
    writer.writerows([*([list(rows[0])] if header else []), *(row.values() for row in rows)])
    return text.getvalue().encode(encoding)


def packed(data, ending, name="it.csv"):
    if ending != "zip":
        return UNPACKED[ending](data)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return file.getvalue()


def table(rows=ROWS):
    return pyarrow.Table.from_pylist(rows)


def arrow_bytes(rows=ROWS, stream=True):
    file = io.BytesIO()
    with (ipc.new_stream if stream else ipc.new_file)(file, table().schema) as writer:
        for batch in table(rows).to_batches(max_chunksize=70):
            writer.write_batch(batch)
    return file.getvalue()


def parquet_bytes(rows=ROWS, **style):
    file = io.BytesIO()
    parquet.write_table(table(rows), file, row_group_size=70, **style)
    return file.getvalue()


def json_lines(rows=ROWS, encoding="utf-8", **style):
    return "".join(json.dumps(row, **style) + "\n" for row in rows).encode(encoding)


def single_files():
    """Yield a title, a file name, the bytes, and the settings to read them."""
    none = {"quoting": csv.QUOTE_NONE}
    for delimiter, ending in itertools.product(",;\t|", ("csv", "tsv")):
        yield f"{ending} by {delimiter!r}", f"it.{ending}", separated(delimiter=delimiter), {}
    for quoting in (csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC):
        yield f"quoting {quoting}", "it.csv", separated(quoting=quoting), {}
    yield "no quoting", "it.tsv", separated(delimiter="\t", quotechar=None, **none), {"quoting": "none"}
    yield "\\n", "it.csv", separated(line_end="\n"), {}
    yield "no last line end", "it.csv", separated().rstrip(), {}
    escaped = separated(delimiter="\t", escapechar="\\", doublequote=False, quoting=csv.QUOTE_ALL)
    yield "escape", "it.tsv", escaped, {"escape": "\\"}
    escaped = separated(escapechar="\\", quotechar=None, **none)
    yield "escaped delimiters", "it.csv", escaped, {"escape": "\\", "quoting": "none"}
    spaced = separated(quoting=csv.QUOTE_ALL).replace(b'","', b'", "')
    yield "spaces before quotes", "it.csv", spaced, {}
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        for name, data in (
            ("it.csv", separated(encoding=encoding)),
            ("it.tsv", separated(delimiter="\t", encoding=encoding)),
            ("it.jsonl", json_lines(encoding=encoding, ensure_ascii=False)),
            ("it.json", json.dumps(ROWS, ensure_ascii=False).encode(encoding)),
        ):
            yield f"{name} in {encoding}", name, data, {}
    for encoding in ("cp1252", "utf-16-be", "utf-16-le", "utf-8"):
        said = {"encoding": encoding}
        yield f"csv said to be {encoding}", "it.csv", separated(encoding=encoding), said
        yield (
            f"json said to be {encoding}",
            "it.jsonl",
            json_lines(encoding=encoding, ensure_ascii=False),
            said,
        )
    names = {"columns": ("id", "text", "label")}
    for delimiter in ",;\t|":
        yield f"no header by {delimiter!r}", "it.csv", separated(delimiter=delimiter, header=False), names
    numbers = {"header": False, "text_column": "2", "label_column": "3"}
    yield "numbered", "it.txt", separated(delimiter="\t", header=False), numbers
    yield "txt", "it.txt", separated(delimiter="\t"), {}
    for ending in ("jsonl", "ndjson", "json"):
        yield ending, f"it.{ending}", json_lines(), {}
    yield "a list", "it.json", json.dumps(ROWS).encode(), {}
    yield "an indented list", "it.jsonl", json.dumps(ROWS, indent=2, ensure_ascii=False).encode(), {}
    yield "parquet", "it.parquet", parquet_bytes(), {}
    for compression in ("zstd", "gzip", "none"):
        yield f"parquet, {compression}", "it.parquet", parquet_bytes(compression=compression), {}
    yield "parquet, dictionary", "it.pq", parquet_bytes(use_dictionary=["label"]), {}
    yield "arrow stream", "it.arrow", arrow_bytes(), {}
    yield "arrow file", "it.feather", arrow_bytes(stream=False), {}
    for ending in (*UNPACKED, "zip"):
        yield f"csv.{ending}", f"it.csv.{ending}", packed(separated(), ending), {}
        yield f"csv as {ending} by name", "it.csv", packed(separated(), ending), {}
        lines = packed(json_lines(), ending, "it.jsonl")
        yield f"jsonl.{ending}", f"it.jsonl.{ending}", lines, {}
    yield "another ending", "it.dat", separated(delimiter=";"), {"input_format": "csv"}
