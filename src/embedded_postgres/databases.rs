//! The roles and databases in a private cluster.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::Error;

/// Owns the database and runs the migrations.
pub const OWNER_ROLE: &str = "numbercloak";

/// What the application logs in as; may do what the migrations grant it and nothing more.
pub const APP_ROLE: &str = "numbercloak_app";

/// One at a time per cluster: `CREATE ROLE` and `CREATE DATABASE` have no `IF NOT EXISTS`.
const LOCK: i64 = 0x6e63_5f70_7265_7061;

/// Makes both roles and an empty database owned by [`OWNER_ROLE`] that only the two may connect to.
/// `superuser_url` names the database `postgres`. What exists is left as it is; may run in several
/// processes at once.
pub async fn prepare(superuser_url: &str, database: &str) -> Result<(), Error> {
    create(superuser_url, database, "").await
}

/// Like [`prepare`], but the new database is a copy of `template`, to which nobody may be connected.
/// Rights to connect are not part of a copy, so they are given anew. For tests: 20 ms instead of all
/// migrations.
pub async fn copy_database(
    superuser_url: &str,
    template: &str,
    database: &str,
) -> Result<(), Error> {
    check_name(template)?;
    let copied = format!(" TEMPLATE {template} STRATEGY FILE_COPY");
    create(superuser_url, database, &copied).await
}

async fn create(superuser_url: &str, database: &str, copied: &str) -> Result<(), Error> {
    check_name(database)?;
    let mut connection = PgConnection::connect(superuser_url).await?;
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut connection)
        .await?;
    for (role, rights) in [(OWNER_ROLE, "LOGIN CREATEROLE"), (APP_ROLE, "LOGIN")] {
        let exists = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)";
        if !holds(&mut connection, exists, role).await? {
            run(&mut connection, format!("CREATE ROLE {role} {rights}")).await?;
        }
    }
    let exists = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
    if !holds(&mut connection, exists, database).await? {
        let create = format!("CREATE DATABASE {database} OWNER {OWNER_ROLE}{copied}");
        run(&mut connection, create).await?;
    }
    // Not only for a new one: a process killed in between would leave the database open to everybody.
    for change in [
        format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC"),
        format!("GRANT CONNECT ON DATABASE {database} TO {APP_ROLE}"),
    ] {
        run(&mut connection, change).await?;
    }
    // Closing gives the lock back.
    connection.close().await?;
    Ok(())
}

async fn holds(
    connection: &mut PgConnection,
    question: &'static str,
    name: &str,
) -> Result<bool, Error> {
    let answer = sqlx::query_scalar(question).bind(name);
    Ok(answer.fetch_one(connection).await?)
}

async fn run(connection: &mut PgConnection, statement: String) -> Result<(), Error> {
    // Safe: made of our constants and of names that passed `check_name`.
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await?;
    Ok(())
}

/// Names go into statements as they are, so that only names that need no quoting pass.
fn check_name(name: &str) -> Result<(), Error> {
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    let rest_is_plain = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if starts_well && rest_is_plain && name.len() <= 63 {
        return Ok(());
    }
    Err(Error::BadName)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_need_quoting_are_refused() {
        assert!(check_name("numbercloak_dev1").is_ok());
        for bad in ["", "1a", "A", "a-b", "a\"b", "a;drop", "ä", &"a".repeat(64)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
