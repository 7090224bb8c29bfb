#!/bin/sh
# Makes deploy/secrets: passwords at random, and the addresses that hold them. What is there stays. No secret is printed.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets # on this machine nobody else enters; in the containers users that are not root read the files
cd secrets
for name in postgres_password owner_password app_password jiafang_metrics_token; do
    [ -s "$name" ] || od -An -tx1 -N24 /dev/urandom | tr -d ' \n' >"$name"
done
rm -f jiafang_owner_database_url jiafang_database_url # which nobody may write into
printf 'postgresql://jiafang_owner:%s@postgres/jiafang' "$(cat owner_password)" >jiafang_owner_database_url
printf 'postgresql://jiafang_app:%s@postgres/jiafang' "$(cat app_password)" >jiafang_database_url
chmod 444 -- *
