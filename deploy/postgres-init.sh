#!/bin/sh
# Run once by the database's image, as its superuser: a role without any right beyond its own database.
set -eu
psql --username "$POSTGRES_USER" --set ON_ERROR_STOP=1 --set password="$(cat /run/secrets/database_password)" <<'SQL'
CREATE ROLE alerts LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
CREATE DATABASE alerts OWNER alerts;
SQL
