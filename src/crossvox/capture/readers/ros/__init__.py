"""Recordings of robots: bags of ROS 1 and ROS 2, and what the RealSense SDK records."""

from crossvox.capture.readers.ros.capture import READER

__all__ = ["READER"]
