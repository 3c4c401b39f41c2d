"""Which models are to run, by name; told without loading any, nor PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

from yolact_temporal.errors import UsageError, advice_on_name
from yolact_temporal.yolact.families import SegmenterOptions, family_of, find_variant, model_names
from yolact_temporal.yolact.how_to_run import ENGINES
from yolact_temporal.yolact.user_models import entry_point_models, factory_of


def counterpart(name: str) -> str | None:
    """Return the baseline that a model is measured beside where none is named; None for a user's own."""
    return None if users_own(name) else find_variant(name).entry.counterpart


def chosen_models(
    model: str,
    baselines: Sequence[str] | None,
    without: bool = False,
    options: SegmenterOptions | None = None,
) -> list[str]:
    """Return the names of the models to run, the measured one first.

    Args:
        model: the measured one.
        baselines: those named; None or empty for the model's counterpart.
        without: measure the model alone.
        options: of the measured one, where it is not run as published; its name then says so.

    Raises:
        UsageError: if there is no such model, it has no such option, one is named twice, or baselines are both named
            and declined.
    """
    if without and baselines:
        raise UsageError(f"expected --baseline or --no-baseline, got both: drop one ({', '.join(baselines)})")
    require_known(model, options)
    for name in baselines or ():
        require_known(name)
    beside = counterpart(model)
    default = [] if beside is None else [beside]
    names = [named(model, options), *([] if without else map(named, baselines or default))]
    require_distinct(names)
    return names


def require_distinct(names: Sequence[str]) -> None:
    """Refuse models of which one is there more than once.

    Raises:
        UsageError: naming it.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            f"expected different models to compare, got {twice[0]} more than once: name each of them once"
        )


def named(name: str, options: SegmenterOptions | None = None) -> str:
    """Return what a known model is called with its options; of a user's own, what it was called."""
    return name if users_own(name) else find_variant(name, options).name


def users_own(name: str) -> bool:
    """Say whether a name stands for a user's factory; one that a model of ours has never does."""
    return not _registered(name) and factory_of(name) is not None


def _registered(name: str) -> bool:
    return name.partition("+")[0] in model_names()


def require_known(name: str, options: SegmenterOptions | None = None) -> None:
    """Refuse a name that no model has, and that is no factory of a user's; and an option that its model has not.

    Raises:
        UsageError: naming the models, or the nearest one; or the option.
    """
    if _registered(name):
        find_variant(name, options)
        return
    if factory_of(name) is not None:
        if options is not None and options.given:
            flag = f"--{next(iter(options.given)).replace('_', '-')}"
            raise UsageError(
                f"expected a model that has {flag}, got {name}, your own: drop {flag}, and choose in your factory"
            )
        return
    if name not in model_names():
        known = (*model_names(), *entry_point_models())
        own = "pass one of these, or your own segmenter as package.module:factory"
        raise UsageError(
            f"expected a model out of {', '.join(known)}, got {name!r}: {advice_on_name(name, known, own)}"
        )


def engine_of(name: str, engine: str) -> str:
    """Return what runs a known model: the engine that is asked for if it can, else PyTorch."""
    if users_own(name):
        return ENGINES[0]
    config = find_variant(name).entry.config
    return engine if engine in family_of(config).engines(config) else ENGINES[0]


def require_engine_of(name: str, engine: str) -> None:
    """Refuse an engine that cannot run a known model.

    Raises:
        UsageError: naming both.
    """
    if engine_of(name, engine) != engine:
        raise UsageError(
            f"expected a model that --engine {engine} can run, got {name}: drop --engine, or name one of YOLACT's "
            f"models without deformable convolutions"
        )


def require_threshold(threshold: float | None) -> None:
    """Refuse a score threshold that is none; None stands for each model's own.

    Raises:
        UsageError: if it is not from 0 to 1.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(
            f"expected a score threshold from 0 to 1, got {threshold:g}: pass one to --score-threshold"
        )
