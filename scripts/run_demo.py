"""`demo`: from 25,000 packaged reviews to an evaluated model, in one command."""

from __future__ import annotations

from pathlib import Path

import click

from keras_sentiment.escaping import shell
from keras_sentiment.scripts.command_line import (
    check_backend,
    output_options,
    run_command,
    say,
)
from keras_sentiment.scripts.evaluate_model import evaluate
from keras_sentiment.scripts.options import command
from keras_sentiment.scripts.predict_texts import predict
from keras_sentiment.scripts.prepare_data import prepare
from keras_sentiment.scripts.train_transformer import train_transformer

SENTENCES = (
    "A wonderful film with a great cast, funny and moving.",
    "A terrible plot, awful acting, a boring waste of time.",
)


@command(examples=("demo", "demo my_folder --overwrite"))
@click.argument("folder", type=click.Path(path_type=Path), default="demo_output")
@output_options
@click.pass_context
def demo(ctx: click.Context, folder: Path, overwrite: bool, quiet: bool) -> None:
    """Run the whole path on 25,000 film reviews.

    It prepares the reviews of an installed package, trains a small Transformer, evaluates it and labels two
    sentences. All files are written to FOLDER, demo_output by default. It takes 8 to 18 minutes on two CPU
    cores.
    """
    check_backend()
    data_dir, run_dir = str(folder / "data"), str(folder / "transformer")
    shared = {"overwrite": overwrite, "quiet": quiet}
    from keras_sentiment.runs.checks import require_free_run

    require_free_run(Path(run_dir), overwrite, resume=False)
    say("1/4 prepare: 25,000 film reviews, cleaned, split, turned into token ids")
    ctx.invoke(prepare, source="sample", data_dir=Path(data_dir), **shared)
    say("2/4 train-transformer: a small Transformer from scratch, a few minutes")
    ctx.invoke(
        train_transformer,
        data_dir=data_dir,
        run_dir=run_dir,
        recipe="default",
        others={},
        limit=None,
        **shared,
    )
    say("3/4 evaluate: on the test split, on which nothing was trained or chosen")
    ctx.invoke(evaluate, run_dir=run_dir, data=data_dir, quiet=quiet)
    say("4/4 predict: two sentences")
    ctx.invoke(predict, run_dir=run_dir, texts=SENTENCES, quiet=quiet)
    if not quiet:
        say(
            f"Next: open {Path(run_dir) / 'report.html'} in a browser; label your own sentence with "
            f'keras-sentiment predict {shell(run_dir)} "some text"; for your own labelled texts see '
            "keras-sentiment prepare --help"
        )


if __name__ == "__main__":
    run_command(demo)
