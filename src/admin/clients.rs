//! Registering and changing clients.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use url::{Host, Url};

use crate::admin::desk::{Act, commit};
use crate::admin::endpoint::check_page;
use crate::admin::extras::check_wanted;
use crate::admin::refused::{check_alias, check_name};
use crate::admin::{Desk, Refused, change};
use crate::oauth::redirect::reason_to_refuse_registration;
use crate::secret::{Token, new_id, random};
use crate::store::clients::{self, AuthMethod, Client, Kind, Secret, Settings};
use crate::store::operators;

/// How long a replaced secret works on if nobody says otherwise.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(24 * 3600);
/// How long a replaced secret may work on at most.
pub const LONGEST_GRACE: Duration = Duration::from_secs(7 * 24 * 3600);

const SCOPES: [&str; 3] = ["openid", "number_verified", "phone"];
const MOST_REDIRECT_URIS: usize = 50;
const PAGE: i64 = 200;

/// What an app says about itself.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// The name people see.
    pub name: String,
    /// What runs it; decides how it authenticates.
    pub kind: Kind,
    /// Where its users come back to.
    pub redirect_uris: Vec<String>,
    /// Whether test operators may vouch for it, and only for +990 numbers (P5).
    pub test: bool,
    /// The `client_id`; made from the name if absent.
    pub client_id: Option<String>,
    /// Its policy.
    pub settings: Settings,
}

/// A client with the secret that was made for it: shown now or never.
#[derive(Debug)]
pub struct Registered {
    /// The client.
    pub client: Client,
    /// Its secret, if it keeps one.
    pub secret: Option<Token>,
}

/// A new secret, and until when the one before works.
#[derive(Debug)]
pub struct Rotated {
    /// The secret: shown now or never.
    pub secret: Token,
    /// Until when the one before works.
    pub earlier_ends: crate::clock::Time,
}

/// What can be edited.
#[derive(Clone, Debug, Serialize)]
pub struct Editable {
    /// The name people see.
    pub name: String,
    /// How it authenticates.
    pub auth_method: AuthMethod,
    /// Where its users come back to.
    pub redirect_uris: Vec<String>,
    /// Whether test operators may vouch for it.
    pub test: bool,
    /// Its policy.
    pub settings: Settings,
}

impl Editable {
    fn of(client: &Client) -> Self {
        Self {
            name: client.name.clone(),
            auth_method: client.auth_method,
            redirect_uris: client.redirect_uris.clone(),
            test: client.test,
            settings: client.settings.clone(),
        }
    }

    fn check(&self, kind: Kind) -> Result<(), Refused> {
        check_name(&self.name)?;
        check_auth_method(kind, self.auth_method)?;
        check_redirect_uris(&self.redirect_uris, kind)?;
        check_settings(&self.settings)
    }
}

/// Registers a client with the safe preset of its kind: a web app gets a secret for HTTP Basic, a
/// page or a native app none and must use PKCE.
///
/// # Errors
/// [`Refused::Invalid`] naming the field, [`Refused::Taken`] if the `client_id` is in use.
pub async fn create(desk: &Desk, new: NewClient) -> Result<Registered, Refused> {
    let client_id = match new.client_id {
        Some(id) => id,
        None => generated_client_id(&new.name),
    };
    check_client_id(&client_id)?;
    let fields = Editable {
        name: new.name,
        auth_method: match new.kind {
            Kind::Web => AuthMethod::ClientSecretBasic,
            Kind::Spa | Kind::Native => AuthMethod::None,
        },
        redirect_uris: new.redirect_uris,
        test: new.test,
        settings: new.settings,
    };
    fields.check(new.kind)?;
    let sector = sector(&fields.redirect_uris, new.kind).unwrap_or_else(|| client_id.clone());
    let details = json!({ "kind": new.kind, "sector": sector, "client": fields });
    let mut client = Client {
        id: new_id(desk.now),
        client_id,
        name: fields.name,
        kind: new.kind,
        auth_method: fields.auth_method,
        redirect_uris: fields.redirect_uris,
        test: fields.test,
        settings: fields.settings,
        sector,
        revision: 1,
        disabled_at: None,
        created_at: desk.now,
        updated_at: desk.now,
        secrets: Vec::new(),
    };
    let mut tx = desk.begin().await?;
    check_operators_exist(&mut tx, &client.settings.operators).await?;
    clients::insert(&mut tx, &client).await.map_err(|error| {
        Refused::or_taken(
            error,
            "clients_client_id_key",
            "client_id",
            &client.client_id,
        )
    })?;
    let mut secret = None;
    if client.is_confidential() {
        let token = Token::random();
        let row = secret_row(desk, &token);
        clients::insert_secret(&mut tx, client.id, &row).await?;
        client.secrets.push(row);
        secret = Some(token);
    }
    let act = Act {
        operation: "CREATE",
        resource: "client",
        id: &client.client_id,
        details,
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    Ok(Registered { client, secret })
}

/// All clients, in the order of `client_id`.
///
/// # Errors
/// [`Refused::Database`].
pub async fn list(desk: &Desk) -> Result<Vec<Client>, Refused> {
    let mut tx = desk.begin().await?;
    let mut all: Vec<Client> = Vec::new();
    loop {
        let after = all.last().map_or("", |client| client.client_id.as_str());
        let page = clients::list(&mut tx, after, PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// One client.
///
/// # Errors
/// [`Refused::NotFound`].
pub async fn show(desk: &Desk, client_id: &str) -> Result<Client, Refused> {
    let mut tx = desk.begin().await?;
    find(&mut tx, client_id).await
}

/// Gives a client a new secret; the one before works on for `grace`. At most two are live.
///
/// # Errors
/// [`Refused::Invalid`] if the client keeps no secret, the grace is too long, or two secrets are
/// live already and the older would have to end early without being asked (`grace` 0 ends all).
pub async fn rotate_secret(
    desk: &Desk,
    client_id: &str,
    grace: Duration,
) -> Result<Rotated, Refused> {
    if grace > LONGEST_GRACE {
        return Err(Refused::invalid("grace", "is at most 7 days"));
    }
    let mut tx = desk.begin().await?;
    let client = find(&mut tx, client_id).await?;
    if !client.is_confidential() {
        let message = format!("{client_id} is a public client: it keeps no secret, it uses PKCE");
        return Err(Refused::invalid("client_id", message));
    }
    let live = |secret: &&Secret| secret.expires_at.is_none_or(|end| end > desk.now);
    if client.secrets.iter().filter(live).count() > 1 && !grace.is_zero() {
        let message =
            "two secrets work already; wait until the older ends, or use 0 to end both now";
        return Err(Refused::invalid("grace", message));
    }
    // The revision holds a second rotation back that has read the same secrets.
    clients::update(&mut tx, &client, desk.now).await?;
    let secret = Token::random();
    let row = secret_row(desk, &secret);
    let ends = desk.now + grace;
    clients::insert_secret(&mut tx, client.id, &row).await?;
    clients::retire_secrets(&mut tx, client.id, row.id, ends, desk.now).await?;
    let act = Act {
        operation: "ACTION",
        resource: "client",
        id: client_id,
        details: json!({ "action": "rotate_secret", "secret": row.id, "earlier_ends": ends }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    Ok(Rotated {
        secret,
        earlier_ends: ends,
    })
}

/// Refuses a client everywhere, or no longer. Does nothing if it is so already.
///
/// # Errors
/// [`Refused::NotFound`], [`Refused::Stale`].
pub async fn set_disabled(desk: &Desk, client_id: &str, disabled: bool) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    let mut client = find(&mut tx, client_id).await?;
    if client.disabled_at.is_some() == disabled {
        return Ok(());
    }
    client.disabled_at = disabled.then_some(desk.now);
    clients::update(&mut tx, &client, desk.now).await?;
    let act = Act {
        operation: "ACTION",
        resource: "client",
        id: client_id,
        details: json!({ "action": if disabled { "disable" } else { "enable" } }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await
}

/// Changes what can be edited and returns the client as it is then. `seen` is the revision the
/// editor looked at, if it looked. The sector stays.
///
/// # Errors
/// [`Refused::Invalid`], [`Refused::NotFound`], or [`Refused::Stale`] if the revision is another.
pub async fn update(
    desk: &Desk,
    client_id: &str,
    seen: Option<i32>,
    edit: impl FnOnce(&mut Editable),
) -> Result<Client, Refused> {
    let mut tx = desk.begin().await?;
    let mut client = find(&mut tx, client_id).await?;
    if seen.is_some_and(|seen| seen != client.revision) {
        return Err(Refused::Stale);
    }
    let before = Editable::of(&client);
    let mut after = before.clone();
    edit(&mut after);
    let changes = change::between(&before, &after);
    if change::is_none(&changes) {
        return Ok(client);
    }
    after.check(client.kind)?;
    if after.settings.operators != before.settings.operators {
        check_operators_exist(&mut tx, &after.settings.operators).await?;
    }
    client.name = after.name;
    client.auth_method = after.auth_method;
    client.redirect_uris = after.redirect_uris;
    client.test = after.test;
    client.settings = after.settings;
    clients::update(&mut tx, &client, desk.now).await?;
    let act = Act {
        operation: "UPDATE",
        resource: "client",
        id: client_id,
        details: changes,
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    client.revision += 1;
    client.updated_at = desk.now;
    Ok(client)
}

async fn find(db: &mut sqlx::PgConnection, client_id: &str) -> Result<Client, Refused> {
    clients::find(db, client_id)
        .await?
        .ok_or_else(|| Refused::not_found("client", client_id))
}

fn secret_row(desk: &Desk, secret: &Token) -> Secret {
    Secret {
        id: new_id(desk.now),
        hash: secret.hash(),
        hint: secret.reveal().chars().take(4).collect(),
        created_at: desk.now,
        expires_at: None,
    }
}

/// A readable start and enough chance that nobody guesses or meets another's.
fn generated_client_id(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().take(64).flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(24);
    let slug = slug.trim_end_matches('-');
    let slug = if slug.is_empty() { "app" } else { slug };
    let tail: String = random::<4>().iter().map(|b| format!("{b:02x}")).collect();
    format!("{slug}-{tail}")
}

fn check_client_id(id: &str) -> Result<(), Refused> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
    if id.is_empty() || id.len() > 64 || !id.chars().all(plain) {
        let message = "write 1 to 64 letters, digits, -, ., _ or ~";
        return Err(Refused::invalid("client_id", message));
    }
    Ok(())
}

fn check_auth_method(kind: Kind, method: AuthMethod) -> Result<(), Refused> {
    let message = match (kind, method) {
        (Kind::Web, AuthMethod::None) => "a web app keeps a secret; register it as spa otherwise",
        (Kind::Spa | Kind::Native, _) if method != AuthMethod::None => {
            "whatever runs on people's devices cannot keep a secret; use none"
        }
        _ => return Ok(()),
    };
    Err(Refused::invalid("auth_method", message))
}

fn check_redirect_uris(uris: &[String], kind: Kind) -> Result<(), Refused> {
    let refuse = |message: String| Err(Refused::invalid("redirect_uris", message));
    if uris.is_empty() || uris.len() > MOST_REDIRECT_URIS {
        return refuse(format!("give 1 to {MOST_REDIRECT_URIS} redirect URIs"));
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

fn check_settings(settings: &Settings) -> Result<(), Refused> {
    if !settings.scopes.iter().any(|scope| scope == "openid") {
        return Err(Refused::invalid("scopes", "openid is always one of them"));
    }
    if let Some(unknown) = settings
        .scopes
        .iter()
        .find(|s| !SCOPES.contains(&s.as_str()))
    {
        let known = SCOPES.join(", ");
        let message = format!("`{}` is none of {known}", unknown.escape_debug());
        return Err(Refused::invalid("scopes", message));
    }
    if settings.fresh_for_s > 3600 {
        let message = "a verdict answers for at most 3600 seconds";
        return Err(Refused::invalid("fresh_for_s", message));
    }
    if settings
        .access_token_s
        .is_some_and(|seconds| !(60..=86_400).contains(&seconds))
    {
        let message = "an access token lives 60 to 86400 seconds";
        return Err(Refused::invalid("access_token_s", message));
    }
    check_wanted(&settings.checks)?;
    for alias in &settings.operators {
        check_alias("operators", alias)?;
    }
    for (field, page) in [
        ("client_uri", &settings.client_uri),
        ("policy_uri", &settings.policy_uri),
        ("tos_uri", &settings.tos_uri),
    ] {
        if let Some(page) = page {
            check_page(field, page)?;
        }
    }
    Ok(())
}

/// A typing error here would show only as logins that never find an operator.
async fn check_operators_exist(
    db: &mut sqlx::PgConnection,
    wanted: &[String],
) -> Result<(), Refused> {
    if wanted.is_empty() {
        return Ok(());
    }
    let known = operators::list(db).await?;
    match wanted
        .iter()
        .find(|alias| !known.iter().any(|o| o.alias == **alias))
    {
        None => Ok(()),
        Some(alias) => Err(Refused::invalid(
            "operators",
            format!("there is no operator {alias}; add it first"),
        )),
    }
}

/// The one host of all redirect URIs (OIDC Core section 8.1). A native app's loopback or private
/// scheme is nobody's host: apps of different makers would share it and could compare their `sub`s.
fn sector(uris: &[String], kind: Kind) -> Option<String> {
    let mut one: Option<String> = None;
    for uri in uris {
        let url = Url::parse(uri).ok()?;
        if !matches!(url.scheme(), "https" | "http") {
            return None;
        }
        let loopback = match url.host()? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        if kind == Kind::Native && loopback {
            return None;
        }
        let host = url.host_str()?;
        if one.as_deref().is_some_and(|other| other != host) {
            return None;
        }
        one = Some(host.to_owned());
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(uris: &[&str]) -> Vec<String> {
        uris.iter().map(|uri| (*uri).to_owned()).collect()
    }

    #[test]
    fn the_sector_is_the_one_host_of_all_redirect_uris() {
        let sector = |uris: &[&str], kind| sector(&own(uris), kind);
        assert_eq!(
            sector(
                &["https://a.example/x", "https://a.example:8443/y"],
                Kind::Web
            )
            .as_deref(),
            Some("a.example")
        );
        assert_eq!(
            sector(&["https://a.example/x", "https://b.example/x"], Kind::Web),
            None
        );
        for nobodys in ["http://127.0.0.1/cb", "com.example.app://a.example/cb"] {
            assert_eq!(sector(&[nobodys], Kind::Native), None, "{nobodys}");
        }
        assert_eq!(
            sector(&["http://localhost:3000/cb"], Kind::Spa).as_deref(),
            Some("localhost")
        );
    }

    #[test]
    fn a_generated_client_id_is_readable_valid_and_new() {
        for (name, start) in [
            ("My Shop (EU)", "my-shop-eu-"),
            ("北京", "app-"),
            ("--", "app-"),
            (
                "A name that goes on and on and on",
                "a-name-that-goes-on-and-",
            ),
        ] {
            let id = generated_client_id(name);
            assert!(id.starts_with(start), "{id}");
            assert!(check_client_id(&id).is_ok(), "{id}");
            assert_ne!(id, generated_client_id(name));
        }
    }

    #[test]
    fn a_client_id_needs_no_encoding_anywhere() {
        for bad in ["", "a b", "a:b", "a/b", "a%b", "ä", &"x".repeat(65)] {
            assert!(check_client_id(bad).is_err(), "{bad}");
        }
        assert!(check_client_id("My.App_1~x").is_ok());
    }

    #[test]
    fn redirect_uris_are_checked_and_given_once() {
        let good = own(&["https://a.example/cb"]);
        assert!(check_redirect_uris(&good, Kind::Web).is_ok());
        for bad in [
            own(&[]),
            own(&["https://a.example/cb", "https://a.example/cb"]),
            own(&["http://a.example/cb"]),
            own(&["com.example.app:/cb"]),
        ] {
            assert!(check_redirect_uris(&bad, Kind::Web).is_err(), "{bad:?}");
        }
        assert!(check_redirect_uris(&own(&["com.example.app:/cb"]), Kind::Native).is_ok());
    }

    #[test]
    fn only_a_web_app_keeps_a_secret() {
        assert!(check_auth_method(Kind::Web, AuthMethod::ClientSecretPost).is_ok());
        assert!(check_auth_method(Kind::Web, AuthMethod::None).is_err());
        assert!(check_auth_method(Kind::Spa, AuthMethod::ClientSecretBasic).is_err());
        assert!(check_auth_method(Kind::Native, AuthMethod::None).is_ok());
    }

    #[test]
    fn a_policy_outside_its_bounds_is_refused_by_field() {
        assert!(check_settings(&Settings::default()).is_ok());
        type Edit = fn(&mut Settings);
        let edits: [(&str, Edit); 6] = [
            ("scopes", |s| s.scopes = own(&["phone"])),
            ("scopes", |s| s.scopes.push("email".to_owned())),
            ("fresh_for_s", |s| s.fresh_for_s = 3601),
            ("access_token_s", |s| s.access_token_s = Some(59)),
            ("operators", |s| s.operators = own(&["O2 DE"])),
            ("tos_uri", |s| s.tos_uri = Some("javascript:1".to_owned())),
        ];
        for (wanted, edit) in edits {
            let mut settings = Settings::default();
            edit(&mut settings);
            match check_settings(&settings) {
                Err(Refused::Invalid { field, .. }) => assert_eq!(field, wanted),
                other => panic!("{wanted}: {other:?}"),
            }
        }
    }
}
