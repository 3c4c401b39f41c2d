"""Clips whose truth is known: scenes with exact masks and motion, and stand-ins that corrupt them by known doses."""

from yolact_temporal.data.synthetic.scenes import SceneFrame, SceneOptions, SyntheticScene
from yolact_temporal.data.synthetic.stand_ins import STAND_INS, StandIn, make_stand_in

__all__ = ["STAND_INS", "SceneFrame", "SceneOptions", "StandIn", "SyntheticScene", "make_stand_in"]
