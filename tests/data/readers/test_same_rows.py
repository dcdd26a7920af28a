"""The same rows give the same reviews in every format."""

import json
import sys

import pandas
import polars
import pyarrow
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from helpers import same_rows
from helpers.same_rows import ROWS, SPREAD, separated, single_files
from helpers.tiny import TOKENIZER
from keras_sentiment.data.config import PrepareConfig, TableConfig
from keras_sentiment.data.preparation import prepare
from keras_sentiment.data.readers.sources import read
from keras_sentiment.data.readers.unlabelled import read_unlabelled
from keras_sentiment.text.cleaning import clean

pytestmark = pytest.mark.once
FILES = list(single_files())


def pairs(source, rows=ROWS, **config):
    """Checks the texts and labels of a source against the rows, and returns them."""
    found = [(review.text, review.label) for review in read(source, PrepareConfig(**config), quiet=True)]
    assert found == [(row["text"], row["label"]) for row in rows]
    return found


@pytest.mark.parametrize(("name", "data", "config"), [file[1:] for file in FILES], ids=[f[0] for f in FILES])
def test_every_file_format_has_the_same_reviews(tmp_path, name, data, config):
    (tmp_path / name).write_bytes(data)
    pairs(tmp_path / name, **config)


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_texts_of_several_lines_are_kept(tmp_path, delimiter, encoding):
    """In a tab-separated table, a tab in a text of several lines would look like a stray quote."""
    space = " " if delimiter == "\t" else "\t"
    rows = [{**row, "text": row["text"].replace("\t", space)} for row in SPREAD]
    (tmp_path / "it.csv").write_bytes(separated(rows, delimiter, encoding))
    pairs(tmp_path / "it.csv", rows, **({"encoding": "cp1252"} if encoding == "cp1252" else {}))
    for name, data in (
        ("it.jsonl", same_rows.json_lines(SPREAD)),
        ("it.json", json.dumps(SPREAD, indent=1).encode("utf-16")),
        ("it.parquet", same_rows.parquet_bytes(SPREAD)),
        ("it.arrow", same_rows.arrow_bytes(SPREAD)),
    ):
        (tmp_path / name).write_bytes(data)
        pairs(tmp_path / name, SPREAD)


def test_several_files_are_read_as_one_source(tmp_path):
    for n in range(3):
        rows = ROWS[100 * n : 100 * n + 100]
        (tmp_path / f"part-{n}.csv").write_bytes(separated(rows, ",;|"[n]))
    pairs(str(tmp_path / "part-*.csv"))
    pairs(tmp_path)
    (tmp_path / "part-3.jsonl.gz").write_bytes(same_rows.packed(same_rows.json_lines(), "gz"))
    pairs(tmp_path, ROWS + ROWS)


def test_standard_input_is_read(tmp_path, monkeypatch):
    (tmp_path / "it").write_bytes(separated(delimiter=";", encoding="utf-16"))
    with (tmp_path / "it").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        pairs("-", input_format="csv")
    (tmp_path / "it").write_bytes(same_rows.packed(same_rows.json_lines(), "zst"))
    with (tmp_path / "it").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        pairs("-", input_format="json")


def test_every_kind_of_object_has_the_same_reviews():
    frame = pandas.DataFrame(ROWS)
    for source in (
        frame,
        frame.convert_dtypes(),
        frame.assign(label=frame["label"].astype("category")),
        frame.convert_dtypes(dtype_backend="pyarrow"),
        polars.DataFrame(ROWS),
        polars.DataFrame(ROWS).with_columns(polars.col("label").cast(polars.Categorical)),
        same_rows.table(),
        same_rows.table().to_batches()[0],
        pyarrow.RecordBatchReader.from_batches(same_rows.table().schema, same_rows.table().to_batches()),
        Dataset.from_list(ROWS),
        Dataset.from_list(ROWS).to_iterable_dataset(),
        Dataset.from_list(ROWS[::-1]).select(range(299, -1, -1)),
        [(row["text"], row["label"]) for row in ROWS],
        ((row["text"], row["label"]) for row in ROWS),
    ):
        pairs(source)


NAMES = ["pos", "neg"]  # class 0 is positive
FEATURES = Features({"id": Value("int64"), "text": Value("string"), "label": ClassLabel(names=NAMES)})


def numbered(rows):
    return Dataset.from_list([{**row, "label": NAMES.index(row["label"])} for row in rows], FEATURES)


def test_class_names_are_read(tmp_path):
    dataset = numbered(ROWS)
    dataset.to_parquet(tmp_path / "it.parquet")
    dataset.save_to_disk(tmp_path / "saved")
    shuffled = dataset.select(range(299, -1, -1)).select(range(299, -1, -1))
    for source in (dataset, shuffled, tmp_path / "it.parquet", tmp_path / "saved"):
        pairs(source)


def split_rows():
    return {"train": ROWS[:200], "validation": ROWS[200:240], "test": ROWS[240:]}


def in_splits(folder):
    """Sources with the same splits."""
    parts = split_rows()
    datasets = DatasetDict({name: numbered(rows) for name, rows in parts.items()})
    datasets.save_to_disk(folder / "saved")
    yield folder / "saved"
    yield datasets
    yield {name: pandas.DataFrame(rows) for name, rows in parts.items()}
    for number, names in enumerate((("train", "validation", "test"), ("Train", "dev", "TEST"))):
        place = folder / str(number) / ("data" if number else "")
        place.mkdir(parents=True)
        for name, rows in zip(names, parts.values(), strict=True):
            for shard in range(2):
                half = rows[shard * len(rows) // 2 : (shard + 1) * len(rows) // 2]
                path = place / f"{name}-0000{shard}-of-00002.{('csv', 'parquet')[number]}"
                path.write_bytes(separated(half) if number == 0 else same_rows.parquet_bytes(half))
        yield folder / str(number)
    for name, rows in parts.items():
        (folder / "named" / name).mkdir(parents=True)
        (folder / "named" / name / "0.jsonl").write_bytes(same_rows.json_lines(rows))
    yield folder / "named"
    yield str(folder / "0" / "*.csv")


def test_the_splits_of_a_source_are_kept(tmp_path):
    expected = {(row["text"], split) for split, rows in split_rows().items() for row in rows}
    for source in in_splits(tmp_path):
        found = list(read(source, quiet=True))
        assert len(found) == 300
        assert {(review.text, review.split) for review in found} == expected


def test_the_fingerprint_does_not_depend_on_the_format(tmp_path):
    """The whole corpora are compared."""
    TOKENIZER.save(tmp_path / "tokenizer")

    def corpus(source, **config):
        return prepare(
            source,
            tmp_path / "data",
            config=PrepareConfig(**config),
            tokenizer=str(tmp_path / "tokenizer"),
            overwrite=True,
            quiet=True,
        )

    chosen = [file for file in FILES if file[0] in ("csv by ';'", "escape", "jsonl.zip", "arrow stream")]
    assert len(chosen) == 4
    sources = []
    for _, name, data, config in chosen:
        (tmp_path / name).write_bytes(data)
        sources.append((tmp_path / name, config))
    first = corpus(pandas.DataFrame(ROWS))
    for source, config in [*sources, (same_rows.table(), {}), (numbered(ROWS), {})]:
        other = corpus(source, **config)
        for key in ("fingerprint", "splits", "labels", "tokenizer", "dropped"):
            assert other.info[key] == first.info[key], (source, key)
    divided = [corpus(source) for source in in_splits(tmp_path)]
    assert {info.info["fingerprint"] for info in divided} == {first.info["fingerprint"]}
    for corpus_ in divided:
        assert [split["reviews"] for split in corpus_.info["splits"].values()] == [200, 40, 60]
        assert corpus_.info["splits"] == divided[0].info["splits"]


def test_the_test_split_can_be_another_source(tmp_path):
    parts = split_rows()
    # Copies of a test text and of a validation text in train are dropped.
    train = [*parts["train"], {**parts["test"][0], "id": -1}, {**parts["validation"][0], "id": -2}]
    (tmp_path / "train.csv").write_bytes(separated(train))
    (tmp_path / "it.jsonl").write_bytes(same_rows.json_lines(parts["test"]))
    options = {"tokenizer": "learn", "vocabulary_size": 200, "quiet": True}
    corpus = prepare(
        tmp_path / "train.csv",
        tmp_path / "data",
        test=tmp_path / "it.jsonl",
        validation=pandas.DataFrame(parts["validation"]),
        **options,
    )
    assert [split["reviews"] for split in corpus.info["splits"].values()] == [200, 40, 60]
    assert corpus.info["dropped"] == {"validation": 0, "train": 2}
    corpus = prepare(tmp_path / "train.csv", tmp_path / "2", test=tmp_path / "it.jsonl", **options)
    assert corpus.info["splits"]["test"]["reviews"] == 60
    assert corpus.info["splits"]["validation"]["reviews"] == 20
    assert set(corpus.splits["test"].texts()) == {clean(row["text"]) for row in parts["test"]}


def test_unlabelled_texts_do_not_depend_on_the_format(tmp_path):
    for title, name, data, config in FILES:
        if name.endswith(".txt"):
            continue  # one text a line, without labels
        (tmp_path / name).write_bytes(data)
        config = {key: value for key, value in config.items() if key != "label_column"}
        found = read_unlabelled(tmp_path / name, TableConfig(**config), quiet=True)
        assert [review.text for review in found] == [row["text"] for row in ROWS], title


def test_the_remark_about_a_dialect_is_one_line(tmp_path, capsys):
    (tmp_path / "it.csv").write_bytes(separated(delimiter=";", encoding="utf-16"))
    list(read(tmp_path / "it.csv"))
    expected = "it.csv: read as fields separated by semicolons, UTF-16-LE, columns id, text, label\n"
    assert capsys.readouterr().err == expected
    (tmp_path / "it.csv.gz").write_bytes(same_rows.packed(separated(header=False), "gz"))
    list(read(tmp_path / "it.csv.gz", PrepareConfig(columns=("id", "text", "label"))))
    expected = (
        "it.csv.gz: read as gzip, fields separated by commas, UTF-8, no header, columns id, text, label\n"
    )
    assert capsys.readouterr().err == expected
