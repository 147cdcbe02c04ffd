"""The cache's data: dumped by the protocol of its replicas, restored as the base of an append-only file."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import process
import settings
import sources
from settings import AgentError

HOST, PORT = "cache", 6379
# The user of the image `redis`.
OWNER = 71

# A dump goes through memory and over a bridge; an hour is 50 GB at 14 MB/s.
DUMP_SECONDS = 3600
CHECK_SECONDS = 3600

BASE = "appendonly.aof.1.base.rdb"
MANIFEST = "appendonly.aof.manifest"


@contextmanager
def dumped() -> Iterator[Path]:
    """A proven dump, deleted at the end: it holds the cache's data without encryption."""
    folder = sources.cache_folder()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        _dump(folder / sources.CACHE_DUMP)
        yield folder / sources.CACHE_DUMP
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _dump(path: Path) -> None:
    # By the environment: an argument would show in the process list.
    password = {"REDISCLI_AUTH": settings.secret("cache-password") or ""}
    done = process.run(
        ["redis-cli", "-h", HOST, "-p", str(PORT), "--rdb", path], seconds=DUMP_SECONDS, env=password
    )
    # redis-cli leaves an empty file and exit code 0 behind some refusals: what it wrote is looked at.
    if done.exit_code != 0 or not path.exists() or not path.stat().st_size:
        raise AgentError("cache-failed", f"the cache could not be dumped: {_end(done)}")
    checked = process.run(["redis-check-rdb", path], seconds=CHECK_SECONDS)
    if checked.exit_code != 0:
        raise AgentError("cache-failed", f"the dump of the cache is not whole: {_end(checked)}")


def into_append_only_file(dump: Path, target: Path) -> None:
    """`dump` is on the target's volume. The manifest is removed first and written last: without one, Redis takes none of it."""
    folder = target / "appendonlydir"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    os.chmod(dump, 0o600)
    dump.rename(folder / BASE)
    manifest = folder / f"{MANIFEST}.new"
    manifest.write_text(f"file {BASE} seq 1 type b\n")
    manifest.rename(folder / MANIFEST)
    for path in (target, folder, folder / BASE, folder / MANIFEST):
        os.chown(path, OWNER, OWNER, follow_symlinks=False)
    os.sync()


def _end(done: process.Completed) -> str:
    return " / ".join((done.stderr or done.stdout).strip().splitlines()[-3:]) or f"exit code {done.exit_code}"
