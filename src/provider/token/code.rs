//! `grant_type=authorization_code` (RFC 6749 section 4.1.3, OIDC Core section 3.1.3): a code in,
//! tokens out.

use crate::audit::event::Event;
use crate::oauth::pkce;
use crate::provider::call::{Call, Refusal};
use crate::provider::token::issue::{Prepared, Tokens};
use crate::provider::token::{
    Binding, invalid_grant, invalid_target, record, refused_unread, resources,
};
use crate::secret::Handle;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::tokens::code::{self, Redeemed, Redeeming};

/// Redeems the code of a request.
///
/// # Errors
/// [`Refusal`].
pub async fn redeem(call: &Call) -> Result<Tokens, Refusal> {
    let asked = match read(call).await {
        Ok(asked) => asked,
        Err(refusal) => {
            let event = |reason| Event::CodeToTokenError {
                grant: None,
                reason,
                revoked: false,
            };
            return Err(refused_unread(call, refusal, event).await);
        }
    };
    let Asked {
        given,
        redirect_uri,
        challenge,
        prepared,
    } = asked;
    let issued = Event::CodeToToken {
        grant: given.id,
        resources: prepared.resources().to_vec(),
        bound_to: prepared.binding.words(),
    };
    let recorder = call.browser.recorder(&call.app, call.now);
    let redeemed = code::redeem(
        call.app.db.durable_steps(),
        &Redeeming {
            code_hash: &given.hash(),
            client_id: &call.client.client_id,
            redirect_uri,
            challenge: challenge.as_deref(),
            access: prepared.access(),
            refresh_hash: &prepared.refresh_hash,
            binds_refresh: !call.client.is_confidential(),
            now: call.now,
        },
        Appended::new([recorder.record(call.subject(Some(given.id)), &issued)]),
    )
    .await;
    match redeemed {
        Ok(Redeemed::Granted(granted)) => prepared.give_out(&granted, None, true),
        Ok(Redeemed::Burned) => {
            let reason = "the code verifier, the redirect_uri or the DPoP key is not the request's";
            record(call, given.id, &refused(&given, reason, false)).await?;
            Err(invalid_grant(reason).into())
        }
        Ok(Redeemed::WrongTarget) => {
            let reason = "a resource is not one of the authorization request's";
            record(call, given.id, &refused(&given, reason, false)).await?;
            Err(invalid_target(reason).into())
        }
        Err(StoreError::Stale) => refuse_replay(call, &given).await,
        Err(error) => Err(error.into()),
    }
}

/// What a request brings, before anything is looked up.
struct Asked<'a> {
    given: Handle,
    redirect_uri: &'a str,
    challenge: Option<String>,
    prepared: Prepared<'a>,
}

async fn read(call: &Call) -> Result<Asked<'_>, Refusal> {
    let given = call.required("code")?;
    let redirect_uri = call.required("redirect_uri")?;
    let resources = resources(call)?;
    let Some(given) = Handle::parse(given) else {
        return Err(invalid_grant("the code is not one of ours").into());
    };
    // A malformed verifier fits no challenge; with a code that has none it must not either.
    let challenge = call.form.get("code_verifier").map(|verifier| {
        pkce::of_verifier(verifier).map_or_else(
            || "malformed".to_owned(),
            |challenge| challenge.as_str().to_owned(),
        )
    });
    let binding = Binding::of(call).await?;
    Ok(Asked {
        prepared: Prepared::new(call, given.id, binding, resources),
        given,
        redirect_uri,
        challenge,
    })
}

fn refused(code: &Handle, reason: &str, revoked: bool) -> Event {
    Event::CodeToTokenError {
        grant: Some(code.id),
        reason: reason.to_owned(),
        revoked,
    }
}

/// A code that is not there to be redeemed: if it was, by this client, all that came of it ends.
async fn refuse_replay(call: &Call, given: &Handle) -> Result<Tokens, Refusal> {
    let reason = "the code is unknown, expired or used";
    let replay = refused(given, "the code was used before", true);
    let recorder = call.browser.recorder(&call.app, call.now);
    let revoked = code::end_after_replay(
        call.app.db.durable_steps(),
        &given.hash(),
        &call.client.client_id,
        call.now,
        Appended::new([recorder.record(call.subject(Some(given.id)), &replay)]),
    )
    .await?;
    if !revoked {
        record(call, given.id, &refused(given, reason, false)).await?;
    }
    Err(invalid_grant(reason).into())
}
