"""The command `prepare`, as a user meets it."""

import csv
import json
import os
import signal
import subprocess
import sys
import tarfile
import termios
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.preparation import prepare_corpus
from keras_sentiment.data.readers.sources import read
from keras_sentiment.scripts.prepare_data import prepare
from keras_sentiment.text.tokenizer import find_tokenizer

pytestmark = pytest.mark.once

WORDS = ["good", "bad", "film", "plot", "actor", "scene", "café", "“quoted”"]
MODULE = "keras_sentiment.scripts.prepare_data"


@pytest.fixture
def vocabulary(tmp_path) -> Path:
    folder = tmp_path / "vocabulary"
    folder.mkdir()
    digits = [str(i) for i in range(10)]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *digits, *(f"##{i}" for i in digits)]
    words = ["good", "bad", "film", "plot", "actor", "scene", "cafe", "quoted", "“", "”"]
    (folder / "vocab.txt").write_text("\n".join([*tokens, *words]) + "\n", "utf-8")
    return folder


def make_aclimdb(folder: Path, parts=("train",), count: int = 40) -> Path:
    rng = np.random.default_rng(0)
    for part in parts:
        for label in ("neg", "pos"):
            (folder / part / label).mkdir(parents=True)
            for i in range(count):
                text = "<br /><br />".join(rng.choice(WORDS, 12)) + f" {i}"
                (folder / part / label / f"{i}_{i % 10}.txt").write_text(text, "utf-8")
    return folder


def run(*arguments) -> None:
    """Run the command in this process; a user's mistake is raised."""
    CliRunner().invoke(prepare, list(map(str, arguments)), catch_exceptions=False)


def command(*arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", MODULE, *map(str, arguments)], capture_output=True, text=True, **options
    )


def ids_by_text(path: Path) -> dict[str, tuple]:
    corpus = open_corpus(path)
    return {
        record.text: (record.label, tuple(split[i]))
        for split in corpus.splits.values()
        for i, record in enumerate(split.records())
    }


def test_every_form_of_the_same_reviews_gives_the_same_corpus(tmp_path, vocabulary):
    source = make_aclimdb(tmp_path / "aclImdb")
    files = sorted((source / "train").glob("*/*.txt"))
    rows = [(file.read_text("utf-8"), file.parent.name) for file in files]
    with (tmp_path / "table.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("text", "label"), *((text, int(label == "pos")) for text, label in rows)]
        )
    lines = [json.dumps({"text": text, "label": label.title()}) for text, label in rows]
    (tmp_path / "lines.jsonl").write_text("\n".join(lines), "utf-8")
    with tarfile.open(tmp_path / "archive.tar.gz", "w:gz") as archive:
        archive.add(source, "aclImdb")

    forms = ["aclImdb", "aclImdb/train", "table.csv", "lines.jsonl", "archive.tar.gz"]
    for number, form in enumerate(forms):
        run(tmp_path / form, tmp_path / f"data{number}", "--tokenizer", vocabulary, "--quiet")
    corpora = [open_corpus(tmp_path / f"data{number}") for number in range(len(forms))]
    expected = ids_by_text(corpora[0].path)
    assert len(expected) == 80
    for corpus in corpora:
        assert corpus.labels == ["negative", "positive"]
        assert ids_by_text(corpus.path) == expected
        assert corpus.info["fingerprint"] == corpora[0].info["fingerprint"]

    def split_fingerprints(number):
        return [split["fingerprint"] for split in corpora[number].info["splits"].values()]

    # Where file numbers tell films apart the blocks are the same, and so is a table's draw.
    assert split_fingerprints(0) == split_fingerprints(1) == split_fingerprints(4)
    assert split_fingerprints(2) == split_fingerprints(3) != split_fingerprints(0)


def test_a_test_part_stays_whole(tmp_path, vocabulary):
    make_aclimdb(tmp_path / "aclImdb", ("train", "test"))
    run(tmp_path / "aclImdb", tmp_path / "data", "--tokenizer", vocabulary, "--quiet")
    splits = open_corpus(tmp_path / "data").splits
    assert {name: len(split) for name, split in splits.items()} == {"train": 72, "validation": 8, "test": 80}
    assert all(record.source.startswith("test/") for record in splits["test"].records())
    held_out = [record.source for record in splits["validation"].records()]
    assert held_out == [f"train/{label}/{i}_{i % 10}.txt" for label in ("neg", "pos") for i in range(36, 40)]


def test_output_goes_where_it_belongs(tmp_path, vocabulary):
    source = make_aclimdb(tmp_path / "aclImdb")
    loud = command(source, tmp_path / "a", "--tokenizer", vocabulary)
    assert loud.returncode == 0
    assert ["reviews", "64", "8", "8"] in [line.split() for line in loud.stdout.splitlines()]
    # A log file gets no bar.
    assert [line.split(" ")[0] for line in loud.stderr.splitlines()] == ["Wrote"]
    for flags, shown in (([], True), (["--quiet"], False)):
        terminal, end = os.openpty()
        termios.tcsetwinsize(end, (24, 80))
        arguments = [source, tmp_path / "b", "--tokenizer", vocabulary, "--overwrite", *flags]
        done = subprocess.run(
            [sys.executable, "-m", MODULE, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=end,
            text=True,
        )
        os.write(end, b"that is all")
        screen = b""
        while not screen.endswith(b"that is all"):
            screen += os.read(terminal, 1 << 16)
        assert (b"Encoding" in screen) == shown
        assert done.stdout == loud.stdout
        os.close(terminal)
        os.close(end)


def test_a_mistake_is_one_line_and_leaves_nothing(tmp_path, vocabulary):
    (tmp_path / "bad.csv").write_text("text,label\ngood film,pos\nbad\n")
    before = sorted(tmp_path.rglob("*"))
    for arguments, expected in (
        ([tmp_path / "bad.csv", tmp_path / "data"], "bad.csv:3"),
        ([tmp_path / "none.csv", tmp_path / "data"], "none.csv"),
        ([tmp_path / "bad.csv", vocabulary], str(vocabulary)),
        ([tmp_path / "bad.csv", vocabulary, "--overwrite"], str(vocabulary)),
        ([tmp_path / "bad.csv", tmp_path / "data", "--seed", "-1"], "seed"),
    ):
        result = command(*arguments, "--tokenizer", vocabulary, "--quiet")
        assert result.returncode == 2
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
        assert expected in result.stderr
        assert sorted(tmp_path.rglob("*")) == before


def test_ctrl_c_leaves_nothing(tmp_path, vocabulary):
    # A pipe that nobody writes to keeps the command in the middle of its work.
    os.mkfifo(tmp_path / "endless.csv")
    before = sorted(tmp_path.rglob("*"))
    data = tmp_path / "data"
    process = subprocess.Popen(
        [sys.executable, "-m", MODULE, tmp_path / "endless.csv", data, "--tokenizer", vocabulary],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A parent that ignores Ctrl-C, as a background shell does, would hand that down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    with (tmp_path / "endless.csv").open("w") as pipe:
        pipe.write("text,label\ngood,pos\nbad,neg\n" * 2)
        pipe.flush()
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob(".*.part.data/spool.jsonl")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in error
    assert out == b""
    assert sorted(tmp_path.rglob("*")) == before


def test_help_imports_nothing_heavy():
    # Half a second is the promise; what would break it is an import.
    code = (
        f"import sys; from {MODULE} import prepare\n"
        "try: prepare(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'numpy', 'keras', 'tokenizers', 'tqdm', 'pyarrow'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "--group-column" in result.stdout


@pytest.mark.real
def test_sample_in_its_own_layout_and_as_a_table(tmp_path):
    reviews = list(read("sample"))[::20]
    for review in reviews:
        folder = tmp_path / "aclImdb" / "train" / ("pos" if review.label == "1" else "neg")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{review.position}_5.txt").write_text(review.text, "utf-8", newline="")
    with (tmp_path / "table.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((r.text, r.label) for r in reviews)])
    prepare_corpus(reviews, tmp_path / "sample", find_tokenizer("minilm"), quiet=True)
    run(tmp_path / "aclImdb/train", tmp_path / "folder", "--tokenizer", "minilm", "--quiet")
    run(tmp_path / "table.csv", tmp_path / "table", "--tokenizer", "minilm", "--quiet")
    sample, folder, table = (ids_by_text(tmp_path / name) for name in ("sample", "folder", "table"))
    assert len(sample) == len({review.text for review in reviews})
    assert sample == folder == table
    # The row's place in the sample does what the file's number does in a folder.
    splits = [open_corpus(tmp_path / name).info["splits"] for name in ("sample", "folder")]
    assert splits[0] == splits[1]
