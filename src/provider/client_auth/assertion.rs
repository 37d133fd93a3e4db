//! `private_key_jwt`: an assertion that the client signed (RFC 7523 section 3, OIDC Core section 9,
//! FAPI 2.0 security profile section 5.3.2.1).

use chrono::TimeDelta;
use serde_json::Value;

use super::No;
use crate::clock::Time;
use crate::oauth::jws::Jws;
use crate::oauth::signing_alg::SigningAlg;
use crate::store::assertions;
use crate::store::clients::Client;
use crate::web::app::App;
use crate::web::client_keys::{self, NotVerified};
use crate::web::failure::Failure;

/// The longest an assertion may live, seconds.
const LIFETIME: i64 = 300;
/// How far a client's clock may be ahead of ours, seconds.
const AHEAD: i64 = 60;
/// How long an assertion is remembered after its end: the replicas' clocks differ.
const REMEMBERED: TimeDelta = TimeDelta::seconds(60);
/// What an assertion may be typed as. Any other type is a token made for something else.
const TYPES: [&str; 2] = ["JWT", "client-authentication+jwt"];
/// Longest `jti`, bytes.
const LONGEST_JTI: usize = 512;

/// Whether the assertion proves the client. Its `jti` is used up only if everything else is right, so
/// that nobody else's attempt can use it up.
pub(super) async fn accept(
    app: &App,
    client: &Client,
    jwt: &str,
    endpoint: &str,
    now: Time,
) -> Result<Result<(), &'static str>, No> {
    let verified = client_keys::verify(app, client, jwt, &algorithms(client), now).await;
    let jws = match verified {
        Ok(jws) => jws,
        Err(reason) => return Ok(Err(told(reason))),
    };
    let issuer = &app.config.issuer;
    let audiences = if client.settings.profile.is_fapi() {
        Audiences::Only(issuer.as_str())
    } else {
        // RFC 9126 section 2: at the pushed request endpoint the token endpoint's URL counts, too.
        let mut urls = vec![issuer.as_str().to_owned()];
        for path in [endpoint, "/token"] {
            urls.push(issuer.url(path));
            urls.extend(app.config.mtls.as_ref().map(|mtls| mtls.url(path)));
        }
        Audiences::AnyOf(urls)
    };
    let (jti, ends) = match judge(&jws, &client.client_id, &audiences, now) {
        Ok(judged) => judged,
        Err(reason) => return Ok(Err(reason)),
    };
    let until = ends + REMEMBERED;
    let first = assertions::use_once(app.db.relaxed_steps(), &client.client_id, jti, until)
        .await
        .map_err(Failure::from)?;
    Ok(if first {
        Ok(())
    } else {
        Err("the client assertion was used before")
    })
}

/// What the client may sign with.
fn algorithms(client: &Client) -> Vec<SigningAlg> {
    let allowed: &[SigningAlg] = if client.settings.profile.is_fapi() {
        &SigningAlg::FAPI
    } else {
        &SigningAlg::ALL
    };
    let only = client.settings.auth_signing_alg;
    let mut allowed = allowed.to_vec();
    allowed.retain(|alg| only.is_none_or(|only| only == *alg));
    allowed
}

fn told(reason: NotVerified) -> &'static str {
    match reason {
        NotVerified::Malformed(_) => {
            "the client assertion cannot be read or has an algorithm that is not accepted"
        }
        NotVerified::NoKeys(_) => "no keys of the client can be had to check its assertion",
        NotVerified::Signature => "the client assertion is not signed with a key of the client",
    }
}

/// Whom an assertion may be meant for.
enum Audiences<'a> {
    /// Exactly this text: no array, no other URL of ours. An assertion for another server that an
    /// attacker made the client send there is no use here (FAPI 2.0 section 5.3.2.1).
    Only(&'a str),
    /// One of these, or an array of nothing else.
    AnyOf(Vec<String>),
}

/// Whether what the assertion says is right; its `jti` and its end.
fn judge<'a>(
    jws: &'a Jws,
    client_id: &str,
    audiences: &Audiences<'_>,
    now: Time,
) -> Result<(&'a str, Time), &'static str> {
    if !jws.is_typed(&TYPES) {
        return Err("the client assertion has the typ of something else");
    }
    if jws.text("iss") != Some(client_id) || jws.text("sub") != Some(client_id) {
        return Err("iss and sub of the client assertion must both be the client_id");
    }
    if !is_meant(jws.claims.get("aud"), audiences) {
        return Err("the aud of the client assertion must be the issuer");
    }
    let seconds = |claim| {
        jws.seconds(claim)
            .map_err(|_| "a time in the client assertion is no number")
    };
    let (expires, issued, starts) = (seconds("exp")?, seconds("iat")?, seconds("nbf")?);
    let now = now.timestamp();
    let ahead = now.saturating_add(AHEAD);
    if issued.is_some_and(|at| at > ahead) || starts.is_some_and(|at| at > ahead) {
        return Err("the client assertion is from the future");
    }
    let expires = expires.ok_or("the client assertion has no exp")?;
    if expires <= now {
        return Err("the client assertion has expired");
    }
    // A client whose clock is a little ahead counts from its own time.
    if expires
        > issued
            .map_or(now, |at| at.max(now))
            .saturating_add(LIFETIME)
    {
        return Err("the client assertion lives longer than 300 seconds");
    }
    let jti = jws
        .text("jti")
        .filter(|jti| !jti.is_empty() && jti.len() <= LONGEST_JTI)
        .ok_or("the client assertion has no jti, or one over 512 bytes")?;
    let ends = Time::from_timestamp(expires, 0).ok_or("the client assertion has no exp")?;
    Ok((jti, ends))
}

fn is_meant(aud: Option<&Value>, audiences: &Audiences<'_>) -> bool {
    let is_ours = |value: &Value| match (value.as_str(), audiences) {
        (Some(text), Audiences::Only(only)) => text == *only,
        (Some(text), Audiences::AnyOf(urls)) => urls.iter().any(|url| url == text),
        (None, _) => false,
    };
    match (aud, audiences) {
        (Some(Value::Array(all)), Audiences::AnyOf(_)) => {
            !all.is_empty() && all.iter().all(is_ours)
        }
        (Some(one), _) => is_ours(one),
        (None, _) => false,
    }
}
