"""`predict` on the command line."""

import csv
import json
import subprocess
import sys

import pytest

import keras_sentiment
from helpers.command_line import ENTRY, mistake, python
from helpers.tiny import TOKENIZER
from keras_sentiment.config import InputConfig
from keras_sentiment.data.chunks import CHUNK_REVIEWS
from keras_sentiment.data.text_keys import NO_TEXTS
from keras_sentiment.inference.artifact import GRAPH_FILES, Artifact
from keras_sentiment.text.cleaning import CLEANING_VERSION

pytestmark = pytest.mark.once


def test_predict_prints_a_line_a_text_in_order(cli, path):
    texts = ["good " * 30, "bad", "the  film\nis <b>good</b>", ""]
    status, out, error = cli("predict", path / "run", *texts)
    assert (status, error) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    expected = keras_sentiment.load(path / "run").predict(texts)
    assert len(lines) == len(texts)
    for line, result in zip(lines, expected, strict=True):
        assert line["label"] == result["label"]
        assert line["probability"] == pytest.approx(result["probability"])
        assert line["probabilities"] == pytest.approx(result["probabilities"])


def test_predict_computes_in_the_precision_that_is_asked_for(cli, path, tmp_path):
    """And names it, but for the default."""
    texts = ["good " * 30, "bad", "the film is good"]
    expected = keras_sentiment.load(path / "run", "mixed_bfloat16").predict(texts)
    plain = keras_sentiment.load(path / "run").predict(texts)
    assert [r["probability"] for r in expected] != [r["probability"] for r in plain]
    status, out, error = cli("predict", path / "run", *texts, "--precision", "mixed_bfloat16")
    assert (status, error) == (0, "Computing in mixed_bfloat16\n")
    found = [json.loads(line)["probability"] for line in out.splitlines()]
    assert found == pytest.approx([result["probability"] for result in expected])
    (tmp_path / "it.txt").write_text("\n".join(texts) + "\n")
    arguments = ["predict", path / "run", "--input", tmp_path / "it.txt", "--precision", "mixed_bfloat16"]
    status, out, error = cli(*arguments, "--quiet")
    assert (status, error) == (0, "")
    assert [json.loads(line)["probability"] for line in out.splitlines()] == pytest.approx(found)


def test_predict_refuses_a_precision_that_can_not_be(cli, path, artifacts):
    artifact = artifacts["onnx"].path
    for precision in ("auto", "mixed_bfloat16"):
        mistake(cli("predict", artifact, "good", "--precision", precision), artifact, "precision", "exported")
    assert cli("predict", artifact, "good", "--precision", "float32")[0] == 0
    mistake(cli("predict", path / "run", "good", "--precision", "float8"), "float8", "mixed_bfloat16")


def test_predict_names_the_words_that_carry_a_label(cli, path, tmp_path):
    """The made-up reviews are positive by the word `good` and nothing else, at half of their words.

    A text with fewer is none that the model has seen: which of its words weighs most is then an accident.
    """
    text = "the good good film"
    status, out, _ = cli("predict", path / "run", text, "--explain", "--quiet")
    assert status == 0
    found = json.loads(out)
    (plain,) = map(json.loads, cli("predict", path / "run", text, "--quiet")[1].splitlines())
    assert (found["label"], found["truncated"]) == (plain["label"], plain["truncated"])
    # In other company, and so with other last bits.
    assert found["probabilities"] == pytest.approx(plain["probabilities"], abs=1e-5)
    assert [text[word["start"] : word["end"]] for word in found["words"]] == text.split()
    towards = 1 if found["label"] == "positive" else -1
    assert max(found["words"], key=lambda word: towards * word["contribution"])["text"] == "good"
    (tmp_path / "a.txt").write_text("good\n")
    mistake(cli("predict", path / "run", "--input", tmp_path / "a.txt", "--explain"), "--explain is for TEXT")


def test_predict_answers_the_rows_of_a_file(cli, path, tmp_path):
    """Under the numbers of their lines, in the same figures to a file and to standard output."""
    with (path / "films.csv").open(newline="") as file:
        expected = keras_sentiment.load(path / "run").predict([row["text"] for row in csv.DictReader(file)])
    arguments = ["predict", path / "run", "--input", path / "films.csv"]
    status, out, error = cli(*arguments)
    assert (status, error) == (0, "")
    printed = [json.loads(line) for line in out.splitlines()]
    assert [result["row"] for result in printed] == list(range(2, 122))
    assert [result["label"] for result in printed] == [result["label"] for result in expected]
    for result, other in zip(printed, expected, strict=True):
        assert result["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)

    new = tmp_path / "new.csv"
    assert cli(*arguments, "--output", new) == (0, "", f"Wrote {new}: 120 texts, a row each\n")
    table = list(csv.DictReader(new.read_text().splitlines()))
    assert [(int(row["row"]), row["label"]) for row in table] == [(r["row"], r["label"]) for r in printed]
    with (path / "films.csv").open(newline="") as file:
        for given, kept, row in zip(csv.DictReader(file), table, printed, strict=True):
            assert (given["text"], given["label"]) == (kept["text"], kept["input_label"])
            assert (given["text"], given["label"]) == (row["text"], row["input_label"])
    for row, result in zip(table, printed, strict=True):
        assert float(row["probability_positive"]) == pytest.approx(result["probabilities"]["positive"])
    mistake(cli(*arguments, "--output", new), new, "--overwrite")
    assert cli(*arguments, "--output", new, "--overwrite")[0] == 0
    assert list(tmp_path.iterdir()) == [new]


def test_predict_reads_standard_input(cli, path, tmp_path, monkeypatch):
    (tmp_path / "texts").write_text("a good film\n\nbad")
    with (tmp_path / "texts").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        status, out, _ = cli("predict", path / "run", "--input", "-", "--output", "-")
    assert status == 0
    found = [json.loads(line) for line in out.splitlines()]
    expected = keras_sentiment.load(path / "run").predict(["a good film", "", "bad"])
    assert [result["label"] for result in found] == [result["label"] for result in expected]
    assert [result["row"] for result in found] == [1, 2, 3]

    (tmp_path / "table").write_text("review\tid\na good film\t1\n")
    with (tmp_path / "table").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        options = ["--input-format", "tsv", "--text-column", "review"]
        status, out, _ = cli("predict", path / "run", "--input", "-", *options)
    assert status == 0
    assert json.loads(out)["label"] == found[0]["label"]


def test_predict_stops_at_a_bad_row_or_skips_it(cli, path, tmp_path):
    texts, new = tmp_path / "texts.jsonl", tmp_path / "new.jsonl"
    texts.write_text('{"text": "good"}\n' + "no\n" * 30 + '{"text": "bad"}\n')
    arguments = ["predict", path / "run", "--input", texts, "--output", new]
    mistake(cli(*arguments), "texts.jsonl:2: the line is not JSON", "write one JSON object a line")
    assert list(tmp_path.iterdir()) == [texts]
    status, out, error = cli(*arguments, "--on-error", "skip")
    assert (status, out) == (0, "")
    assert [json.loads(line)["row"] for line in new.read_text().splitlines()] == [1, 32]
    for number in range(2, 32):
        assert (f"texts.jsonl:{number}: the line is not JSON" in error) is (number < 22)
    assert error.endswith("Rows left out: 30\n")


def test_ctrl_c_in_predicting_is_130_and_no_file(cli, path, tmp_path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("keras_sentiment.inference.classifier.Classifier.logits", interrupted)
    status, out, error = cli(
        "predict", path / "run", "--input", path / "films.csv", "--output", tmp_path / "new.csv"
    )
    assert (status, out) == (130, "")
    assert "Interrupted." in error
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """An artifact without its graph, and the program that predicts with it where there is no Keras."""
    folder = tmp_path_factory.mktemp("artifact")
    TOKENIZER.save(folder / "tokenizer")
    (folder / GRAPH_FILES["onnx"]).touch()
    NO_TEXTS.write(folder / "trained_on.npy")
    labels, inputs = ("negative", "positive"), InputConfig(sequence_length=32)
    Artifact(folder, "onnx", "tiny", labels, inputs, CLEANING_VERSION, 1.0, None).write()
    program = (
        "import sys\n"
        "heavy = ['keras', 'keras_hub', 'torch', 'tensorflow', 'tensorflow_text', 'jax']\n"
        "sys.modules.update(dict.fromkeys(heavy))\n"
        "from keras_sentiment.inference import classifier\n"
        "class Engine:\n"
        "    compiles = False\n"
        "    def __call__(self, rows): return rows['padding_mask'][:, :2].astype('float32')\n"
        "classifier.open_engine = lambda artifact: Engine()\n"
    )
    return folder, program + ENTRY


def test_an_artifact_needs_no_keras(artifact, tmp_path):
    folder, program = artifact
    (tmp_path / "texts.txt").write_text("good\nbad\n")
    for arguments in (["good", "bad"], ["--input", tmp_path / "texts.txt"]):
        result = python("-c", program, "predict", folder, *arguments, KERAS_BACKEND="theano")
        assert (result.returncode, result.stderr) == (0, "")
        assert [json.loads(line)["probability"] for line in result.stdout.splitlines()] == [0.5, 0.5]


def test_a_reader_that_has_enough_ends_it_quietly(artifact, tmp_path):
    """As `predict … | head` does."""
    folder, program = artifact
    (tmp_path / "texts.txt").write_text("good\n" * 10_000)
    arguments = [sys.executable, "-c", program, "predict", folder, "--input", tmp_path / "texts.txt"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert json.loads(process.stdout.readline())["row"] == 1
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 141


def test_standard_input_is_answered_while_it_is_open(artifact):
    folder, program = artifact
    arguments = [sys.executable, "-c", program, "predict", folder, "--input", "-"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdin.write("good\n" * (CHUNK_REVIEWS + 1))
        process.stdin.flush()
        for number in range(1, CHUNK_REVIEWS + 1):
            assert json.loads(process.stdout.readline())["row"] == number
        process.stdin.close()
        assert json.loads(process.stdout.read())["row"] == CHUNK_REVIEWS + 1
    assert process.returncode == 0
