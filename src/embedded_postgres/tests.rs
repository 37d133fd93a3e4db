//! Real servers in a temporary folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use sqlx::{Connection, PgConnection};

use super::*;

/// A folder that Postgres's account can reach; whatever still runs below it ends with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(format!(
            "/var/tmp/numbercloak-pg-test-{}-{name}",
            std::process::id()
        ));
        folder::create_reachable(&path).unwrap();
        Self(path)
    }

    fn options(&self, durability: Durability) -> Options {
        Options {
            data: self.0.join("data"),
            durability,
            settings: Vec::new(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        Cluster::reset(&self.options(Durability::Fast)).ok();
        fs::remove_dir_all(&self.0).ok();
    }
}

fn ask(url: &str, question: &'static str) -> Result<String, sqlx::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut connection = PgConnection::connect(url).await?;
        let answer = sqlx::query_scalar(question)
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        Ok(answer)
    })
}

fn superuser(cluster: &Cluster) -> String {
    cluster.url(SUPERUSER, "postgres")
}

#[test]
fn data_is_kept_over_a_stop_and_the_next_start() {
    let place = Place::new("kept");
    let options = place.options(Durability::Fast);
    let first = Cluster::start(&options).unwrap();
    let written = ask(&superuser(&first), "SELECT lo_create(4711)::text");
    assert_eq!(written.unwrap(), "4711");
    let socket = first.socket_dir().join(".s.PGSQL.5432");
    assert!(socket.exists());
    first.stop().unwrap();
    assert!(!socket.exists());

    let second = Cluster::start(&options).unwrap();
    let found = ask(
        &superuser(&second),
        "SELECT count(*)::text FROM pg_largeobject_metadata WHERE oid = 4711",
    );
    assert_eq!(found.unwrap(), "1");
    second.stop().unwrap();
}

#[test]
fn a_server_left_by_a_killed_process_is_adopted() {
    let place = Place::new("adopted");
    let options = place.options(Durability::Fast);
    let first = Cluster::start(&options).unwrap();
    let pid = first.live.pid;
    first.leave_running();
    let second = Cluster::start(&options).unwrap();
    assert_eq!(second.live.pid, pid);
    assert!(second.child.is_none());
    second.stop().unwrap();
    let third = Cluster::start(&options).unwrap();
    assert!(third.child.is_some());
    third.stop().unwrap();
}

#[test]
fn two_starts_at_once_give_one_server() {
    let place = Place::new("twice");
    let options = place.options(Durability::Fast);
    let pids: Vec<u32> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| Cluster::start(&options).unwrap()))
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap().live.pid)
            .collect()
    });
    assert_eq!(pids, vec![pids[0]; 3]);
}

#[test]
fn a_crashed_server_and_a_reused_process_number_do_not_stop_the_next_start() {
    let place = Place::new("crashed");
    let options = place.options(Durability::Fast);
    let mut first = Cluster::start(&options).unwrap();
    let pid_file = first.folder.cluster().join("postmaster.pid");
    first.child.as_mut().unwrap().kill().unwrap();
    first.child.as_mut().unwrap().wait().unwrap();
    assert!(pid_file.exists());
    let second = Cluster::start(&options).unwrap();
    assert_ne!(second.live.pid, first.live.pid);
    second.stop().unwrap();

    fs::write(&pid_file, format!("{}\n/elsewhere\n", std::process::id())).unwrap();
    let third = Cluster::start(&options).unwrap();
    assert_ne!(third.live.pid, std::process::id());
    third.stop().unwrap();
}

#[test]
fn durable_and_fast_differ_in_what_waits_for_the_disk() {
    for (durability, expected) in [(Durability::Durable, "on"), (Durability::Fast, "off")] {
        let place = Place::new(&format!("durability-{expected}"));
        let mut options = place.options(durability);
        options.settings = vec![("work_mem".into(), "7MB".into())];
        let cluster = Cluster::start(&options).unwrap();
        let url = superuser(&cluster);
        assert_eq!(ask(&url, "SHOW fsync").unwrap(), expected);
        assert_eq!(ask(&url, "SHOW synchronous_commit").unwrap(), expected);
        assert_eq!(ask(&url, "SHOW full_page_writes").unwrap(), expected);
        assert_eq!(ask(&url, "SHOW work_mem").unwrap(), "7MB");
        assert_eq!(ask(&url, "SHOW listen_addresses").unwrap(), "");
        cluster.stop().unwrap();
    }
}

#[test]
fn root_refuses_a_folder_that_postgres_cannot_enter_and_names_the_closed_ancestor() {
    let place = Place::new("closed");
    if account::current_uid().unwrap() != 0 {
        // Without root we run Postgres ourselves: there is no other account to keep out.
        assert!(Folder::open(&place.0).unwrap().account.is_none());
        return;
    }
    let closed = place.0.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let mut options = place.options(Durability::Fast);
    options.data = closed.join("deep/data");
    let refused = Cluster::start(&options).unwrap_err();
    assert!(matches!(&refused, Error::Unreachable { ancestor, .. } if *ancestor == closed));
    assert!(refused.to_string().contains("/var/lib/numbercloak/dev"));
    assert!(!closed.join("deep").exists());
}

#[test]
fn a_path_too_long_for_a_socket_and_full_of_odd_characters_works() {
    let place = Place::new("odd");
    let mut options = place.options(Durability::Fast);
    options.data = place.0.join("a b,c%d+e'é").join("x".repeat(100));
    let cluster = Cluster::start(&options).unwrap();
    assert!(!cluster.socket_dir().starts_with(&place.0));
    assert_eq!(ask(&superuser(&cluster), "SHOW port").unwrap(), "5432");
    let socket_dir = cluster.socket_dir().to_path_buf();
    drop(cluster);
    Cluster::reset(&options).unwrap();
    assert!(!socket_dir.exists());

    options.data = place.0.join("a b,c%d+e'é");
    let cluster = Cluster::start(&options).unwrap();
    assert!(cluster.socket_dir().starts_with(&place.0));
    assert_eq!(ask(&superuser(&cluster), "SHOW port").unwrap(), "5432");
    drop(cluster);
    Cluster::reset(&options).unwrap();
}

#[test]
fn a_cluster_of_a_version_that_is_not_installed_is_refused_untouched() {
    let place = Place::new("gone");
    let options = place.options(Durability::Fast);
    let cluster = options.data.join("cluster");
    folder::create_reachable(&cluster).unwrap();
    fs::write(cluster.join("PG_VERSION"), "9\n").unwrap();
    let refused = Cluster::start(&options).unwrap_err();
    assert!(matches!(refused, Error::VersionGone { made_by: 9, .. }));
    assert!(cluster.join("PG_VERSION").exists());
}

#[test]
fn a_temporary_cluster_is_gone_with_its_handle() {
    let cluster = Cluster::temporary(&[]).unwrap();
    let data = cluster.folder.data.clone();
    assert_eq!(ask(&superuser(&cluster), "SHOW fsync").unwrap(), "off");
    drop(cluster);
    assert!(!data.exists());
}

#[test]
fn the_watchdog_alone_stops_and_deletes_a_temporary_cluster() {
    let mut cluster = Cluster::temporary(&[]).unwrap();
    // What happens when our process is killed: the pipe closes, and nobody reaps or stops anything.
    let mut watchdog = cluster.watchdog.take().unwrap();
    drop(watchdog.stdin.take());
    cluster.child.as_mut().unwrap().wait().unwrap();
    watchdog.wait().unwrap();
    assert!(!cluster.folder.data.exists());
}

#[tokio::test]
async fn preparing_is_idempotent_safe_in_parallel_and_gives_the_application_no_rights() {
    let cluster = tokio::task::spawn_blocking(|| Cluster::temporary(&[]))
        .await
        .unwrap()
        .unwrap();
    let url = superuser(&cluster);
    let (a, b, c) = tokio::join!(
        prepare(&url, "numbercloak"),
        prepare(&url, "numbercloak"),
        prepare(&url, "numbercloak"),
    );
    a.and(b).and(c).unwrap();
    prepare(&url, "numbercloak").await.unwrap();

    let mut owner = PgConnection::connect(&cluster.url(OWNER_ROLE, "numbercloak"))
        .await
        .unwrap();
    sqlx::raw_sql("CREATE TABLE t (n int); CREATE ROLE readers; GRANT SELECT ON t TO readers")
        .execute(&mut owner)
        .await
        .unwrap();
    owner.close().await.unwrap();

    copy_database(&url, "numbercloak", "copy").await.unwrap();
    for database in ["numbercloak", "copy"] {
        let mut app = PgConnection::connect(&cluster.url(APP_ROLE, database))
            .await
            .unwrap();
        let refused = |outcome: Result<_, sqlx::Error>| {
            let error = outcome
                .map(|_: sqlx::postgres::PgQueryResult| ())
                .unwrap_err();
            error.into_database_error().unwrap().code().unwrap() == "42501"
        };
        for forbidden in [
            "SELECT * FROM t",
            "CREATE TABLE mine (n int)",
            "CREATE TEMPORARY TABLE mine (n int)",
            "CREATE SCHEMA mine",
            "CREATE ROLE mine",
            "GRANT readers TO numbercloak_app",
        ] {
            assert!(
                refused(sqlx::raw_sql(forbidden).execute(&mut app).await),
                "{forbidden} in {database}"
            );
        }
        app.close().await.unwrap();
    }

    let mut owner = PgConnection::connect(&cluster.url(OWNER_ROLE, "copy"))
        .await
        .unwrap();
    sqlx::raw_sql("INSERT INTO t VALUES (1); GRANT readers TO numbercloak_app")
        .execute(&mut owner)
        .await
        .unwrap();
    owner.close().await.unwrap();
    assert!(matches!(
        prepare(&url, "a\"; --").await,
        Err(Error::BadName)
    ));
}

#[test]
fn the_address_escapes_what_an_address_cannot_hold() {
    assert_eq!(percent_encode(b"/a b+c"), "%2Fa%20b%2Bc");
    assert_eq!(percent_encode("é".as_bytes()), "%C3%A9");
    assert_eq!(
        percent_encode(b"numbercloak_app-1.~"),
        "numbercloak_app-1.~"
    );
}
