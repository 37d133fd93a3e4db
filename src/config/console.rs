//! The section `console`: how staff sign in besides password, code and passkey.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::secret::Redacted;

/// The console.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct ConsoleSection {
    pub(super) oidc: OidcSection,
}

/// The company's own OpenID Connect provider, for staff. Off unless console.oidc.issuer is set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct OidcSection {
    /// Its issuer, to the letter. Its redirect URI for us is <issuer>/admin/login/company/callback.
    #[schemars(with = "String", example = "https://login.example.com")]
    pub(super) issuer: Option<String>,
    /// Who we are to it.
    #[schemars(with = "String", example = "numbercloak-console")]
    pub(super) client_id: Option<String>,
    /// The secret it gave us.
    #[serde(skip_serializing)]
    #[schemars(with = "String", example = "<secret from the provider>")]
    pub(super) client_secret: Option<Redacted>,
    /// How the secret is sent to its token endpoint.
    pub(super) client_auth: ClientAuth,
    /// The scope that is asked for.
    pub(super) scope: String,
    /// The claim of its ID tokens that names roles or groups, a text or a list; dots lead into objects.
    pub(super) role_claim: String,
    /// Which of the claim's values gives which role, the first that fits: value=role, role being owner,
    /// admin, auditor or support. Nobody without one gets in.
    #[schemars(example = ["console-admins=admin", "security=auditor"])]
    pub(super) roles: Vec<String>,
    /// The domains that addresses of staff may have. Empty: any.
    #[schemars(example = ["example.com"])]
    pub(super) allowed_domains: Vec<String>,
    /// Whether its addresses count without email_verified, for providers that do not tell.
    pub(super) trust_email: bool,
    /// Whether staff sign in there only: no password, no passkey. A setup link from the command line
    /// still works.
    pub(super) required: bool,
}

impl Default for OidcSection {
    fn default() -> Self {
        Self {
            issuer: None,
            client_id: None,
            client_secret: None,
            client_auth: ClientAuth::default(),
            scope: "openid email".to_owned(),
            role_claim: "groups".to_owned(),
            roles: Vec::new(),
            allowed_domains: Vec::new(),
            trust_email: false,
            required: false,
        }
    }
}

/// How a client's secret is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// By HTTP Basic.
    #[default]
    ClientSecretBasic,
    /// In the body.
    ClientSecretPost,
}

/// The company's own provider, when there is one.
#[derive(Clone, Debug)]
pub struct CompanyProvider {
    /// Its issuer.
    pub issuer: String,
    /// Who we are to it.
    pub client_id: String,
    /// The secret it gave us.
    pub client_secret: Redacted,
    /// How that is sent.
    pub client_auth: ClientAuth,
    /// The scope that is asked for.
    pub scope: String,
    /// The claim that names roles.
    pub role_claim: String,
    /// The claim's values and the words of the roles they give, the first that fits.
    pub roles: Vec<(String, String)>,
    /// The domains of staff, in lower case; empty: any.
    pub allowed_domains: Vec<String>,
    /// Whether its addresses count without `email_verified`.
    pub trust_email: bool,
    /// Whether there is no other way in.
    pub required: bool,
}

/// The words of the roles.
const ROLES: [&str; 4] = ["owner", "admin", "auditor", "support"];

/// What is wrong: the key, what, and what to do.
pub(super) type Wrong = (&'static str, String, &'static str);

/// Everything that is wrong with the section.
pub(super) fn faults(section: &ConsoleSection) -> Vec<Wrong> {
    let oidc = &section.oidc;
    let mut wrong: Vec<Wrong> = Vec::new();
    let Some(issuer) = &oidc.issuer else {
        if oidc.required {
            let what = "is true, and there is no provider to sign in at".to_owned();
            wrong.push(("console.oidc.required", what, "set console.oidc.issuer too"));
        }
        return wrong;
    };
    if !Url::parse(issuer).is_ok_and(|url| matches!(url.scheme(), "https" | "http")) {
        let what = "is no URL".to_owned();
        wrong.push((
            "console.oidc.issuer",
            what,
            "write the provider's issuer, https://…",
        ));
    }
    let mut need = |there: bool, key, fix| {
        if !there {
            wrong.push((
                key,
                "is not set, but console.oidc.issuer is".to_owned(),
                fix,
            ));
        }
    };
    need(
        oidc.client_id.as_ref().is_some_and(|id| !id.is_empty()),
        "console.oidc.client_id",
        "write the client_id the provider gave",
    );
    need(
        oidc.client_secret.is_some(),
        "console.oidc.client_secret",
        "set NUMBERCLOAK__CONSOLE__OIDC__CLIENT_SECRET_FILE to a file with the secret the provider gave",
    );
    need(
        !oidc.roles.is_empty(),
        "console.oidc.roles",
        "write which value of the role claim gives which role: roles = [\"console-admins=admin\"]",
    );
    need(
        !oidc.role_claim.is_empty(),
        "console.oidc.role_claim",
        "name the claim, such as groups",
    );
    if let Some(line) = oidc.roles.iter().find(|line| read_role(line).is_none()) {
        let what = format!("holds {line:?}, which is no value=role");
        let fix = "write console-admins=admin; roles are owner, admin, auditor and support";
        wrong.push(("console.oidc.roles", what, fix));
    }
    if !oidc.scope.split(' ').any(|word| word == "openid") {
        let what = "has no openid".to_owned();
        wrong.push((
            "console.oidc.scope",
            what,
            "write openid email, and what the role claim needs",
        ));
    }
    wrong
}

fn read_role(line: &str) -> Option<(String, String)> {
    // A value may hold = itself.
    let (value, role) = line.rsplit_once('=')?;
    let (value, role) = (value.trim(), role.trim());
    let known = !value.is_empty() && ROLES.contains(&role);
    known.then(|| (value.to_owned(), role.to_owned()))
}

/// The provider of a section without faults.
pub(super) fn resolve(section: ConsoleSection) -> Option<CompanyProvider> {
    let oidc = section.oidc;
    Some(CompanyProvider {
        issuer: oidc.issuer?,
        client_id: oidc.client_id?,
        client_secret: oidc.client_secret?,
        client_auth: oidc.client_auth,
        scope: oidc.scope,
        role_claim: oidc.role_claim,
        roles: oidc
            .roles
            .iter()
            .filter_map(|line| read_role(line))
            .collect(),
        allowed_domains: oidc
            .allowed_domains
            .iter()
            .map(|domain| domain.trim_start_matches('@').to_lowercase())
            .collect(),
        trust_email: oidc.trust_email,
        required: oidc.required,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_whole_or_says_what_it_lacks() {
        assert!(faults(&ConsoleSection::default()).is_empty());
        let of = |oidc: OidcSection| ConsoleSection { oidc };
        let whole = OidcSection {
            issuer: Some("https://login.example.com".to_owned()),
            client_id: Some("us".to_owned()),
            client_secret: Some(Redacted::new("secret")),
            roles: vec!["cn=admins,ou=x=admin".to_owned()],
            allowed_domains: vec!["@Example.com".to_owned()],
            ..OidcSection::default()
        };
        assert!(faults(&of(whole.clone())).is_empty());
        let provider = resolve(of(whole.clone())).unwrap();
        let role = ("cn=admins,ou=x".to_owned(), "admin".to_owned());
        assert_eq!(provider.roles, [role]);
        assert_eq!(provider.allowed_domains, ["example.com"]);
        type Edit = fn(&mut OidcSection);
        let edits: [(&str, Edit); 7] = [
            ("console.oidc.issuer", |o| {
                o.issuer = Some("login".to_owned())
            }),
            ("console.oidc.client_id", |o| o.client_id = None),
            ("console.oidc.client_secret", |o| o.client_secret = None),
            ("console.oidc.roles", |o| o.roles.clear()),
            ("console.oidc.roles", |o| {
                o.roles = vec!["x=king".to_owned()]
            }),
            ("console.oidc.scope", |o| o.scope = "email".to_owned()),
            ("console.oidc.required", |o| {
                o.issuer = None;
                o.required = true;
            }),
        ];
        for (key, edit) in edits {
            let mut oidc = whole.clone();
            edit(&mut oidc);
            let keys: Vec<_> = faults(&of(oidc)).into_iter().map(|(key, ..)| key).collect();
            assert_eq!(keys, [key]);
        }
    }
}
