//! Magic numbers: what goes wrong when the SIM's number is `+99070NNNN`. One table drives the
//! behaviour and the listing at `/sim/numbers`; each stage matches its own effects exhaustively.

use crate::phone::PhoneNumber;

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The last four digits of the number.
    pub code: u16,
    /// What it does, and where.
    pub effect: Effect,
    /// The same for a reader, one sentence.
    pub says: &'static str,
}

/// What a scenario changes, sorted by the stage at which it acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Instead of the redirect with a code.
    Authorize(AtAuthorize),
    /// In how the code reaches the client.
    Callback(AtCallback),
    /// Instead of, or within, the token answer.
    Token(AtToken),
    /// Within the ID token, if one was asked for.
    IdToken(AtIdToken),
    /// In the metadata or the keys, from this authorization on.
    Discovery(AtDiscovery),
    /// In the answer of `verify`.
    Verify(AtVerify),
    /// In the answer of `device-phone-number`.
    Share(AtShare),
    /// In the answer of either API call.
    Api(AtApi),
    /// In the answer of a check beside Number Verification.
    Check(AtCheck),
    /// In how the token for such a check is got by CIBA.
    BackChannel(AtBackChannel),
}

/// What may happen at the authorization endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtAuthorize {
    /// An error redirect with this word.
    Error(&'static str),
    /// The operator's consent page.
    Consent,
    /// The number is not covered: Network Enablement says so, or nobody is found at the redirect.
    NotCovered,
    /// A page with status 400, no redirect.
    BadRequestPage,
    /// A page with status 403 at a channel partner: nobody returns.
    ForbiddenPage,
    /// No answer for a minute, then a page with status 504.
    Hang,
    /// The connection is reset without an answer.
    Reset,
    /// A redirect to a place that redirects to itself.
    Loop,
    /// Eight redirects, one of them over plain http.
    Chain,
    /// A `Location` that holds a space.
    RawSpace,
    /// A `Location` without scheme and host.
    Relative,
}

/// What may happen on the way back to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtCallback {
    /// `state` is left out.
    WithoutState,
    /// `state` is not the one sent.
    AlteredState,
    /// Two `code` parameters.
    TwoCodes,
    /// `code` and `error` together.
    CodeAndError,
    /// An error word no specification knows.
    UnknownError,
    /// Another issuer's `iss`.
    ForeignIssuer,
    /// A page that offers the same callback twice.
    Twice,
    /// A page to be followed after the login's time is over.
    Late,
    /// A page that prints the link, for another browser.
    Printed,
}

/// What may happen at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtToken {
    /// Status 400 and this OAuth error.
    BadRequest(&'static str),
    /// Status 401 `invalid_client`.
    InvalidClient,
    /// Status 401, body `{code, message}` as Telefónica has it.
    NumericCode,
    /// Status 500 with an HTML page.
    InternalHtml,
    /// Status 503 with `Retry-After`.
    Unavailable,
    /// Status 429 with `Retry-After`.
    TooManyRequests,
    /// The right answer after half a minute.
    Delay,
    /// Half of a JSON object.
    Truncated,
    /// No ID token though one was asked for.
    WithoutIdToken,
    /// `expires_in` is a string.
    ExpiresInString,
    /// `token_type` is `bearer`.
    LowerCaseType,
    /// `expires_in` is left out.
    WithoutExpiresIn,
    /// `scope` comes back without the API scopes.
    NarrowedScope,
    /// The token lives one second.
    ShortLived,
}

/// What may be wrong with the ID token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtIdToken {
    /// Not the nonce that was sent.
    WrongNonce,
    /// Another client's.
    WrongAudience,
    /// Another issuer's.
    WrongIssuer,
    /// Expired an hour ago.
    Expired,
    /// Issued an hour from now.
    FromTheFuture,
    /// Not signed.
    AlgNone,
    /// Signed with HMAC, the public key as the secret.
    HmacWithPublicKey,
    /// Signed with a key that is not published.
    UnknownKey,
    /// `sub` is the phone number.
    NumberAsSubject,
    /// `amr` tells of a text message.
    TextMessage,
    /// `amr` tells of the network and a password.
    Password,
}

/// What may be wrong with metadata and keys. Acts on the next request for them, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtDiscovery {
    /// Metadata: status 404.
    NotFound,
    /// Metadata: another issuer.
    OtherIssuer,
    /// The keys cannot be had when an unknown one was used.
    KeysDown,
    /// The operator signs with a new key, which it publishes.
    KeyRotated,
}

/// What may happen to `verify` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtVerify {
    /// An ordinary SIM: the numbers are compared.
    Compare,
    /// False whatever was asked.
    Different,
}

/// What may happen to `device-phone-number` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtShare {
    /// An ordinary SIM: its number.
    Number,
    /// The number without `+`, as 0.3 allowed.
    WithoutPlus,
    /// Status 403 `PERMISSION_DENIED`.
    Forbidden,
    /// Status 404: the operator does not offer it.
    NotOffered,
}

/// What may happen to either API call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtApi {
    /// A CAMARA error with this status and code; the last member is `Retry-After` in seconds.
    Error(u16, &'static str, Option<u32>),
    /// The value has the wrong JSON type.
    WrongType,
    /// The object is empty.
    MissingMember,
    /// The member is null.
    Null,
    /// Status 200 without a body.
    Empty,
    /// Status 200 with an HTML page.
    Html,
    /// The right answer without `x-correlator`.
    WithoutCorrelator,
    /// The right answer after half a minute; the token is used up at once.
    Delay,
}

/// What may happen to the checks beside Number Verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtCheck {
    /// The SIM was changed so many hours ago.
    Swapped(u32),
    /// It never was.
    NeverSwapped,
    /// The law lets the operator look back 30 days only, and there was nothing.
    Unmonitored,
    /// A CAMARA error of the SIM swap check.
    SwapError(u16, &'static str),
    /// The number was given to somebody else yesterday.
    Recycled,
    /// A CAMARA error of the recycling check.
    RecyclingError(u16, &'static str),
    /// The value is a string.
    WrongType,
    /// The right answer after half a minute.
    Delay,
}

/// What may happen to a back-channel request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtBackChannel {
    /// Two polls too early, then the token.
    Pending,
    /// `slow_down` until the client waits longer between two polls.
    SlowDown,
    /// `expired_token`.
    Expired,
    /// `unknown_user_id`.
    UnknownUser,
}

impl Effect {
    /// The stage at which it acts, for listings.
    #[must_use]
    pub fn stage(self) -> &'static str {
        match self {
            Self::Authorize(_) => "authorize",
            Self::Callback(_) => "callback",
            Self::Token(_) => "token",
            Self::IdToken(_) => "id_token",
            Self::Discovery(_) => "discovery",
            Self::Verify(_) => "verify",
            Self::Share(_) => "share",
            Self::Api(_) => "api",
            Self::Check(_) => "check",
            Self::BackChannel(_) => "back_channel",
        }
    }
}

impl Scenario {
    /// The scenario of this number, if it is a magic one. `+99070NNNN` with a code that is not in
    /// the table is an ordinary SIM.
    #[must_use]
    pub fn of(number: &PhoneNumber) -> Option<&'static Self> {
        let digits = number.e164().strip_prefix("+99070")?;
        if digits.len() != 4 {
            return None;
        }
        Self::with_code(digits.parse().ok()?)
    }

    /// The scenario with this code.
    #[must_use]
    pub fn with_code(code: u16) -> Option<&'static Self> {
        let at = TABLE.binary_search_by_key(&code, |row| row.code).ok()?;
        TABLE.get(at)
    }

    /// The magic number that plays it.
    #[must_use]
    pub fn number(&self) -> String {
        format!("+99070{:04}", self.code)
    }
}

const fn row(code: u16, effect: Effect, says: &'static str) -> Scenario {
    Scenario { code, effect, says }
}

use Effect::{
    Api, Authorize, BackChannel, Callback, Check, Discovery, IdToken, Share, Token, Verify,
};
use {
    AtApi as P, AtAuthorize as A, AtBackChannel as B, AtCallback as C, AtCheck as K,
    AtDiscovery as D, AtIdToken as I, AtShare as S, AtToken as T, AtVerify as V,
};

/// Every magic number, in order of code. All personas know them all.
#[rustfmt::skip] // One row, one line.
pub const TABLE: &[Scenario] = &[
    row(0, Verify(V::Compare), "An ordinary SIM: the number matches."),
    row(1, Verify(V::Different), "The SIM never has the number that is asked for."),
    row(2, Share(S::Number), "An ordinary SIM: its number is told."),
    row(3, Share(S::WithoutPlus), "The number is told without its plus sign."),
    row(4, Share(S::Forbidden), "Telling the number is not permitted: 403 PERMISSION_DENIED."),
    row(5, Share(S::NotOffered), "Telling the number is not offered: 404 NOT_FOUND."),
    row(1000, Authorize(A::Error("access_denied")), "The phone is on Wi-Fi: access_denied."),
    row(1001, Authorize(A::Error("login_required")), "Redirect with login_required."),
    row(1002, Authorize(A::Error("interaction_required")), "Redirect with interaction_required."),
    row(1003, Authorize(A::Error("consent_required")), "Redirect with consent_required."),
    row(1004, Authorize(A::Error("account_selection_required")), "Redirect with account_selection_required."),
    row(1005, Authorize(A::Error("invalid_request")), "Redirect with invalid_request."),
    row(1006, Authorize(A::Error("unauthorized_client")), "Redirect with unauthorized_client."),
    row(1007, Authorize(A::Error("invalid_scope")), "Redirect with invalid_scope."),
    row(1008, Authorize(A::Error("unsupported_response_type")), "Redirect with unsupported_response_type."),
    row(1009, Authorize(A::Error("server_error")), "Redirect with server_error."),
    row(1010, Authorize(A::Error("temporarily_unavailable")), "Redirect with temporarily_unavailable."),
    row(1011, Authorize(A::Error("invalid_request_object")), "Redirect with invalid_request_object."),
    row(1012, Authorize(A::Error("request_uri_not_supported")), "Redirect with request_uri_not_supported."),
    row(1020, Authorize(A::Consent), "The operator's consent page; with prompt=none a redirect with consent_required."),
    row(1021, Authorize(A::Error("consent_denied")), "The person refused at the operator behind the channel partner: consent_denied."),
    row(1022, Authorize(A::ForbiddenPage), "A page with status 403 at the channel partner, from which nobody returns."),
    row(1030, Authorize(A::BadRequestPage), "A page with status 400 and no way back."),
    row(1031, Authorize(A::Hang), "No answer for 60 seconds, then a page with status 504."),
    row(1032, Authorize(A::Reset), "The connection is reset without an answer."),
    row(1033, Authorize(A::Loop), "Redirects without end."),
    row(1034, Authorize(A::Chain), "Eight redirects before the callback, one of them over plain http."),
    row(1035, Authorize(A::RawSpace), "A redirect whose Location holds a space."),
    row(1036, Authorize(A::Relative), "A redirect whose Location is relative."),
    row(1040, Callback(C::WithoutState), "The callback has no state."),
    row(1041, Callback(C::AlteredState), "The callback has another state."),
    row(1042, Callback(C::TwoCodes), "The callback has two codes."),
    row(1043, Callback(C::CodeAndError), "The callback has a code and an error."),
    row(1044, Callback(C::UnknownError), "The callback has an error word that nobody defined."),
    row(1045, Callback(C::ForeignIssuer), "The callback names another issuer."),
    row(1046, Callback(C::Twice), "A page that delivers the same callback twice."),
    row(1047, Callback(C::Late), "A page with the callback's link, to be followed when the time is over."),
    row(1048, Callback(C::Printed), "A page that prints the callback's link, to be opened in another browser."),
    row(1100, Authorize(A::NotCovered), "The number is not covered: no operator is found for it, or the pre-check says so."),
    row(2000, Token(T::BadRequest("invalid_grant")), "Token: 400 invalid_grant."),
    row(2001, Token(T::BadRequest("invalid_request")), "Token: 400 invalid_request."),
    row(2002, Token(T::BadRequest("unauthorized_client")), "Token: 400 unauthorized_client."),
    row(2003, Token(T::BadRequest("unsupported_grant_type")), "Token: 400 unsupported_grant_type."),
    row(2004, Token(T::BadRequest("invalid_scope")), "Token: 400 invalid_scope."),
    row(2005, Token(T::BadRequest("invalid_dpop_proof")), "Token: 400 invalid_dpop_proof."),
    row(2006, Token(T::InvalidClient), "Token: 401 invalid_client."),
    row(2007, Token(T::NumericCode), "Token: 401 with a body of code and message instead of an OAuth error."),
    row(2010, Token(T::InternalHtml), "Token: 500 with an HTML page."),
    row(2011, Token(T::Unavailable), "Token: 503 with Retry-After."),
    row(2012, Token(T::TooManyRequests), "Token: 429 with Retry-After."),
    row(2013, Token(T::Delay), "Token: the right answer after 30 seconds."),
    row(2014, Token(T::Truncated), "Token: JSON that breaks off."),
    row(2020, Token(T::WithoutIdToken), "Token: no ID token though openid was asked for."),
    row(2021, Token(T::ExpiresInString), "Token: expires_in is a string."),
    row(2022, Token(T::LowerCaseType), "Token: token_type in lower case."),
    row(2023, Token(T::WithoutExpiresIn), "Token: no expires_in."),
    row(2024, Token(T::NarrowedScope), "Token: the API scopes were not granted."),
    row(2025, Token(T::ShortLived), "Token: expires after one second."),
    row(2030, IdToken(I::WrongNonce), "ID token: another nonce."),
    row(2031, IdToken(I::WrongAudience), "ID token: another audience."),
    row(2032, IdToken(I::WrongIssuer), "ID token: another issuer."),
    row(2033, IdToken(I::Expired), "ID token: expired."),
    row(2034, IdToken(I::FromTheFuture), "ID token: issued in the future."),
    row(2035, IdToken(I::AlgNone), "ID token: not signed."),
    row(2036, IdToken(I::HmacWithPublicKey), "ID token: HS256 with the public key as the secret."),
    row(2037, IdToken(I::UnknownKey), "ID token: signed with a key that is not published."),
    row(2038, IdToken(I::NumberAsSubject), "ID token: sub is the phone number."),
    row(2039, IdToken(I::TextMessage), "ID token: amr tells of a text message."),
    row(2040, IdToken(I::Password), "ID token: amr tells of the network and of a password."),
    row(3000, Api(P::Error(401, "UNAUTHENTICATED", None)), "API: the token has expired, 401."),
    row(3001, Api(P::Error(401, "UNAUTHENTICATED", None)), "API: the token was already used, 401."),
    row(3002, Api(P::Error(401, "AUTHENTICATION_REQUIRED", None)), "API: 401 AUTHENTICATION_REQUIRED."),
    row(3003, Api(P::Error(403, "PERMISSION_DENIED", None)), "API: 403 PERMISSION_DENIED."),
    row(3004, Api(P::Error(403, "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK", None)), "API: 403, the person was not authenticated by the mobile network."),
    row(3005, Api(P::Error(403, "INVALID_TOKEN_CONTEXT", None)), "API: 403 INVALID_TOKEN_CONTEXT."),
    row(3006, Api(P::Error(403, "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_SUPPORTED_METHOD", None)), "API: 403 with a code that CAMARA does not list."),
    row(3007, Api(P::Error(403, "NUMBER_VERIFICATION.INVALID_TS43_TOKEN", None)), "API: 403 with another code that CAMARA does not list."),
    row(3010, Api(P::Error(400, "INVALID_ARGUMENT", None)), "API: 400 INVALID_ARGUMENT."),
    row(3011, Api(P::Error(404, "IDENTIFIER_NOT_FOUND", None)), "API: 404 IDENTIFIER_NOT_FOUND."),
    row(3012, Api(P::Error(422, "SERVICE_NOT_APPLICABLE", None)), "API: 422 SERVICE_NOT_APPLICABLE."),
    row(3013, Api(P::Error(429, "QUOTA_EXCEEDED", None)), "API: 429 QUOTA_EXCEEDED."),
    row(3014, Api(P::Error(429, "TOO_MANY_REQUESTS", Some(30))), "API: 429 TOO_MANY_REQUESTS with Retry-After."),
    row(3015, Api(P::Error(500, "INTERNAL", None)), "API: 500 INTERNAL."),
    row(3016, Api(P::Error(502, "BAD_GATEWAY", None)), "API: 502 BAD_GATEWAY."),
    row(3017, Api(P::Error(503, "UNAVAILABLE", Some(30))), "API: 503 UNAVAILABLE with Retry-After."),
    row(3020, Api(P::WrongType), "API: the value has the wrong JSON type (\"true\", a bare number)."),
    row(3021, Api(P::MissingMember), "API: the value is missing."),
    row(3022, Api(P::Null), "API: the value is null."),
    row(3023, Api(P::Empty), "API: 200 without a body."),
    row(3024, Api(P::Html), "API: 200 with an HTML page."),
    row(3025, Api(P::WithoutCorrelator), "API: x-correlator is not echoed."),
    row(3026, Api(P::Delay), "API: the answer after 30 seconds, the token used up at once."),
    row(4000, Check(K::Swapped(1)), "SIM swap: an hour ago."),
    row(4001, Check(K::Swapped(239)), "SIM swap: 239 hours ago."),
    row(4002, Check(K::Swapped(500)), "SIM swap: 500 hours ago."),
    row(4003, Check(K::NeverSwapped), "SIM swap: never."),
    row(4004, Check(K::Unmonitored), "SIM swap: none within the 30 days that the operator may look back."),
    row(4005, Check(K::SwapError(400, "OUT_OF_RANGE")), "SIM swap: 400 OUT_OF_RANGE, the operator may not look back that far."),
    row(4006, Check(K::SwapError(422, "SERVICE_NOT_APPLICABLE")), "SIM swap: 422 SERVICE_NOT_APPLICABLE."),
    row(4007, Check(K::SwapError(404, "IDENTIFIER_NOT_FOUND")), "SIM swap: 404 IDENTIFIER_NOT_FOUND."),
    row(4008, Check(K::SwapError(503, "UNAVAILABLE")), "SIM swap: 503 UNAVAILABLE."),
    row(4009, Check(K::Delay), "SIM swap and recycling: the answer after 30 seconds."),
    row(4010, Check(K::Recycled), "Recycling: the number was given to somebody else yesterday."),
    row(4011, Check(K::RecyclingError(503, "UNAVAILABLE")), "Recycling: 503 UNAVAILABLE."),
    row(4012, Check(K::WrongType), "SIM swap and recycling: the value is a string."),
    row(5000, Discovery(D::NotFound), "Metadata: 404 at the next request."),
    row(5001, Discovery(D::OtherIssuer), "Metadata: another issuer at the next request."),
    row(5002, Discovery(D::KeysDown), "Keys: an unknown one was used, and 503 at the next request for them."),
    row(5003, Discovery(D::KeyRotated), "Keys: a new one is used and published."),
    row(6000, BackChannel(B::Pending), "CIBA: authorization_pending twice, then the token."),
    row(6001, BackChannel(B::SlowDown), "CIBA: slow_down until the client polls five seconds less often."),
    row(6002, BackChannel(B::Expired), "CIBA: expired_token."),
    row(6003, BackChannel(B::UnknownUser), "CIBA: unknown_user_id."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_codes_are_unique() {
        assert!(TABLE.windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    #[test]
    fn a_number_is_magic_only_with_exactly_four_digits_of_a_known_code() {
        let scenario = |e164: &str| Scenario::of(&PhoneNumber::from_e164(e164).unwrap());
        assert_eq!(scenario("+990701020").unwrap().code, 1020);
        assert_eq!(scenario("+990700000").unwrap().code, 0);
        for ordinary in ["+990709999", "+9907010200", "+99070102", "+34666111334"] {
            assert_eq!(scenario(ordinary), None, "{ordinary}");
        }
        for row in TABLE {
            assert_eq!(scenario(&row.number()), Some(row));
        }
    }
}
