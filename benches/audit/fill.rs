//! Fills the log: six records a login, as a server writes them in shape and size. MACs and personal parts are not
//! genuine, which costs a reader the same.

use chrono::{Datelike as _, TimeDelta};
use numbercloak::audit::networks;
use numbercloak::clock::Time;
use numbercloak::secret::{Vault, first_id};
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

/// Records of one login.
pub const PER_LOGIN: i64 = 6;
/// How many people there are.
const PEOPLE: i64 = 100_000;
/// And networks.
const NETWORKS: i64 = 4096;
/// Records in one statement.
const BATCH: i64 = 250_000;
/// Thirteen months, as long as records are kept.
const SPAN: TimeDelta = TimeDelta::days(396);

/// What was filled in, for questions that have answers.
pub struct World {
    /// How many records.
    pub records: i64,
    /// The oldest one's time.
    pub from: Time,
    /// After the newest.
    pub until: Time,
    /// A number that signed in now and then.
    pub number: String,
    /// The number of a monitor, which signs in all the time: a quarter of all logins.
    pub monitor: String,
    /// A network that many came from.
    pub network: ipnet::IpNet,
    /// The network behind which a carrier hides half of them.
    pub carrier: ipnet::IpNet,
    /// A login in the middle,
    pub login: Uuid,
    /// and what its person reads.
    pub reference: String,
}

impl World {
    /// The time of a record, counted from the oldest.
    pub fn time_of(&self, record: i64) -> Time {
        let span = (self.until - self.from).num_milliseconds();
        self.from + TimeDelta::milliseconds(span / self.records.max(1) * record)
    }
}

fn number(person: i64) -> String {
    format!("+9907{person:08}")
}

/// A network, and behind the last one the carrier's.
fn network(n: i64) -> ipnet::IpNet {
    let (high, low) = (n / 256 % 256, n % 256);
    let length = if n == NETWORKS { 16 } else { 24 };
    let text = format!("10.{high}.{low}.0/{length}");
    text.parse().expect("it is a network")
}

/// Fills an empty, migrated database.
pub async fn fill(
    db: &mut PgConnection,
    vault: &Vault,
    now: Time,
    records: i64,
) -> anyhow::Result<World> {
    let from = now - SPAN;
    let middle = records / PER_LOGIN / 2;
    let mut world = World {
        records,
        from,
        until: now,
        number: number(4711 % PEOPLE),
        monitor: number(0),
        network: network(17),
        carrier: network(NETWORKS),
        login: Uuid::nil(),
        reference: format!("{middle:08x}"),
    };
    world.login = login(&world, middle);
    run(db, "set synchronous_commit = off").await?;
    months(db, &world).await?;
    people(db, vault).await?;
    let step = (now - from).num_milliseconds() / records.max(1);
    let constants = [
        ("$from_ms", from.timestamp_millis()),
        ("$step", step),
        ("$people", PEOPLE),
        ("$networks", NETWORKS),
        ("$per_login", PER_LOGIN),
    ];
    let mut at = 0;
    while at < records {
        let until = records.min(at + BATCH);
        for statement in [RECORDS, PERSONAL, WORDS, CARRIER, REFERENCES] {
            let mut sql = statement
                .replace("$first", &at.to_string())
                .replace("$last", &(until - 1).to_string());
            for (name, value) in constants {
                sql = sql.replace(name, &value.to_string());
            }
            run(db, &sql).await?;
        }
        at = until;
        eprintln!("{at} of {records}");
    }
    run(db, KINDS).await?;
    run(db, "vacuum analyze").await?;
    Ok(world)
}

/// As [`RECORDS`] makes it.
fn login(world: &World, n: i64) -> Uuid {
    let first = first_id(world.time_of(n * PER_LOGIN)).to_string();
    let text = format!("{}-9000-{n:012x}", &first[..18]);
    Uuid::parse_str(&text).expect("it is an id")
}

async fn run(db: &mut PgConnection, sql: &str) -> anyhow::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(db)
        .await?;
    Ok(())
}

async fn months(db: &mut PgConnection, world: &World) -> anyhow::Result<()> {
    let mut month = world.from.date_naive().with_day(1).unwrap_or_default();
    while month <= world.until.date_naive() {
        let sql = format!(
            "select make_partitions(name, '{month} 00:00:00+00')
            from unnest(array['audit_records', 'audit_personal', 'record_words', 'login_references']) as name"
        );
        run(db, &sql).await?;
        month = month + chrono::Months::new(1);
    }
    // References are looked for among logins that the job has not come to; it has come to all.
    run(
        db,
        "insert into record_jobs (name, done_until) values ('index', now()) on conflict (name) do nothing",
    )
    .await
}

/// Keyed hashes of everybody's number and of every network.
async fn people(db: &mut PgConnection, vault: &Vault) -> anyhow::Result<()> {
    run(
        db,
        "create table bench_people (n bigint primary key, hash bytea);
        create table bench_networks (n bigint primary key, hash bytea);",
    )
    .await?;
    let hash = |text: &str| vault.search_hashes(text).remove(0).1;
    let numbers: Vec<Vec<u8>> = (0..PEOPLE).map(|n| hash(&number(n))).collect();
    let word = |n| networks::word(&network(n)).unwrap_or_default();
    let words: Vec<Vec<u8>> = (0..=NETWORKS).map(|n| hash(&word(n))).collect();
    for (table, hashes) in [("bench_people", numbers), ("bench_networks", words)] {
        let sql = format!(
            "insert into {table} select n - 1, hash from unnest($1::bytea[]) with ordinality as given (hash, n)"
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(hashes)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Record `g` is the `g % 6`th of login `g / 6`. One login in 12 fails, one in 97 with a mismatch; of 20 apps the
/// first has half of all logins and the last a few; every thousandth login has an act of staff in its place.
const RECORDS: &str = r#"
insert into audit_records (id, at, type, login_id, client_id, operator, outcome, actor, body, mac, mac_key_id)
select id, at, type, login_id, client_id, operator, outcome, actor,
    convert_to(json_build_object(
        'v', 1, 'id', id, 'at', to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'software', 'bench',
        'login_id', login_id, 'client_id', client_id, 'operator', operator, 'outcome', outcome, 'actor', actor,
        'type', type, 'leg', login_id, 'method', 'verify', 'subject', md5(g::text), 'epoch', 0, 'test', false,
        'away_ms', 400 + g % 900, 'evidence', json_build_object('token_ms', 80 + g % 200, 'api_ms', 120 + g % 300,
            'status', 200, 'correlator', md5((g + 1)::text)),
        'personal', md5((g + 2)::text))::text, 'UTF8'),
    sha256(int8send(g)), 'bench'
from (
    select g, at, (left(uuid_floor(at)::text, 24) || lpad(to_hex(g), 12, '0'))::uuid as id,
        case when staff then null
            else (left(uuid_floor(to_timestamp(($from_ms + $step * (login * $per_login)) / 1000.0))::text, 18)
                || '-9000-' || lpad(to_hex(login), 12, '0'))::uuid
        end as login_id,
        case when staff then 'ADMIN_EVENT'
            when k = 0 then 'LOGIN_STARTED'
            when k = 1 then 'OPERATOR_SELECTED'
            when k = 2 then case when fails then 'NUMBER_NOT_VERIFIED' else 'NUMBER_VERIFIED' end
            when k = 3 then 'GRANT_CONSENT'
            when k = 4 then case when fails then 'LOGIN_ERROR' else 'LOGIN' end
            else 'CODE_TO_TOKEN'
        end as type,
        case when staff then null
            when login % 2 = 0 then 'app-0'
            when login % 4001 = 1 then 'app-19'
            else 'app-' || 1 + login % 18
        end as client_id,
        case when staff or k not in (1, 2) then null else 'operator-' || login % 5 end as operator,
        case when staff or k <> 2 and k <> 4 then null
            when login % 97 = 0 then 'mismatch'
            when fails then 'operator_timeout'
            else 'verified'
        end as outcome,
        case when staff then 'auditor-' || login % 7 || '@example.com' end as actor
    from (
        select g, g / $per_login as login, g % $per_login as k,
            to_timestamp(($from_ms + $step * g) / 1000.0) as at,
            (g / $per_login) % 1000 = 999 as staff,
            (g / $per_login) % 12 = 0 or (g / $per_login) % 97 = 0 as fails
        from generate_series($first::bigint, $last::bigint) as g
    ) numbered
) made
"#;

/// The first and the third record of each login have a personal part.
const PERSONAL: &str = r#"
insert into audit_personal (record_id, salt, key_id, number_hash, sealed)
select (left(uuid_floor(to_timestamp(($from_ms + $step * g) / 1000.0))::text, 24) || lpad(to_hex(g), 12, '0'))::uuid,
    sha256(int8send(g)), 'bench', case when g % $per_login = 2 then p.hash end, sha512(int8send(g)) || sha512(int8send(-g))
from generate_series($first::bigint, $last::bigint) as g
join bench_people p on p.n = case when (g / $per_login) % 4 = 0 then 0 else (g / $per_login * 7919) % $people end
where g % $per_login in (0, 2)
"#;

const WORDS: &str = r#"
insert into record_words (record_id, word)
select (left(uuid_floor(to_timestamp(($from_ms + $step * g) / 1000.0))::text, 24) || lpad(to_hex(g), 12, '0'))::uuid,
    w.hash
from generate_series($first::bigint, $last::bigint) as g
join bench_networks w on w.n = (g / $per_login * 104729) % $networks
where g % $per_login = 0
"#;

/// Every other login began behind the carrier.
const CARRIER: &str = r#"
insert into record_words (record_id, word)
select (left(uuid_floor(to_timestamp(($from_ms + $step * g) / 1000.0))::text, 24) || lpad(to_hex(g), 12, '0'))::uuid,
    (select hash from bench_networks where n = $networks)
from generate_series($first::bigint, $last::bigint) as g
where g % $per_login = 0 and (g / $per_login) % 2 = 0
"#;

/// What the hours that are over have records of, as the job that counts them writes it.
const KINDS: &str = "
insert into record_kinds (type, operator, outcome)
select distinct type, coalesce(operator, ''), coalesce(outcome, '') from audit_records;
insert into rollup_closed_hours (hour, closed_at)
select date_trunc('hour', max(at), 'UTC'), now() from audit_records;
";

const REFERENCES: &str = r#"
insert into login_references (login_id, reference)
select (left(uuid_floor(to_timestamp(($from_ms + $step * g) / 1000.0))::text, 18)
        || '-9000-' || lpad(to_hex(g / $per_login), 12, '0'))::uuid,
    right(lpad(to_hex(g / $per_login), 12, '0'), 8)
from generate_series($first::bigint, $last::bigint) as g
where g % $per_login = 0
"#;
