"""What the reading half answers with, from one place."""

from __future__ import annotations

from tomo.service.read.stacks import Drift
from tomo.service.servers import ServerView
from tomo.service.status import AppStatus, ContainerStatus, ServerStatus
from tomo.state.history import Version

__all__ = ["AppStatus", "ContainerStatus", "Drift", "ServerStatus", "ServerView", "Version"]
