"""What proposed changes are made of, for surfaces that make them."""

from __future__ import annotations

from tomo.service.addresses import parse_address
from tomo.service.app_edits import AppSettings
from tomo.service.server_edits import NewServer

__all__ = ["AppSettings", "NewServer", "parse_address"]
