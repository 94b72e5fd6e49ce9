"""A trained model: the network with its preprocessing, enough to predict without anything else."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.backend import Backend, open_backend
from fastmlp.data.features.targets import TargetEncoder
from fastmlp.data.mapped.rows import Matrix
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.data.readings.schema import Schema
from fastmlp.data.source import Source
from fastmlp.data.sources.in_memory import as_source, is_pair
from fastmlp.data.sources.incoming import as_features
from fastmlp.data.tables import TableOptions
from fastmlp.errors import DataError, FastMLPError, FastMLPWarning, ModelFileError, UsageError
from fastmlp.files.tensors import read_model, write_model
from fastmlp.metrics.adjustment import Adjustment
from fastmlp.metrics.calibration import at_temperature
from fastmlp.metrics.quantiles import ordered
from fastmlp.metrics.score import Answers, decide
from fastmlp.nn.losses import Loss
from fastmlp.nn.network import Network
from fastmlp.preparation.known_rows import KnownRows
from fastmlp.training.measure import Measure

from .file import damaged, read_parts
from .prediction import RecordedPrediction
from .summary import ShownModel

if TYPE_CHECKING:
    from fastmlp.export.write import Exported

MODEL_FILE = "model.safetensors"


@dataclass(eq=False, repr=False)
class Model(ShownModel):
    """A network that takes features as a user has them and gives labels, probabilities or values.

    Attributes
    ----------
    network
        Initialised, on a backend.
    loss
        Its loss, which knows how outputs become probabilities.
    features, targets
        The fitted preprocessing.
    settings
        What it was trained with.
    target_name
        What the target was called in the training data, if it had a name.
    rows
        How many rows each split had: ``{"train": 1438, "validation": 0, "test": 359}``.
    known_rows
        What tells these rows from others; None where that is not known.
    adjustment
        What is done to the network's answers: temperature and threshold.
    """

    network: Network
    loss: Loss
    features: FeaturePreprocessor
    targets: TargetEncoder
    settings: dict[str, Any]
    target_name: str | None = None
    rows: dict[str, int] = field(default_factory=dict)
    known_rows: KnownRows | None = None
    adjustment: Adjustment = field(default_factory=Adjustment)

    def __post_init__(self):
        self._recorded = RecordedPrediction(
            self.network, self.loss, scale=self.features.scale, shift=self.features.shift
        )

    @property
    def task(self) -> str:
        """``"classification"``, ``"multilabel"`` or ``"regression"``."""
        return self.targets.task

    @property
    def classes(self) -> list | None:
        """The labels in the order of the probabilities' columns; None for regression."""
        return self.targets.classes

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels of the quantiles that a model predicts, one a column; else empty."""
        return self.loss.levels if self.targets.output_width == 1 else ()

    @property
    def schema(self) -> Schema:
        """How tables are read for this model, as ``load`` of fastmlp.data takes it."""
        return self.features.schema(self.targets.reading)

    def predict_outputs(
        self, features, feature_names: tuple[str, ...] | None = None, notes: list[str] | None = None
    ) -> np.ndarray:
        """Return what the network says of each row.

        Parameters
        ----------
        features
            Rows in any form: an array, tensor, sparse matrix or list of rows with the columns in
            the order of training; a frame (pandas, polars, lazy, Arrow), a dict of columns or a
            list of dicts, whose columns are found by name; or one row, as a 1-D array, a flat list,
            a dict of values or a series.
        feature_names
            Names of an array's columns, where it has any.
        notes
            Gets a sentence for each column of a table with cells that count as gaps though they are
            none, or with texts that training did not hold; without it a FastMLPWarning says so.

        Returns
        -------
        numpy.ndarray
            (rows, classes) probabilities; (rows, outputs) probabilities of each label for
            multilabel; (rows, outputs) values in the target's own unit for regression, or (rows,
            levels) quantiles in ascending order.

        Raises
        ------
        UsageError, DataError
            With one line that says what is wrong.
        """
        told: list[str] = []
        matrix = self._matrix(features, feature_names, told)
        if notes is None:
            _warn(told)
        else:
            notes += told
        return self.outputs_of(matrix)

    def outputs_of(self, matrix: Matrix) -> np.ndarray:
        """Return what the network says of the rows of a matrix that ``features.transform`` made;
        see ``predict_outputs``.
        """
        if not len(matrix):
            width = len(self.levels) or self.targets.output_width
            return np.zeros((0, width), self.network.dtype)
        return self.answer(matrix)

    def answer(self, matrix: Matrix) -> np.ndarray:
        """Return what ``predict_outputs`` does, for rows (rows, columns) as the network reads them,
        of which there is at least one.
        """
        if self.adjustment.temperature != 1:
            return self.answer_from(self.logits(matrix))
        return self._as_answer(self._recorded.run(matrix))

    def answer_from(self, logits: np.ndarray) -> np.ndarray:
        """Return what ``answer`` makes of logits, or of values where the loss has no logits."""
        if not self.loss.kind.from_logits:
            return self._as_answer(logits)
        temperature, link = self.adjustment.temperature, self.loss.kind.link
        return self._as_answer(at_temperature(logits, temperature, link).astype(logits.dtype))

    def _as_answer(self, outputs: np.ndarray) -> np.ndarray:
        if self.task == "regression":
            values = self.targets.decode_values(outputs)
            return ordered(values, self.adjustment.widening) if self.levels else values
        if self.task == "classification" and outputs.shape[1] == 1:
            return np.hstack([1 - outputs, outputs])
        return outputs

    def logits(self, matrix: Matrix) -> np.ndarray:
        """Return the outputs before they become probabilities, at no temperature."""
        return self._recorded.run(matrix, raw=True)

    def _matrix(self, features: Any, names: tuple[str, ...] | None, notes: list[str]) -> Matrix:
        """Return rows in any form as the matrix that the network reads."""
        if names is None:
            shape = self.features.image_shape
            if shape is not None and getattr(features, "shape", None) == shape:  # one picture
                features = features[None]
            features = as_features(features, self.features.input_columns, self.features.input_names)
        else:
            names = tuple(names)
            features = as_features(features, len(names), names)
        return self.features.transform(features, names, notes)

    def predict(self, features, feature_names: tuple[str, ...] | None = None) -> np.ndarray:
        """Return labels (rows,), 0/1 (rows, outputs) for multilabel, or values."""
        return self.decide(self.predict_outputs(features, feature_names))

    def predict_proba(self, features, feature_names: tuple[str, ...] | None = None) -> np.ndarray:
        """Return the probability of each class (rows, classes), or of each label (rows, outputs)
        for multilabel.

        Raises
        ------
        UsageError
            If the model gives values rather than probabilities.
        """
        if self.task == "regression":
            raise UsageError(
                "a model of a regression gives values, not probabilities; use predict."
            )
        if not self.gives_probabilities:
            raise UsageError(
                f"a model trained with loss {self.loss.name} gives no probabilities; "
                "use predict, or predict_outputs for the network's own numbers."
            )
        return self.predict_outputs(features, feature_names)

    @property
    def gives_probabilities(self) -> bool:
        """Whether the outputs are probabilities; those of a squared error need not be."""
        last = self.network.architecture.output_activation.partition("(")[0]
        are = self.loss.kind.from_logits or last in ("softmax", "sigmoid")
        return self.task != "regression" and are

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        """Turn the outputs of ``predict_outputs`` into labels or values."""
        outputs = np.asarray(outputs)
        if self.task != "regression":
            decided = decide(self.task, outputs, self.adjustment.threshold)
            return decided if self.task == "multilabel" else self.targets.decode_labels(decided)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def answers(self, encoded: np.ndarray, outputs: np.ndarray) -> Answers:
        """Return the outputs of ``predict_outputs`` beside the rows' encoded target, of which every
        metric that fits can be asked.
        """
        is_regression = self.task == "regression"
        truth = self.targets.decode_values(encoded) if is_regression else encoded
        are_probabilities = self.loss.kind.from_logits
        threshold = self.adjustment.threshold
        return Answers(self.task, truth, outputs, threshold, are_probabilities, self.levels)

    def measure(self, data, y=None, *, target: str | None = None) -> dict[str, float]:
        """Return loss and accuracy, or loss, rmse and r2, of rows that have a target, as training
        measures them.

        Parameters
        ----------
        data
            A Source; features with their target as ``y``, or both as a pair; or a frame with the
            target in it.
        target
            The target column of a frame; default as in training.

        Raises
        ------
        UsageError, DataError
            With one line that says what is wrong.
        """
        source = self.source_of(data if y is None else (data, y), target)
        if source.target is None:
            raise DataError(f"{source.name} has no target to compare with; give it as y.")
        told: list[str] = []
        matrix = self.features.transform(source.features, source.feature_names, told)
        if not isinstance(data, Source):
            _warn(told)
        encoded = self.targets.encode(source.target)
        batches = self._recorded.batches(matrix, self.loss.targets_from(self.targets, encoded))
        return Measure(source.name, self.network, self.loss, batches, self.targets, encoded).run()

    def source_of(self, data: Any, target: str | None = None, need_target: bool = True) -> Source:
        """Return data in memory as a source; a frame's target is called as in training."""
        remembered = (
            None if is_pair(data) or isinstance(data, Source) else target or self.target_name
        )
        return as_source(data, remembered, need_target, TableOptions(schema=self.schema))

    def save(self, folder: str | Path) -> Path:
        """Write model.safetensors into a folder, which is made if need be; return the file's path.

        Raises
        ------
        UsageError
            If there can be no such folder.
        """
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"cannot make the folder {folder}: {error.strerror}; give another."
            ) from None
        tensors = {
            name: self.network.backend.to_numpy(parameter.values)
            for name, parameter in self.network.named_parameters().items()
        }
        known = {} if self.known_rows is None else self.known_rows.arrays()
        path = folder / MODEL_FILE
        write_model(path, tensors | known, self.describe())
        return path

    def describe(self) -> dict[str, Any]:
        """Return all that a model is beside its arrays, as JSON can hold it."""
        return {
            "architecture": asdict(self.network.architecture),
            "dtype": self.network.dtype.name,
            "features": self.features.to_dict(),
            "targets": self.targets.to_dict(),
            "settings": self.settings,
            "target_name": self.target_name,
            "rows": self.rows,
            "known_rows": None if self.known_rows is None else self.known_rows.to_dict(),
            "adjustment": self.adjustment.to_dict(),
        }

    def export(
        self, path: str | Path, format: str | None = None, *, opset: int | None = None
    ) -> Exported:
        """Write the model for another program, as ``onnx``, ``torch``, ``npz``, ``text`` or
        ``json``; see docs/export.md.

        Parameters
        ----------
        path
            A file, or for text a folder.
        format
            Default by the suffix of ``path``.
        opset
            Of ONNX alone: version of the operators, 13 or later.

        Raises
        ------
        UsageError, MissingExtraError, WriteError
            With one line that says what is wrong.
        """
        from fastmlp.export.write import export

        return export(self, path, format, opset=opset)

    def to_torch(self, module: bool = False) -> Any:
        """Return the network as PyTorch has it.

        Parameters
        ----------
        module
            Whether to import torch and return an ``nn.Sequential`` in evaluation mode, with the
            weights.

        Returns
        -------
        dict of numpy.ndarray, or torch.nn.Sequential
            Its state_dict; ``fastmlp export --format torch`` writes the code that builds the
            module. The module takes the matrix that ``features.transform`` returns, and gives
            logits, or values in the target's own unit.

        Raises
        ------
        FastMLPError
            If a module is asked for without PyTorch.
        """
        from fastmlp.export.torch import module as torch_module

        return torch_module.module(self) if module else torch_module.state_dict(self)


def _warn(notes: list[str]) -> None:
    for note in notes:
        warnings.warn(note, FastMLPWarning, stacklevel=4)


def load(path: str | Path, *, device: str = "auto", threads: int | None = None) -> Model:
    """Read a trained model.

    Parameters
    ----------
    path
        A run's folder, or a model file.
    device
        Where it is to predict: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    threads
        CPU threads; None for all that this process may use.

    Raises
    ------
    ModelFileError
        If there is no model, or what is there is damaged or not fastmlp's.
    UsageError, DeviceError
        If the device is not known or cannot be used.
    """
    return load_model(path, open_backend(device, threads=threads)[0])


def load_model(path: str | Path, backend: Backend) -> Model:
    """Read a model from a run folder or a file onto a backend; see ``load`` for the errors."""
    path = Path(path)
    file = path / MODEL_FILE if path.is_dir() else path
    tensors, description = read_model(file)
    try:
        return Model(*read_parts(file, tensors, description, backend))
    except ModelFileError:
        raise
    except (FastMLPError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        message = f"{error}. Train again, or restore the file from a copy"
        raise damaged(file, message) from None
