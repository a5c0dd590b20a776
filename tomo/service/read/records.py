"""What was done: the audit record, what retention would remove of it, and the stack's history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tomo.audit.chain import event_json
from tomo.audit.check import Checked
from tomo.audit.retention import Policy, Removal
from tomo.errors import VersionNotFound
from tomo.service.audits import Audits, ListAuditRequest, RetainAuditRequest, VerifyAuditRequest
from tomo.service.history import Histories, HistoryRequest, StackHistory
from tomo.service.read.asker import Asker
from tomo.service.read.reader import Reader
from tomo.state.history import Version


class RecordReads(Reader):
    """The use cases that look back. The audit record is for those who may read it."""

    def audit(self, by: Asker, count: int) -> Sequence[Mapping[str, object]]:
        """The newest entries by the names of their fields, oldest of them first."""
        found = Audits(self._for(by)).list(ListAuditRequest(count))
        return [{"number": entry.number, **event_json(entry.event)} for entry in found]

    def verify(self, by: Asker) -> Checked:
        """Whether the record is whole."""
        return Audits(self._for(by)).verify(VerifyAuditRequest())

    def removal(self, by: Asker, days: int, entries: int) -> Removal:
        """What a retention policy would remove; a dry run."""
        request = RetainAuditRequest(Policy(days, entries), dry_run=True)
        return Audits(self._for(by)).retain(request)

    def history(self, by: Asker) -> StackHistory:
        """Every finished run, newest first."""
        return Histories(self._for(by)).list(HistoryRequest(self._place))

    def version(self, by: Asker, number: int) -> Version:
        """One run by its number, 0 for the newest; raises VersionNotFound."""
        versions = self.history(by).versions
        found = next((each for each in versions if number in {0, each.number}), None)
        if found is None:
            there = f"there are 1 to {versions[0].number}" if versions else "there is none yet"
            raise VersionNotFound(f"the history has no run `{number}`", hint=there)
        return found
