"""The road to a host: SSH over paramiko, or this machine itself."""

from tomo.installed import postpone_metadata
from tomo.lazy import postpone

# paramiko imports it at its top for `Match exec` in its own reader of ssh_config, which Tomo doesn't use;
# that takes longer than the rest of paramiko.
postpone("invoke")
postpone_metadata()
