//! What an app's tokens say, and how it learns of a logout.

use clap::Args;

use crate::cli::client_flags::values::{
    OrNone, seconds_or_none, set, set_list, set_or_none, text_or_none, word_or_none,
};
use crate::cli::input::word;
use crate::oauth::signing_alg::SigningAlg;
use crate::store::clients::{AccessTokenFormat, Settings, SubjectType};

/// Its tokens.
#[derive(Args, Debug)]
#[command(next_help_heading = "Tokens and claims")]
pub struct Tokens {
    /// A scope it may ask for: openid, number_verified, phone, offline_access. Repeat for more;
    /// replaces all.
    #[arg(long = "scope")]
    scopes: Vec<String>,
    /// How its ID tokens are signed: RS256, PS256, ES256 or EdDSA.
    #[arg(long, value_name = "ALG", value_parser = word::<SigningAlg>)]
    id_token_alg: Option<SigningAlg>,
    /// How its userinfo answers are signed; none for plain JSON.
    #[arg(long, value_name = "ALG", value_parser = word_or_none::<SigningAlg>)]
    userinfo_alg: Option<OrNone<SigningAlg>>,
    /// How signed introspection answers are signed.
    #[arg(long, value_name = "ALG", value_parser = word::<SigningAlg>)]
    introspection_alg: Option<SigningAlg>,
    /// Whether phone claims stand at userinfo only: true or false.
    #[arg(long, value_name = "BOOL")]
    userinfo_only: Option<bool>,
    /// pairwise (another sub in each sector) or public.
    #[arg(long, value_name = "TYPE", value_parser = word::<SubjectType>)]
    subject_type: Option<SubjectType>,
    /// How long its access tokens live, 60s to 24h; none for the server's default.
    #[arg(long, value_name = "DURATION", value_parser = seconds_or_none)]
    access_token: Option<OrNone<u32>>,
    /// opaque or jwt.
    #[arg(long, value_name = "FORMAT", value_parser = word::<AccessTokenFormat>)]
    access_token_format: Option<AccessTokenFormat>,
    /// A resource it may ask tokens for. Repeat for more; replaces all; none for none.
    #[arg(long = "resource", value_name = "URI")]
    resources: Vec<String>,
    /// Whether its access tokens are bound to a DPoP key: true or false.
    #[arg(long, value_name = "BOOL")]
    dpop_bound_access_tokens: Option<bool>,
    /// Whether its access tokens are bound to its certificate: true or false.
    #[arg(long, value_name = "BOOL")]
    certificate_bound_access_tokens: Option<bool>,
}

impl Tokens {
    /// Whether access tokens are bound to its certificate, if that is named.
    pub fn certificate_bound(&self) -> Option<bool> {
        self.certificate_bound_access_tokens
    }

    /// Changes what is named.
    pub fn apply(self, settings: &mut Settings) {
        set_list(&mut settings.scopes, self.scopes);
        set(&mut settings.id_token_alg, self.id_token_alg);
        set_or_none(&mut settings.userinfo_alg, self.userinfo_alg);
        set(&mut settings.introspection_alg, self.introspection_alg);
        set(&mut settings.claims_in_userinfo_only, self.userinfo_only);
        set(&mut settings.subject_type, self.subject_type);
        set_or_none(&mut settings.access_token_s, self.access_token);
        set(&mut settings.access_token_format, self.access_token_format);
        set_list(&mut settings.resources, self.resources);
        set(
            &mut settings.dpop_bound_access_tokens,
            self.dpop_bound_access_tokens,
        );
        set(
            &mut settings.certificate_bound_access_tokens,
            self.certificate_bound_access_tokens,
        );
    }
}

/// Logout.
#[derive(Args, Debug)]
#[command(next_help_heading = "Logout")]
pub struct Logout {
    /// Where browsers may go after logout. Repeat for more; replaces all; none for none.
    #[arg(long = "post-logout-redirect-uri", value_name = "URL")]
    post_logout_redirect_uris: Vec<String>,
    /// Where we tell it of a logout, server to server; none takes it away.
    #[arg(long, value_name = "URL", value_parser = text_or_none)]
    backchannel_logout_uri: Option<OrNone<String>>,
    /// Whether that must name the session: true or false.
    #[arg(long, value_name = "BOOL")]
    backchannel_logout_session_required: Option<bool>,
    /// Where browsers tell it of a logout, in a frame; none takes it away.
    #[arg(long, value_name = "URL", value_parser = text_or_none)]
    frontchannel_logout_uri: Option<OrNone<String>>,
    /// Whether that must name the session: true or false.
    #[arg(long, value_name = "BOOL")]
    frontchannel_logout_session_required: Option<bool>,
}

impl Logout {
    /// Changes what is named.
    pub fn apply(self, settings: &mut Settings) {
        set_list(
            &mut settings.post_logout_redirect_uris,
            self.post_logout_redirect_uris,
        );
        set_or_none(
            &mut settings.backchannel_logout_uri,
            self.backchannel_logout_uri,
        );
        set(
            &mut settings.backchannel_logout_session_required,
            self.backchannel_logout_session_required,
        );
        set_or_none(
            &mut settings.frontchannel_logout_uri,
            self.frontchannel_logout_uri,
        );
        set(
            &mut settings.frontchannel_logout_session_required,
            self.frontchannel_logout_session_required,
        );
    }
}
