//! A private Postgres cluster for dev mode and tests, without a database server.
