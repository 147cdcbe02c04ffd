"""The command line: arguments in, JSON lines out. The last line is the result or the error, and the exit code says which."""

import importlib
import json
import os
import sys
import threading
import traceback
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Callable
from typing import Any, NoReturn

import clock
import process
import record
import settings
import status
from settings import AgentError, Settings

# Imported when they are needed: a command starts at once, and a container has the programs of its own role only.
COMMANDS = {
    "database": {
        "backup": "backup:run",
        "set-up": "backup:set_up",
        "list": "histories:run",
        "verify": "histories:verify",
        "drill": "drill:run",
        "restore": "restore:run",
        "swap": "swap:run",
        "dump": "dump:run",
    },
    "files": {
        "backup": "files:backup",
        "list": "files:list_snapshots",
        "verify": "files:verify",
        "drill": "files_drill:run",
        "restore": "files:restore",
        "diff": "files:diff",
        "replace": "replace:run",
    },
}

_output = threading.Lock()


class Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise AgentError("usage", f"{self.prog}: {message}", f"{self.prog} --help")


def main(argv: list[str] | None = None) -> int:
    try:
        told = settings.load()
        arguments = parser(told.role).parse_args(argv)
        result = dispatch(told, arguments)
    except AgentError as error:
        emit("error", code=error.code, message=error.message, **({"next": error.next} if error.next else {}))
        return 1
    except SystemExit as end:
        # A signal's, or that of `--help`.
        if not end.code:
            return 0
        emit("error", code="stopped", message="it was told to stop")
        return 1
    except Exception:
        emit("error", code="bug", message=traceback.format_exc())
        return 1
    if arguments.command != "serve":
        emit("result", **result)
    return 0


def dispatch(told: Settings, arguments: Namespace) -> dict[str, Any]:
    if arguments.command == "serve":
        import serve

        return serve.run(told)
    process.end_all_on_signals()
    if arguments.command == "healthy":
        import health

        health.check(told)
        return {}
    if arguments.command == "status":
        import report

        return report.status(told, status.read(told.role), clock.awake())
    result = work_of(told.role, arguments.command)(told, arguments, progress)
    if arguments.command in record.TYPED:
        record.typed(told, arguments.command, result)
    return result


def work_of(role: str, command: str) -> Callable[..., dict[str, Any]]:
    module, _, function = COMMANDS[role][command].partition(":")
    return getattr(importlib.import_module(module), function)


def progress(text: str) -> None:
    emit("progress", text=text)


def emit(event: str, **fields: Any) -> None:
    """Whole lines, whichever thread it comes from. Who no longer listens doesn't end a backup."""
    line = json.dumps({"event": event, **fields}) + "\n"
    with _output:
        try:
            sys.stdout.write(line)
            sys.stdout.flush()
        except BrokenPipeError:
            sys.stdout = open(os.devnull, "w")


def parser(role: str) -> ArgumentParser:
    top = Parser(prog="horme-backup", description=f"Backups of the {role}.")
    commands = top.add_subparsers(dest="command", required=True, parser_class=Parser)
    commands.add_parser("serve", help="stay, and take backups by schedule")
    commands.add_parser("healthy", help="exit code 0 when `serve` lives")
    commands.add_parser("status", help="what is known of backups, without asking the repositories")
    commands.add_parser("list", help="what can be restored")
    commands.add_parser("verify", help="read everything in all repositories")
    backup = commands.add_parser("backup", help="take a backup now")
    backup.add_argument("--type", choices=("full", "diff", "incr"), help="database only; snapshots of files are always whole")
    drill = commands.add_parser("drill", help="restore a backup beside, check it, delete it")
    drill.add_argument("--repo", type=int)
    if role == "database":
        drill.add_argument("--label")
    (_of_database if role == "database" else _of_files)(commands)
    return top


def _of_database(commands: "_SubParsersAction[Parser]") -> None:
    commands.add_parser("set-up", help="make the repositories ready")
    restore = commands.add_parser("restore", help="restore beside a member's data")
    target = restore.add_mutually_exclusive_group(required=True)
    target.add_argument("--to", metavar="'YYYY-MM-DD HH:MM:SS+ZZ'")
    target.add_argument("--label")
    target.add_argument("--latest", action="store_true")
    restore.add_argument("--stanza")
    restore.add_argument("--repo", type=int)
    restore.add_argument("--into", required=True)
    restore.add_argument("--accept-damage", action="store_true", help="also what the checks of tables and pages find damaged")
    swap = commands.add_parser("swap", help="take restored data into use; the members are stopped")
    swap.add_argument("--stamp", required=True)
    swap.add_argument("--members", required=True)
    dump = commands.add_parser("dump", help="dump what was restored beside a member's data, and delete that")
    dump.add_argument("--member", required=True)
    for command in (restore, dump):
        command.add_argument("--postgres", type=int, metavar="VERSION", help="of the restored data; else the present one")


def _of_files(commands: "_SubParsersAction[Parser]") -> None:
    restore = commands.add_parser("restore", help="restore a source's content into a folder")
    restore.add_argument("--kind", choices=("volume", "state", "edge", "cache"), required=True)
    restore.add_argument("--into", required=True)
    commands.add_parser("replace", help="take a volume's restored content into use")
    diff = commands.add_parser("diff", help="what changed in a volume since a snapshot")
    diff.add_argument("--kind", choices=("volume",), required=True)
    for command in (restore, diff):
        command.add_argument("--name")
        which = command.add_mutually_exclusive_group(required=True)
        which.add_argument("--snapshot", metavar="ID")
        which.add_argument("--latest", action="store_true")
        which.add_argument("--at", metavar="TIME")
        command.add_argument("--repo", type=int)
