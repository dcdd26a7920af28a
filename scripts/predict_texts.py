"""`predict`: labels for texts, with their probabilities."""

from __future__ import annotations

import contextlib
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
from keras_sentiment.data.readers.tables import ALL, Table, open_named, with_texts
from keras_sentiment.errors import InputError
from keras_sentiment.escaping import json_text
from keras_sentiment.messages import show
from keras_sentiment.scripts.command_line import (
    check_backend,
    import_keras,
    output_options,
    run_command,
    say,
    scoring_precision_option,
    windows_option,
)
from keras_sentiment.scripts.table_options import names_option, on_error_option, table_options

if TYPE_CHECKING:
    from keras_sentiment.cluster.plan import Parts
    from keras_sentiment.inference.artifact import Artifact
    from keras_sentiment.inference.classifier import Classifier

STANDARD = "-"


@click.command()
@click.argument("run_dir", metavar="MODEL", type=click.Path())
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@click.option(
    "--input", "source", metavar="FILE", help="Texts in a file; - for standard input; for ray a pattern too."
)
@table_options
@on_error_option
@click.option(
    "--output",
    metavar="FILE",
    default=STANDARD,
    help="A new .jsonl, .csv or .parquet file; for ray a folder.  [default: JSON lines on standard output]",
)
@names_option(
    "--keep-columns", help="Columns of the input that stand in the output, as in id,date.  [default: all]"
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
@scoring_precision_option
@click.option("--explain", is_flag=True, help="With each TEXT the words that carry its label.")
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
    """Label each TEXT with MODEL, a RUN_DIR or an artifact: one result a text, in order.

    With --input the texts are those of a file of any size, and a result holds the columns of its row and
    the number of the row: that of its line in the file, counted from 1, or of its row in a Parquet or Arrow
    file or a JSON list. A column that has the name of a result becomes input_NAME.

    With --engine ray MODEL is an artifact, --input may match many files, and --output becomes a folder
    of Parquet files with the columns of the input and its labels; started again, it goes on.
    """
    if (source is None) == (not texts):
        raise click.UsageError("Give either TEXT or --input FILE.")
    if workers is not None and engine != "ray":
        raise click.UsageError("--workers is for --engine ray.")
    with contextlib.ExitStack() as stack:
        if source is None:
            for name in context.params:
                said = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
                if said and name not in ("run_dir", "texts", "windows", "precision", "explain", "quiet"):
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
            artifact = _for_workers(run_dir, source, output, precision)
            parts = _cut(source, config, skip, quiet)
            _score_on_ray(artifact, parts, Path(output), workers, windows, overwrite, quiet)
        else:
            _require_one(source)
            table = stack.enter_context(open_named(source, config, {config.text_column: "--text-column"}))
            ending, results = stack.enter_context(_results(source, output, overwrite))
            if table.remark and not quiet:
                say(table.remark)
            classifier = _load(run_dir, windows, precision, quiet)
            # A bar and results on one terminal would write over each other.
            quiet = quiet or (output == STANDARD and sys.stdout.isatty())
            _predict_table(classifier, table, config.text_column, keep_columns, ending, results, skip, quiet)
    if bad_rows.count:
        say(f"Rows left out: {bad_rows.count:,}")


def _require_one(source: str) -> None:
    """Refuses what is not one file."""
    if source and (Path(source).is_dir() or (not Path(source).exists() and matching(source))):
        raise InputError(f"{source}: name one file; --engine ray takes a pattern of files")


def _predict_table(
    classifier: Classifier,
    table: Table,
    text_column: str,
    keep_columns: tuple[str, ...] | None,
    ending: str,
    results: IO[Any],
    skip: Callable[[InputError], None] | None,
    quiet: bool,
) -> None:
    """Writes what a model says of the rows of a table, with the columns that stay."""
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
    rows = table.rows(ALL if keep_columns is None else keep_columns)
    texts = with_texts(rows, text_column, table.name)
    chunks = predict_rows(classifier, texts, text_column, kept, skip, quiet)
    WRITERS[ending](chunks, columns, results)
    if missing := kept.missing():
        raise InputError(
            f"{table.name}: no row has {missing[0]!r}; name columns that are there with --keep-columns"
        )


@contextlib.contextmanager
def _results(source: str, output: str, overwrite: bool) -> Iterator[tuple[str, IO[Any]]]:
    """Gives the file for the results, and the ending that says its kind."""
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


def _for_workers(path: str, source: str, output: str, precision: str) -> Artifact:
    """Returns the artifact for workers, after what can be refused before anything is read."""
    if STANDARD in (source, output):
        raise click.UsageError("--engine ray reads --input FILES and writes --output FOLDER; give both.")
    if Path(output).suffix.lower() in (".csv", ".jsonl", ".parquet"):
        raise InputError(
            f"{output}: --engine ray writes a folder of Parquet files; name it without an ending"
        )
    from keras_sentiment.cluster.ray_job import open_for_workers
    from keras_sentiment.inference.load import require_own_precision

    artifact = open_for_workers(path)
    require_own_precision(artifact.path, precision)
    return artifact


def _cut(source: str, config: TableConfig, skip: Callable[[InputError], None] | None, quiet: bool) -> Parts:
    from keras_sentiment.cluster.partition import find_files, partition

    return partition(find_files(source), config, skip, quiet)


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


def _require_another(source: str, output: str) -> None:
    """Refuses to write over the file that is read, under whatever name."""
    there = os.fstat(sys.stdin.fileno()) if source == STANDARD else os.stat(source)
    if os.path.exists(output) and os.path.samestat(there, os.stat(output)):
        raise InputError(f"{output}: is the file that is read; name another for --output")


def _load(path: str, windows: bool, precision: str, quiet: bool) -> Classifier:
    """Opens the model, and tells its precision where that is not the default."""
    from keras_sentiment.inference.artifact import is_artifact
    from keras_sentiment.inference.load import load

    if not is_artifact(path):
        check_backend()
        import_keras(quiet)
        if precision != "float32":
            from keras_sentiment.models.precision import resolve_precision

            precision = resolve_precision(precision)
            if not quiet:
                say(f"Computing in {precision}")
    return load(path, precision, windows)


if __name__ == "__main__":
    run_command(predict)
