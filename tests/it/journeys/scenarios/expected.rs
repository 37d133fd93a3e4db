//! The table: what every magic number leads to at every persona, however it is asked about.
//! operators.md section 10.3, against the meaning of errors that `operator/errors.rs` promises.

use numbercloak::simulator::Persona;
use numbercloak::simulator::scenario::{
    AtApi, AtAuthorize, AtBackChannel, AtCallback, AtCheck, AtDiscovery, AtIdToken, AtShare,
    AtToken, AtVerify, Effect, Scenario, TABLE,
};
use numbercloak::verdict::Outcome::{
    self, CheckUnavailable, ConsentDenied, ConsentRequired, Mismatch, NotOnMobileNetwork,
    NumberRecycled, OperatorMisconfigured, OperatorRateLimited, OperatorTimeout,
    OperatorUnavailable, OperatorUnsupportedNumber, ProtocolViolation, SimSwapped, Verified,
};

/// How a login with a magic number goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goes {
    /// Back at our callback, with this outcome.
    To(Outcome),
    /// Nowhere: the operator keeps the browser.
    Nowhere,
    /// On a page of the operator that leads no further, with this status.
    Stuck(u16),
    /// To our page for a browser whose login is not known.
    Lost,
}

/// How a number is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// The app names it: is it this one?
    Verify,
    /// The operator tells it.
    Share,
    /// The app names it and requires both extra checks; the token for one is got by client credentials,
    /// that for the other by CIBA.
    Checked,
}

/// A part of the way at which numbers act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    IdToken,
    Discovery,
    Share,
    Checks,
}

/// The stages that a persona's contract does not have, and why. A number that acts at one of them is an
/// ordinary SIM there, which is asserted as well.
pub fn lacks(persona: Persona, stage: Stage) -> Option<&'static str> {
    use Persona::{
        Camara03, Camara10, Camara20, Camara21, CamaraStrict, Glide, Orange, Telefonica, TimMc,
        VodafoneCamara, VodafoneMc, Vonage,
    };
    match (persona, stage) {
        (Camara21 | Camara20 | Camara10 | Camara03 | CamaraStrict, _) => None,
        (_, Stage::Discovery) => Some("it publishes neither metadata nor keys"),
        (VodafoneMc | TimMc | Glide, Stage::IdToken) => {
            Some("its keys are told nobody, so that of its ID token only amr is read")
        }
        (Vonage | VodafoneCamara, Stage::IdToken) => Some("it gives no ID token"),
        (Telefonica | Orange, Stage::IdToken) => Some("openid is not in its scope text"),
        (Vonage | VodafoneCamara | Glide, Stage::Share) => Some("its contract has verify only"),
        (VodafoneMc | TimMc, Stage::Share) => Some("Mobile Connect matches and tells nothing"),
        (Telefonica, Stage::Share) => Some("the partner finds the operator by the number"),
        (Orange, Stage::Share) => None,
        (_, Stage::Checks) => Some("its contract names neither of the checks"),
    }
}

/// The ways in which a number is worth asking about at a persona: always to verify it, and by whichever
/// way its effect is met.
pub fn askings(persona: Persona, row: &Scenario) -> Vec<Asking> {
    let further = match row.effect {
        Effect::Share(_) | Effect::Api(_) => Some((Asking::Share, Stage::Share)),
        Effect::Check(_) | Effect::BackChannel(_) => Some((Asking::Checked, Stage::Checks)),
        _ => None,
    };
    let further = further.filter(|(_, stage)| lacks(persona, *stage).is_none());
    let further = further.map(|(asking, _)| asking);
    [Some(Asking::Verify), further]
        .into_iter()
        .flatten()
        .collect()
}

/// Every login of the table at a persona.
pub fn logins(persona: Persona) -> Vec<(Asking, &'static Scenario)> {
    let of_row = |row: &'static Scenario| {
        let ways = askings(persona, row).into_iter();
        ways.map(move |asking| (asking, row))
    };
    TABLE.iter().flat_map(of_row).collect()
}

/// Where this login leads.
pub fn expected(persona: Persona, asking: Asking, effect: Effect) -> Goes {
    by_contract(persona, asking, effect).unwrap_or_else(|| match asking {
        Asking::Verify => usual(effect),
        Asking::Share => shared(effect),
        Asking::Checked => checked(effect),
    })
}

/// Whether the persona is asked for silence.
fn is_silent(persona: Persona) -> bool {
    let speaks = matches!(
        persona,
        Persona::Vonage
            | Persona::Telefonica
            | Persona::VodafoneMc
            | Persona::VodafoneCamara
            | Persona::Glide
    );
    !speaks
}

/// What goes otherwise with a persona than with CAMARA 2.1.
fn by_contract(persona: Persona, asking: Asking, effect: Effect) -> Option<Goes> {
    use Persona::{Camara03, Glide, Telefonica, TimMc, VodafoneMc, Vonage};
    let lacks = |stage| lacks(persona, stage).is_some();
    Some(Goes::To(match (persona, effect) {
        // The page of who is not asked for silence is answered with a yes.
        (_, Effect::Authorize(AtAuthorize::Consent)) if !is_silent(persona) => Verified,
        // Asked before the departure.
        (Vonage, Effect::Authorize(AtAuthorize::NotCovered)) => OperatorUnsupportedNumber,
        // A number instead of OAuth's word.
        (Telefonica, Effect::Token(AtToken::BadRequest(_))) => ProtocolViolation,
        // Its scope is openid, which is never narrowed.
        (Glide, Effect::Token(AtToken::NarrowedScope)) => OperatorMisconfigured,
        // An ID token that is not relied on can only make us refuse.
        (
            VodafoneMc | TimMc | Glide,
            Effect::IdToken(AtIdToken::TextMessage | AtIdToken::Password),
        ) => NotOnMobileNetwork,
        (_, Effect::IdToken(_)) if lacks(Stage::IdToken) => Verified,
        (_, Effect::Token(AtToken::WithoutIdToken)) if lacks(Stage::IdToken) => Verified,
        (_, Effect::Discovery(_)) if lacks(Stage::Discovery) => Verified,
        // The status alone tells.
        (VodafoneMc | TimMc, Effect::Api(AtApi::Error(403, _, _))) => OperatorMisconfigured,
        (VodafoneMc | TimMc, Effect::Api(AtApi::Error(422, _, _))) => ProtocolViolation,
        // The release left the plus sign to the operator.
        (Camara03, Effect::Share(AtShare::WithoutPlus)) if asking == Asking::Share => Verified,
        _ => return None,
    }))
}

fn usual(effect: Effect) -> Goes {
    Goes::To(match effect {
        Effect::Authorize(at) => match at {
            AtAuthorize::Error(word) => match word {
                "access_denied"
                | "login_required"
                | "interaction_required"
                | "account_selection_required" => NotOnMobileNetwork,
                "consent_required" => ConsentRequired,
                "consent_denied" => ConsentDenied,
                "server_error" | "temporarily_unavailable" => OperatorUnavailable,
                _ => OperatorMisconfigured,
            },
            AtAuthorize::Consent => ConsentRequired,
            AtAuthorize::NotCovered => NotOnMobileNetwork,
            AtAuthorize::BadRequestPage => return Goes::Stuck(400),
            AtAuthorize::ForbiddenPage => return Goes::Stuck(403),
            AtAuthorize::Hang | AtAuthorize::Reset | AtAuthorize::Loop => return Goes::Nowhere,
            AtAuthorize::Chain | AtAuthorize::RawSpace | AtAuthorize::Relative => Verified,
        },
        Effect::Callback(at) => match at {
            AtCallback::WithoutState | AtCallback::AlteredState => return Goes::Lost,
            AtCallback::TwoCodes
            | AtCallback::CodeAndError
            | AtCallback::UnknownError
            | AtCallback::ForeignIssuer => ProtocolViolation,
            AtCallback::Twice | AtCallback::Late | AtCallback::Printed => Verified,
        },
        Effect::Token(at) => match at {
            AtToken::BadRequest("invalid_grant") => ProtocolViolation,
            AtToken::BadRequest(_) | AtToken::InvalidClient | AtToken::NumericCode => {
                OperatorMisconfigured
            }
            AtToken::InternalHtml | AtToken::Unavailable => OperatorUnavailable,
            AtToken::TooManyRequests => OperatorRateLimited,
            AtToken::Delay => OperatorTimeout,
            AtToken::Truncated | AtToken::WithoutIdToken => ProtocolViolation,
            AtToken::ExpiresInString
            | AtToken::LowerCaseType
            | AtToken::WithoutExpiresIn
            | AtToken::ShortLived => Verified,
            AtToken::NarrowedScope => OperatorMisconfigured,
        },
        Effect::IdToken(at) => match at {
            AtIdToken::WrongNonce
            | AtIdToken::WrongAudience
            | AtIdToken::WrongIssuer
            | AtIdToken::Expired
            | AtIdToken::FromTheFuture
            | AtIdToken::AlgNone
            | AtIdToken::HmacWithPublicKey
            | AtIdToken::UnknownKey => ProtocolViolation,
            AtIdToken::NumberAsSubject => Verified,
            AtIdToken::TextMessage | AtIdToken::Password => NotOnMobileNetwork,
        },
        Effect::Discovery(at) => match at {
            // What is known is used; the next request meets it.
            AtDiscovery::NotFound | AtDiscovery::OtherIssuer => Verified,
            AtDiscovery::KeysDown => OperatorUnavailable,
            AtDiscovery::KeyRotated => Verified,
        },
        Effect::Verify(AtVerify::Compare) => Verified,
        Effect::Verify(AtVerify::Different) => Mismatch,
        // These act on the other call only.
        Effect::Share(_) => Verified,
        Effect::Api(at) => match at {
            AtApi::Error(401, _, _) => ProtocolViolation,
            AtApi::Error(400, _, _) | AtApi::Error(403, "PERMISSION_DENIED", _) => {
                OperatorMisconfigured
            }
            AtApi::Error(403, word, _) if word.ends_with("INVALID_TS43_TOKEN") => ProtocolViolation,
            AtApi::Error(403, _, _) => NotOnMobileNetwork,
            AtApi::Error(404 | 422, _, _) => OperatorUnsupportedNumber,
            AtApi::Error(429, _, _) => OperatorRateLimited,
            AtApi::Error(_, _, _) => OperatorUnavailable,
            AtApi::WrongType | AtApi::MissingMember | AtApi::Null | AtApi::Empty | AtApi::Html => {
                ProtocolViolation
            }
            AtApi::WithoutCorrelator => Verified,
            AtApi::Delay => OperatorTimeout,
        },
        // These act on checks that this app does not want.
        Effect::Check(_) | Effect::BackChannel(_) => Verified,
    })
}

/// Where it is the operator that tells the number.
fn shared(effect: Effect) -> Goes {
    match effect {
        Effect::Share(at) => Goes::To(match at {
            AtShare::Number => Verified,
            AtShare::WithoutPlus => ProtocolViolation,
            AtShare::Forbidden | AtShare::NotOffered => OperatorMisconfigured,
        }),
        other => usual(other),
    }
}

/// Where the app requires both checks, the last ten days of the SIM and the last year of the number.
fn checked(effect: Effect) -> Goes {
    match effect {
        Effect::Check(at) => Goes::To(match at {
            AtCheck::Swapped(hours) if hours <= 240 => SimSwapped,
            AtCheck::Swapped(_) | AtCheck::NeverSwapped | AtCheck::Unmonitored => Verified,
            AtCheck::Recycled => NumberRecycled,
            AtCheck::SwapError(..)
            | AtCheck::RecyclingError(..)
            | AtCheck::WrongType
            | AtCheck::Delay => CheckUnavailable,
        }),
        Effect::BackChannel(at) => Goes::To(match at {
            AtBackChannel::Pending | AtBackChannel::SlowDown => Verified,
            AtBackChannel::Expired | AtBackChannel::UnknownUser => CheckUnavailable,
        }),
        other => usual(other),
    }
}

/// Our page for an outcome.
pub fn title(outcome: Outcome) -> &'static str {
    match outcome {
        Mismatch => "This number does not match",
        NotOnMobileNetwork => "Switch to mobile data",
        OperatorUnsupportedNumber => "Your operator is not supported yet",
        ConsentRequired | ConsentDenied => "Simulator needs your permission",
        OperatorTimeout | OperatorUnavailable => "Simulator does not answer",
        OperatorRateLimited => "Simulator is busy",
        OperatorMisconfigured | ProtocolViolation => "Something went wrong",
        SimSwapped => "This SIM is too new",
        NumberRecycled => "This number has a new owner",
        CheckUnavailable => "One check is missing",
        other => panic!("{other} has no page here"),
    }
}

#[test]
fn every_stage_that_some_persona_has_is_one_that_a_number_acts_at() {
    for stage in [
        Stage::IdToken,
        Stage::Discovery,
        Stage::Share,
        Stage::Checks,
    ] {
        let having = Persona::ALL.into_iter();
        assert!(
            having
                .clone()
                .any(|persona| lacks(persona, stage).is_none())
        );
        assert!(
            having
                .clone()
                .any(|persona| lacks(persona, stage).is_some())
        );
    }
}

/// The others of the outcome table are the person's to cause, or end a login that nobody came back to.
#[test]
fn every_outcome_that_an_operator_can_cause_has_a_number() {
    for outcome in [
        Verified,
        Mismatch,
        NotOnMobileNetwork,
        OperatorUnsupportedNumber,
        ConsentDenied,
        ConsentRequired,
        OperatorTimeout,
        OperatorUnavailable,
        OperatorRateLimited,
        OperatorMisconfigured,
        ProtocolViolation,
        SimSwapped,
        NumberRecycled,
        CheckUnavailable,
    ] {
        let reached = |(asking, row): &(Asking, &Scenario)| {
            expected(Persona::Camara21, *asking, row.effect) == Goes::To(outcome)
        };
        assert!(logins(Persona::Camara21).iter().any(reached), "{outcome}");
    }
}
