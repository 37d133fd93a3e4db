//! Access tokens: what stands behind one, and giving one back.

use crate::clock::Time;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::grants::Grant;
use crate::store::lane::Lane;

/// A live access token.
#[derive(Clone, Debug)]
pub struct Access {
    /// Its grant.
    pub grant: Grant,
    /// The scopes it was narrowed to; absent: all of the grant.
    pub scopes: Option<Vec<String>>,
    /// The resources it is for; none: userinfo.
    pub audiences: Vec<String>,
    /// The thumbprint of the DPoP key it is bound to.
    pub jkt: Option<String>,
    /// The thumbprint of the certificate it is bound to.
    pub x5t: Option<String>,
    /// When it was issued, if it was not long ago.
    pub issued_at: Option<Time>,
    /// When it ends.
    pub expires_at: Time,
}

/// What stands behind an access token, if it lives.
pub async fn find(lane: &Lane, hash: &[u8], now: Time) -> Result<Option<Access>, StoreError> {
    let mut lent = lane.get().await?;
    let row = sqlx::query!(
        r#"
        select g.id, g.client_id, g.facts, g.sealed, t.scopes, t.audiences, t.jkt, t.x5t,
            t.issued_at, t.expires_at
        from access_tokens t
        join grants g on g.id = t.grant_id
        where t.hash = $1 and t.expires_at > $2 and g.ended_at is null and g.expires_at > $2
            and not exists (
                select from subject_epochs e
                where e.number_hash = g.number_hash and e.epoch > g.epoch
            )
        "#,
        hash,
        now
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back();
    Ok(row.map(|row| Access {
        grant: Grant {
            id: row.id,
            client_id: row.client_id,
            facts: row.facts,
            sealed: row.sealed,
        },
        scopes: row.scopes,
        audiences: row.audiences,
        jkt: row.jkt,
        x5t: row.x5t,
        issued_at: row.issued_at,
        expires_at: row.expires_at,
    }))
}

/// Ends one access token; the grant and its other tokens live on (RFC 7009 section 2.1). Returns
/// whether there was one to end.
pub async fn revoke(lane: &Lane, hash: &[u8], records: Appended) -> Result<bool, StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query_scalar!(
        r#"
        with gone as (
            delete from access_tokens
            where hash = $1
            returning grant_id
        ),
        audit as (
            select append_audit($2) as appended
            from gone
        )
        select count(appended) as "done!"
        from audit
        "#,
        hash,
        &records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back_after(&records, done == 1);
    Ok(done == 1)
}
