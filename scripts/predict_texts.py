"""`predict`: labels for texts, with their probabilities."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click
from click.core import ParameterSource

from keras_sentiment.data.readers.tables import TEXT_FORMATS, read_texts
from keras_sentiment.errors import InputError
from keras_sentiment.scripts.command_line import (
    DEFAULTS,
    check_backend,
    output_options,
    run_command,
    say,
    windows_option,
)

if TYPE_CHECKING:
    from keras_sentiment.cluster.plan import Parts
    from keras_sentiment.inference.artifact import Artifact
    from keras_sentiment.inference.classifier import Classifier
    from keras_sentiment.inference.streaming import Skipped

STANDARD = "-"
# What a shell reports of a program whose reader closed the pipe: 128 + SIGPIPE.
PIPE_CLOSED = 141


@click.command()
@click.argument("run_dir", metavar="MODEL", type=click.Path())
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@click.option(
    "--input", "source", metavar="FILE", help="Texts in a file; - for standard input; for ray a pattern too."
)
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
    help="A new .jsonl or .csv file; for ray a folder.  [default: JSON lines on standard output]",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Who scores: this process, or workers of a Ray cluster.",
)
@click.option(
    "--workers", type=click.IntRange(min=1), help="Of ray, a core each.  [default: the cluster's CPUs]"
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
    engine: str,
    workers: int | None,
    windows: bool,
    explain: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Label each TEXT with MODEL, a RUN_DIR or an artifact: one result a text, in order.

    With --input the texts are those of a file of any size, and a result holds the number of its row:
    that of its line in the file, counted from 1, or of its row in a Parquet file.

    With --engine ray MODEL is an artifact, --input may match many files, and --output becomes a folder
    of Parquet files with the columns of the input and its labels; started again, it goes on.
    """
    if (source is None) == (not texts):
        raise click.UsageError("Give either TEXT or --input FILE.")
    if workers is not None and engine != "ray":
        raise click.UsageError("--workers is for --engine ray.")
    with contextlib.ExitStack() as stack:
        stack.enter_context(_reader_may_leave())
        if source is None:
            for name in ("input_format", "text_column", "on_error", "output", "engine", "overwrite"):
                if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                    raise click.UsageError(f"--{name.replace('_', '-')} is for --input FILE.")
            classifier = _load(run_dir, windows)
            explained = map(classifier.explain, texts)
            for result in explained if explain else classifier.predict(texts, quiet):
                click.echo(json.dumps(result, ensure_ascii=False))
            return
        if explain:
            raise click.UsageError("--explain is for TEXT.")
        from keras_sentiment.inference.streaming import WRITERS, Skipped, predict_rows
        from keras_sentiment.storage.atomic import staged_file

        skipped = Skipped()
        skip = skipped.add if on_error == "skip" else None
        if engine == "ray":
            artifact = _for_workers(run_dir, source, output)
            parts = _cut(source, input_format, text_column, skip, quiet)
            _score_on_ray(artifact, parts, Path(output), workers, windows, overwrite, quiet)
            _say_skipped(skipped)
            return
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
        classifier = _load(run_dir, windows)
        # A bar and results on one terminal would write over each other.
        quiet = quiet or (printed and sys.stdout.isatty())
        chunks = predict_rows(classifier, rows, skip, quiet)
        WRITERS[ending](chunks, classifier.labels, results)
    _say_skipped(skipped)


def _say_skipped(skipped: Skipped) -> None:
    if skipped.count:
        say(f"Rows skipped: {skipped.count:,}")


@contextlib.contextmanager
def _reader_may_leave() -> Iterator[None]:
    """Ends the program without a word where what it prints is no longer read, as by `head`."""
    try:
        yield
    except BrokenPipeError:
        # What is still in the buffer must go somewhere when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)


def _for_workers(path: str, source: str, output: str) -> Artifact:
    """Returns the artifact for workers, after what can be refused before anything is read."""
    if STANDARD in (source, output):
        raise click.UsageError("--engine ray reads --input FILES and writes --output FOLDER; give both.")
    if Path(output).suffix.lower() in (".csv", ".jsonl", ".parquet"):
        raise InputError(
            f"{output}: --engine ray writes a folder of Parquet files; name it without an ending"
        )
    from keras_sentiment.cluster.ray_job import open_for_workers

    return open_for_workers(path)


def _cut(
    source: str,
    input_format: str | None,
    text_column: str,
    skip: Callable[[InputError], None] | None,
    quiet: bool,
) -> Parts:
    from keras_sentiment.cluster.partition import find_files, partition

    files = find_files(source)
    text_formats = sorted({_text_format(str(file), input_format) for file in files})
    if len(text_formats) > 1:
        raise InputError(f"{source}: files of several kinds ({', '.join(text_formats)}); match one kind")
    return partition(files, text_formats[0], text_column, skip, quiet)


def _score_on_ray(
    artifact: Artifact,
    parts: Parts,
    output: Path,
    workers: int | None,
    windows: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    from keras_sentiment.cluster.part_files import output_folder
    from keras_sentiment.cluster.plan import Plan
    from keras_sentiment.cluster.ray_job import score

    with output_folder(output, Plan.of(artifact, windows, parts), overwrite) as folder:
        if there := len(parts.parts) - len(folder.missing()):
            say(f"{there:,} of {len(parts.parts):,} parts were there")
        score(artifact, folder, workers, quiet)


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


def _load(path: str, windows: bool) -> Classifier:
    from keras_sentiment.inference.artifact import is_artifact
    from keras_sentiment.inference.load import load

    if not is_artifact(path):
        check_backend()
    return load(path, windows=windows)


if __name__ == "__main__":
    run_command(predict)
