//! Signing what a redemption or a refresh gave, and the token answer (RFC 6749 section 5.1, OIDC Core
//! section 3.1.3.3). The audit record is on disk by now (P1).

use std::time::Duration;

use serde::{Deserialize as _, Serialize};
use uuid::Uuid;

use crate::oauth::scope::{Scope, ScopeSet};
use crate::provider::call::{Call, Refusal};
use crate::provider::token::{Binding, invalid_target};
use crate::secret::{Handle, Token};
use crate::store::clients::AccessTokenFormat;
use crate::store::grants;
use crate::store::tokens::{Granted, NewAccess};
use crate::token::access_token::{JwtAccessToken, confirmation};
use crate::token::claims::Facts;
use crate::token::id_token::IdToken;
use crate::web::failure::Failure;

/// The token answer.
#[derive(Serialize)]
pub struct Tokens {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: String,
    /// Absent if the scope was narrowed to less than `openid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    /// Absent unless `offline_access` was granted; on a refresh, absent unless it rotates.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// The tokens a request will get if its grant is good: made before, so that one statement can check
/// and store.
pub struct Prepared<'a> {
    call: &'a Call,
    /// What they are bound to.
    pub binding: Binding,
    resources: Vec<String>,
    access: Token,
    access_hash: Vec<u8>,
    refresh: Handle,
    /// The hash of the new refresh token.
    pub refresh_hash: Vec<u8>,
    lifetime: Duration,
}

impl<'a> Prepared<'a> {
    /// New tokens for a grant.
    #[must_use]
    pub fn new(call: &'a Call, grant: Uuid, binding: Binding, resources: Vec<String>) -> Self {
        let own = call.client.settings.access_token_s;
        let access = Token::random();
        let refresh = Handle::random(grant);
        Self {
            call,
            binding,
            resources,
            access_hash: access.hash(),
            access,
            refresh_hash: refresh.hash(),
            refresh,
            lifetime: own.map_or(call.app.config.login.access_token, |seconds| {
                Duration::from_secs(u64::from(seconds))
            }),
        }
    }

    /// The resources the access token is for.
    #[must_use]
    pub fn resources(&self) -> &[String] {
        &self.resources
    }

    /// What to store of the access token.
    #[must_use]
    pub fn access(&self) -> NewAccess<'_> {
        NewAccess {
            hash: &self.access_hash,
            expires_at: self.call.now + self.lifetime,
            resources: &self.resources,
            jkt: self.binding.jkt.as_deref(),
            x5t: self.binding.x5t.as_deref(),
        }
    }

    /// Signs and answers. `narrowed`: the scopes a refresh asked for. `first`: it is the code's own
    /// answer.
    ///
    /// # Errors
    /// `invalid_target` if a resource was taken from the client meanwhile; else our own failures.
    pub fn give_out(
        self,
        granted: &Granted,
        narrowed: Option<&[String]>,
        first: bool,
    ) -> Result<Tokens, Refusal> {
        let Self { call, binding, .. } = &self;
        let (app, client, now) = (&call.app, &call.client, call.now);
        let registered = &client.settings.resources;
        if !granted.audiences.iter().all(|r| registered.contains(r)) {
            return Err(invalid_target("a resource is not registered any more").into());
        }
        let facts = Facts::deserialize(&granted.facts).map_err(Failure::internal)?;
        let scopes = narrow(&facts.scopes, narrowed)?;
        let facts = Facts { scopes, ..facts };
        let sealed = granted.sealed_number.as_deref();
        let number =
            grants::open_number(&app.vault, &self.refresh.id, sealed).map_err(Failure::from)?;
        let keyring = app.keyring.current();
        let settings = &client.settings;
        let alg = settings.profile.signs_with(settings.id_token_alg);
        let cnf = confirmation(binding.jkt.as_deref(), binding.x5t.as_deref());
        let jwt =
            settings.access_token_format == AccessTokenFormat::Jwt || !granted.audiences.is_empty();
        let access_token = if jwt {
            JwtAccessToken {
                issuer: app.config.issuer.as_str(),
                client_id: &client.client_id,
                facts: &facts,
                audiences: &granted.audiences,
                jti: &self.access,
                cnf: cnf.as_ref(),
                now,
                expires_at: now + self.lifetime,
            }
            .mint(&keyring, alg)
            .map_err(Failure::internal)?
        } else {
            self.access.reveal()
        };
        let id_token = IdToken {
            issuer: app.config.issuer.as_str(),
            client_id: &client.client_id,
            facts: &facts,
            number: number.as_ref(),
            access_token: &access_token,
            first,
            now,
            lifetime: app.config.login.id_token,
        };
        let id_token = facts
            .scopes
            .has(Scope::Openid)
            .then(|| id_token.mint(&keyring, alg))
            .transpose()
            .map_err(Failure::internal)?;
        Ok(Tokens {
            access_token,
            token_type: binding.token_type(),
            expires_in: self.lifetime.as_secs(),
            scope: facts.scopes.text(),
            id_token,
            refresh_token: granted.refreshable.then(|| self.refresh.reveal()),
        })
    }
}

fn narrow(scopes: &ScopeSet, to: Option<&[String]>) -> Result<ScopeSet, Failure> {
    match to {
        None => Ok(scopes.clone()),
        // The statement has checked it.
        Some(words) => scopes
            .narrowed_to(words)
            .ok_or_else(|| Failure::internal("a scope beyond the grant's")),
    }
}
