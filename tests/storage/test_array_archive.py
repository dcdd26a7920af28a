"""Several arrays in one file: reading, writing and damage."""

import io
import zipfile

import numpy as np
import pytest

from keras_sentiment.errors import InputError
from keras_sentiment.storage.array_archive import read_archive, write_archive

pytestmark = pytest.mark.once

KINDS = {"counts": ("<i8", 1), "weights": ("<f4", 2)}
ARRAYS = {"counts": np.arange(3), "weights": np.ones((2, 3), "float32")}


def header(**changes):
    """The bytes of an array with a forged header."""
    values = {"descr": "<f4", "fortran_order": False, "shape": (2, 3), **changes}
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, values)
    return file.getvalue() + bytes(24)


def pickled():
    file = io.BytesIO()
    np.save(file, np.array([[{}]], object), allow_pickle=True)
    return file.getvalue()


def written(path, weights=None, compression=zipfile.ZIP_STORED, names=("counts", "weights")):
    write_archive(path, ARRAYS)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(f"{name}.npy") for name in KINDS}
    if weights is not None:
        members["weights"] = weights
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name in names:
            archive.writestr(f"{name}.npy", members.get(name, b""))
    return path


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "some.npz"
    write_archive(path, ARRAYS)
    found = read_archive(path, KINDS)
    assert set(found) == set(KINDS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert [item.name for item in tmp_path.iterdir()] == ["some.npz"]
    first = path.read_bytes()
    write_archive(path, ARRAYS)
    assert path.read_bytes() == first


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-30]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"\0\0\x80?", b"\0\0\x80@", 1)),
        lambda path: written(path, header(shape=(10**9, 10**9))),
        lambda path: written(path, header(shape=(6,))),
        lambda path: written(path, header(descr="<f8", shape=(3, 1))),
        lambda path: written(path, header(fortran_order=True)),
        lambda path: written(path, header(descr="|O")),
        lambda path: written(path, pickled()),
        lambda path: written(path, b"no array"),
        lambda path: written(path, compression=zipfile.ZIP_DEFLATED),
        lambda path: written(path, names=("counts",)),
        lambda path: written(path, names=("counts", "weights", "more")),
    ],
)
def test_damaged_archives_give_one_line(tmp_path, damage):
    path = written(tmp_path / "some.npz")
    damage(path)
    with pytest.raises(InputError, match=r"some\.npz") as caught:
        read_archive(path, KINDS)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
