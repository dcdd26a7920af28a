"""`predict`: labels texts, with probabilities."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from keras_sentiment.data.config import TableConfig
from keras_sentiment.data.readers.table_files import matching
from keras_sentiment.data.readers.table_rows import Row
from keras_sentiment.data.readers.tables import ALL, Table, open_named, with_texts
from keras_sentiment.errors import InputError
from keras_sentiment.escaping import json_text
from keras_sentiment.messages import show
from keras_sentiment.quantities import plural
from keras_sentiment.scripts.command_line import (
    check_backend,
    import_keras,
    output_options,
    run_command,
    say,
    scoring_precision_option,
    windows_option,
)
from keras_sentiment.scripts.options import command, option, section
from keras_sentiment.scripts.ray_prediction import STANDARD, cut, for_workers, score_on_ray
from keras_sentiment.scripts.table_options import names_option, on_error_option, table_options

if TYPE_CHECKING:
    from keras_sentiment.inference.classifier import Classifier
    from keras_sentiment.inference.streaming import Result


@command(
    examples=(
        'predict runs/small "Not bad at all."',
        "predict runs/small --input new.csv --text-column review --output labels.csv",
    )
)
@click.argument("run_dir", metavar="MODEL", type=click.Path())
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@section(
    "Files",
    option(
        "--input",
        "source",
        metavar="FILE",
        help="Read the texts from a table or a .txt file with one text on each line; - reads standard input. "
        "With --engine ray also a quoted pattern of files.",
    ),
    option(
        "--output",
        metavar="FILE",
        default=STANDARD,
        show_default="JSON lines on standard output",
        help="Write the results to a new .jsonl, .csv or .parquet file; with --engine ray to a folder.",
    ),
    names_option(
        "--keep-columns",
        show_default="all",
        help="Columns of the input to copy to the output, separated by commas, such as id,date.",
    ),
)
@table_options
@on_error_option
@section(
    "Prediction",
    option(
        "--engine",
        type=click.Choice(["local", "ray"]),
        default="local",
        show_default=True,
        help="Predict in this process, or on the workers of a Ray cluster.",
    ),
    option(
        "--workers",
        type=click.IntRange(min=1),
        metavar="N",
        show_default="the number of CPUs of the cluster",
        help="With --engine ray: number of workers, each on one core.",
    ),
    windows_option,
    scoring_precision_option,
    option(
        "--explain",
        is_flag=True,
        help="For each TEXT, add how much each word contributes to the label's probability.",
    ),
)
@output_options
@click.pass_context
def predict(
    context: click.Context,
    run_dir: str,
    texts: tuple[str, ...],
    source: str | None,
    config: TableConfig,
    on_error: str,
    output: str,
    keep_columns: tuple[str, ...] | None,
    engine: str,
    workers: int | None,
    windows: bool,
    precision: str,
    explain: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Label texts with a trained model.

    MODEL is a run that a training command wrote, or an artifact that export wrote. Each TEXT gives one JSON
    object on standard output, in order.

    With --input the texts are read from a file of any size. A result then holds the columns of its row, and
    row: the number of the line on which the row begins, or the number of the row in a Parquet, Arrow or JSON
    file, counted from 1. An input column with the name of a result, such as label, becomes input_label.

    With --engine ray MODEL is an artifact, --input may match many files, and --output is a folder of Parquet
    files. The same command continues an interrupted job.
    """
    if (source is None) == (not texts):
        raise click.UsageError("Give either TEXT or --input FILE.")
    if workers is not None and engine != "ray":
        raise click.UsageError("--workers is for --engine ray.")
    with contextlib.ExitStack() as stack:
        if source is None:
            for name in context.params:
                given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
                if given and name not in ("run_dir", "texts", "windows", "precision", "explain", "quiet"):
                    raise click.UsageError(f"--{name.replace('_', '-')} is for --input FILE.")
            classifier = _load(run_dir, windows, precision, quiet)
            explained = map(classifier.explain, texts)
            for result in explained if explain else classifier.predict(texts, quiet):
                show(json_text(json.dumps(result, ensure_ascii=False)))
            return
        if explain:
            raise click.UsageError("--explain is for TEXT.")
        from keras_sentiment.data.readers.bad_rows import BadRows

        bad_rows = BadRows(on_error, quiet=False)
        skip = bad_rows.add if bad_rows.skip else None
        if engine == "ray":
            if keep_columns is not None:
                raise click.UsageError("--keep-columns is for one process; --engine ray keeps all columns.")
            artifact = for_workers(run_dir, source, output, precision)
            parts = cut(source, config, skip, quiet)
            score_on_ray(artifact, parts, Path(output), workers, windows, overwrite, quiet)
        else:
            _require_one(source)
            table = stack.enter_context(open_named(source, config, {config.text_column: "--text-column"}))
            ending, results = stack.enter_context(_results(source, output, overwrite))
            if table.remark and not quiet:
                say(table.remark)
            rows = _opened_rows(table, config.text_column, keep_columns, skip)
            classifier = _load(run_dir, windows, precision, quiet)
            # A bar and results on one terminal would write over each other.
            quiet = quiet or (output == STANDARD and sys.stdout.isatty())
            count = _predict_table(
                classifier, table, rows, config.text_column, keep_columns, ending, results, skip, quiet
            )
    if output != STANDARD and engine == "local" and not quiet:
        say(f"Wrote {output}: {plural(count, 'text')}, a row each")
    if bad_rows.count:
        say(f"Rows left out: {bad_rows.count:,}")


def _require_one(source: str) -> None:
    """Refuses what is not one file."""
    if source and (Path(source).is_dir() or (not Path(source).exists() and matching(source))):
        raise InputError(f"{source}: name one file; --engine ray takes a pattern of files")


def _opened_rows(
    table: Table,
    text_column: str,
    keep_columns: tuple[str, ...] | None,
    skip: Callable[[InputError], None] | None,
) -> Iterator[Row]:
    """Returns the rows of a table, of which the first one has been read: before a model is loaded.

    Raises:
        InputError: a column is not there, or the first row can't be used and rows are not left out.
    """
    keep_columns = () if table.has_lines_alone else keep_columns
    rows = with_texts(table.rows(ALL if keep_columns is None else keep_columns), text_column, table.name)
    first = list(itertools.islice(rows, 1))
    for _, row in first:
        if isinstance(row, InputError) and skip is None:
            raise row
    return itertools.chain(first, rows)


def _predict_table(
    classifier: Classifier,
    table: Table,
    texts: Iterator[Row],
    text_column: str,
    keep_columns: tuple[str, ...] | None,
    ending: str,
    results: IO[Any],
    skip: Callable[[InputError], None] | None,
    quiet: bool,
) -> int:
    """Writes the predictions for the rows of a table, with the columns to keep; returns how many."""
    from keras_sentiment.inference.result_files import WRITERS, ResultColumns, names_of
    from keras_sentiment.inference.streaming import KeptColumns, predict_rows

    if table.has_lines_alone:
        keep_columns = ()
    kept = KeptColumns(keep_columns, names_of(ending, classifier.labels))
    # Objects have names of their own each.
    names = kept.names(table.names) if table.names or keep_columns == () else None
    schema = table.schema
    types = {} if schema is None or names is None else {n: schema.field(o).type for o, n in names.items()}
    columns = ResultColumns(None if names is None else list(names.values()), types, classifier.labels)
    count = 0

    def counted(chunks: Iterator[list[Result]]) -> Iterator[list[Result]]:
        nonlocal count
        for chunk in chunks:
            count += len(chunk)
            yield chunk

    chunks = counted(predict_rows(classifier, texts, text_column, kept, skip, quiet))
    WRITERS[ending](chunks, columns, results)
    if missing := kept.missing():
        raise InputError(
            f"{table.name}: no row has {missing[0]!r}; name columns that are there with --keep-columns"
        )
    return count


@contextlib.contextmanager
def _results(source: str, output: str, overwrite: bool) -> Iterator[tuple[str, IO[Any]]]:
    """Gives the file for the results, and the ending of its name, which decides its format."""
    from keras_sentiment.inference.result_files import WRITERS
    from keras_sentiment.storage.atomic import staged_file

    if output == STANDARD:
        with click.open_file(STANDARD, "w", encoding="utf-8") as file:
            yield ".jsonl", file
        return
    ending = Path(output).suffix.lower()
    if ending not in WRITERS:
        raise InputError(f"{output}: unknown kind of file; end its name in {' or '.join(WRITERS)}")
    _require_another(source, output)
    with staged_file(Path(output), overwrite, binary=ending == ".parquet") as file:
        yield ending, file


def _require_another(source: str, output: str) -> None:
    """Refuses to write over the file that is read, under whatever name."""
    there = os.fstat(sys.stdin.fileno()) if source == STANDARD else os.stat(source)
    if os.path.exists(output) and os.path.samestat(there, os.stat(output)):
        raise InputError(f"{output}: is the file that is read; name another for --output")


def _load(path: str, windows: bool, precision: str, quiet: bool) -> Classifier:
    """Opens the model, and prints its precision where that is not the default."""
    from keras_sentiment.inference.artifact import is_artifact
    from keras_sentiment.inference.load import load
    from keras_sentiment.runs.run import open_run
    from keras_sentiment.runs.run_files import is_run

    if not is_artifact(path):
        check_backend()
        if is_run(Path(path)):  # `load` refuses another folder
            open_run(path)  # so that a damaged run is refused before Keras is imported, which takes seconds
            import_keras(quiet)
            if precision != "float32":
                from keras_sentiment.models.precision import resolve_precision

                precision = resolve_precision(precision)
                if not quiet:
                    say(f"Computing in {precision}")
    return load(path, precision, windows)


if __name__ == "__main__":
    run_command(predict)
