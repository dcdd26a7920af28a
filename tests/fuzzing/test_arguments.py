"""Any command with any arguments gives a result or an error of one line."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.strategies import FUZZ, amounts
from keras_sentiment.scripts import command_line

pytestmark = pytest.mark.once


ARGUMENTS = [
    *[
        "",
        "-",
        "--",
        ".",
        "..",
        "/",
        "/dev/null",
        "/proc/self/mem",
        "x" * 5000,
        "a\nb",
        "\x1b[2J",
        "\udcff",
        "~",
        "nan",
    ],
    *[
        "-1",
        "0",
        "1e999",
        "9" * 30,
        "--help",
        "--version",
        "--overwrite",
        "--quiet",
        "--limit",
        "--seed",
        "--input",
    ],
    *[
        "--text-column",
        "--label-column",
        "--group-column",
        "--tokenizer",
        "--output",
        "--format",
        "--on-error",
        "skip",
    ],
    *[
        "--explain",
        "--windows",
        "--json",
        "--split",
        "--against",
        "--precision",
        "auto",
        "--epochs",
        "--preset",
    ],
    *[
        "file.csv",
        "file.jsonl",
        "file.tar.gz",
        "folder",
        "out/out",
        "file.csv/out",
        "hf://x",
        "file://x",
        "http://[",
    ],
]


def test_long_and_odd_arguments_give_one_line(monkeypatch, capsys):
    for arguments in (["two\nlines"], ["prepare", "x" * 5000, "out"], ["predict", "x" * 5000, "good"]):
        monkeypatch.setattr(sys, "argv", ["keras-sentiment", *arguments])
        with pytest.raises(SystemExit) as end:
            command_line.main()
        assert end.value.code == 2
        message = capsys.readouterr().err
        assert message.startswith("Error: ")
        assert message.count("\n") == 1


# Arguments that an operating system can pass; invalid UTF-8 becomes surrogates, as in one string above.
WORD = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)


@amounts(100)
def test_arguments(examples, tmp_path, monkeypatch, capsys):
    commands = [name for name in command_line.COMMANDS if name != "demo"]  # demo downloads files
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for name in ("file.csv", "file.jsonl", "file.tar.gz"):
        (tmp_path / name).write_bytes(b"\xff\x00")

    @settings(FUZZ, max_examples=examples)
    @given(
        st.sampled_from(commands),
        st.lists(st.one_of(st.sampled_from(ARGUMENTS), WORD), max_size=6),
    )
    def check(command, arguments):
        monkeypatch.setattr(sys, "argv", ["keras-sentiment", command, *arguments])
        try:
            command_line.main()
            status = 0
        except SystemExit as end:
            status = end.code
        printed = capsys.readouterr()
        assert status in (0, 2, None)
        if status == 2:
            assert printed.err.count("\n") == 1
            assert printed.err[:-1].isprintable()

    check()
