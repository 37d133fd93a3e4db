//! Back-Channel Logout 1.0: tells clients, server to server, that a session of theirs ended. What is
//! to be told is queued in the transaction that ended the session; this delivers it, tries again
//! while a client does not answer, and records how it went.

use std::time::Duration;

use chrono::TimeDelta;
use http::{Request, StatusCode, header};
use serde_json::json;

use crate::audit::event::{Event, Subject};
use crate::audit::record::{Personal, Recorder};
use crate::clock::Time;
use crate::outbound::Limits;
use crate::secret::{b64, random};
use crate::store::audit::Appended;
use crate::store::clients::Client;
use crate::store::db::StoreError;
use crate::store::logout::{self, Due};
use crate::web::app::App;

/// How long after a failed try the next one follows; after the last there is none.
const WAITS: [TimeDelta; 5] = [
    TimeDelta::seconds(10),
    TimeDelta::minutes(1),
    TimeDelta::minutes(5),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
];
/// How long a delivery belongs to the replica that took it: longer than a try may take.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// Deliveries taken at once.
const BATCH: i64 = 20;
/// What one try may cost (the suite and the specification expect seconds, not minutes).
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(3),
    total: Duration::from_secs(8),
    max_bytes: 8 * 1024,
};
/// How long a logout token is good for: at most two minutes (section 2.4).
const TOKEN_LIFE: TimeDelta = TimeDelta::minutes(2);

/// How a try went.
enum Tried {
    Confirmed,
    /// Worth another try.
    Failed(String),
    /// Not worth one.
    Refused(String),
}

/// Delivers what is due until nothing is. Any replica may do it at any time.
///
/// # Errors
/// The database.
pub async fn deliver(app: &App) -> Result<(), StoreError> {
    loop {
        let now = app.clock.now();
        let due = logout::take_due(app.db.relaxed(), now, now + LEASE, BATCH).await?;
        if due.is_empty() {
            return Ok(());
        }
        let mut tries = tokio::task::JoinSet::new();
        for due in due {
            let app = app.clone();
            // One client that does not answer must not hold up the others.
            tries.spawn(async move { settle(&app, &due).await });
        }
        while let Some(settled) = tries.join_next().await {
            if let Ok(Err(error)) = settled {
                tracing::warn!(%error, "a logout delivery could not be settled; it will be repeated");
            }
        }
    }
}

/// The same right after a logout; what fails here the background task repeats.
pub async fn deliver_now(app: App) {
    if let Err(error) = deliver(&app).await {
        tracing::warn!(%error, "logouts could not be delivered yet");
    }
}

async fn settle(app: &App, due: &Due) -> Result<(), StoreError> {
    let tried = match app.client(&due.client_id).await {
        Ok(Some(client)) => tell(app, &client, due).await,
        Ok(None) => Tried::Refused("the client is disabled or gone".to_owned()),
        Err(_) => return Ok(()),
    };
    let now = app.clock.now();
    let (session, tries) = (due.session_id, due.tries);
    let wait = usize::try_from(tries - 1).ok().and_then(|i| WAITS.get(i));
    let (result, event) = match (tried, wait) {
        (Tried::Confirmed, _) => ("confirmed", Event::BackchannelLogout { session, tries }),
        (Tried::Failed(reason), Some(wait)) => {
            tracing::info!(
                client_id = due.client_id,
                reason,
                tries,
                "a client was not told of a logout"
            );
            metrics::counter!("numbercloak_logout_deliveries_total", "result" => "failed")
                .increment(1);
            return logout::retry_at(app.db.relaxed(), due, now + *wait).await;
        }
        (Tried::Failed(reason), None) => (
            "given_up",
            Event::BackchannelLogoutError {
                session,
                tries,
                reason,
            },
        ),
        (Tried::Refused(reason), _) => (
            "refused",
            Event::BackchannelLogoutError {
                session,
                tries,
                reason,
            },
        ),
    };
    metrics::counter!("numbercloak_logout_deliveries_total", "result" => result).increment(1);
    logout::finish(
        app.db.relaxed(),
        due,
        Appended::new([record(app, due, &event, now)]),
    )
    .await
}

fn record(app: &App, due: &Due, event: &Event, now: Time) -> crate::audit::record::Record {
    let recorder = Recorder {
        vault: &app.vault,
        now,
        browser: Personal::default(),
    };
    let subject = Subject {
        client_id: Some(due.client_id.clone()),
        actor: Some("system".to_owned()),
        ..Subject::default()
    };
    recorder.record(subject, event)
}

async fn tell(app: &App, client: &Client, due: &Due) -> Tried {
    let Some(uri) = &client.settings.backchannel_logout_uri else {
        return Tried::Refused("the client has no backchannel_logout_uri any more".to_owned());
    };
    let token = match logout_token(app, client, due) {
        Ok(token) => token,
        Err(error) => return Tried::Failed(error.to_string()),
    };
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("logout_token", &token)
        .finish();
    let request = Request::post(uri)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body.into_bytes());
    let Ok(request) = request else {
        return Tried::Refused("the backchannel_logout_uri is no address".to_owned());
    };
    match app.operators.outbound().send(request, LIMITS).await {
        // Section 2.8; 204 is what some frameworks make of an empty 200.
        Ok(answer) if matches!(answer.status(), StatusCode::OK | StatusCode::NO_CONTENT) => {
            Tried::Confirmed
        }
        Ok(answer) if answer.status() == StatusCode::BAD_REQUEST => {
            Tried::Refused("the client answered 400".to_owned())
        }
        Ok(answer) => Tried::Failed(format!("the client answered {}", answer.status().as_u16())),
        Err(error) => Tried::Failed(error.to_string()),
    }
}

/// The logout token (section 2.4): no `nonce`, so that it never passes for an ID token.
fn logout_token(
    app: &App,
    client: &Client,
    due: &Due,
) -> Result<String, crate::token::keyring::CannotSign> {
    let now = app.clock.now();
    let claims = json!({
        "iss": app.config.issuer.as_str(),
        "sub": due.subject,
        "aud": client.client_id,
        "iat": now.timestamp(),
        "exp": (now + TOKEN_LIFE).timestamp(),
        "jti": b64(&random::<16>()),
        "sid": due.sid,
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    });
    let keyring = app.keyring.current();
    keyring.sign(client.settings.id_token_alg, Some("logout+jwt"), &claims)
}
