"""An export begins only where the disk has room for it."""

import shutil

import pytest

from keras_sentiment.errors import InputError

pytestmark = pytest.mark.once


def test_an_export_begins_only_where_it_has_room(trained_run, tmp_path, monkeypatch):
    """Of a full disk, torch's writer ends the process and OpenVINO's says nothing of it."""
    from keras_sentiment.exporting.exporter import export

    usage = shutil.disk_usage(tmp_path)
    free = 2 * (trained_run.path / "model.keras").stat().st_size
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
    with pytest.raises(InputError, match=r"torch and what it is made of .* GB free; free some"):
        export(trained_run, tmp_path / "out", ["torch"])
    assert list(tmp_path.iterdir()) == []
