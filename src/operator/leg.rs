//! One leg on its way from the callback to a verdict: what every dialect does alike, each step with
//! its trace in the evidence. A dialect takes the steps in its own order; the verdict is made here,
//! and only of an answer to a call of ours.

use std::time::Instant;

use http::{Request, Response};

use crate::clock::{Clock, Time};
use crate::operator::ask::{Ask, Callback, Kept};
use crate::operator::errors::Failure;
use crate::operator::oidc::{self, Endpoints, Tokens};
use crate::operator::{Operators, limits, token_answer};
use crate::phone::PhoneNumber;
use crate::secret::new_id;
use crate::store::operators::Settings;
use crate::verdict::{Evidence, Method, Outcome, Proof, Refusal, Verdict};

/// A claimed leg.
pub(super) struct Leg<'a> {
    pub(super) operators: &'a Operators,
    pub(super) ask: &'a Ask<'a>,
    pub(super) kept: &'a Kept,
    pub(super) callback: &'a Callback,
    clock: &'a Clock,
    evidence: Evidence,
    answered_at: Option<Time>,
}

impl<'a> Leg<'a> {
    pub(super) fn new(
        operators: &'a Operators,
        ask: &'a Ask<'a>,
        kept: &'a Kept,
        callback: &'a Callback,
        clock: &'a Clock,
    ) -> Self {
        Self {
            operators,
            ask,
            kept,
            callback,
            clock,
            evidence: Evidence {
                stage: "callback".to_owned(),
                ..Evidence::default()
            },
            answered_at: None,
        }
    }

    pub(super) fn settings(&self) -> &'a Settings {
        &self.ask.operator.settings
    }

    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    /// The code, if the callback is a good one (RFC 6749 section 4.1.2, RFC 9207 section 2.4) and
    /// the number is the operator's to speak of.
    pub(super) fn read_code(&self) -> Result<&'a str, Failure> {
        let (settings, callback) = (self.settings(), self.callback);
        if let Some(broken) = callback.broken {
            return Err(Failure::violation(broken));
        }
        // Before anything else of the callback is believed: it may be another operator's.
        match (&callback.iss, &settings.issuer) {
            (None, _) if settings.require_iss => {
                return Err(Failure::violation("the callback names no issuer"));
            }
            (Some(iss), issuer) if Some(iss) != issuer.as_ref() => {
                return Err(Failure::violation("the callback names another issuer"));
            }
            _ => {}
        }
        let code = match (&callback.code, &callback.error) {
            (Some(code), None) => code,
            (None, Some(error)) => {
                let description = callback.error_description.as_deref();
                return Err(Failure::from_redirect(error, description));
            }
            (Some(_), Some(_)) => {
                return Err(Failure::violation("the callback has a code and an error"));
            }
            (None, None) => {
                return Err(Failure::violation(
                    "the callback has neither code nor error",
                ));
            }
        };
        check_authority(self.ask, self.ask.number)?;
        Ok(code)
    }

    /// The operator's endpoints.
    pub(super) async fn endpoints(&mut self) -> Result<Endpoints, Failure> {
        "token".clone_into(&mut self.evidence.stage);
        let now = self.now();
        self.operators.endpoints(self.ask.operator, now).await
    }

    /// Exchanges the code.
    pub(super) async fn exchange(
        &mut self,
        code: &str,
        endpoints: &Endpoints,
    ) -> Result<Tokens, Failure> {
        "token".clone_into(&mut self.evidence.stage);
        let started = Instant::now();
        let tokens = self
            .operators
            .exchange(self.ask, self.kept, code, endpoints, self.clock.now())
            .await;
        self.evidence.token_ms = Some(milliseconds_since(started));
        tokens
    }

    /// Refuses tokens that do not let us make the call. `needed` is the scope it needs, where a
    /// specification says so.
    pub(super) fn check_scope(&self, tokens: &Tokens, needed: &str) -> Result<(), Failure> {
        let asked = oidc::scope(self.settings(), self.ask.method)?;
        if token_answer::scope_suffices(asked, tokens.scope.as_deref(), needed) {
            Ok(())
        } else {
            Err(Failure::misconfigured(
                "the operator granted less scope than was asked for",
            ))
        }
    }

    /// Checks the ID token as the record says.
    pub(super) async fn check_id_token(
        &mut self,
        tokens: &Tokens,
        endpoints: &Endpoints,
    ) -> Result<(), Failure> {
        "id_token".clone_into(&mut self.evidence.stage);
        let (now, nonce) = (self.now(), &self.kept.nonce);
        self.operators
            .check_id_token(self.ask.operator, tokens, endpoints, nonce, now)
            .await
    }

    /// A correlator for the one call: a UUID, which fits the narrowest pattern of all releases.
    pub(super) fn correlator(&mut self) -> String {
        let correlator = new_id(self.now()).to_string();
        self.evidence.correlator = Some(correlator.clone());
        correlator
    }

    /// Makes the one call. Sent once: the access token may be good for no more.
    pub(super) async fn call(
        &mut self,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Vec<u8>>, Failure> {
        self.ask
            .method
            .as_str()
            .clone_into(&mut self.evidence.stage);
        let limits = limits(self.settings());
        let started = Instant::now();
        let answer = self.operators.outbound().send(request, limits).await;
        self.evidence.api_ms = Some(milliseconds_since(started));
        let answer = answer?;
        self.answered_at = Some(self.now());
        self.evidence.http_status = Some(answer.status().as_u16());
        Ok(answer)
    }

    /// What the dialect concluded, as a verdict. A number is proven only by an answer to our call,
    /// only the one that was asked about (P2), and only inside the operator's authority (P5).
    pub(super) fn into_verdict(self, concluded: Result<PhoneNumber, Failure>) -> Verdict {
        let proven = concluded.and_then(|number| {
            if self.ask.number.is_some_and(|asked| *asked != number) {
                return Err(Failure::new(
                    Outcome::Mismatch,
                    "the operator named another number than the hinted one",
                ));
            }
            check_authority(self.ask, Some(&number))?;
            let answered_at = self
                .answered_at
                .ok_or_else(|| Failure::violation("no call was answered"))?;
            Ok((number, answered_at))
        });
        match proven {
            Ok((number, verified_at)) => Verdict::Verified(Proof {
                number,
                method: self.ask.method,
                verified_at,
                evidence: self.evidence,
            }),
            Err(failure) => Verdict::Refused(failure.into_refusal(self.evidence)),
        }
    }
}

/// What a departure was refused for.
pub(super) fn not_departed(failure: Failure) -> Refusal {
    failure.into_refusal(Evidence {
        stage: "departure".to_owned(),
        ..Evidence::default()
    })
}

/// Whether an operator may be asked this: within its authority, and about a number where it must
/// be given one.
pub(super) fn check_question(ask: &Ask<'_>) -> Result<(), Failure> {
    check_authority(ask, ask.number)?;
    if ask.method == Method::Verify {
        asked_number(ask)?;
    }
    Ok(())
}

/// The number to verify.
pub(super) fn asked_number<'a>(ask: &Ask<'a>) -> Result<&'a PhoneNumber, Failure> {
    ask.number
        .ok_or_else(|| Failure::misconfigured("verify needs a number"))
}

/// DESIGN.md P5. Whether the client may be told of test numbers at all is the caller's to check:
/// who the client is, is not known here.
fn check_authority(ask: &Ask<'_>, number: Option<&PhoneNumber>) -> Result<(), Failure> {
    let client_is_test = true;
    if number.is_none_or(|number| ask.operator.may_vouch_for(number, client_is_test)) {
        return Ok(());
    }
    Err(Failure::new(
        Outcome::OperatorUnsupportedNumber,
        "the number lies outside the operator's prefixes",
    ))
}

fn milliseconds_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}
