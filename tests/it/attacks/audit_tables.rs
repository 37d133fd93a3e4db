//! P1 and DESIGN.md section 6: what the application's role may not do to what was recorded.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::count;
use crate::support::app::{App, NUMBER};
use crate::support::rp::Wish;

/// The SQLSTATE of a refusal.
async fn refused(connection: &mut PgConnection, sql: &str) -> String {
    match connection.execute(AssertSqlSafe(sql.to_owned())).await {
        Ok(_) => "done".to_owned(),
        Err(error) => {
            let database = error.as_database_error();
            database
                .and_then(|e| e.code())
                .unwrap_or_default()
                .into_owned()
        }
    }
}

#[tokio::test]
async fn the_application_s_role_cannot_change_what_was_recorded() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let rows = count(&app, "audit_records").await;
    let mut role = PgConnection::connect(&app.database.app_url())
        .await
        .unwrap();
    role.execute("set role numbercloak_app").await.unwrap();
    let mut owner = app.database.owner().await;
    let partitions: Vec<String> = sqlx::query_scalar(
        "select tablename::text from pg_tables
        where schemaname = 'public' and tablename like 'audit\\_%'
            -- searches that staff saved, no records
            and tablename <> 'audit_views'",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert!(partitions.len() > 5, "{partitions:?}");
    for table in &partitions {
        let id = if table.starts_with("audit_records") {
            "id"
        } else {
            "record_id"
        };
        for sql in [
            format!("update {table} set {id} = {id}"),
            format!("delete from {table}"),
            format!("truncate {table}"),
            format!("drop table {table}"),
            format!("drop table {table} cascade"),
            format!("alter table {table} add column x int"),
            format!("alter table {table} owner to numbercloak_app"),
            format!("alter table {table} disable trigger all"),
            format!("alter table {table} rename to gone"),
            format!("create trigger t before insert on {table} execute function notify_change()"),
            format!("create index on {table} ({id})"),
            format!("create rule r as on insert to {table} do instead nothing"),
            format!("create policy p on {table} using (false)"),
            format!("do $$ begin lock table {table} in access exclusive mode; end $$"),
            format!("comment on table {table} is ''"),
            format!("select * from {table} for update"),
        ] {
            assert_eq!(refused(&mut role, &sql).await, "42501", "{sql}");
        }
        // Not an error in Postgres but a warning that nothing was granted.
        let _ = refused(&mut role, &format!("grant all on {table} to public")).await;
        for right in ["update", "delete", "truncate", "trigger"] {
            let may: bool = sqlx::query_scalar(AssertSqlSafe(format!(
                "select has_table_privilege('numbercloak_app', '{table}', '{right}')"
            )))
            .fetch_one(&mut owner)
            .await
            .unwrap();
            assert!(!may, "{right} on {table}");
        }
    }
    for sql in [
        "create function append_audit(audit_entry[], int) returns int language sql as 'select 1'",
        "create or replace function append_audit(entries audit_entry[]) returns integer language sql as 'select 1'",
        "drop function append_audit(audit_entry[])",
        "alter function append_audit(audit_entry[]) rename to x",
        "create table audit_records_x partition of audit_records for values from \
            ('00000000-0000-0000-0000-000000000000') to ('00000000-0000-0000-0000-000000000001')",
        "alter table audit_records detach partition audit_records_default",
        "create table public.x (y int)",
        "create schema x",
        "drop schema public cascade",
        "set role postgres",
        "set session_replication_role = replica",
        "create role x superuser",
        "alter role numbercloak_app superuser",
        "alter system set fsync = off",
        "copy (select 1) to program 'true'",
        "do language plpgsql $$ begin delete from audit_records; end $$",
        "with gone as (delete from audit_records returning *) select count(*) from gone",
        "update audit_pending set record_id = record_id",
        "delete from audit_pending",
        "merge into audit_records a using audit_records b on a.id = b.id when matched then delete",
    ] {
        let code = refused(&mut role, sql).await;
        assert_eq!(code, "42501", "{sql}");
    }
    // The one function that acts with its owner's rights makes partitions and nothing else.
    for parent in [
        "clients",
        "audit_pending",
        "x; drop table audit_records",
        "pg_class",
    ] {
        let sql = format!("select make_partitions('{parent}', now())");
        assert_eq!(refused(&mut role, &sql).await, "P0001", "{sql}");
    }
    let shadow = "set search_path = pg_temp, public; \
        create temp table audit_records (id uuid); \
        select make_partitions('audit_records', now() + interval '5 years')";
    let shadowed = sqlx::raw_sql(shadow).execute(&mut role).await;
    drop(shadowed);
    assert_eq!(count(&app, "audit_records").await, rows);
}

#[tokio::test]
async fn the_server_s_own_sessions_run_as_the_application_s_role() {
    let app = App::start().await;
    for pool in [app.state().db.durable(), app.state().db.relaxed()] {
        let mut connection = pool.acquire().await.unwrap();
        let role: String = sqlx::query_scalar("select current_user::text")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        assert_eq!(role, "numbercloak_app");
        let code = refused(&mut connection, "delete from audit_records").await;
        assert_eq!(code, "42501");
        // The role it logged in with has no more rights to go back to.
        let _ = refused(&mut connection, "reset role").await;
        let code = refused(&mut connection, "set role none; delete from audit_records").await;
        assert_ne!(code, "done");
        let code = refused(&mut connection, "delete from audit_records").await;
        assert_eq!(code, "42501");
    }
}
