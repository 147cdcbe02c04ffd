#!/bin/sh
# The password goes from its secret file into a configuration on tmpfs: an argument would show in the process list.
set -eu
umask 077
printf 'requirepass "%s"\n' "$(cat /run/secrets/cache-password)" >/tmp/redis.conf
exec redis-server /tmp/redis.conf --dir /var/lib/redis --appendonly "$HORME_APPENDONLY" --appendfsync everysec \
  --maxmemory "$HORME_MAXMEMORY" --maxmemory-policy "$HORME_EVICTION" --protected-mode no --save ''
