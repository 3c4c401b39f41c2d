"""Frames that come by themselves: cameras, streams, pipes, and files played at their own speed."""

from yolact_temporal.data.live.address import LiveAddress, live_address
from yolact_temporal.data.live.source import LiveSettings, LiveSource

__all__ = ["LiveAddress", "LiveSettings", "LiveSource", "live_address"]
