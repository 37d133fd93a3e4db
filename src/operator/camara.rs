//! CAMARA Number Verification 0.3 to 2.1 behind OpenID Connect: one authorization, one token, one
//! call. Neither the exchange nor the call is ever repeated: code and access token are good once.
//! Orange, Vodafone's CAMARA door and Glide-style aggregators are this dialect with other settings.

use crate::operator::ask::{Ask, Departure};
use crate::operator::errors::Failure;
use crate::operator::leg::{Leg, check_question};
use crate::operator::number_verification::{self, Plus};
use crate::operator::{Operators, oidc};
use crate::phone::PhoneNumber;

/// Makes the authorization URL.
pub(super) async fn depart(operators: &Operators, ask: &Ask<'_>) -> Result<Departure, Failure> {
    check_question(ask)?;
    let endpoint = operators.authorization_endpoint(ask).await?;
    let signer = if ask.operator.settings.signed_request {
        Some(operators.signer(ask).await?)
    } else {
        None
    };
    oidc::depart(ask, &endpoint, signer.as_deref())
}

/// The number that the callback, and the operator asked with it, prove.
pub(super) async fn conclude(leg: &mut Leg<'_>) -> Result<PhoneNumber, Failure> {
    let code = leg.read_code()?;
    let endpoints = leg.endpoints().await?;
    let tokens = leg.exchange(code, &endpoints).await?;
    let release = leg.settings().release;
    leg.check_scope(&tokens, number_verification::scope(release, leg.ask.method))?;
    leg.check_id_token(&tokens, &endpoints).await?;
    let correlator = leg.correlator();
    let request = number_verification::request(leg.ask, &tokens.access, &correlator)?;
    let answer = leg.call(request).await?;
    number_verification::read(leg.ask, &answer, Plus::ByRelease)
}
