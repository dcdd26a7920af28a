"""Tables of train, validation and test: the test table of a contest has no labels."""

import json

import pyarrow
import pytest
from pyarrow import parquet

from helpers.readers import error_of
from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.readers.sources import read
from keras_sentiment.data.readers.unlabelled import read_unlabelled

pytestmark = pytest.mark.once


def write(folder, ending, name, rows):
    path = folder / f"{name}.{ending}"
    if ending == "parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif ending == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        path.write_text(
            "".join("\t".join(map(str, row)) + "\n" for row in [rows[0], *(r.values() for r in rows)])
        )
    return path


def parts(folder, ending):
    labelled = [{"text": f"film {n}", "label": "ab"[n % 2]} for n in range(6)]
    for name in ("train", "dev"):
        write(folder, ending, name, labelled)
    return write(folder, ending, "test", [{"index": n, "text": f"unknown {n}"} for n in range(4)])


@pytest.mark.parametrize("ending", ["tsv", "parquet"])
def test_a_test_table_without_labels_is_not_read(tmp_path, ending, capsys):
    path = parts(tmp_path, ending)
    for source in (tmp_path, f"{tmp_path}/*.{ending}"):
        found = list(read(source))
        assert [review.split for review in found] == ["validation"] * 6 + ["train"] * 6
        assert (
            "this file is not read, because it has no column 'label'; name it with --unlabelled"
            in capsys.readouterr().err
        )
    assert len(list(read(tmp_path, test=tmp_path / f"dev.{ending}", quiet=True))) == 18
    assert capsys.readouterr() == ("", "")
    assert [review.text for review in read_unlabelled(path, quiet=True)] == [f"unknown {n}" for n in range(4)]


def test_train_and_validation_tables_need_labels(tmp_path):
    path = parts(tmp_path, "tsv")
    assert "test.tsv: there is no column 'label'" in error_of(path)
    assert "dev.tsv: there is no column 'stars'" in error_of(tmp_path, PrepareConfig(label_column="stars"))
    path.rename(tmp_path / "train.tsv")
    assert "train.tsv: there is no column 'label'" in error_of(tmp_path)
