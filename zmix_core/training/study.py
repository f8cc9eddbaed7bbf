"""What a sweep has tried so far: an Optuna study in a database that several launches share."""

from __future__ import annotations

import os
import re
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from filelock import FileLock
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

__all__ = ["FILE", "FOLDER", "Study", "Trial", "folder_of", "trials"]

FOLDER = "sweeps"
"""Below the root of all runs: a folder a sweep, with its runs. `zmix results` of the root leaves them out."""

FILE = "study.db"
"""SQLite's file in the folder of a sweep."""

BEAT = 15
"""Seconds after which a launch says again that its trials are alive."""

GRACE = 60
"""Seconds of silence after which a trial's launch counts as dead."""

_ALONE = threading.RLock()
"""Filters of warnings are the whole process's."""

STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
    TrialState.FAIL: "failed",
}
"""Of several attempts at one trial the first of these says how it stands."""


@dataclass(frozen=True)
class Trial:
    """One setting of a sweep, however often it was attempted.

    Args:
        number: From 0, in the order in which they were drawn.
        gamma: γ of ζ-mixup; None until it is drawn.
        weight_decay: Of SGD; None until it is drawn.
        value: What is to be as high as possible, once it is finished.
        measure: What that is: ``"validation ACC"``, ``"test ACC"`` (percent), ``"validation AUC"``, ...
        state: ``"finished"``, ``"running"``, ``"waiting"`` (to be attempted again) or ``"failed"``.
        key: The run's folder below that of the sweep.
        error: Why it failed.
    """

    number: int
    gamma: float | None
    weight_decay: float | None
    value: float | None
    measure: str
    state: str
    key: str
    error: str


class Study:
    """A study that is there, or is made now.

    Args:
        folder: Of the sweep.
        name: Of the study.
        settings: All that every trial has in common, for JSON. A study holds trials of one kind only.
        gammas: Lowest and highest γ.
        weight_decays: Lowest and highest weight decay.
        seed: Of the draws.
        storage: SQLAlchemy's address of a database; a file in ``folder`` by default.

    Raises:
        ValueError: The study was made with other settings, or there is no such database.

    Example:
        ``Study(folder, "digits", {"epochs": 5}, gammas=(1.0, 6.0), weight_decays=(5e-5, 1e-3), seed=0)``
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        settings: dict[str, Any],
        *,
        gammas: tuple[float, float],
        weight_decays: tuple[float, float],
        seed: int,
        storage: str | None = None,
    ) -> None:
        self._gammas, self._weight_decays, self._seed = gammas, weight_decays, seed
        with FileLock(folder / "study.lock"), _quiet():  # two at once would both make the tables
            self._storage = _open(storage or _address(folder), heartbeat=True)
            self._study = optuna.create_study(
                study_name=name, storage=self._storage, direction="maximize", load_if_exists=True
            )
            known = self._study.user_attrs.get("settings", settings)
            differ = [key for key in {**settings, **known} if settings.get(key) != known.get(key)]
            if differ:
                self.close()
                said = ", ".join(f"{key} = {known.get(key)}, not {settings.get(key)}" for key in differ)
                raise ValueError(
                    f"the study {name!r} was made with {said}. Take the same settings, or another name."
                )
            self._study.set_user_attr("settings", settings)

    def claim(self, total: int) -> optuna.Trial | None:
        """A trial to run now, with its parameters: one to be attempted again, else a new one.

        Args:
            total: Trials of the study, whichever launch runs them.

        Returns:
            None where all are finished, failed or at work elsewhere.
        """
        with _quiet():
            optuna.storages.fail_stale_trials(self._study)
            states = [_attempt(group).state for group in _groups(self._study).values()]
            if len(states) >= total and TrialState.WAITING not in states:
                return None
            trial = self._study.ask()
        self.beat([trial])
        if "of" not in trial.user_attrs and trial.number not in list(_groups(self._study))[:total]:
            # Another launch was faster by a moment. Lower numbers count, so both see the same trials.
            trial.set_user_attr("surplus", True)
            self._study.tell(trial, state=TrialState.FAIL)
            return None
        # Seeded by the trial: a sampler seeded once would draw its first trials anew in every launch.
        seed = int(np.random.SeedSequence([self._seed, trial.number]).generate_state(1)[0])
        self._study.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        trial.suggest_float("gamma", *self._gammas)
        trial.suggest_float("weight_decay", *self._weight_decays, log=True)
        return trial

    def beat(self, running: Iterable[optuna.Trial]) -> None:
        """Say that these trials are alive."""
        for trial in running:
            self._storage.record_heartbeat(trial._trial_id)

    def finish(self, trial: optuna.Trial, value: float, measure: str) -> None:
        """It is done. Where another launch took it for dead, that one will find the run finished."""
        with suppress(UpdateFinishedTrialError):
            trial.set_user_attr("measure", measure)
            self._study.tell(trial, value, skip_if_finished=True)

    def fail(self, trial: optuna.Trial, error: str, attempts: int) -> bool:
        """It failed; whether the same settings are attempted again."""
        failures = trial.user_attrs.get("failures", 0) + 1
        with suppress(UpdateFinishedTrialError):
            trial.set_user_attr("failures", failures)
            trial.set_user_attr("error", error)
            if failures < attempts:
                _again(self._study, trial)
            self._study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
        return failures < attempts

    def release(self, trial: optuna.Trial) -> None:
        """It was stopped, by no fault of its own; the next launch takes it up."""
        with suppress(UpdateFinishedTrialError):
            trial.set_user_attr("stopped", True)  # raises where another launch took it up already
            _again(self._study, trial)
            self._study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)

    def number(self, trial: optuna.Trial) -> int:
        """Its number among the settings that were tried, the same for every attempt."""
        return list(_groups(self._study)).index(trial.user_attrs.get("of", trial.number))

    def rows(self) -> list[Trial]:
        """Everything tried so far."""
        return _rows(self._study)

    def close(self) -> None:
        """Let the database go."""
        self._storage.remove_session()
        self._storage.engine.dispose()


def trials(
    root: str | os.PathLike[str], name: str | None = None, *, storage: str | None = None
) -> list[Trial]:
    """What a sweep has tried so far, for pictures and tables; it may be running.

    Args:
        root: Folder of all runs.
        name: Of the sweep; may be left out where there is one.
        storage: The database, where the sweep was given one.

    Returns:
        By number.

    Raises:
        FileNotFoundError: There is no such sweep.
        ValueError: There are several and none is named, or there is no such database.

    Example:
        ``trials("zmix-runs", "digits-1f2e3d4c")[0].gamma``
    """
    if name is None:
        names = sorted(path.parent.name for path in Path(root).glob(f"{FOLDER}/*/{FILE}"))
        if not names:
            raise FileNotFoundError(f"{root}: no sweep; `zmix sweep` makes one.")
        if len(names) > 1:
            raise ValueError(f"name = None: expected one of {', '.join(names)}.")
        name = names[0]
    folder = folder_of(root, name)
    if storage is None and not (folder / FILE).is_file():
        raise FileNotFoundError(f"{folder / FILE}: no such sweep; `zmix sweep` makes it.")
    opened = _open(storage or _address(folder))
    try:
        return _rows(optuna.load_study(study_name=name, storage=opened))
    except KeyError:
        raise FileNotFoundError(f"{name}: no such sweep in that database; `zmix sweep` makes it.") from None
    finally:
        opened.remove_session()
        opened.engine.dispose()


def folder_of(root: str | os.PathLike[str], name: str) -> Path:
    """Where a sweep and its runs lie.

    Raises:
        ValueError: The name is none for a folder.

    Example:
        >>> folder_of("zmix-runs", "digits-1f2e3d4c").as_posix()
        'zmix-runs/sweeps/digits-1f2e3d4c'
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ValueError(f"name = {name!r}: expected letters, digits, '-', '_' and '.'.")
    return Path(root) / FOLDER / name


def _again(study: optuna.Study, trial: optuna.Trial | FrozenTrial) -> None:
    """Queue another attempt with the same parameters: of the same run, so that it goes on where it was."""
    attributes = {"of": trial.number, **trial.user_attrs}
    study.add_trial(
        optuna.create_trial(
            state=TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs=attributes,
        )
    )


def _groups(study: optuna.Study) -> dict[int, list[FrozenTrial]]:
    """All attempts at each trial, by the number of the first."""
    groups: dict[int, list[FrozenTrial]] = {}
    for trial in study.get_trials(deepcopy=False):
        if "surplus" not in trial.user_attrs:
            groups.setdefault(trial.user_attrs.get("of", trial.number), []).append(trial)
    return groups


def _attempt(group: list[FrozenTrial]) -> FrozenTrial:
    return min(group, key=lambda trial: (list(STATES).index(trial.state), -trial.number))


def _rows(study: optuna.Study) -> list[Trial]:
    rows = []
    for number, group in enumerate(_groups(study).values()):
        trial = _attempt(group)
        said, state = trial.user_attrs, STATES[trial.state]
        drawn = trial.params.get("gamma"), trial.params.get("weight_decay")
        error = said.get("error", "") if state == "failed" else ""
        value = trial.value if state == "finished" else None
        rows.append(Trial(number, *drawn, value, said.get("measure", ""), state, said.get("key", ""), error))
    return rows


def _address(folder: Path) -> str:
    return f"sqlite:///{(folder / FILE).absolute().as_posix()}"


def _open(address: str, *, heartbeat: bool = False) -> optuna.storages.RDBStorage:
    beats: dict[str, Any] = {"heartbeat_interval": BEAT, "grace_period": GRACE} if heartbeat else {}
    wait = {"connect_args": {"timeout": 60}} if address.startswith("sqlite") else {}
    try:
        return optuna.storages.RDBStorage(
            address, engine_kwargs=wait, heartbeat_stale_trial_callback=_again, **beats
        )
    except Exception as error:  # SQLAlchemy's, or of whatever driver the address names
        shown = re.sub(r"//[^@/]*@", "//...@", address)  # there may be a password in it
        raise ValueError(
            f"storage = {shown!r} cannot be opened ({type(error).__name__}); expected an address of "
            "SQLAlchemy, as postgresql+psycopg2://user@host/zmix, its driver installed, its server there."
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Heartbeats are marked as experimental, and as meant for `Study.optimize`, which shares no total."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # nor is every study that is opened news
    with _ALONE, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
