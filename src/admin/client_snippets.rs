//! Code that signs people in with a client, for the libraries people use. The values are the client's own;
//! a secret never stands in code, only its name in the environment. `tests/judges` runs it as it stands
//! here, with the libraries it is for.

use serde::Serialize;

use crate::store::clients::{AuthMethod, Client, Kind};

/// Code for one library.
#[derive(Clone, Debug, Serialize)]
pub struct Snippet {
    /// Its name on the command line.
    pub name: &'static str,
    /// The library.
    pub library: &'static str,
    /// What it is written in.
    pub language: &'static str,
    /// The code.
    pub code: String,
}

/// Name, library, language, code with places for the client's values.
type Template = (&'static str, &'static str, &'static str, &'static str);

/// Libraries for servers.
const SERVERS: [Template; 9] = [
    (
        "openid-client",
        "openid-client",
        "Node.js",
        include_str!("../../templates/console/snippets/openid_client.txt"),
    ),
    (
        "authjs",
        "Auth.js",
        "Next.js",
        include_str!("../../templates/console/snippets/authjs.txt"),
    ),
    (
        "authlib",
        "Authlib",
        "Python, Flask",
        include_str!("../../templates/console/snippets/authlib.txt"),
    ),
    (
        "spring",
        "Spring Security",
        "application.yml",
        include_str!("../../templates/console/snippets/spring.txt"),
    ),
    (
        "go-oidc",
        "go-oidc",
        "Go",
        include_str!("../../templates/console/snippets/go_oidc.txt"),
    ),
    (
        "openidconnect",
        "openidconnect",
        "Rust",
        include_str!("../../templates/console/snippets/openidconnect_rs.txt"),
    ),
    (
        "mod_auth_openidc",
        "mod_auth_openidc",
        "Apache",
        include_str!("../../templates/console/snippets/mod_auth_openidc.txt"),
    ),
    (
        "oauth2-proxy",
        "oauth2-proxy",
        "flags",
        include_str!("../../templates/console/snippets/oauth2_proxy.txt"),
    ),
    (
        "keycloak",
        "Keycloak",
        "identity provider",
        include_str!("../../templates/console/snippets/keycloak.txt"),
    ),
];
const CURL: Template = (
    "curl",
    "curl",
    "shell",
    include_str!("../../templates/console/snippets/curl.txt"),
);
/// For an app that runs in the browser.
const BROWSER: [Template; 1] = [(
    "openid-client",
    "openid-client",
    "browser",
    include_str!("../../templates/console/snippets/openid_client_browser.txt"),
)];
/// For an app that people install.
const NATIVE: [Template; 1] = [(
    "openid-client",
    "openid-client",
    "device",
    include_str!("../../templates/console/snippets/openid_client_native.txt"),
)];

/// All that fit the client.
pub fn snippets(issuer: &str, client: &Client) -> Vec<Snippet> {
    let fitting = match client.kind {
        Kind::Web => SERVERS.as_slice(),
        Kind::Spa => BROWSER.as_slice(),
        Kind::Native => NATIVE.as_slice(),
    };
    let curl = (client.kind == Kind::Web).then_some(&CURL);
    fitting
        .iter()
        .chain(curl)
        .map(|(name, library, language, template)| Snippet {
            name,
            library,
            language,
            code: filled(template, issuer, client),
        })
        .collect()
}

/// The variables that the code reads.
pub fn environment(issuer: &str, client: &Client, secret: Option<&str>) -> String {
    let mut text = format!(
        "OIDC_ISSUER={issuer}\nOIDC_CLIENT_ID={}\nOIDC_REDIRECT_URI={}\n",
        client.client_id,
        redirect_uri(client)
    );
    if client.auth_method.is_secret() {
        text.push_str("OIDC_CLIENT_SECRET=");
        text.push_str(secret.unwrap_or("(shown once, when it was made)"));
        text.push('\n');
    }
    text
}

fn filled(template: &str, issuer: &str, client: &Client) -> String {
    let path = url::Url::parse(redirect_uri(client))
        .map_or_else(|_| "/callback".to_owned(), |url| url.path().to_owned());
    // The two ways of a secret; whoever proves itself otherwise sees where to begin.
    let (method, js, rust, curl) = match client.auth_method {
        AuthMethod::ClientSecretPost => (
            "client_secret_post",
            "ClientSecretPost",
            "\n.set_auth_type(AuthType::RequestBody)",
            r#"-d client_id="{client_id}" -d client_secret="$OIDC_CLIENT_SECRET""#,
        ),
        _ => (
            "client_secret_basic",
            "ClientSecretBasic",
            "",
            r#"-u "{client_id}:$OIDC_CLIENT_SECRET""#,
        ),
    };
    template
        .replace("{auth_method}", method)
        .replace("{js_auth}", js)
        .replace("{rust_auth}", rust)
        .replace("{curl_auth}", curl)
        .replace("{issuer}", issuer)
        .replace("{client_id}", &client.client_id)
        .replace("{redirect_uri}", redirect_uri(client))
        .replace("{redirect_path}", &path)
}

/// The first redirect URI. An app may have registered itself: what could mean something to a shell or
/// end a string is not put into code that somebody copies.
fn redirect_uri(client: &Client) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?[]@+,=%".contains(c);
    client
        .redirect_uris
        .iter()
        .find(|uri| uri.chars().all(plain))
        .map_or("https://your-app.example/callback", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::store::clients::Settings;

    fn client(kind: Kind, redirect_uri: &str) -> Client {
        Client {
            id: uuid::Uuid::nil(),
            client_id: "shop-1".to_owned(),
            name: "Shop".to_owned(),
            kind,
            auth_method: match kind {
                Kind::Web => AuthMethod::ClientSecretBasic,
                _ => AuthMethod::None,
            },
            redirect_uris: vec![redirect_uri.to_owned()],
            test: false,
            settings: Settings::default(),
            sector: "shop.example".to_owned(),
            managed_by: None,
            revision: 1,
            disabled_at: None,
            ended_at: None,
            created_at: Time::default(),
            updated_at: Time::default(),
            secrets: Vec::new(),
            logo: None,
        }
    }

    #[test]
    fn every_snippet_has_the_clients_own_values_and_nothing_left_to_fill() {
        for kind in [Kind::Web, Kind::Spa, Kind::Native] {
            let client = client(kind, "https://shop.example/cb");
            for snippet in snippets("https://id.example", &client) {
                let code = &snippet.code;
                assert!(code.contains("https://id.example"), "{}", snippet.library);
                assert!(code.contains("shop-1"), "{}", snippet.library);
                for open in [
                    "{issuer}",
                    "{client_id}",
                    "{redirect_uri}",
                    "{redirect_path}",
                    "{auth_method}",
                    "{js_auth}",
                    "{rust_auth}",
                    "{curl_auth}",
                ] {
                    assert!(!code.contains(open), "{} {open}", snippet.library);
                }
            }
        }
        let web = client(Kind::Web, "https://shop.example/cb");
        assert_eq!(snippets("https://id.example", &web).len(), 10);
    }

    #[test]
    fn what_could_mean_something_to_a_shell_is_not_put_into_code() {
        for bad in [
            "https://a.example/$(id)",
            "https://a.example/'",
            "https://a.example/`id`",
            "https://a.example/;id",
            "https://a.example/&id",
        ] {
            let client = client(Kind::Web, bad);
            assert!(!environment("https://id.example", &client, None).contains(bad));
            for snippet in snippets("https://id.example", &client) {
                assert!(!snippet.code.contains(bad), "{}", snippet.library);
            }
        }
    }
}
