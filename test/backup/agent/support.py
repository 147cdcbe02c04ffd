"""The agent's modules, with its folders moved below a temporary one. Imported before any of them."""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "images" / "backup"))

import settings  # noqa: E402

ROOT = Path(tempfile.mkdtemp(prefix="horme-backup-test-"))
atexit.register(shutil.rmtree, ROOT, ignore_errors=True)

NAMES = ("RUN", "SECRETS", "DATABASE", "FILES", "SCRATCH", "MEMBERS", "SOURCES", "TARGETS")


def empty_folders() -> None:
    """For each test anew."""
    for name in NAMES:
        folder = ROOT / name.lower()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        setattr(settings, name, folder)
    settings.LOCK_FILE = ROOT / "lock"
    settings.LOCK_FILE.touch()


def told(**changes: object) -> settings.Settings:
    values = {
        "project": "shop-production", "id": "k3x9", "stanza": "20261124-150312-ab12", "version": 17,
        "members": ["horme-postgres-1"], "database_name": "shop", "encrypt": True, "keep_days": 30,
        "schedule": "0 3 * * *", "drill_schedule": "30 4 * * *",
        "repositories": [settings.Repository(1, "local", {})], "volumes": ["uploads"], "cache": False,
        "assertions": [], "role": "files",
    }  # fmt: skip
    return settings.Settings(**{**values, **changes})


def has(program: str) -> bool:
    return shutil.which(program, path=os.environ.get("PATH")) is not None


empty_folders()
