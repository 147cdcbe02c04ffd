export type BackupAction =
  /** The repositories get what this history of the database needs, and are tried. */
  { do: 'set-up-backups' } | { do: 'back-up' };
