"""A logical dump of what `restore` has put beside a member's data: to have it as another database of the running cluster."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import process
import scratch
from repository import Progress
from restore import MARK, restored_folder
from settings import MEMBERS, AgentError, Settings

DUMP_SECONDS = 24 * 3600


def run(settings: Settings, arguments: Namespace, progress: Progress) -> dict[str, Any]:
    """Into the member's volume, so that the member can read it; the restored data is deleted then."""
    settings = scratch.of_version(settings, arguments.postgres)
    member = MEMBERS / arguments.member
    folder = restored_folder(settings, member)
    if not folder.is_dir() or not (member / MARK).exists():
        raise AgentError("nothing-restored", f"{member.name} has no completely restored data")
    file, log = member / f"{settings.version}.restored.dump", member / f"{settings.version}.restored.log"
    # Compressed, and without indexes: it is no larger than what it is of.
    scratch.room_for(member, scratch.size(folder))
    with scratch.running(folder, log, progress) as server:
        progress(f"{settings.database_name} is dumped")
        _dump(server, settings.database_name, file)
    log.unlink(missing_ok=True)
    (member / MARK).unlink(missing_ok=True)
    scratch.remove(folder)
    return {"file": file.name, "bytes": file.stat().st_size}


def _dump(server: scratch.Server, database: str, file: Path) -> None:
    argv = ["pg_dump", "-h", server.socket, "-U", "postgres", "-Fc", "--compress=zstd", "-f", str(file), database]
    done = process.run(argv, seconds=DUMP_SECONDS)
    if done.exit_code != 0:
        raise AgentError("dump-failed", done.stderr.strip())
