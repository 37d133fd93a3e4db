//! Source addresses that hide a phone's own, as staff load them: they choose words on a page, and
//! nothing else.

use std::collections::BTreeMap;

use ipnet::IpNet;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// What stands between a phone and us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NetworkKind {
    /// iCloud Private Relay and its like.
    Relay,
    /// VPNs and hosting.
    Vpn,
}

impl NetworkKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Relay, Self::Vpn];

    /// The word in the row and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Vpn => "vpn",
        }
    }

    /// What such networks are found under beside those of operators; no UUIDv7 is so small.
    #[must_use]
    pub fn owner(self) -> Uuid {
        Uuid::from_u128(match self {
            Self::Relay => 1,
            Self::Vpn => 2,
        })
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// The networks of one kind.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The kind.
    pub kind: NetworkKind,
    /// The networks.
    pub networks: Vec<IpNet>,
    /// Whose file they are kept as.
    pub managed_by: Option<String>,
    /// Counts the loads.
    pub revision: i32,
    /// When they were loaded.
    pub loaded_at: Time,
}

/// Which kinds have networks, and in which revision, under what they are found by.
pub async fn revisions(db: &mut PgConnection) -> Result<BTreeMap<Uuid, i32>, StoreError> {
    let rows = sqlx::query!("select kind, revision from network_ranges")
        .fetch_all(db)
        .await?;
    let pairs = rows
        .into_iter()
        .filter_map(|row| Some((NetworkKind::parse(&row.kind)?.owner(), row.revision)));
    Ok(pairs.collect())
}

/// The networks of all kinds.
pub async fn list(db: &mut PgConnection) -> Result<Vec<Loaded>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select kind, networks as "networks: Vec<IpNet>", managed_by, revision, loaded_at
        from network_ranges
        order by kind
        "#
    )
    .fetch_all(db)
    .await?;
    let known = rows.into_iter().filter_map(|row| {
        Some(Loaded {
            kind: NetworkKind::parse(&row.kind)?,
            networks: row.networks,
            managed_by: row.managed_by,
            revision: row.revision,
            loaded_at: row.loaded_at,
        })
    });
    Ok(known.collect())
}

/// Replaces the networks of a kind, if they are still in the revision that was seen (0 for none ever); a
/// new keeper takes them over. None at all leaves an empty row, so that revisions never repeat. Returns the
/// new revision.
///
/// # Errors
/// [`StoreError::Stale`] if somebody else loaded them meanwhile.
pub async fn replace(
    db: &mut PgConnection,
    kind: NetworkKind,
    networks: &[IpNet],
    (seen, keeper): (Option<i32>, Option<&str>),
    now: Time,
) -> Result<i32, StoreError> {
    let revision = sqlx::query_scalar!(
        r#"
        insert into network_ranges as known (kind, networks, revision, loaded_at, managed_by)
        select $1::text, $2::inet[], 1, $3::timestamptz, $5::text
        where coalesce($4, 0) = 0 or exists (select from network_ranges where kind = $1)
        on conflict (kind) do update
        set networks = excluded.networks, revision = known.revision + 1,
            loaded_at = excluded.loaded_at,
            managed_by = coalesce(excluded.managed_by, known.managed_by)
        where known.revision = coalesce($4, known.revision)
        returning revision
        "#,
        kind.as_str(),
        networks as &[IpNet],
        now,
        seen,
        keeper,
    )
    .fetch_optional(db)
    .await?;
    revision.ok_or(StoreError::Stale)
}

/// Nobody's file keeps the networks of a kind any more.
pub async fn free(db: &mut PgConnection, kind: NetworkKind) -> Result<(), StoreError> {
    sqlx::query!(
        "update network_ranges set managed_by = null where kind = $1",
        kind.as_str()
    )
    .execute(db)
    .await?;
    Ok(())
}
