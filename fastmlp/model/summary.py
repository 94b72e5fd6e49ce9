"""What is said of a model in a few lines: task, inputs, network, training."""

from __future__ import annotations

from typing import Any

from fastmlp.data.features.targets import TargetEncoder
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.display.card import Card, Shown
from fastmlp.display.texts import counted, listed, measured, plain
from fastmlp.metrics.adjustment import Adjustment
from fastmlp.nn.losses import Loss
from fastmlp.nn.network import Network


class ShownModel(Shown):
    """A model as a console and a notebook show it."""

    network: Network
    loss: Loss
    features: FeaturePreprocessor
    targets: TargetEncoder
    settings: dict[str, Any]
    target_name: str | None
    rows: dict[str, int]
    adjustment: Adjustment

    def card(self) -> Card:
        """Return what is to be seen of the model."""
        return Card(f"fastmlp Model: {self.targets.task}", self.entries())

    def entries(self) -> list[tuple[str, str]]:
        """Return names and what belongs to them, each on one line."""
        backend = self.network.backend
        entries = [
            ("target", self._target()),
            ("inputs", self._inputs()),
            ("network", self._network()),
            ("parameters", f"{self.network.parameter_count():,} ({self.network.dtype.name})"),
            ("training", self._training()),
            ("answers", self._answers()),
            ("on", str(backend.name)),
        ]
        return [(name, text) for name, text in entries if text]

    def _target(self) -> str:
        targets, name = self.targets, plain(self.target_name) if self.target_name else ""
        if targets.task == "classification":
            classes = targets.classes or []
            text = f"{counted(len(classes), 'class', 'classes')}: {listed(classes)}"
        elif targets.task == "multilabel":
            text = counted(targets.output_width, "label")
        elif self.loss.levels:
            text = f"quantiles {', '.join(f'{level:g}' for level in self.loss.levels)}"
        else:
            text = counted(targets.output_width, "value")
        return f"{name}, {text}" if name else text

    def _inputs(self) -> str:
        features, width = self.features, self.network.architecture.inputs
        shape = features.image_shape
        if shape is not None:
            colours = " in colour" if len(shape) == 3 else ""
            return f"pictures of {shape[0]}×{shape[1]} pixels{colours}"
        names, columns = features.input_names, features.input_columns
        text = counted(columns, "column")
        if names and tuple(names) != tuple(f"column_{n}" for n in range(1, columns + 1)):
            text += f": {listed(names)}"
        return text if width == columns else f"{text} → {width:,} numbers"

    def _network(self) -> str:
        architecture = self.network.architecture
        words = [str(architecture), *([architecture.activation] if architecture.hidden else [])]
        return ", ".join([*words, f"loss {self.loss.name}", *architecture.additions])

    def _training(self) -> str:
        words = [counted(self.rows["train"], "row")] if self.rows.get("train") else []
        for name in ("optimizer", "lr", "batch_size", "epochs", "preset"):
            value = self.settings.get(name)
            if value is not None:
                shown = f"{value:g}" if isinstance(value, float) else plain(value)
                words.append(f"{name} {shown}")
        return ", ".join(words)

    def _answers(self) -> str:
        words = []
        if self.adjustment.temperature != 1:
            words.append(f"temperature {measured(self.adjustment.temperature)}")
        if self.adjustment.threshold != 0.5:
            words.append(f"threshold {measured(self.adjustment.threshold)}")
        if self.adjustment.widening:
            words.append("quantiles widened by the validation rows")
        return ", ".join(words)
