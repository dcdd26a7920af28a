"""`predict`: labels for texts, with their probabilities."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from keras_sentiment.errors import InputError
from keras_sentiment.scripts.command_line import (
    DEFAULTS,
    check_backend,
    output_options,
    run,
    say,
    windows_option,
)
from keras_sentiment.tables import TEXT_FORMATS, read_texts

if TYPE_CHECKING:
    from keras_sentiment.classifier import Classifier

STANDARD = "-"
# Rows that are skipped after these are only counted.
MOST_TOLD = 20
# What a shell reports of a program whose reader closed the pipe: 128 + SIGPIPE.
PIPE_CLOSED = 141


@click.command()
@click.argument("run_dir", metavar="MODEL", type=click.Path())
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@click.option("--input", "source", metavar="FILE", help="Texts in a file; - for standard input.")
@click.option(
    "--input-format",
    type=click.Choice(list(TEXT_FORMATS)),
    help="txt is a text a line.  [default: the ending of FILE; txt for standard input]",
)
@click.option(
    "--text-column", default=DEFAULTS.text_column, show_default=True, help="Column or key of the texts."
)
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="What to do at a row that can't be read.",
)
@click.option(
    "--output",
    metavar="FILE",
    default=STANDARD,
    help="A new .jsonl or .csv file.  [default: JSON lines on standard output]",
)
@windows_option
@click.option("--explain", is_flag=True, help="With each TEXT the words that carry its label.")
@output_options
@click.pass_context
def predict(
    context: click.Context,
    run_dir: str,
    texts: tuple[str, ...],
    source: str | None,
    input_format: str | None,
    text_column: str,
    on_error: str,
    output: str,
    windows: bool,
    explain: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Label each TEXT with MODEL, a RUN_DIR or an exported folder: one result a text, in order.

    With --input the texts are those of a file of any size, and a result holds the number of its row:
    that of its line in the file, counted from 1, or of its row in a Parquet file.
    """
    if (source is None) == (not texts):
        raise click.UsageError("Give either TEXT or --input FILE.")
    with contextlib.ExitStack() as stack:
        stack.enter_context(_reader_may_leave())
        if source is None:
            for name in ("input_format", "text_column", "on_error", "output", "overwrite"):
                if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                    raise click.UsageError(f"--{name.replace('_', '-')} is for --input FILE.")
            classifier = _load(run_dir, windows)
            for result in _explained(classifier, texts) if explain else classifier.predict(texts, quiet):
                click.echo(json.dumps(result, ensure_ascii=False))
            return
        if explain:
            raise click.UsageError("--explain is for TEXT.")
        from keras_sentiment.predictions import WRITERS, predict_rows
        from keras_sentiment.staging import staged_file

        text_format = _text_format(source, input_format)
        printed = output == STANDARD
        ending = ".jsonl" if printed else Path(output).suffix.lower()
        if ending not in WRITERS:
            raise InputError(f"{output}: unknown kind of file; end its name in {' or '.join(WRITERS)}")
        file = stack.enter_context(_open(source))
        if printed:
            results: IO[str] = stack.enter_context(click.open_file(STANDARD, "w", encoding="utf-8"))
        else:
            _require_another(file, output)
            results = stack.enter_context(staged_file(Path(output), overwrite))
        name = "standard input" if source == STANDARD else Path(source).name
        rows = read_texts(file, name, text_format, text_column)
        skipped = Skipped()
        classifier = _load(run_dir, windows)
        # A bar and results on one terminal would write over each other.
        quiet = quiet or (printed and sys.stdout.isatty())
        chunks = predict_rows(classifier, rows, skipped.add if on_error == "skip" else None, quiet)
        WRITERS[ending](chunks, classifier.labels, results)
    if skipped.count:
        say(f"Rows skipped: {skipped.count:,}")


class Skipped:
    """Tells of the rows that are left out, one by one as long as they are few."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, error: InputError) -> None:
        """Counts a row, and says what is wrong with it."""
        from tqdm import tqdm

        self.count += 1
        if self.count <= MOST_TOLD:
            tqdm.write(f"Skipped: {error}", file=sys.stderr)
        elif self.count == MOST_TOLD + 1:
            tqdm.write("Skipped: more, which are only counted", file=sys.stderr)


@contextlib.contextmanager
def _reader_may_leave() -> Iterator[None]:
    """Ends the program without a word where what it prints is no longer read, as by `head`."""
    try:
        yield
    except BrokenPipeError:
        # What is still in the buffer must go somewhere when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)


def _text_format(source: str, given: str | None) -> str:
    text_format = given or ("txt" if source == STANDARD else Path(source).suffix.lower().removeprefix("."))
    if text_format not in TEXT_FORMATS:
        kinds = ", ".join(TEXT_FORMATS)
        raise InputError(f"{source}: unknown kind of file; say with --input-format which of {kinds} it is")
    if text_format == "parquet" and source == STANDARD:
        raise InputError("Parquet can't be read from standard input; give --input the file")
    return text_format


def _open(source: str) -> IO[bytes]:
    try:
        return click.open_file(source, "rb")
    except OSError as error:
        raise InputError(f"{source}: can't be read ({error.strerror}); give --input a file") from None


def _require_another(file: IO[bytes], output: str) -> None:
    """Refuses to write over the file that is read, under whatever name."""
    if os.path.exists(output) and os.path.samestat(os.fstat(file.fileno()), os.stat(output)):
        raise InputError(f"{output}: is the file that is read; name another for --output")


def _explained(classifier: Classifier, texts: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    from keras_sentiment.occlusion import explain

    return (explain(classifier, text) for text in texts)


def _load(path: str, windows: bool) -> Classifier:
    from keras_sentiment.artifact import is_artifact
    from keras_sentiment.classifier import load

    if not is_artifact(path):
        check_backend()
    return load(path, windows=windows)


if __name__ == "__main__":
    run(predict)
