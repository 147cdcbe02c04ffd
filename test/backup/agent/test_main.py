import io
import json
import os
import types
import unittest
from contextlib import redirect_stdout
from unittest import mock

import support
import main
import status
from settings import AgentError

TOLD = {
    "project": "shop-production", "id": "k3x9", "stanza": None, "version": 17, "members": [], "databaseName": "shop",
    "encrypt": True, "keepDays": 30, "schedule": "0 3 * * *", "drillSchedule": "30 4 * * *",
    "repositories": [{"kind": "local"}, {"kind": "s3", "endpoint": "e", "bucket": "b"}],
    "volumes": ["uploads"], "cache": True, "assertions": [],
}  # fmt: skip


def called(*argv: str, role: str = "files", told: object = TOLD, module: object = None) -> tuple[int, list[dict]]:
    environment = {"HORME_BACKUP_ROLE": role, "HORME_BACKUP": json.dumps(told)}
    output = io.StringIO()
    with (
        mock.patch.dict(os.environ, environment),
        mock.patch.object(main.importlib, "import_module", return_value=module),
        mock.patch.object(main.process, "end_all_on_signals"),
        redirect_stdout(output),
    ):
        code = main.main(list(argv))
    return code, [json.loads(line) for line in output.getvalue().splitlines()]


def module(function: str, work: object) -> types.SimpleNamespace:
    return types.SimpleNamespace(**{function: work})


class Protocol(unittest.TestCase):
    def setUp(self):
        support.empty_folders()

    def test_progress_then_the_result(self):
        def backup(told, arguments, progress):
            progress("now")
            return {"repositories": [one.number for one in told.repositories]}

        code, lines = called("backup", module=module("backup", backup))
        self.assertEqual(code, 0)
        self.assertEqual(lines, [{"event": "progress", "text": "now"}, {"event": "result", "repositories": [1, 2]}])

    def test_an_error_has_its_code_and_what_to_do_next(self):
        def verify(*_):
            raise AgentError("verification-failed", "damaged", "look")

        code, lines = called("verify", module=module("verify", verify))
        self.assertEqual((code, lines), (1, [{"event": "error", "code": "verification-failed", "message": "damaged", "next": "look"}]))

    def test_a_crash_is_a_bug_with_its_trace(self):
        code, (line,) = called("verify", module=module("verify", lambda *_: 1 // 0))
        self.assertEqual((code, line["code"]), (1, "bug"))
        self.assertIn("ZeroDivisionError", line["message"])

    def test_a_signal_ends_with_an_error_line_too(self):
        def verify(*_):
            raise SystemExit(143)

        code, (line,) = called("verify", module=module("verify", verify))
        self.assertEqual((code, line["code"]), (1, "stopped"))

    def test_wrong_arguments_and_settings_are_errors_of_the_same_form(self):
        for argv in (["nonsense"], ["restore"], ["restore", "--kind", "volume", "--into", "x"], ["drill", "--label", "x"]):
            self.assertEqual(called(*argv)[1][-1]["code"], "usage")
        self.assertEqual(called("status", told={})[1][-1]["code"], "settings-invalid")
        self.assertEqual(called("status", told={**TOLD, "repositories": [{"kind": "tape"}]})[1][-1]["code"], "settings-invalid")

    def test_restores_take_exactly_one_target(self):
        restored = module("run", lambda _told, arguments, _progress: {"to": arguments.to, "repo": arguments.repo})
        argv = ["restore", "--to", "2026-11-24 10:00:00+00", "--repo", "2", "--into", "/members/horme-postgres-1"]
        self.assertEqual(called(*argv, role="database", module=restored)[1][-1], {"event": "result", "to": argv[2], "repo": 2})
        self.assertEqual(called(*argv, "--latest", role="database")[1][-1]["code"], "usage")

    def failing_after(self, *argv: str, result: dict, error: str | None = None) -> dict:
        """What of the schedule still fails, after a command that went well."""
        entries = {"1": {"lastError": None}, "2": {"lastError": error}, "3": {"lastError": "of before"}}
        failures = {"backup": "refused", "drill": "damaged"}
        status.update("files", lambda known: known.update(failures=failures, repositories=entries))
        self.assertEqual(called(*argv, module=module(argv[0] if argv[0] == "backup" else "run", lambda *_: result))[0], 0)
        return {kind: text for kind, text in status.read("files")["failures"].items() if text}

    def test_what_was_typed_mends_what_failed_by_the_schedule(self):
        backup, drill = {"backup": "refused"}, {"drill": "damaged"}
        self.assertEqual(self.failing_after("backup", result={}), drill)
        self.assertEqual(self.failing_after("backup", result={}, error="damaged pages"), {**backup, **drill})
        self.assertEqual(self.failing_after("drill", result={"repository": 2}), backup)
        self.assertEqual(self.failing_after("drill", result={"repository": 1}), {**backup, **drill})

    def test_the_status_needs_nothing_but_its_file(self):
        self.assertEqual(called("status", role="database")[1][-1]["role"], "database")
