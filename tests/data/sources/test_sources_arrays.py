"""NumPy files: keys, shapes, types, and files that lie."""

import io
import zipfile

import numpy as np
import pytest

from fastmlp.data.loading import load
from fastmlp.errors import DataError

RANDOM = np.random.default_rng(5)


@pytest.fixture
def npz(tmp_path):
    def save(**arrays):
        np.savez(tmp_path / "a.npz", **arrays)
        return tmp_path / "a.npz"

    return save


@pytest.mark.parametrize("x", ["X", "x", "features", "data", "images"])
@pytest.mark.parametrize("y", ["y", "Y", "target", "targets", "labels", "label"])
def test_keys(npz, x, y):
    features = RANDOM.normal(size=(4, 3))
    source = load(npz(**{x: features, y: np.arange(4)}))
    assert np.array_equal(source.features, features)
    assert source.target.tolist() == [0, 1, 2, 3]
    assert source.target_name == y
    assert source.name == "a"


def test_keras_layout(npz):
    images = RANDOM.integers(0, 256, (6, 5, 4), dtype=np.uint8)
    source = load(
        npz(x_train=images[:4], y_train=np.arange(4), x_test=images[4:], y_test=np.arange(2))
    )
    assert np.array_equal(source.features, images[:4].reshape(4, 20))
    assert source.image_shape == (5, 4)
    assert np.array_equal(source.test.features, images[4:].reshape(2, 20))
    assert source.test.target.tolist() == [0, 1]


def test_target_by_name(npz):
    path = npz(X=np.zeros((2, 2)), y=np.arange(2), price=np.array([1.5, 2.5]))
    assert load(path, target="price").target.tolist() == [1.5, 2.5]
    with pytest.raises(DataError, match="did you mean 'price'"):
        load(path, target="prize")
    assert load(path, target="prize", need_target=False).target.tolist() == [0, 1]


def test_lacking_arrays(npz):
    with pytest.raises(DataError, match="arrays z"):
        load(npz(z=np.zeros(3)))
    path = npz(X=np.zeros((2, 2)))
    with pytest.raises(DataError, match="no target"):
        load(path)
    assert load(path, need_target=False).target is None
    with pytest.raises(DataError, match="2 rows of features and 3 targets"):
        load(npz(X=np.zeros((2, 2)), y=np.zeros(3)))


@pytest.mark.parametrize(
    ("shape", "columns", "image_shape"),
    [
        ((4,), 1, None),
        ((4, 3), 3, None),
        ((4, 3, 2), 6, (3, 2)),
        ((4, 3, 2, 1), 6, (3, 2)),
        ((4, 3, 2, 3), 18, (3, 2, 3)),
        ((4, 1, 5, 6), 30, (5, 6)),
        ((4, 3, 5, 6), 90, (5, 6, 3)),
    ],
)
def test_shapes(npz, shape, columns, image_shape):
    features = RANDOM.normal(size=shape)
    source = load(npz(X=features, y=np.arange(4)))
    assert source.features.shape == (4, columns)
    assert source.features.flags.c_contiguous
    assert source.image_shape == image_shape
    if image_shape == (5, 6, 3):
        assert np.array_equal(source.features.reshape(4, 5, 6, 3)[1, 2, 3], features[1, :, 2, 3])


@pytest.mark.parametrize("shape", [(), (0, 3), (3, 0), (2, 2, 2, 2, 2)])
def test_shapes_that_are_refused(npz, shape):
    with pytest.raises(DataError, match="shape"):
        load(npz(X=np.zeros(shape)), need_target=False)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("u1", "u1"),
        ("?", "u1"),
        ("f2", "f4"),
        ("f4", "f4"),
        ("f8", "f8"),
        (">f8", "f8"),
        ("i1", "f4"),
        ("i8", "f4"),
        ("u4", "f4"),
    ],
)
def test_types(npz, given, kept):
    values = np.array([[0, 1], [1, 1]]).astype(given)
    features = load(npz(X=values), need_target=False).features
    assert features.dtype == np.dtype(kept)
    assert np.array_equal(features, values)


def test_large_integers_stay_exact(npz):
    values = np.array([[2**24 + 1, -3]])
    features = load(npz(X=values), need_target=False).features
    assert features.dtype == np.float64
    assert np.array_equal(features, values)


@pytest.mark.parametrize("kind", ["complex128", "datetime64[s]", "U3", "V4"])
def test_types_that_are_refused(npz, kind):
    with pytest.raises(DataError, match="type"):
        load(npz(X=np.zeros((2, 2), kind)), need_target=False)


def test_object_arrays_are_not_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    held = np.array([[Bomb()]], dtype=object)
    np.savez(tmp_path / "a.npz", X=held)
    np.save(tmp_path / "a.npy", held)
    for name in ("a.npz", "a.npy"):
        with pytest.raises(DataError, match="Python objects"):
            load(tmp_path / name, need_target=False)


@pytest.mark.parametrize(
    ("target", "kind", "expected"),
    [
        (np.array([b"a", b"b"]), "U", ["a", "b"]),
        (np.array([[1], [2]], np.uint8), "i", [1, 2]),
        (np.array([2**63, 1], np.uint64), "f", [2.0**63, 1.0]),
        (np.array([0.5, 1.5], np.float16), "f", [0.5, 1.5]),
        (np.array([True, False]), "b", [True, False]),
        (np.array([[0, 1], [1, 0]]), "i", [[0, 1], [1, 0]]),
    ],
)
def test_target_types(npz, target, kind, expected):
    source = load(npz(X=np.zeros((2, 2)), y=target))
    assert source.target.dtype.kind == kind
    assert source.target.tolist() == expected


def test_npy_pair_is_mapped(tmp_path):
    images = RANDOM.integers(0, 256, (4, 3, 2), dtype=np.uint8)
    np.save(tmp_path / "X.npy", images)
    np.save(tmp_path / "y.npy", np.arange(4))
    source = load(f"{tmp_path / 'X.npy'},{tmp_path / 'y.npy'}")
    assert isinstance(source.features, np.memmap)
    assert np.array_equal(source.features, images.reshape(4, 6))
    assert source.image_shape == (3, 2)
    assert source.target.tolist() == [0, 1, 2, 3]
    assert np.array_equal(source.take(np.array([3, 0])).features, images.reshape(4, 6)[[3, 0]])
    with pytest.raises(DataError, match="features,target"):
        load(tmp_path / "X.npy")


def npy_bytes(header, body=b""):
    text = repr(header).encode() if not isinstance(header, bytes) else header
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


LIES = [
    npy_bytes({"descr": "<f8", "fortran_order": False, "shape": (2**40, 2**20)}, b"x" * 64),
    npy_bytes({"descr": "<f8", "fortran_order": False, "shape": (-1, 8)}, b"x" * 64),
    npy_bytes({"descr": "nonsense", "fortran_order": False, "shape": (8,)}, b"x" * 64),
    npy_bytes(b"__import__('os').getcwd()", b"x" * 64),
    npy_bytes(b"{" * 5000),
    b"\x93NUMPY\x09\x00",
    b"\x93NUM",
    b"",
]


@pytest.mark.parametrize("content", LIES)
@pytest.mark.parametrize("zipped", [False, True])
def test_headers_that_lie(tmp_path, content, zipped):
    path = tmp_path / ("a.npz" if zipped else "a.npy")
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("X.npy", content)
    else:
        path.write_bytes(content)
    with pytest.raises(DataError, match=path.name) as caught:
        load(path, need_target=False)
    assert "\n" not in str(caught.value)


TYPES = [
    "'<U0'", "'<S0'", "'|V0'", "'<f8'", "'<U1'", "'|S1'", "'<U536870911'", "'<U999999999'",
    "'|S2147483647'", "'|V2147483647'",
    "'|O'", "'|b1'", "'|i1'", "'<c16'", "'<M8[s]'", "'<U-1'", "'<f3'", "''", "None", "[]",
    "[('a','<f8')]", "[('a','<U0')]",
    "[('a','O')]", "('<f8',(2,))", "('<f8',(0,))", "('<U0',(3,))",
    "('<f8',(2147483647,2147483647))",
    "('<U0',(9223372036854775807,))",
]  # fmt: skip
SIZES = [
    (), (0,), (2**63 - 1,), (2**63,), (2**64 + 6,), (10**12,), (6, 2**63 - 1), (0, 2**63 - 1),
    (2**63 - 1, 0), (0, 2**64),
    (2**62, 4), (0, 2**32, 2**32), (6, 0, 2**63 - 1), (-1,), (6, -1), (-6, -1), (1,) * 33,
    (0,) * 65, (10**3000,),
    "6", "[6]", "('6',)", "(6.0,)", "None",
]  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("role", ["X", "y"])
@pytest.mark.parametrize("zipped", [False, True])
def test_shapes_and_types_that_overflow(tmp_path, kind, role, zipped, monkeypatch):
    """Sizes that wrap round, empty or giant items, structures: refused before memory is taken."""
    monkeypatch.chdir(tmp_path)
    sound = {
        "X": npy_bytes({"descr": "<f8", "fortran_order": False, "shape": (6, 2)}, bytes(96)),
        "y": npy_bytes({"descr": "<i8", "fortran_order": False, "shape": (6,)}, bytes(48)),
    }
    for shape in SIZES:
        for body in (b"", bytes(96)):
            header = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}}}".encode()
            content = sound | {role: npy_bytes(header, body)}
            if zipped:
                with zipfile.ZipFile("a.npz", "w") as archive:
                    for name in "Xy":
                        archive.writestr(f"{name}.npy", content[name])
            else:
                for name in "Xy":
                    (tmp_path / f"{name}.npy").write_bytes(content[name])
            with pytest.raises(DataError) as caught:
                load("a.npz" if zipped else "X.npy,y.npy")
            assert "\n" not in str(caught.value)
            assert len(str(caught.value)) < 400


def test_a_target_that_memory_cannot_hold_is_refused_before_it_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr("fastmlp.data.memory.available_memory", lambda: 10_000)
    np.save(tmp_path / "X.npy", np.zeros((20, 2)))
    for target in (np.array(["a" * 200] * 20), np.array([b"a" * 200] * 20), np.zeros((20, 100))):
        np.save(tmp_path / "y.npy", target)
        with pytest.raises(DataError, match="X needs 16 kB of memory"):
            load(f"{tmp_path / 'X.npy'},{tmp_path / 'y.npy'}")


def test_damaged_archives(tmp_path):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, X=RANDOM.normal(size=(50, 4)), y=np.arange(50))
    whole = buffer.getvalue()
    path = tmp_path / "a.npz"
    for seed in range(60):
        random = np.random.default_rng(seed)
        content = bytearray(whole)
        for position in random.integers(0, len(content), 3):
            content[position] ^= 1 << int(random.integers(8))
        path.write_bytes(content[: random.integers(1, len(content) + 1)] if seed % 2 else content)
        rows, message = 50, ""
        try:
            rows = len(load(path))
        except DataError as error:
            message = str(error)
        assert rows == 50
        assert "\n" not in message
