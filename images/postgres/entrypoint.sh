#!/bin/sh
# Makes the cluster at the first start, then becomes Postgres. The application's role and database come from the
# environment, its password from a secret file. A half-made cluster never counts: it is made beside and moved into place.
set -eu

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  new="$PGDATA.new"
  rm -rf "$new"
  initdb --pgdata="$new" --username=postgres --auth-local=peer --auth-host=scram-sha-256 \
    --encoding=UTF8 --locale=C.UTF-8 --data-checksums >/dev/null
  cat >"$new/pg_hba.conf" <<'HBA'
local all postgres peer
host  all all all scram-sha-256
HBA
  pg_ctl --pgdata="$new" --silent --wait --options="-c listen_addresses=''" start
  psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --username=postgres --set=role="$HORME_ROLE" \
    --set=database="$HORME_DATABASE" <<'SQL'
\set password `cat /run/secrets/database-password`
SET log_statement = 'none';
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"role";
REVOKE CONNECT ON DATABASE :"database" FROM PUBLIC;
SQL
  pg_ctl --pgdata="$new" --silent --wait --mode=fast stop
  mv "$new" "$PGDATA"
fi

exec postgres "$@"
