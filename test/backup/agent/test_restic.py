import stat
import unittest
from unittest import mock

import support
import process
import restic
import settings
from settings import AgentError, Repository

S3 = Repository(2, "s3", {"endpoint": "s3.example.com", "bucket": "b", "region": "eu-1", "prefix": "/backups/"})
SFTP = Repository(3, "sftp", {"host": "h", "port": 2222, "user": "u", "path": "/srv/backups"})


def asked(repository: Repository, exit_code: int = 0, stdout: str = "", stderr: str = "") -> tuple[list, dict]:
    with mock.patch.object(process, "run", return_value=process.Completed(exit_code, stdout, stderr)) as run:
        restic.run(support.told(), repository, ["snapshots"], seconds=1)
    return list(map(str, run.call_args.args[0])), run.call_args.kwargs["env"]


class Calls(unittest.TestCase):
    def setUp(self):
        support.empty_folders()

    def test_the_environments_id_is_in_every_remote_path(self):
        told = support.told()
        self.assertEqual(restic.location(told, S3), "s3:https://s3.example.com/b/backups/shop-production/k3x9/files")
        self.assertEqual(restic.location(told, SFTP), "sftp://u@h:2222//srv/backups/shop-production/k3x9/files")
        bare = Repository(2, "s3", {"endpoint": "e", "bucket": "b"})
        self.assertEqual(restic.location(told, bare), "s3:https://e/b/shop-production/k3x9/files")

    def test_no_secret_is_in_the_arguments(self):
        for name in ("backup-files-password", "s3-key-id", "s3-key-secret"):
            (settings.SECRETS / name).write_text(f"value-of-{name}\n")
        argv, environment = asked(S3)
        self.assertNotIn("value-of", " ".join(argv))
        self.assertEqual(environment["AWS_SECRET_ACCESS_KEY"], "value-of-s3-key-secret")
        self.assertNotIn("value-of-backup-files-password", environment.values())

    def test_an_authority_is_used_when_there_is_one(self):
        self.assertNotIn("--cacert", asked(S3)[0])
        (settings.SECRETS / "s3-ca").write_text("pem")
        self.assertIn("--cacert", asked(S3)[0])

    def test_ssh_gets_a_key_that_only_its_owner_reads_and_the_known_hosts(self):
        (settings.SECRETS / "sftp-key").write_text("key")
        argv, _ = asked(SFTP)
        key = settings.RUN / "sftp-key"
        self.assertEqual((stat.S_IMODE(key.stat().st_mode), key.read_text()), (0o600, "key\n"))
        self.assertIn(f"-i {key}", " ".join(argv))
        self.assertIn("StrictHostKeyChecking=yes", " ".join(argv))

    def test_refusals_are_told_apart(self):
        for exit_code, code in ((10, "no-repository"), (11, "repository-locked"), (12, "wrong-password"), (1, "repository-failed")):
            with self.assertRaises(AgentError) as caught:
                asked(S3, exit_code, stderr='{"message_type":"exit_error","code":1,"message":"Fatal: access denied"}\n')
            self.assertEqual(caught.exception.code, code)
            self.assertIn("repository 2 (s3)", caught.exception.message)
        self.assertIn("access denied", caught.exception.message)
