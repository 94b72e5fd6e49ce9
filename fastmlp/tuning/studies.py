"""Where a study is kept: a journal file, SQLite or PostgreSQL; opened or begun with its plan."""

from __future__ import annotations

import json
import math
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastmlp.errors import MissingExtraError, UsageError
from fastmlp.files.atomic import WriteError

from .owners import DEFAULT, retry_once
from .plan import Plan
from .reports import make_pruner

if TYPE_CHECKING:
    import optuna

JOURNAL, IDENTITY = "journal.log", "fastmlp"
HEARTBEAT, PATIENCE = 30, 120  # seconds: how often a trial says that it lives, and when it is dead
WAIT_FOR_LOCK = 60  # seconds that SQLite waits for another's write
STARTUP_TRIALS = 10  # at random, before others tell where to look
TRIES, PAUSE = 3, 0.5  # of beginning a study that others begin at the same moment
FEWEST_FOR_IMPORTANCE = 4  # complete trials
DATABASES = ("sqlite", "postgresql")
DRIVERS = {"postgresql": "psycopg"}
NAME = re.compile(r"[\w.() -]{1,80}")


def require_optuna() -> None:
    """Check that the search can be made at all.

    Raises
    ------
    MissingExtraError
        Without Optuna.
    """
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise MissingExtraError("a search for settings", "Optuna", "tune") from None


@contextmanager
def silent() -> Iterator[None]:
    """Keep Optuna's own lines and its remarks on young functions from the reader's eyes."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def place_of(storage: str | Path | None, folder: Path) -> str:
    """Return where a study is kept: a database's URL, or the path of a journal file.

    Raises
    ------
    UsageError
        For a URL of something else.
    """
    if storage is None:
        return str(folder / JOURNAL)
    text = str(storage)
    scheme, separator, _ = text.partition("://")
    if not separator:
        return text
    if scheme.partition("+")[0] not in DATABASES:
        raise UsageError(
            f"storage {masked(text)!r} is not known; give a file for a journal, "
            "sqlite:///file.db or postgresql://user:password@host/database."
        )
    return text


def name_for(name: str) -> str:
    """Return a name of data as that of a study and its folder."""
    return re.sub(r"[^\w.() -]+", "-", name)[:80].strip(". ") or "study"


def is_database(place: str) -> bool:
    """Return whether a place is a database's."""
    return "://" in place


def masked(place: str) -> str:
    """Return a place without its password, as it may be shown and kept."""
    return re.sub(r"(://[^:/@]*):.*@", r"\1:***@", place)


def open_storage(place: str) -> optuna.storages.BaseStorage:
    """Open the storage at a place.

    Raises
    ------
    UsageError, WriteError, MissingExtraError
        If it cannot be opened.
    """
    import optuna
    from optuna.storages.journal import JournalFileBackend

    if not is_database(place):
        try:
            Path(place).parent.mkdir(parents=True, exist_ok=True)
            return optuna.storages.JournalStorage(JournalFileBackend(place))
        except (OSError, ValueError, KeyError) as error:
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())
            raise WriteError(
                f"the journal {place} cannot be used: {reason}. Choose another --storage."
            ) from None
    scheme, _, rest = place.partition("://")
    driver = DRIVERS.get(scheme)
    connecting = {"timeout": WAIT_FOR_LOCK} if scheme.startswith("sqlite") else {}
    for attempt in range(1, TRIES + 1):
        try:
            with silent():
                return optuna.storages.RDBStorage(
                    f"{scheme}+{driver}://{rest}" if driver else place,
                    engine_kwargs={"connect_args": connecting},
                    heartbeat_interval=HEARTBEAT,
                    grace_period=PATIENCE,
                    heartbeat_stale_trial_callback=retry_once,
                )
        except ImportError:
            package = driver or f"the driver of {scheme}"
            extra = scheme.partition("+")[0]
            raise MissingExtraError(f"storage {masked(place)}", package, extra) from None
        except Exception as error:
            if attempt < TRIES and _is_of_a_race(error):
                time.sleep(PAUSE)
                continue
            raise _no_storage(place, error) from None
    raise AssertionError("a try ends by success or an error")


def _is_of_a_race(error: Exception) -> bool:
    """Return whether two that made the tables of a database at once may have met."""
    names = {type(each).__name__ for each in (error, error.__cause__) if each is not None}
    return bool(names & {"IntegrityError", "ProgrammingError", "StorageInternalError"})


def _no_storage(place: str, error: Exception) -> UsageError:
    cause = error.__cause__ or error
    reason = str(getattr(cause, "orig", None) or cause).strip().splitlines()
    text = masked(reason[0][:200]).rstrip(".") if reason else type(cause).__name__
    return UsageError(
        f"storage {masked(place)} cannot be used: {text}. Check that the database is there, or "
        "leave --storage out for a file."
    )


def close_storage(storage: optuna.storages.BaseStorage) -> None:
    """Give the connections to a database back; what is asked of it later opens others."""
    if (engine := getattr(storage, "engine", None)) is not None:
        storage.remove_session()
        engine.dispose()


def open_study(
    plan: Plan,
    name: str,
    storage: optuna.storages.BaseStorage,
    pruner: str,
    worker: int | None = None,
) -> optuna.Study:
    """Open a study, or begin it with a first trial of the settings as they are.

    Parameters
    ----------
    plan
        Whose identity the study has, or gets.
    name
        Of the study in its storage.
    storage
        In which it is.
    pruner
        What ends hopeless trials.
    worker
        The number of a process whose study was opened by another before; None for that other.

    Raises
    ------
    UsageError
        If the study of that name is another one.
    """
    import optuna

    direction = "maximize" if plan.larger_is_better else "minimize"
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            direction=direction,
            load_if_exists=True,
            pruner=make_pruner(pruner),
        )
        trials = len(study.get_trials(deepcopy=False))
        # Another seed after each resume, or the first draws would come again.
        seed = plan.settings({}).seed + 7919 * trials + 104_729 * (worker or 0)
        study.sampler = optuna.samplers.TPESampler(
            n_startup_trials=STARTUP_TRIALS,
            multivariate=True,
            group=True,
            constant_liar=worker is not None,
            seed=seed % 2**32,
        )
        if worker is None:
            _begin(study, plan)
    except UsageError:
        raise
    except Exception as error:
        raise _no_storage(f"of {name}", error) from None
    return study


def _begin(study: optuna.Study, plan: Plan) -> None:
    """Check the identity of a study, or give it one and its first trial."""
    kept = study.user_attrs.get(IDENTITY)
    if kept is not None:
        _check_identity(study.study_name, kept, plan.identity)
        return
    if study.get_trials(deepcopy=False):
        raise UsageError(
            f"the study {study.study_name} is there and was not made by fastmlp tune; choose "
            "another --study."
        )
    study.set_user_attr(IDENTITY, plan.identity)
    held = plan.space.values_of(plan.known)
    study.enqueue_trial(held, user_attrs={DEFAULT: held})


def _check_identity(name: str, kept: Any, own: dict[str, Any]) -> None:
    for part in own:
        before = kept.get(part) if isinstance(kept, dict) else None
        if before == own[part]:
            continue
        what, shown = part, f": {json.dumps(before)[:80]}"
        if isinstance(before, dict) and isinstance(own[part], dict):
            both = before.keys() | own[part].keys()
            keys = sorted(key for key in both if before.get(key) != own[part].get(key))
            what, shown = f"{part} ({', '.join(keys)})", ""
        elif part == "data":
            shown = ""
        raise UsageError(
            f"the study {name} is there with other {what}{shown}; its trials could not be "
            "compared. Choose another --study, or give what it was begun with."
        )


def discard(study: optuna.Study) -> None:
    """Remove a study of one trial, so that its name is free again."""
    import optuna

    if len(study.get_trials(deepcopy=False)) == 1:
        optuna.delete_study(study_name=study.study_name, storage=study._storage)


def importance(study: optuna.Study) -> dict[str, float]:
    """Return the share of each parameter in the spread of the results, the largest first."""
    import optuna

    done = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    values = {trial.value for trial in done}
    if len(done) < FEWEST_FOR_IMPORTANCE or len(values) < 2:
        return {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that few trials say little
            found = optuna.importance.get_param_importances(study)
    except (ValueError, RuntimeError):  # too few trials share a parameter
        return {}
    return {name: float(share) for name, share in found.items() if math.isfinite(share)}
