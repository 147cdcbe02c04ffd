import unittest
from datetime import datetime, timedelta, timezone

import support  # noqa: F401
import due
import moments
from due import Tried

NIGHTLY = "0 3 * * *"
NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
SLOT = NOON.replace(hour=3)


def backed_up(at: datetime, **fields: object) -> dict:
    return {"kind": "local", "lastBackupAt": moments.text(at), "lastError": None, **fields}


def status(at: datetime, slot: datetime | None, **fields: object) -> dict:
    return {"repositories": {"1": backed_up(at)}, "lastSlot": slot and moments.text(slot), **fields}


def backup(known: dict, now: datetime, tried: Tried = Tried(), numbers: tuple[int, ...] = (1,)) -> due.Due | None:
    return due.backup(NIGHTLY, known, numbers, now, tried)


class Backup(unittest.TestCase):
    def test_the_first_start_is_due_at_once(self):
        self.assertEqual(backup({}, NOON, numbers=(1, 2)).repositories, (1, 2))

    def test_after_the_first_it_waits_for_the_next_slot(self):
        known = status(NOON, None)
        self.assertIsNone(backup(known, NOON + timedelta(hours=14)))
        self.assertEqual(backup(known, NOON + timedelta(hours=16)).slot, SLOT + timedelta(days=1))

    def test_many_missed_runs_are_caught_up_once(self):
        known = status(SLOT - timedelta(days=9), SLOT - timedelta(days=9))
        self.assertEqual(backup(known, NOON).slot, SLOT)
        self.assertIsNone(backup({**known, "lastSlot": moments.text(SLOT)}, NOON))

    def test_a_clock_set_back_gives_no_second_backup(self):
        known = status(SLOT + timedelta(minutes=5), SLOT)
        for back in (timedelta(hours=10), timedelta(days=400)):
            self.assertIsNone(backup(known, NOON - back, Tried(0, 3600)))

    def test_a_clock_that_has_just_jumped_ahead_begins_none(self):
        held = {"backupsHeldUntil": {"boot": "boot-1", "steadySeconds": 3600}}
        for known in ({}, status(SLOT - timedelta(days=9), SLOT - timedelta(days=9))):
            self.assertIsNotNone(backup(known, NOON))
            self.assertIsNone(backup({**known, **held}, NOON))

    def test_a_slot_years_ahead_is_set_back_and_backups_go_on_the_next_night(self):
        ahead = SLOT + timedelta(days=1500)
        known = status(ahead, ahead, lastDrillSlot=moments.text(ahead))
        self.assertIsNone(backup(known, NOON))
        known.update(due.mended(known, NOON))
        self.assertIsNone(backup(known, NOON))
        self.assertEqual(backup(known, NOON + timedelta(days=1)).slot, SLOT + timedelta(days=1))
        self.assertEqual(due.mended(known, NOON), {})

    def test_a_new_repository_gets_its_first_and_the_others_none(self):
        self.assertEqual(backup(status(SLOT, SLOT), NOON, numbers=(1, 2)).repositories, (2,))

    def test_a_source_that_a_deploy_added_does_not_wait_for_the_schedule(self):
        known = status(SLOT, SLOT)
        known["repositories"]["1"]["sources"] = ["kind=state", "kind=volume,name=uploads"]
        known["repositories"]["2"] = backed_up(SLOT, sources=["kind=state", "kind=volume,name=uploads", "kind=cache"])
        for sources, lacking in ((["kind=state"], None), (["kind=state", "kind=cache"], (1,)), (["kind=volume,name=new"], (1, 2))):
            found = due.backup(NIGHTLY, known, (1, 2), NOON, Tried(), sources)
            self.assertEqual(found and found.repositories, lacking)

    def test_an_added_source_that_fails_is_tried_again_as_late_as_all_that_fails(self):
        known = status(SLOT, SLOT)
        known["repositories"]["1"].update(lastError="volume new is not there", lastFailureAt=moments.text(NOON), sources=[])
        for tried in (Tried(1, 299), Tried(3, 1199)):
            self.assertIsNone(due.backup(NIGHTLY, known, (1,), NOON, tried, ["kind=volume,name=new"]))
        self.assertIsNone(due.backup(NIGHTLY, status(SLOT, SLOT), (1,), NOON, Tried(0, 299), ["kind=volume,name=new"]))

    def test_failures_are_tried_again_later_and_later_and_at_least_hourly(self):
        waits = [due.retry_seconds(count) / 60 for count in (1, 2, 3, 4, 5, 6, 10_000)]
        self.assertEqual(waits, [5, 10, 20, 40, 60, 60, 60])
        self.assertIsNone(backup({}, NOON, Tried(2, 599)))
        self.assertIsNotNone(backup({}, NOON, Tried(2, 601)))

    def test_only_the_repository_that_failed_is_tried_again(self):
        failed = {"kind": "s3", "lastError": "refused", "lastFailureAt": moments.text(NOON)}
        known = status(SLOT, SLOT)
        known["repositories"]["2"] = failed
        self.assertEqual(backup(known, NOON, Tried(1, 301), (1, 2)).repositories, (2,))

    def test_the_next_slot_is_for_all_although_one_still_fails(self):
        known = status(SLOT, SLOT)
        known["repositories"]["2"] = {"kind": "s3", "lastError": "refused", "lastFailureAt": moments.text(NOON)}
        self.assertEqual(backup(known, NOON + timedelta(days=1), Tried(9, 3601), (1, 2)).repositories, (1, 2))

    def test_a_backup_of_a_damaged_database_is_not_repeated_without_end(self):
        known = status(SLOT, SLOT)
        known["repositories"]["1"].update(lastError="pages are damaged", lastFailureAt=moments.text(SLOT - timedelta(days=1)))
        self.assertIsNone(backup(known, NOON))

    def test_work_that_left_no_trace_does_not_follow_upon_itself(self):
        self.assertIsNone(backup({}, NOON, Tried(0, 10)))

    def test_a_gap_wants_a_backup_at_once(self):
        known = status(SLOT, SLOT)
        known["repositories"]["1"]["backupWanted"] = "WAL is missing"
        self.assertEqual(backup(known, NOON, Tried(0, 1)).reason, "WAL is missing")
        self.assertIsNone(backup(known, NOON, Tried(1, 1)))

    def test_a_gap_in_one_repository_wants_no_backup_of_another(self):
        known = status(SLOT, SLOT)
        known["repositories"]["2"] = backed_up(SLOT, backupWanted="WAL is missing")
        self.assertEqual(backup(known, NOON, numbers=(1, 2)).repositories, (2,))


class Drill(unittest.TestCase):
    def drill(self, known: dict, now: datetime, tried: Tried = Tried()) -> due.Due | None:
        return due.drill("30 4 * * *", known, now, tried)

    def test_nothing_is_proved_before_there_is_a_backup(self):
        self.assertIsNone(self.drill({}, NOON))

    def test_the_first_is_in_the_first_slot_after_the_first_backup(self):
        self.assertIsNone(self.drill(status(NOON, None), NOON + timedelta(hours=1)))
        self.assertIsNotNone(self.drill(status(NOON, None), NOON + timedelta(hours=17)))

    def test_a_backup_that_covers_a_gap_and_waits_for_the_clock_comes_first_and_one_that_failed_does_not(self):
        known, slot = status(SLOT, SLOT), SLOT + timedelta(hours=2)
        self.assertIsNotNone(self.drill({**known, "backupsHeldUntil": {}}, slot))
        known["repositories"]["1"].update(backupWanted="WAL is missing", lastError="away", lastFailureAt=moments.text(slot))
        self.assertIsNotNone(self.drill(known, slot))
        self.assertIsNone(self.drill({**known, "backupsHeldUntil": {"boot": "boot-1", "steadySeconds": 3600}}, slot))

    def test_once_a_slot(self):
        known = status(SLOT, SLOT, lastDrillSlot=moments.text(NOON.replace(hour=4, minute=30)))
        self.assertIsNone(self.drill(known, NOON))


class State(unittest.TestCase):
    def test_a_change_is_due_at_once_and_a_failure_is_waited_for(self):
        self.assertTrue(due.state({}, "1", Tried()))
        self.assertFalse(due.state({"stateSeen": "1"}, "1", Tried()))
        self.assertTrue(due.state({"stateSeen": "1"}, "2", Tried(0, 1)))
        self.assertFalse(due.state({"stateSeen": "1"}, "2", Tried(1, 1)))
        self.assertFalse(due.state({}, None, Tried()))

    def test_a_clock_that_has_just_jumped_ahead_begins_none(self):
        self.assertFalse(due.state({"backupsHeldUntil": {"boot": "boot-1", "steadySeconds": 3600}}, "1", Tried()))
