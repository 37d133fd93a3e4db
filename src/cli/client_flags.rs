//! The flags of `client create` and `client update`: one for every setting. What is not named stays
//! as it is; `none` takes away what can be absent.

mod people;
mod proof;
mod tokens;
mod values;

use clap::Args;

use crate::cli::check_flags::CheckFlags;
use crate::store::clients::{AuthMethod, Settings};

use people::{Links, Policy};
use proof::{Proof, Requests};
use tokens::{Logout, Tokens};

/// All of them, in groups.
#[derive(Args, Debug)]
pub struct Flags {
    #[command(flatten)]
    proof: Proof,
    #[command(flatten)]
    requests: Requests,
    #[command(flatten)]
    tokens: Tokens,
    #[command(flatten)]
    logout: Logout,
    #[command(flatten)]
    policy: Policy,
    #[command(flatten, next_help_heading = "Extra checks")]
    checks: CheckFlags,
    #[command(flatten)]
    links: Links,
}

impl Flags {
    /// How the app authenticates, if it is named.
    pub fn auth_method(&self) -> Option<AuthMethod> {
        self.proof.auth_method()
    }

    /// Changes what is named. A profile comes first, so that what contradicts it is found.
    pub fn apply(self, settings: &mut Settings) {
        if let Some(profile) = self.requests.profile() {
            if let Some(bound) = self.tokens.certificate_bound() {
                settings.certificate_bound_access_tokens = bound;
            }
            settings.adopt(profile);
        }
        self.proof.apply(settings);
        self.requests.apply(settings);
        self.tokens.apply(settings);
        self.logout.apply(settings);
        self.policy.apply(settings);
        self.checks.apply(&mut settings.checks);
        self.links.apply(settings);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::oauth::signing_alg::SigningAlg;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: Flags,
    }

    fn applied(line: &str, to: &Settings) -> Settings {
        let line = Line::try_parse_from(["x"].into_iter().chain(line.split_whitespace())).unwrap();
        let mut settings = to.clone();
        line.flags.apply(&mut settings);
        settings
    }

    /// Every setting has its flag: this list changes each one, and a new setting fails here.
    const EVERYTHING: &str = "--jwks-uri https://a.example/keys --auth-signing-alg ES256 \
        --tls-client-auth-san-dns a.example --profile fapi2_message_signing --require-pkce true \
        --require-pushed true --require-signed-request-object true --request-object-alg ES256 \
        --authorization-response-alg ES256 --introspection-alg ES256 --default-max-age 1h \
        --default-acr-value urn:numbercloak:acr:network --initiate-login-uri https://a.example/l \
        --scope openid --id-token-alg ES256 --userinfo-alg ES256 --userinfo-only true \
        --subject-type public --access-token 5m --access-token-format jwt \
        --resource https://api.example --dpop-bound-access-tokens true \
        --certificate-bound-access-tokens true --post-logout-redirect-uri https://a.example/bye \
        --backchannel-logout-uri https://a.example/b --backchannel-logout-session-required true \
        --frontchannel-logout-uri https://a.example/f --frontchannel-logout-session-required true \
        --confirm always --handoff on --quota-per-month 100 --hint suggestion --operator o2-de --fresh-for 0 --silent-check true --sim-swap require \
        --client-uri https://a.example --logo-uri https://a.example/i.png \
        --policy-uri https://a.example/p --tos-uri https://a.example/t --accent #0b5566 --default-locale de --contact a@a.example";

    #[test]
    fn every_setting_has_its_flag() {
        let before = Settings::default();
        let after = applied(EVERYTHING, &before);
        let json = |settings: &Settings| serde_json::to_value(settings).unwrap();
        let (before, after) = (json(&before), json(&after));
        // The first needs a file, the second is fetched and has flags of its own.
        const ELSEWHERE: [&str; 2] = ["jwks", "sector_identifier_uri"];
        for (name, value) in before.as_object().unwrap() {
            let differs = after[name] != *value;
            assert_ne!(differs, ELSEWHERE.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn what_can_be_absent_is_taken_away_with_none() {
        let full = applied(EVERYTHING, &Settings::default());
        let none = "--jwks-uri none --auth-signing-alg none --request-object-alg none \
            --userinfo-alg none --default-max-age none --access-token none \
            --backchannel-logout-uri none --post-logout-redirect-uri none --contact none \
            --logo-uri none --accent none";
        let after = applied(none, &full);
        assert_eq!(after.jwks_uri, None);
        assert_eq!(after.auth_signing_alg, None);
        assert_eq!(after.request_object_alg, None);
        assert_eq!(after.userinfo_alg, None);
        assert_eq!((after.default_max_age, after.access_token_s), (None, None));
        assert_eq!(after.backchannel_logout_uri, None);
        assert!(after.post_logout_redirect_uris.is_empty() && after.contacts.is_empty());
        assert_eq!(
            (after.logo_uri, after.accent, after.tos_uri),
            (None, None, full.tos_uri.clone())
        );
        assert_eq!(applied("", &full), full);
    }

    #[test]
    fn a_profile_sets_what_it_leaves_no_choice_about_and_a_flag_that_contradicts_it_stays_to_be_refused()
     {
        let after = applied("--profile fapi2", &Settings::default());
        assert_eq!(after.id_token_alg, SigningAlg::PS256);
        assert!(after.require_pushed && after.dpop_bound_access_tokens);
        let mtls = applied(
            "--profile fapi2 --certificate-bound-access-tokens true",
            &Settings::default(),
        );
        assert!(!mtls.dpop_bound_access_tokens);
        let contradicted = applied("--id-token-alg RS256 --profile fapi2", &Settings::default());
        assert_eq!(contradicted.id_token_alg, SigningAlg::RS256);
    }
}
