"""The stack's config, ready to take secrets."""

from __future__ import annotations

from tomo.service.workspace import Workspace
from tomo.state.config_editor import StackConfigEditor


def sealing_editor(workspace: Workspace) -> StackConfigEditor:
    """The editor of the stack's config with a salt in it: its own, the state's, or a new one."""
    editor = workspace.config_editor()
    if not editor.salt:
        # In a backend that only Pulumi's CLI reaches, the config's salt is the stack's.
        stored = workspace.stored() if workspace.reaches_state else None
        if stored is not None and stored.salt:
            editor.adopt_salt(stored.salt)
    editor.ensure_salt()
    return editor
