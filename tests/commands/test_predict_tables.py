"""`predict` on tables: what it keeps of them, and what it can be told of them."""

import csv
import json
import sys

import pandas
import polars
import pyarrow
import pytest
from pyarrow import parquet

from helpers.command_line import mistake
from helpers.same_rows import ROWS, json_lines, packed, parquet_bytes, separated, table

pytestmark = pytest.mark.once
SAID = ["--encoding", "cp1252"]


@pytest.fixture
def predict(cli, path, tmp_path):
    """Predicts the texts of a file, and returns what was written."""

    def run(name, data, *options, output="new.jsonl"):
        (tmp_path / name).write_bytes(data)
        out = tmp_path / output
        arguments = ["--input", tmp_path / name, "--output", out, *options, "--quiet", "--overwrite"]
        assert cli("predict", path / "run", *arguments) == (0, "", "")
        return out

    return run


def test_results_join_their_rows(predict):
    """By an id, which reviews of several lines don't disturb."""
    rows = [{**row, "text": row["text"] + "\nand more\n"} for row in ROWS]
    out = predict("it.csv", separated(rows), output="new.csv")
    read = pandas.read_csv(out)
    assert list(read["id"]) == [row["id"] for row in rows]
    assert list(read["text"].str.strip()) == [row["text"].strip() for row in rows]
    assert list(read["input_label"]) == [row["label"] for row in rows]
    assert set(read["label"]) <= {"negative", "positive"}
    assert list(read["row"][:2]) == [2, 5]


@pytest.mark.parametrize("name", ["it.csv", "it.jsonl", "it.parquet"])
@pytest.mark.parametrize("output", ["new.csv", "new.jsonl", "new.parquet"])
def test_columns_are_kept_in_every_kind_of_file(predict, name, output):
    data = {"it.csv": separated(), "it.jsonl": json_lines(), "it.parquet": parquet_bytes()}[name]
    out = predict(name, data, output=output)
    if output == "new.csv":
        with out.open(newline="") as file:
            found = [{**row, "id": int(row["id"])} for row in csv.DictReader(file)]
    elif output == "new.jsonl":
        found = [json.loads(line) for line in out.read_text().splitlines()]
    else:
        found = parquet.read_table(out).to_pylist()
        assert polars.read_parquet(out).height == len(ROWS)
        if name == "it.parquet":
            assert parquet.read_schema(out).field("id").type == pyarrow.int64()
    kept = [{"id": int(r["id"]), "text": r["text"], "label": r["input_label"]} for r in found]
    assert kept == ROWS
    assert list(found[0])[:5] == ["row", "id", "text", "input_label", "label"]


def test_chosen_columns_are_kept(predict, cli, path, tmp_path):
    out = predict("it.csv", separated(), "--keep-columns", "id")
    (first, *_) = map(json.loads, out.read_text().splitlines())
    assert list(first) == ["row", "id", "label", "probability", "probabilities", "truncated"]
    out = predict("it.jsonl", json_lines(), "--keep-columns", "", output="new.csv")
    assert out.read_text().splitlines()[0].startswith("row,label,probability,truncated,")
    arguments = ["predict", path / "run", "--input", tmp_path / "it.csv", "--quiet"]
    mistake(cli(*arguments, "--keep-columns", "id,date"), "no column 'date'", "--keep-columns")


@pytest.mark.parametrize(
    ("name", "data", "options"),
    [
        ("it.csv", separated(delimiter="|", encoding="utf-16"), []),
        (
            "it.csv",
            separated(delimiter="\t", encoding="cp1252"),
            [*SAID, "--delimiter", "tab"],
        ),
        ("it.csv.gz", packed(separated(), "gz"), []),
        ("it.zip", packed(separated(), "zip"), []),
        ("it.json", json.dumps(ROWS).encode(), []),
        ("it.tsv", separated(delimiter="\t", header=False), ["--columns", "id,text,label"]),
        ("it.tsv", separated(delimiter="\t", header=False), ["--no-header", "--text-column", "2"]),
        (
            "it.tsv",
            separated(delimiter="\t", escapechar="\\", doublequote=False, quoting=csv.QUOTE_ALL),
            ["--escape", "\\"],
        ),
        ("it.tsv", separated(delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None), ["--quoting", "none"]),
    ],
)
def test_options_are_those_of_prepare(predict, name, data, options):
    found = [json.loads(line) for line in predict(name, data, *options).read_text().splitlines()]
    text = "2" if "--no-header" in options else "text"
    assert [row[text] for row in found] == [row["text"] for row in ROWS]


def test_a_name_that_is_taken_twice_is_refused(cli, path, tmp_path):
    (tmp_path / "it.csv").write_text("text,label,input_label\na,b,c\n")
    arguments = ["predict", path / "run", "--input", tmp_path / "it.csv"]
    mistake(cli(*arguments), "columns 'label' and 'input_label'; rename one of them")
    assert cli(*arguments, "--keep-columns", "label")[0] == 0


def test_evaluate_reads_with_the_same_options(cli, path, tmp_path):
    rows = [{"label": "pos" if row["label"] == "pos" else "neg", "text": row["text"]} for row in ROWS]
    expected = None
    for name, data, options in (
        ("it.csv", separated(rows), []),
        (
            "it.csv",
            separated(rows, ";", "cp1252", header=False),
            [*SAID, "--columns", "label,text", "--delimiter", ";"],
        ),
        ("it.jsonl.zst", packed(json_lines(rows), "zst"), []),
    ):
        (tmp_path / name).write_bytes(data)
        status, out, error = cli("evaluate", path / "run", tmp_path / name, "--json", "--quiet", *options)
        assert status == 0, error
        found = json.loads(out)["confusion"]
        assert found == (expected or found)
        expected = found
    assert sum(map(sum, expected)) == table().num_rows


def test_a_column_that_no_row_has_is_told(cli, path, tmp_path):
    (tmp_path / "it.jsonl").write_bytes(json_lines())
    for ending in ("jsonl", "csv", "parquet"):
        out = tmp_path / f"new.{ending}"
        arguments = ["predict", path / "run", "--input", tmp_path / "it.jsonl", "--output", out, "--quiet"]
        mistake(cli(*arguments, "--keep-columns", "idd"), "no row has 'idd'")
        assert not out.exists()


def test_what_is_not_one_file_is_told(cli, path, tmp_path, monkeypatch):
    (tmp_path / "it.csv").write_bytes(separated())
    arguments = ["predict", path / "run", "--quiet", "--input"]
    for source in (tmp_path, tmp_path / "*.csv"):
        mistake(cli(*arguments, source), source, "--engine ray takes a pattern")
    (tmp_path / "it").write_text('{"text": "a"}\n')
    with (tmp_path / "it").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        mistake(cli(*arguments, "-"), "it begins like JSON; use --input-format jsonl")


def test_evaluate_leaves_out_what_can_not_be_used(cli, path, tmp_path):
    rows = "good film,pos\nbad film,neg\n<br />,pos\nbad,other\nworse,neg\nno label,\n"
    (tmp_path / "it.csv").write_text("text,label\n" + rows)
    arguments = ["evaluate", path / "run", tmp_path / "it.csv", "--json", "--quiet"]
    mistake(
        cli(*arguments),
        "3 rows can't be used",
        "it.csv:7: column 'label' is empty",
        "it.csv:4: the review has no text",
        "it.csv:5: label 'other'",
    )
    status, out, _ = cli(*arguments, "--on-error", "skip")
    assert status == 0
    assert json.loads(out)["examples"] == 3
