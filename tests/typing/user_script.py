"""A user's program, with every public name: `mypy --strict` reads it in a test; it doesn't run."""

from pathlib import Path

import keras_sentiment as ks


def prepared(folder: Path, pairs: list[tuple[str, str]]) -> ks.Corpus:
    config = ks.PrepareConfig(text_column="review", held_out=0.2)
    corpus: ks.Corpus = ks.prepare("reviews.csv", "data/films", config=config)
    corpus = ks.prepare(folder / "reviews.csv", folder / "data", tokenizer="learn")
    corpus = ks.prepare(pairs, folder / "pairs", quiet=True)
    labels: list[str] = corpus.labels
    print(labels, corpus.info["fingerprint"], len(corpus.splits["train"]))
    return ks.open_corpus("data/films") if labels else ks.open_corpus(folder / "data")


def trained(corpus: ks.Corpus, folder: Path) -> ks.Run:
    small: ks.Recipe[ks.TransformerConfig] = ks.TRANSFORMER_RECIPES["default"].replace(epochs=1)
    large: ks.Recipe[ks.BertConfig] = ks.BERT_RECIPES["default"]
    own = ks.Recipe(ks.TransformerConfig(num_layers=1), ks.InputConfig(64), ks.TrainingConfig(epochs=1))
    run = ks.train(corpus, "runs/films", small, callbacks=[], checkpoints=ks.CheckpointConfig(steps=9))
    run = ks.train("data/films", folder / "run", own)
    run = ks.train(folder / "data", folder / "bert", large, overwrite=True)
    return ks.open_run("runs/films") if run.complete else ks.open_run(folder / "run")


def trained_by_hand(corpus: ks.Corpus, run: ks.Run, folder: Path) -> ks.Run:
    recipe, tokenizer = ks.TRANSFORMER_RECIPES["default"], corpus.tokenizer()
    train = ks.ReviewBatches(corpus.splits["train"], tokenizer, recipe.inputs, batch_size=8, seed=1)
    model = ks.build_transformer(recipe.model, tokenizer.vocabulary_size, 512, num_classes=2)
    ks.adapt_model(model, train, corpus.unlabelled)
    model.fit(train, epochs=1)
    ks.save_run(model, corpus, folder / "by_hand", recipe)
    bert = ks.build_bert(ks.BertConfig(preset="minilm"), 256, num_classes=2)
    ks.save_run(bert, corpus, "runs/bert", ks.BERT_RECIPES["default"], overwrite=True)
    ks.register_layers()
    return run.save(run.load_model()).save(model, corpus)


def used(run: ks.Run, corpus: ks.Corpus, folder: Path) -> ks.Classifier:
    evaluation: ks.Evaluation = ks.evaluate(run, corpus, "validation")
    evaluation = ks.evaluate("runs/films", "reviews.csv", against=run)
    evaluation = ks.evaluate(folder / "run", folder / "reviews.csv", against=folder / "other")
    page: Path = evaluation.save()
    artifacts: list[ks.Artifact] = ks.export(run, "models/films", ["onnx"], data=folder / "data")
    artifacts = ks.export(folder / "run", folder / "models", data="data/films")
    classifier: ks.Classifier = ks.load(artifacts[0])
    classifier = ks.load(run, precision="auto")
    classifier = ks.load("runs/films") if page.exists() else ks.load(folder / "run", windows=True)
    for result in classifier.predict(["A gem."]):
        print(result["label"], result["truncated"])
    rows, dim = classifier.embed(text for text in ("A gem.", "A bore.")).shape
    least: float = classifier.probabilities(("A gem.",)).min()
    words: list[dict[str, object]] = classifier.explain("A gem.")["words"]
    print(rows, dim, least, words, classifier.as_estimator().predict(["A gem."]))
    return classifier


def main() -> None:
    folder = Path("work")
    try:
        corpus = prepared(folder, [("A gem.", "positive"), ("A bore.", "negative")])
        run = trained_by_hand(corpus, trained(corpus, folder), folder)
        used(run, corpus, folder)
    except ks.InputError as error:
        print(error)


if __name__ == "__main__":
    main()
