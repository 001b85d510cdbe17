"""Carrying changes to devices through Nornir and Netmiko, and proving that they arrived."""

from pcg_netops.push.approval import Approvals, FiledApprovals, Unapproved
from pcg_netops.push.engine import Timing
from pcg_netops.push.journal import read_journal
from pcg_netops.push.login import production
from pcg_netops.push.operation import Operation, Selection
from pcg_netops.push.practice import Practice, practice
from pcg_netops.push.survey import Holds
from pcg_netops.push.watcher import PushFailed, Watcher

__all__ = [
    "Approvals",
    "FiledApprovals",
    "Holds",
    "Operation",
    "Practice",
    "PushFailed",
    "Selection",
    "Timing",
    "Unapproved",
    "Watcher",
    "practice",
    "production",
    "read_journal",
]
