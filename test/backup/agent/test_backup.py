import types
import unittest
from unittest import mock

import support
import backup
import settings
import status
from repository import Backup, Stanza
from settings import AgentError, Repository

ENDED = 1795500000


class Waiting(unittest.TestCase):
    def test_archiving_that_fails_for_more_than_a_minute_is_said_before_the_backup_waits_for_it(self):
        known = {"archiveFailing": True, "archiveFailingSince": "2026-11-24T15:00:00Z"}
        began = backup.moments.parse(known["archiveFailingSince"]).timestamp()
        self.assertEqual(
            backup.archive_wait(known, began + 61),
            "archiving fails since 2026-11-24T15:00:00Z: the backup waits up to 10 minutes for its WAL",
        )
        self.assertIsNone(backup.archive_wait(known, began + 59))
        self.assertIsNone(backup.archive_wait({"archiveFailing": False, "archiveFailingSince": None}, began))
        self.assertIsNone(backup.archive_wait({}, began))


class Room(unittest.TestCase):
    def said(self, kind: str, free: int) -> str:
        usage = types.SimpleNamespace(total=100 << 20, free=free << 20)
        with mock.patch.object(backup.shutil, "disk_usage", return_value=usage):
            return backup._little_room(settings.Repository(1, kind, {}))

    def test_a_disk_that_is_nearly_full_is_named_where_it_is_the_repository_s(self):
        self.assertEqual(self.said("local", 4), "; its disk has 4 MiB free")
        self.assertEqual(self.said("local", 5), "")
        self.assertEqual(self.said("s3", 0), "")


def taken(ended: int) -> Backup:
    return Backup(f"backup-{ended}", "full", ended - 1, ended, "0" * 24, "0" * 24, 1, 1, False)


class Taken(unittest.TestCase):
    def setUp(self):
        support.empty_folders()
        self.told = support.told(role="database", repositories=[Repository(2, "s3", {})])
        # What the repository has before the backup; None: not even the stanza.
        self.has: list[int] | None = []
        self.expire = mock.Mock()
        self.said: list[str] = []
        for name, value in {"_known": self.known, "_create_stanza": mock.Mock(), "_newest": lambda *_: taken(self.now)}.items():
            self.enterContext(mock.patch.object(backup, name, value))
        self.enterContext(mock.patch.object(backup.repositories, "call"))
        self.enterContext(mock.patch.object(backup.expiry, "expire", self.expire))

    def known(self, _stanza: str, _number: int) -> Stanza | None:
        return None if self.has is None else Stanza(self.told.stanza, "1", "17", [taken(one) for one in self.has])

    def back_up(self, now: int) -> dict:
        """What is known of the repository then."""
        self.now = now
        with mock.patch.object(backup.time, "time", return_value=now):
            backup.run(self.told, types.SimpleNamespace(), self.said.append)
        return status.read("database")["repositories"]["2"]

    def test_backups_that_are_gone_are_told_for_as_long_as_they_were_promised(self):
        for gone in ([], None):
            support.empty_folders()
            self.has, day = [], 24 * 3600
            self.assertNotIn("historyLost", self.back_up(ENDED))
            self.has = [ENDED]
            self.assertNotIn("historyLost", self.back_up(ENDED + day))
            self.has = gone
            at = [backup.iso(ENDED + days * day) for days in range(3)]
            lost = {"foundAt": at[2], "from": at[0], "to": at[1]}
            self.assertEqual(self.back_up(ENDED + 2 * day)["historyLost"], lost)
            self.assertIn(f"repository 2 (s3): its backups from {at[0]} to {at[1]} are gone", "\n".join(self.said))
            self.has = [ENDED + 2 * day]
            self.assertEqual(self.back_up(ENDED + 32 * day)["historyLost"], lost)
            self.assertIsNone(self.back_up(ENDED + 32 * day + 1)["historyLost"])

    def test_backups_that_are_gone_are_told_though_none_can_be_taken(self):
        self.back_up(ENDED)
        with mock.patch.object(backup, "_newest", side_effect=AgentError("pgbackrest-failed", "refused")):
            for _ in range(2):
                with self.assertRaises(AgentError):
                    self.back_up(ENDED + 60)
        known = status.read("database")["repositories"]["2"]
        self.assertIsNotNone(known["historyLost"])
        self.assertEqual((known["lastBackupAt"], known["lastError"]), (None, "refused"))

    def test_what_can_t_be_deleted_is_told_and_is_no_failed_backup(self):
        self.expire.side_effect = AgentError("pgbackrest-failed", "access denied")
        known = self.back_up(ENDED)
        told = ("lastExpireError", "lastError", "lastFailureAt")
        self.assertEqual([known[name] for name in told], ["access denied", None, None])
        self.assertRegex(self.said[-1], r"^repository 2 \(s3\): what is too old could not be deleted: access denied$")
        self.expire.side_effect = None
        self.assertIsNone(self.back_up(ENDED + 1)["lastExpireError"])

    def test_one_that_would_be_older_than_the_newest_is_told_to_be_the_clock_s_fault(self):
        said = "ERROR: [028]: new backup label '20261124-030003F' is not later than latest backup label '20271124-030003F'"
        backup.repositories.call.side_effect = AgentError("pgbackrest-failed", said)
        with self.assertRaises(AgentError) as caught:
            self.back_up(ENDED)
        self.assertIn(f"the newest backup is of {backup.iso(ENDED)}, which is still to come", caught.exception.message)
        self.assertIn("Set the machine's clock", caught.exception.message)

    def test_one_that_was_wanted_is_not_wanted_any_more(self):
        entry = {"2": {"backupWanted": "WAL is missing"}, "1": {"backupWanted": "WAL is missing"}}
        status.update("database", lambda known: known.update(stanza=self.told.stanza, repositories=entry))
        self.assertIsNone(self.back_up(ENDED)["backupWanted"])
        self.assertEqual(status.read("database")["repositories"]["1"]["backupWanted"], "WAL is missing")
