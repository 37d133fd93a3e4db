//! What may be set for a client, field by field. A field is named as in metadata and in flags.

mod proof;

#[cfg(test)]
mod tests;

use url::Url;

use crate::admin::Refused;
use crate::admin::clients::Editable;
use crate::admin::endpoint::{check_endpoint, check_page};
use crate::admin::extras::check_wanted;
use crate::admin::refused::{check_alias, check_name};
use crate::oauth::acr::Acr;
use crate::oauth::locale;
use crate::oauth::redirect::reason_to_refuse_registration;
use crate::oauth::scope::Scope;
use crate::store::clients::{AuthMethod, Kind, Settings};

use proof::{check_certificate, check_keys, check_profile};

const MOST_REDIRECT_URIS: usize = 50;
/// Entries in any other list.
const MOST_ENTRIES: usize = 20;
/// Longest text, bytes.
const LONGEST: usize = 2000;

/// Refuses what cannot be, or cannot be together.
pub(super) fn check(client: &Editable, kind: Kind) -> Result<(), Refused> {
    check_name(&client.name)?;
    check_auth_method(kind, client.auth_method)?;
    check_redirect_uris("redirect_uris", &client.redirect_uris, kind)?;
    if client.redirect_uris.is_empty() {
        return Err(Refused::invalid("redirect_uris", "give at least one"));
    }
    let settings = &client.settings;
    check_policy(settings)?;
    check_lists(settings, kind)?;
    check_links(client)?;
    check_keys(settings, client.auth_method)?;
    check_certificate(settings, client.auth_method)?;
    check_profile(settings, client.auth_method)
}

fn check_auth_method(kind: Kind, method: AuthMethod) -> Result<(), Refused> {
    let message = match (kind, method) {
        (Kind::Web, AuthMethod::None) => "a web app proves itself; register it as spa otherwise",
        (Kind::Spa | Kind::Native, _) if method != AuthMethod::None => {
            "whatever runs on people's devices cannot keep a secret; use none"
        }
        _ => return Ok(()),
    };
    Err(Refused::invalid("token_endpoint_auth_method", message))
}

fn check_redirect_uris(field: &'static str, uris: &[String], kind: Kind) -> Result<(), Refused> {
    let refuse = |message: String| Err(Refused::invalid(field, message));
    if uris.len() > MOST_REDIRECT_URIS {
        return refuse(format!("give at most {MOST_REDIRECT_URIS} URIs"));
    }
    for (i, uri) in uris.iter().enumerate() {
        if let Some(reason) = reason_to_refuse_registration(uri, kind == Kind::Native) {
            return refuse(reason);
        }
        if uris[..i].contains(uri) {
            return refuse(format!("{uri} is given twice; remove one"));
        }
    }
    Ok(())
}

fn check_policy(settings: &Settings) -> Result<(), Refused> {
    let known = Scope::ALL.map(Scope::as_str);
    if !settings.scopes.iter().any(|scope| scope == "openid") {
        return Err(Refused::invalid("scopes", "openid is always one of them"));
    }
    if let Some(unknown) = settings
        .scopes
        .iter()
        .find(|s| !known.contains(&s.as_str()))
    {
        let message = format!(
            "`{}` is none of {}",
            unknown.escape_debug(),
            known.join(", ")
        );
        return Err(Refused::invalid("scopes", message));
    }
    if settings.fresh_for_s > 3600 {
        let message = "a verdict answers for at most 3600 seconds";
        return Err(Refused::invalid("fresh_for_s", message));
    }
    let lives = settings.access_token_s;
    if lives.is_some_and(|seconds| !(60..=86_400).contains(&seconds)) {
        let message = "an access token lives 60 to 86400 seconds";
        return Err(Refused::invalid("access_token_s", message));
    }
    check_wanted(&settings.checks)?;
    for alias in &settings.operators {
        check_alias("operators", alias)?;
    }
    if let Some(tag) = &settings.default_locale
        && !locale::TAGS.contains(&tag.as_str())
    {
        let ours = locale::TAGS.join(", ");
        let message = format!("`{}` is none of {ours}", tag.escape_debug());
        return Err(Refused::invalid("default_locale", message));
    }
    let levels = [Acr::Network, Acr::NetworkHandoff].map(Acr::as_str);
    if let Some(unknown) = settings
        .default_acr_values
        .iter()
        .find(|acr| !levels.contains(&acr.as_str()))
    {
        let message = format!(
            "`{}` is none of {}",
            unknown.escape_debug(),
            levels.join(", ")
        );
        return Err(Refused::invalid("default_acr_values", message));
    }
    Ok(())
}

fn check_lists(settings: &Settings, kind: Kind) -> Result<(), Refused> {
    let goodbyes = &settings.post_logout_redirect_uris;
    check_redirect_uris("post_logout_redirect_uris", goodbyes, kind)?;
    for (field, list) in [
        ("contacts", &settings.contacts),
        ("resources", &settings.resources),
        ("default_acr_values", &settings.default_acr_values),
        ("scopes", &settings.scopes),
    ] {
        if list.len() > MOST_ENTRIES {
            return Err(Refused::invalid(
                field,
                format!("give at most {MOST_ENTRIES}"),
            ));
        }
    }
    for contact in &settings.contacts {
        if contact.is_empty() || contact.len() > 320 || contact.chars().any(char::is_control) {
            let message = "a contact is a mail address or something else people can use";
            return Err(Refused::invalid("contacts", message));
        }
    }
    for resource in &settings.resources {
        // RFC 8707 section 2.
        let good = resource.len() <= LONGEST
            && Url::parse(resource).is_ok_and(|url| url.fragment().is_none());
        if !good {
            let message = "a resource is an absolute URI without a fragment";
            return Err(Refused::invalid("resources", message));
        }
    }
    Ok(())
}

fn check_links(client: &Editable) -> Result<(), Refused> {
    let settings = &client.settings;
    let links = [
        ("client_uri", &settings.client_uri),
        ("logo_uri", &settings.logo_uri),
        ("policy_uri", &settings.policy_uri),
        ("tos_uri", &settings.tos_uri),
    ];
    let called = [
        ("jwks_uri", &settings.jwks_uri),
        ("backchannel_logout_uri", &settings.backchannel_logout_uri),
        ("frontchannel_logout_uri", &settings.frontchannel_logout_uri),
        ("initiate_login_uri", &settings.initiate_login_uri),
        ("sector_identifier_uri", &settings.sector_identifier_uri),
    ];
    for (field, uri) in links.into_iter().chain(called) {
        if uri.as_ref().is_some_and(|uri| uri.len() > LONGEST) {
            return Err(Refused::invalid(field, "is longer than 2000 bytes"));
        }
    }
    for (field, page) in links {
        if let Some(page) = page {
            check_page(field, page)?;
        }
    }
    for (field, uri) in called {
        if let Some(uri) = uri {
            check_endpoint(field, uri)?;
        }
    }
    let is_https = |uri: &String| uri.starts_with("https://");
    if settings
        .initiate_login_uri
        .as_ref()
        .is_some_and(|uri| !is_https(uri))
    {
        // OIDC Dynamic Client Registration section 2 makes no exception.
        return Err(Refused::invalid("initiate_login_uri", "must be https"));
    }
    // OIDC Front-Channel Logout section 2.
    let origin = |uri: &str| Url::parse(uri).ok().map(|url| url.origin());
    if let Some(uri) = &settings.frontchannel_logout_uri
        && !client
            .redirect_uris
            .iter()
            .any(|known| origin(known) == origin(uri))
    {
        let message = "must have the scheme, host and port of a redirect URI";
        return Err(Refused::invalid("frontchannel_logout_uri", message));
    }
    Ok(())
}
