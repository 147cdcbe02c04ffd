#!/bin/sh
# The password goes from its secret file into a configuration on tmpfs: an argument would show in the process list.
set -eu
umask 077
printf 'requirepass "%s"\n' "$(cat /run/secrets/cache-password)" >/tmp/redis.conf
exec redis-server /tmp/redis.conf --dir /var/lib/redis --appendonly yes --appendfsync everysec \
  --maxmemory "$HORME_MAXMEMORY" --maxmemory-policy noeviction --protected-mode no --save ''
