//! `grant_type=refresh_token` (RFC 6749 section 6, OIDC Core section 12): the same verdict again. A
//! confidential client's refresh token stays; a public one's is used once and replaced, and one that
//! is brought again ends its whole family (RFC 9700 section 4.14.2).

use serde::Deserialize as _;

use crate::audit::event::Event;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::provider::call::{Call, Refusal};
use crate::provider::token::issue::{Prepared, Tokens};
use crate::provider::token::{
    Binding, invalid_grant, invalid_target, record, refused_unread, resources,
};
use crate::secret::Handle;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::tokens::refresh::{self, Known, Refreshing};
use crate::token::claims::Facts;
use crate::web::failure::Failure;

/// Uses the refresh token of a request.
///
/// # Errors
/// [`Refusal`].
pub async fn refresh(call: &Call) -> Result<Tokens, Refusal> {
    let (given, resources, binding) = match read(call).await {
        Ok(asked) => asked,
        Err(refusal) => {
            let event = |reason| Event::RefreshTokenError {
                grant: None,
                reason,
                revoked: false,
            };
            return Err(refused_unread(call, refusal, event).await);
        }
    };
    let scopes = scopes(call);
    let rotates = !call.client.is_confidential();
    let prepared = Prepared::new(call, given.id, binding.clone(), resources.clone());
    let hash = given.hash();
    let token = Refreshing {
        hash: &hash,
        client_id: &call.client.client_id,
        scopes: scopes.as_deref(),
        access: prepared.access(),
        now: call.now,
    };
    let event = Event::RefreshToken {
        grant: given.id,
        rotated: rotates,
        scopes: scopes.as_deref().map(|scopes| scopes.join(" ")),
        resources: resources.clone(),
        bound_to: binding.words(),
    };
    let recorder = call.browser.recorder(&call.app, call.now);
    let records = Appended::new([recorder.record(call.subject(Some(given.id)), &event)]);
    let lane = call.app.db.durable_steps();
    let granted = if rotates {
        refresh::rotate(lane, &token, &prepared.refresh_hash, records).await
    } else {
        refresh::keep(lane, &token, records).await
    };
    match granted {
        Ok(granted) => prepared.give_out(&granted, scopes.as_deref(), false),
        Err(StoreError::Stale) => {
            Err(refuse(call, &given, &binding, scopes.as_deref(), &resources).await?)
        }
        Err(error) => Err(error.into()),
    }
}

async fn read(call: &Call) -> Result<(Handle, Vec<String>, Binding), Refusal> {
    let given = call.required("refresh_token")?;
    let resources = resources(call)?;
    let Some(given) = Handle::parse(given) else {
        return Err(invalid_grant("the refresh token is not one of ours").into());
    };
    Ok((given, resources, Binding::of(call).await?))
}

/// The scopes the request narrows to, each once.
fn scopes(call: &Call) -> Option<Vec<String>> {
    let text = call.form.get("scope")?;
    let mut words: Vec<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
    words.sort_unstable();
    words.dedup();
    (!words.is_empty()).then_some(words)
}

/// Why the statement did not find the token as it wants it; a used one ends its family.
async fn refuse(
    call: &Call,
    given: &Handle,
    binding: &Binding,
    scopes: Option<&[String]>,
    resources: &[String],
) -> Result<Refusal, Refusal> {
    let hash = given.hash();
    let own = &call.client.client_id;
    let lane = call.app.db.relaxed_steps();
    let known = refresh::find(lane, &hash, call.now).await?;
    let event = |reason: &str, revoked| Event::RefreshTokenError {
        grant: Some(given.id),
        reason: reason.to_owned(),
        revoked,
    };
    if known
        .as_ref()
        .is_some_and(|k| k.used && k.client_id == *own)
    {
        let reason = "the refresh token was used before";
        let recorder = call.browser.recorder(&call.app, call.now);
        let replay = recorder.record(call.subject(Some(given.id)), &event(reason, true));
        let ended = refresh::end_family(
            call.app.db.durable_steps(),
            &hash,
            own,
            call.now,
            Appended::new([replay]),
        )
        .await?;
        if ended {
            return Ok(invalid_grant(reason).into());
        }
    }
    let error = fault(known.as_ref(), own, binding, scopes, resources)?;
    record(call, given.id, &event(&error.description, false)).await?;
    Ok(error.into())
}

fn fault(
    known: Option<&Known>,
    client_id: &str,
    binding: &Binding,
    scopes: Option<&[String]>,
    resources: &[String],
) -> Result<OAuthError, Failure> {
    // Another client's is as unknown to it as none.
    let Some(known) = known.filter(|known| known.client_id == client_id) else {
        return Ok(invalid_grant("the refresh token is unknown"));
    };
    if known.used {
        return Ok(invalid_grant("the refresh token was used before"));
    }
    if known.ended {
        return Ok(invalid_grant("the refresh token is expired or was ended"));
    }
    let unbound =
        |bound: &Option<String>, shown: &Option<String>| bound.is_some() && bound != shown;
    if unbound(&known.jkt, &binding.jkt) || unbound(&known.x5t, &binding.x5t) {
        return Ok(invalid_grant(
            "the refresh token is bound to another key or certificate",
        ));
    }
    let facts = Facts::deserialize(&known.facts).map_err(Failure::internal)?;
    if scopes.is_some_and(|words| facts.scopes.narrowed_to(words).is_none()) {
        let reason = "a scope was not granted in the first place";
        return Ok(OAuthError::new(ErrorCode::InvalidScope, reason));
    }
    if !known.resources.is_empty() && !resources.iter().all(|r| known.resources.contains(r)) {
        return Ok(invalid_target(
            "a resource is not one of the authorization request's",
        ));
    }
    // It changed between the two looks.
    Ok(invalid_grant("the refresh token cannot be used now"))
}
