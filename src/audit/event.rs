//! The events: one type per thing that can happen. Keycloak's names where the meaning is the same.
//!
//! Nothing here is personal or secret: numbers, addresses and user agents go to
//! [`crate::audit::record::Personal`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use crate::audit::event_fields::{
    BreakerState, ChangedHandsBy, ErasedRange, LogBeginning, PreviousLog, Retired, SealRefusal,
    Subject,
};
use crate::clock::Time;
use crate::verdict::checks::CheckedAll;
use crate::verdict::{Evidence, Method};

/// One thing that happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Event {
    /// A valid authorization request opened a login.
    LoginStarted {
        /// What the app asked for.
        scopes: String,
        /// The redirect URI it will be answered at.
        redirect_uri: String,
        /// Whether the app named the number.
        number_hinted: bool,
        /// Whether PKCE was used.
        pkce: bool,
        /// The `prompt` asked for, if any.
        #[serde(skip_serializing_if = "Option::is_none")]
        prompt: Option<String>,
        /// Whether the app pushed the request: no browser could alter it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pushed: bool,
        /// Whether the app signed the request: nobody could.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        signed: bool,
    },
    /// The person gave a number on our page.
    NumberEntered {},
    /// A leg departed: the browser was sent to an operator.
    OperatorSelected {
        /// The leg.
        leg: Uuid,
        /// The rule that chose the operator.
        rule: String,
        /// How it will be asked.
        method: Method,
        /// The operator record's revision.
        revision: i32,
        /// Whether a person pressed a button of ours before.
        pressed: bool,
    },
    /// The operator confirmed the number. This record's id is the `txn` of every token made of it.
    NumberVerified {
        /// The leg.
        leg: Uuid,
        /// How the operator was asked.
        method: Method,
        /// The subject the app knows the number's owner by.
        subject: String,
        /// The number's epoch.
        epoch: i32,
        /// Whether the operator is a test operator.
        test: bool,
        /// Whether the number was fixed by the app's request.
        pinned: bool,
        /// Milliseconds from departure to callback.
        away_ms: i64,
        /// What was seen on the wire.
        evidence: Evidence,
        /// The extra checks that were made.
        #[serde(default, skip_serializing_if = "CheckedAll::is_empty")]
        checks: CheckedAll,
    },
    /// The operator was asked and did not confirm the number.
    NumberNotVerified {
        /// The leg.
        leg: Uuid,
        /// How the operator was asked.
        method: Method,
        /// Milliseconds from departure to callback.
        away_ms: i64,
        /// What was seen on the wire.
        evidence: Evidence,
        /// The extra checks that were made.
        #[serde(default, skip_serializing_if = "CheckedAll::is_empty")]
        checks: CheckedAll,
    },
    /// No operator could be asked.
    OperatorSelectedError {
        /// Why not.
        evidence: Evidence,
    },
    /// A callback was refused before the operator was asked.
    IdentityProviderResponseError {
        /// The leg, if the state named one.
        #[serde(skip_serializing_if = "Option::is_none")]
        leg: Option<Uuid>,
        /// What was wrong.
        reason: String,
    },
    /// The person asked for more time.
    LoginExtended {
        /// When the login ends now, if nothing ends it before.
        until: Time,
    },
    /// The person agreed to what the app is told, and this browser remembers it.
    GrantConsent {
        /// What may be released.
        release: String,
        /// Until when it is remembered.
        until: Time,
    },
    /// A login ended with a code for the app.
    Login {
        /// The grant behind the code.
        grant: Uuid,
        /// What it may release.
        release: String,
        /// The record of the check it rests on.
        txn: Uuid,
        /// The session that was opened, renewed or used.
        session: Uuid,
        /// Whether a remembered session answered, without asking an operator.
        from_session: bool,
    },
    /// A login ended without one, or was never opened because its request was refused.
    LoginError {
        /// The OAuth error the app was or will be told; absent if it is told nothing.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// What was wrong with a request that was refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// An app pushed an authorization request (RFC 9126).
    PushedAuthorizationRequest {
        /// Whether it names the number.
        number_hinted: bool,
        /// Until when a browser may bring it.
        until: Time,
    },
    /// A pushed authorization request was refused.
    PushedAuthorizationRequestError {
        /// The OAuth error the app was told.
        error: String,
        /// What was wrong.
        reason: String,
    },
    /// A code was exchanged for tokens.
    CodeToToken {
        /// The grant; the login of the same id ended with it.
        grant: Uuid,
        /// The resources the access token is for; none: userinfo.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        resources: Vec<String>,
        /// What the tokens are bound to: `dpop`, `certificate`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bound_to: Vec<String>,
    },
    /// A code was refused.
    CodeToTokenError {
        /// The grant the code named, if it is ours.
        #[serde(skip_serializing_if = "Option::is_none")]
        grant: Option<Uuid>,
        /// What was wrong.
        reason: String,
        /// Whether the grant and its tokens were ended for it.
        revoked: bool,
    },
    /// A refresh token was exchanged for tokens.
    RefreshToken {
        /// The grant.
        grant: Uuid,
        /// Whether another refresh token took its place.
        rotated: bool,
        /// The scopes it was narrowed to, if it was.
        #[serde(skip_serializing_if = "Option::is_none")]
        scopes: Option<String>,
        /// The resources the access token is for; none: those of the request before, or userinfo.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        resources: Vec<String>,
        /// What the tokens are bound to: `dpop`, `certificate`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bound_to: Vec<String>,
    },
    /// A refresh token was refused.
    RefreshTokenError {
        /// The grant it named, if it is ours.
        #[serde(skip_serializing_if = "Option::is_none")]
        grant: Option<Uuid>,
        /// What was wrong.
        reason: String,
        /// Whether the grant and its tokens were ended for it.
        revoked: bool,
    },
    /// A client gave a token back.
    RevokeGrant {
        /// The grant.
        grant: Uuid,
        /// `access_token`: that one ended. `refresh_token`: the grant and all its tokens did.
        token: String,
    },
    /// A client may not give back a token: it is another client's.
    RevokeGrantError {
        /// The grant behind the token.
        grant: Uuid,
        /// What was wrong.
        reason: String,
    },
    /// An access token was refused at userinfo. Of one address only so many a minute are recorded.
    UserInfoRequestError {
        /// The grant behind the token, if it lives.
        #[serde(skip_serializing_if = "Option::is_none")]
        grant: Option<Uuid>,
        /// What was wrong.
        reason: String,
    },
    /// A client may not ask what a token is: it does not authenticate.
    IntrospectTokenError {
        /// What was wrong.
        reason: String,
    },
    /// A session ended because the person or an app of theirs wanted it to.
    Logout {
        /// The session.
        session: Uuid,
        /// Whether the person was asked on our page; otherwise the app's ID token named the session.
        asked: bool,
    },
    /// The person no longer lets an app confirm their number without asking: on the page of the apps
    /// that their browser remembers.
    GoAheadWithdrawn {},
    /// A client was told that a session ended, and confirmed.
    BackchannelLogout {
        /// The session.
        session: Uuid,
        /// Which try it was, from 1.
        tries: i32,
    },
    /// A client could not be told that a session ended, and will not be tried again.
    BackchannelLogoutError {
        /// The session.
        session: Uuid,
        /// Tries made.
        tries: i32,
        /// How the last one went.
        reason: String,
    },
    /// A client failed to authenticate.
    ClientLoginError {
        /// What was wrong.
        reason: String,
    },
    /// A number belongs to somebody else now: every app knows its owner by a new subject.
    NumberChangedHands {
        /// The number's epoch before.
        from: i32,
        /// And since.
        to: i32,
        /// Who said so.
        by: ChangedHandsBy,
        /// Why, in the words of staff.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Sessions that ended with it.
        sessions: i64,
        /// Grants that ended with it.
        grants: i64,
        /// Go-aheads that were forgotten with it.
        go_aheads: i64,
    },
    /// A server of ours stopped asking an operator that does not answer, or asks it again.
    OperatorBreaker {
        /// Which server.
        replica: String,
        /// What it does now.
        state: BreakerState,
        /// When it tries again, while it does not ask.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Time>,
        /// Calls that failed within the window.
        failures: u32,
    },
    /// A desktop shows a ticket for a phone.
    HandoffStarted {
        /// The hand-off.
        handoff: Uuid,
        /// Whether it takes the place of a ticket before.
        renewed: bool,
    },
    /// A phone took the ticket: its person said yes.
    HandoffClaimed {
        /// The hand-off.
        handoff: Uuid,
    },
    /// A ticket was refused.
    HandoffClaimError {
        /// The hand-off.
        handoff: Uuid,
        /// What was wrong: `used`, `expired`, `not_waiting`, `not_allowed`.
        reason: String,
    },
    /// The desktop typed digits that the phone does not show.
    HandoffDigitsError {
        /// The hand-off.
        handoff: Uuid,
        /// Whether it was the last try.
        last: bool,
    },
    /// A hand-off ended without a release: the person at the phone said no, or the desktop goes on by
    /// itself.
    HandoffStopped {
        /// The hand-off.
        handoff: Uuid,
        /// `phone` or `desktop`.
        by: String,
    },
    /// The person at the phone says that they did not start it.
    HandoffReported {
        /// The hand-off.
        handoff: Uuid,
    },
    /// The personal parts of records were erased because somebody asked for it, and with them whatever
    /// else is known of the number. A missing part that no such record lists was taken away unlawfully.
    PersonalDataErased {
        /// The records whose personal parts went.
        erased: Vec<Uuid>,
        /// Which of the erasure's records this is, from 1; each lists a bounded number.
        part: usize,
        /// How many there are.
        parts: usize,
        /// The number of the request, in the words of staff.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ticket: Option<String>,
        /// Rows that went besides, by kind; only in the first.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        rows: BTreeMap<String, i64>,
        /// Personal parts that stay because of a legal hold; only in the first.
        #[serde(default)]
        held: i64,
    },
    /// A month that is older than it is kept was dropped: the tombstone that stays in its place.
    PartitionDropped {
        /// The table.
        table: String,
        /// The records' times: not before.
        from: Time,
        /// And before.
        until: Time,
        /// Rows that went.
        rows: i64,
        /// Of personal parts: the ids of the records that lost theirs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        erased_range: Option<ErasedRange>,
        /// Of records: which, and their leaves in the log.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retired: Option<Retired>,
    },
    /// What has been over for a day was deleted: codes, tokens, grants, sessions, go-aheads.
    ExpiredDataPurged {
        /// Rows that went, by kind.
        rows: BTreeMap<String, i64>,
    },
    /// Something that a person should look at.
    Alert {
        /// What: `mismatches`, `hand_off_reports`, `log_verification`.
        alert: String,
        /// What it is about: an operator's alias, a client's `client_id`.
        about: String,
        /// What was seen, in one sentence.
        message: String,
    },
    /// A log began; its first record.
    AuditLogStarted {
        /// Its name in checkpoints.
        origin: String,
        /// The key that checks its checkpoints, as Go's note package writes it.
        key: String,
        /// Why.
        reason: LogBeginning,
        /// The log before, if there was one.
        #[serde(skip_serializing_if = "Option::is_none")]
        previous: Option<PreviousLog>,
    },
    /// The records that a server knows committed since its last manifest.
    AuditManifest {
        /// The server, new with every start.
        server: String,
        /// 1, 2, … for each server.
        serial: u64,
        /// Their ids, the manifest before among them.
        records: Vec<Uuid>,
        /// Records that were answered without waiting for the disk, and that the database lost when it
        /// crashed: beginnings of logins and refusals, never a verdict or a token.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lost: Vec<Uuid>,
        /// Whether the server stopped in good order after this one.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        last: bool,
    },
    /// A server looked at the whole log, as it does once a day.
    AuditLogVerified {
        /// Leaves looked at.
        leaves: u64,
        /// Those whose record was there.
        records: u64,
        /// Checkpoints outside the database that were read and compared.
        outside: usize,
        /// How many things are wrong: 0 is well.
        found: u64,
        /// The first of them, in one sentence.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<String>,
        /// How long it took, in milliseconds.
        took_ms: i64,
    },
    /// What stood among the records to be sealed was not sealed.
    AuditRecordRefused {
        /// The id that stood there.
        record: Uuid,
        /// Why not.
        reason: SealRefusal,
    },
    /// Staff or the system changed something.
    AdminEvent {
        /// `CREATE`, `UPDATE`, `DELETE` or `ACTION`.
        operation: String,
        /// The kind of thing: `client`, `operator`, `staff`, `key`, ...
        resource: String,
        /// Which one. Named apart from the record's own `id`, beside which it stands in the body.
        #[serde(rename = "resource_id")]
        id: String,
        /// What changed, without secrets.
        details: serde_json::Value,
    },
}

impl Event {
    /// The word in the `type` column and in filters.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::LoginStarted { .. } => "LOGIN_STARTED",
            Self::NumberEntered {} => "NUMBER_ENTERED",
            Self::OperatorSelected { .. } => "OPERATOR_SELECTED",
            Self::NumberVerified { .. } => "NUMBER_VERIFIED",
            Self::NumberNotVerified { .. } => "NUMBER_NOT_VERIFIED",
            Self::OperatorSelectedError { .. } => "OPERATOR_SELECTED_ERROR",
            Self::IdentityProviderResponseError { .. } => "IDENTITY_PROVIDER_RESPONSE_ERROR",
            Self::LoginExtended { .. } => "LOGIN_EXTENDED",
            Self::GrantConsent { .. } => "GRANT_CONSENT",
            Self::Login { .. } => "LOGIN",
            Self::LoginError { .. } => "LOGIN_ERROR",
            Self::PushedAuthorizationRequest { .. } => "PUSHED_AUTHORIZATION_REQUEST",
            Self::PushedAuthorizationRequestError { .. } => "PUSHED_AUTHORIZATION_REQUEST_ERROR",
            Self::CodeToToken { .. } => "CODE_TO_TOKEN",
            Self::CodeToTokenError { .. } => "CODE_TO_TOKEN_ERROR",
            Self::RefreshToken { .. } => "REFRESH_TOKEN",
            Self::RefreshTokenError { .. } => "REFRESH_TOKEN_ERROR",
            Self::RevokeGrant { .. } => "REVOKE_GRANT",
            Self::RevokeGrantError { .. } => "REVOKE_GRANT_ERROR",
            Self::UserInfoRequestError { .. } => "USER_INFO_REQUEST_ERROR",
            Self::IntrospectTokenError { .. } => "INTROSPECT_TOKEN_ERROR",
            Self::Logout { .. } => "LOGOUT",
            Self::GoAheadWithdrawn {} => "GO_AHEAD_WITHDRAWN",
            Self::BackchannelLogout { .. } => "BACKCHANNEL_LOGOUT",
            Self::BackchannelLogoutError { .. } => "BACKCHANNEL_LOGOUT_ERROR",
            Self::ClientLoginError { .. } => "CLIENT_LOGIN_ERROR",
            Self::NumberChangedHands { .. } => "NUMBER_CHANGED_HANDS",
            Self::OperatorBreaker { .. } => "OPERATOR_BREAKER",
            Self::HandoffStarted { .. } => "HANDOFF_STARTED",
            Self::HandoffClaimed { .. } => "HANDOFF_CLAIMED",
            Self::HandoffClaimError { .. } => "HANDOFF_CLAIM_ERROR",
            Self::HandoffDigitsError { .. } => "HANDOFF_DIGITS_ERROR",
            Self::HandoffStopped { .. } => "HANDOFF_STOPPED",
            Self::HandoffReported { .. } => "HANDOFF_REPORTED",
            Self::PersonalDataErased { .. } => "PERSONAL_DATA_ERASED",
            Self::PartitionDropped { .. } => "PARTITION_DROPPED",
            Self::ExpiredDataPurged { .. } => "EXPIRED_DATA_PURGED",
            Self::Alert { .. } => "ALERT",
            Self::AuditLogStarted { .. } => "AUDIT_LOG_STARTED",
            Self::AuditManifest { .. } => "AUDIT_MANIFEST",
            Self::AuditLogVerified { .. } => "AUDIT_LOG_VERIFIED",
            Self::AuditRecordRefused { .. } => "AUDIT_RECORD_REFUSED",
            Self::AdminEvent { .. } => "ADMIN_EVENT",
        }
    }
}
