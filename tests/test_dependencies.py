"""What the README's first command installs: all that fastmlp imports, but for the extras."""

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
# Packages that another name or another package installs.
INSTALLED_AS = {
    "sklearn": "scikit-learn",
    "joblib": "scikit-learn",
    "PIL": "pillow",
    "llvmlite": "numba",
}
# What somebody asks for by name: an extra's packages; torch and pandas, whose objects are taken as
# they come; IPython, which a notebook has.
ASKED_FOR = {
    "IPython", "cupy", "cupyx", "cuda", "dask", "distributed", "fastexcel", "mlflow", "mpi4py",
    "onnx", "optuna", "pandas", "ray", "tensorboard", "torch", "wandb",
}  # fmt: skip


def names(requirements):
    return {re.match(r"[\w.-]+", requirement)[0] for requirement in requirements}


def imported():
    """Return the first names of all that fastmlp and kernels import, at the top or later."""
    found = {}
    for path in [*(ROOT / "fastmlp").rglob("*.py"), *(ROOT / "kernels").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module]
            else:
                continue
            found.update((module.split(".")[0], path) for module in modules)
    return found


def test_what_is_imported_is_installed():
    wanted = {
        name: path
        for name, path in imported().items()
        if name not in {*sys.stdlib_module_names, "fastmlp"}
    }
    installed = names(PROJECT["dependencies"])
    missing = {
        name: str(path)
        for name, path in wanted.items()
        if INSTALLED_AS.get(name, name) not in installed and name not in ASKED_FOR
    }
    assert not missing
    assert {"polars", "PIL", "matplotlib"} <= wanted.keys()


def test_extras_of_earlier_versions_still_install():
    for extra in ("tables", "plots"):
        assert PROJECT["optional-dependencies"][extra] == []
    assert "all" in PROJECT["optional-dependencies"]
    assert {"polars", "matplotlib", "pillow"} <= names(PROJECT["dependencies"])


def test_the_wheel_says_that_the_package_is_typed():
    """Without py.typed, checkers take no annotation of an installed package for granted."""
    assert "py.typed" in PYPROJECT["tool"]["setuptools"]["package-data"]["fastmlp"]
    assert (ROOT / "fastmlp" / "py.typed").is_file()


def test_kernels_are_part_of_the_package_for_whoever_reads_the_folders():
    """An editor, ruff and the type checker find fastmlp.kernels where Python does."""
    link = ROOT / "fastmlp" / "kernels"
    assert link.is_symlink()
    assert link.readlink() == Path("..", "kernels")
    assert "fastmlp/kernels" in PYPROJECT["tool"]["basedpyright"]["include"]


def test_every_package_is_installed():
    """setuptools installs what it is told of: a room that it does not know is left out."""
    rooms = [*ROOT.glob("fastmlp/**/__init__.py"), *ROOT.glob("kernels/**/__init__.py")]
    names = [path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in rooms]
    packages = {f"fastmlp.{name}" if name.startswith("kernels") else name for name in names}
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == packages
