"""An export begins only where the disk has room for it."""

import json
import shutil

import pytest

from helpers.tiny import RECIPE, TOKENIZER, make_corpus, train
from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A corpus, a run and its export, each made before the disk was full."""
    path = tmp_path_factory.mktemp("disk")
    run = train(make_corpus(path / "data"), path / "run", RECIPE.replace(epochs=1))
    TOKENIZER.save(path / "vocabulary")
    rows = [{"text": f"good film {n}", "label": "pos" if n % 2 else "neg"} for n in range(4000)]
    (path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    from keras_sentiment.exporting.exporter import export_run

    export_run(run, path / "export", ["onnx"])
    (path / "labels.jsonl").write_text("before")
    return path


def test_an_export_begins_only_where_it_has_room(place, tmp_path, monkeypatch):
    """Of a full disk, torch's writer ends the process and OpenVINO's says nothing of it."""
    from keras_sentiment.exporting.exporter import export_run
    from keras_sentiment.runs.run import open_run

    usage = shutil.disk_usage(tmp_path)
    free = 2 * (place / "run" / "model.keras").stat().st_size
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
    with pytest.raises(InputError, match=r"torch and what it is made of .* GB free; free some"):
        export_run(open_run(place / "run"), tmp_path / "out", ["torch"])
    assert list(tmp_path.iterdir()) == []
