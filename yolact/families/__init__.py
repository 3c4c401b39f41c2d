"""Model families: each a folder that says everything of its models, and the register that finds them by name."""

from yolact_temporal.yolact.families.config import ModelConfig
from yolact_temporal.yolact.families.family import (
    DEFAULT_SCORE_THRESHOLD,
    Completion,
    ModelEntry,
    ModelFamily,
    WeightsSource,
)
from yolact_temporal.yolact.families.options import SegmenterOptions
from yolact_temporal.yolact.families.registry import (
    Variant,
    build_model,
    families,
    family_of,
    find_model,
    find_variant,
    model_entries,
    model_names,
    no_such_model,
    recipe_for,
    register,
    segmenter_of,
    trainee_for,
)

__all__ = [
    "DEFAULT_SCORE_THRESHOLD",
    "Completion",
    "ModelConfig",
    "ModelEntry",
    "ModelFamily",
    "SegmenterOptions",
    "Variant",
    "WeightsSource",
    "build_model",
    "families",
    "family_of",
    "find_model",
    "find_variant",
    "model_entries",
    "model_names",
    "no_such_model",
    "recipe_for",
    "register",
    "segmenter_of",
    "trainee_for",
]
