#!/bin/sh
set -eu
REDISCLI_AUTH="$(cat /run/secrets/cache-password)" exec redis-cli ping
