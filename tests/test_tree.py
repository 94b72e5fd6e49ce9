"""Tests mirror the tree: whoever knows a module knows where its tests are, and the other way round.

``fastmlp/a/b/c.py`` is tested by ``tests/a/b/test_b_c.py``; where tests/ has no folder for b, by
``tests/a/test_a_c.py``. CUDA's side is in tests/cuda, on a GPU or on the emulated one.
"""

from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
FOLDERS = {path.relative_to(TESTS).as_posix() for path in TESTS.rglob("*") if path.is_dir()}
NO_ROOMS = {"cuda": "kernels/cuda and backend/cuda", "cuda/emulator": "tools/cuda_emulator"}
# What each test file tests beside the module of its name. A module that is neither here nor has a
# test file of its own is an error: write one, or say here which file tests it.
ALSO_TESTED_BY = {
    "adopt/test_adopt_from_torch.py": "adopt.build adopt.canonical adopt.torch_sequential",
    "backend/cpu/test_cpu_program.py": (
        "backend.arguments backend.contract backend.cpu.backend backend.devices"
    ),
    "backend/cpu/test_cpu_sections.py": "backend.cpu.team kernels.cpu.compiling.replay",
    "backend/test_backend_cache.py": "kernels.cpu.compiling.compiler",
    "cli/test_cli_experiment.py": "cli.experiment_report",
    "cli/test_cli_info.py": "machine.information run.recorded_step",
    "cli/test_cli_progress.py": "cli.console",
    "callbacks/test_callbacks_mlflow.py": "callbacks.tracking",
    "cli/test_cli_start.py": "__main__ errors cli.application cli.options cli.streams",
    "cli/test_cli_train.py": "cli.column_table cli.training_report run.api",
    "cuda/test_cuda_command.py": "backend.cuda.device",
    "cuda/test_cuda_products.py": "backend.cuda.backend backend.cuda.context backend.cuda.cublas",
    "cuda/test_cuda_kernels.py": "backend.cuda.launch",
    "cuda/test_cuda_twins.py": "kernels.constants kernels.cuda.source kernels.operation",
    "display/test_display_card.py": ("display.curves display.texts model.summary run.summary"),
    "data/features/test_features_targets.py": "data.features.stored_targets",
    "data/features/test_features_far_from_zero.py": "data.features.scaling",
    "data/features/test_features_columns.py": "data.features.spellings",
    "data/test_data_preprocessing.py": "data.features.matrix data.stored",
    "data/pictures/test_pictures_decoding.py": (
        "data.pictures.deciding data.pictures.formats data.pictures.reading"
    ),
    "data/pictures/test_pictures_layout.py": "data.pictures.walk",
    "data/raw/test_raw_header.py": (
        "data.raw.cells data.raw.form.beginning data.raw.form.names data.raw.form.titles"
    ),
    "data/raw/test_raw_quotes.py": (
        "data.raw.parse data.raw.form.irregular data.raw.form.records data.raw.form.structure"
    ),
    "data/raw/test_raw_separators.py": "data.raw.delimited data.raw.form.layout",
    "data/raw/test_raw_excel.py": "data.raw.workbook",
    "data/raw/test_raw_several.py": "data.raw.read data.raw.suffixes data.raw.table",
    "data/readings/test_readings_dates.py": "data.readings.kinds.durations",
    "data/readings/test_readings_decide.py": (
        "data.readings.choices data.readings.decided data.readings.kinds.looks"
        " data.readings.notes data.readings.kinds.text_column"
    ),
    "data/readings/test_readings_reading.py": (
        "data.readings.apply data.readings.words data.readings.kinds.gaps data.readings.kinds.plain"
    ),
    "data/readings/test_readings_roles.py": "data.readings.schema data.readings.target",
    "data/features/test_features_frame.py": (
        "data.readings.kinds.cells data.readings.kinds.levels data.readings.kinds.texts"
    ),
    "data/sources/test_sources_download.py": "data.sources.datasets",
    "data/sources/test_sources_incoming.py": "data.sources.in_memory data.sources.series",
    "data/staged/test_staged_text.py": (
        "data.staged.content data.staged.files data.staged.read data.staged.table"
    ),
    "preparation/test_preparation_staged.py": (
        "preparation.kept preparation.prepared preparation.weights"
        " data.features.blocks data.staged.cache"
    ),
    "data/test_data_tables.py": "data.loading data.features.pixels",
    "estimators/test_estimators_beyond.py": "estimators.base estimators.losses estimators.scores",
    "estimators/test_estimators_errors.py": "estimators.parameters",
    "estimators/test_estimators_parity.py": (
        "estimators.classifier estimators.fitting estimators.regressor"
    ),
    "estimators/test_estimators_travel.py": "estimators.weights",
    "estimators/test_estimators_workers.py": "estimators.engine",
    "experiments/test_experiments_data.py": "experiments.data_plan experiments.prepared",
    "experiments/test_experiments_recipe.py": "experiments.sweeps experiments.tables",
    "experiments/test_experiments_results.py": "experiments.parts",
    "experiments/clusters/test_clusters_words.py": "experiments.clusters.greeting",
    "experiments/clusters/test_clusters_errands.py": (
        "experiments.clusters.cluster experiments.clusters.opening"
    ),
    "experiments/test_experiments_runner.py": "experiments.pool experiments.worker",
    "explanation/test_explanation_explain.py": "explanation.answers explanation.results",
    "export/test_export_arrays.py": "export.trained export.write",
    "export/test_export_onnx.py": "export.onnx.graph export.onnx.model export.onnx.network",
    "export/test_export_onnx_tables.py": "export.onnx.features",
    "export/test_export_inputs.py": "run.inputs",
    "export/test_export_torch.py": (
        "export.activations export.network export.torch.layers export.torch.module"
    ),
    "gradient_check/test_gradient_check_check.py": (
        "gradient_check.differences gradient_check.results gradient_check.subject"
    ),
    "kernels/test_kernels_activations.py": "kernels.cpu.inline.elementary",
    "kernels/test_kernels_bfloat16.py": (
        "kernels.cpu.products.amx kernels.cpu.products.amx_tile kernels.cpu.products.bfloat16_tile"
    ),
    "kernels/test_kernels_dropout.py": "kernels.cpu.inline.philox",
    "kernels/test_kernels_gemm.py": (
        "kernels.cpu.products.blas kernels.cpu.products.few_columns kernels.cpu.products.tile"
    ),
    "kernels/test_kernels_inputs.py": "kernels.cpu.inline.turns",
    "kernels/test_kernels_intrinsics.py": "kernels.cpu.compiling.numba_words",
    "kernels/test_kernels_rows.py": "kernels.cpu.compiling.vector_code",
    "metrics/test_metrics_calibration.py": "metrics.adjustment",
    "metrics/test_metrics_score.py": "metrics.classes metrics.quantities metrics.table",
    "model/test_model_held_out.py": "preparation.known_rows",
    "model/test_model_model.py": "model.file",
    "model/test_model_predict.py": "jobs.predict model.prediction",
    "nn/test_nn_losses.py": "nn.loss_sums nn.loss_table",
    "nn/test_nn_members.py": "nn.ensembles.shared_members",
    "nn/test_nn_network.py": "nn.architecture nn.build nn.layer nn.layers step.parameters",
    "nn/test_nn_gradients.py": "nn.plain_layers",
    "nn/test_nn_inputs.py": (
        "nn.inputs.columns nn.inputs.embedding nn.inputs.layers nn.inputs.periodic"
        " nn.inputs.piecewise"
    ),
    "optim/test_optim_descent.py": "optim.lbfgs.line_search",
    "optim/test_optim_folding.py": "backend.sink",
    "preparation/test_preparation_in_memory.py": "preparation.given",
    "ranks/test_ranks_launcher.py": "ranks.joining",
    "report/test_report_drawing.py": "report.pictures.glyphs report.pictures.images",
    "report/test_report_experiment.py": (
        "report.experiment_page report.outcomes report.pictures.sweeps"
    ),
    "report/test_report_page.py": "display.html report.html report.write",
    "report/test_report_run.py": (
        "report.run_page report.tables report.pictures.classes report.pictures.curves"
        " report.pictures.inputs report.pictures.probabilities report.pictures.quantities"
    ),
    "report/cards/test_cards_page.py": "cli.commands.card report.cards.write",
    "report/test_report_words.py": "report.evidence report.finished_run report.verdict",
    "cli/test_cli_workers.py": "ranks.starting",
    "run/test_run_members.py": "cli.parameter_table",
    "run/test_run_forged.py": "files.entries training.checkpoint training.state",
    "run/test_run_train.py": "run.assembly",
    "settings/test_settings_settings.py": "settings.description settings.parsed settings.table",
    "step/test_step_batches.py": "step.counters",
    "optim/test_optim_optimizers.py": "step.scheduled",
    "step/test_step_window.py": "backend.cuda.feed backend.feed",
    "report/test_report_study_page.py": ("report.studies.study_axes report.studies.study_pictures"),
    "training/test_training_faces.py": "training.policies.base training.policies.sklearn",
    "training/test_training_passes.py": "training.recorded",
    "tuning/test_tuning_api.py": "tuning.best",
    "tuning/test_tuning_results.py": "tuning.outcomes",
    "tuning/test_tuning_search.py": "tuning.worker tuning.workers",
    "tuning/test_tuning_space.py": "tuning.spaces.parameters",
    "cli/test_cli_tune.py": "cli.tuning_report",
    "training/test_training_trainer.py": "training.callbacks",
}


def modules():
    """Return every module by its dotted name below fastmlp, in which kernels/ lies too."""
    paths = [*(ROOT / "fastmlp").rglob("*.py"), *(ROOT / "kernels").rglob("*.py")]
    names = [path.relative_to(ROOT).with_suffix("").as_posix() for path in paths]
    return {
        name.removeprefix("fastmlp/").replace("/", ".")
        for name in names
        if not name.endswith("__init__")
    }


def test_file_of(module):
    """Return where the tests of a module are looked for."""
    *rooms, name = module.split(".")
    if rooms == ["backend", "cuda"]:
        rooms = ["cuda"]
    while rooms and "/".join(rooms) not in FOLDERS:
        rooms.pop()
    return "/".join([*rooms, f"test_{'_'.join([*rooms[-1:], name])}.py"])


test_file_of.__test__ = False


def test_every_module_has_tests():
    also = Counter(name for names in ALSO_TESTED_BY.values() for name in names.split())
    own = {module for module in modules() if (TESTS / test_file_of(module)).exists()}
    untested = {module: test_file_of(module) for module in modules() - own - set(also)}
    assert not untested, "these modules have no test file of their name, nor a row above"
    assert not set(also) - modules(), "the table names modules that are gone"
    assert not set(also) & own, "these have a test file of their own: leave them out of the table"
    assert not [name for name, times in also.items() if times > 1]
    assert not [path for path in ALSO_TESTED_BY if not (TESTS / path).exists()]


def test_every_test_file_lies_in_the_folder_of_its_room():
    rooms = {path.relative_to(ROOT / "fastmlp").as_posix() for path in ROOT.glob("fastmlp/**/")}
    rooms |= {"kernels", "bench", *NO_ROOMS}
    paths = [path.relative_to(TESTS) for path in TESTS.rglob("test_*.py")]
    below = [path for path in paths if len(path.parts) > 1]
    assert not {path.parent.as_posix() for path in below} - rooms, "no room has this name"
    assert not [p for p in below if not p.name.startswith(f"test_{p.parent.name}_")]
    again = [name for name, times in Counter(path.name for path in paths).items() if times > 1]
    assert not again, "pytest imports by the base name: it must be unique"
