#!/bin/sh
# Run once by the postgres image on an empty data folder: the two roles and the database.
# docs/operations.md says why there are two.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    -v owner_password="$OWNER_PASSWORD" -v app_password="$APP_PASSWORD" <<'SQL'
create role numbercloak_owner login createrole password :'owner_password';
create role numbercloak_app login password :'app_password';
create database numbercloak owner numbercloak_owner;
revoke all on database numbercloak from public;
grant connect on database numbercloak to numbercloak_app;
SQL
