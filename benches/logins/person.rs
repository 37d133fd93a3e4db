//! One virtual person: a number, a browser with its cookies, and a whole login, step by step, each
//! answer checked. What is wrong with an answer is told by step and status, never by its content.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use numbercloak::oauth::pkce;
use numbercloak::oauth::signing_alg::SigningAlg;
use numbercloak::secret::Token;
use serde::Deserialize;
use uuid::Uuid;

use crate::http::{Answer, Connection};
use crate::id_token::Verifier;

/// Where the app wants its users back. Never fetched: the load client is the app.
pub const REDIRECT_URI: &str = "https://app.example/callback";
const REDIRECT_URI_ENCODED: &str = "https%3A%2F%2Fapp.example%2Fcallback";

/// The steps, in the order of [`Login::steps`].
pub const STEPS: [&str; 6] = [
    "authorize",
    "confirm",
    "operator hop",
    "callback",
    "token",
    "userinfo",
];

/// What a login is made at.
pub struct Target {
    /// The server.
    pub server: SocketAddr,
    /// The simulated operator.
    pub simulator: SocketAddr,
    /// The issuer.
    pub issuer: String,
    /// The app's registration.
    pub client_id: String,
    /// The algorithm of its ID tokens.
    pub alg: SigningAlg,
    /// `Authorization` of the app's server, HTTP Basic.
    pub basic: String,
    /// Checks ID tokens.
    pub verifier: Verifier,
}

/// A login that went well.
pub struct Login {
    /// How long each of [`STEPS`] took; zero for one that was not needed.
    pub steps: [Duration; 6],
    /// The audit record of the check, as the ID token names it.
    pub txn: Uuid,
}

/// The connections of a browser and of the app's server.
pub struct Wires {
    browser: Connection,
    operator: Connection,
    app: Connection,
}

impl Wires {
    /// Opened when first needed.
    pub fn new(target: &Target) -> Self {
        Self {
            browser: Connection::new(target.server),
            operator: Connection::new(target.simulator),
            app: Connection::new(target.server),
        }
    }
}

/// A person with a browser.
pub struct Person {
    number: String,
    cookies: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    id_token: String,
}

impl Person {
    /// A person whose browser was never here. Their SIM always answers for its own number.
    pub fn new(index: usize) -> Self {
        Self {
            // Not +99070NNNN, where things go wrong on purpose.
            number: format!("+9905{index:07}"),
            cookies: HashMap::new(),
        }
    }

    /// Throws the browser away.
    pub fn forget(&mut self) {
        self.cookies.clear();
    }

    /// Signs in to the app.
    ///
    /// # Errors
    /// Where it went wrong, in one word or two.
    pub fn sign_in(&mut self, target: &Target, wires: &mut Wires) -> Result<Login, String> {
        let mut steps = [Duration::ZERO; 6];
        let state = Token::random().reveal();
        let nonce = Token::random().reveal();
        let verifier = Token::random().reveal();
        let challenge = pkce::of_verifier(&verifier).ok_or("no challenge")?;
        let path = format!(
            "/authorize?client_id={}&redirect_uri={REDIRECT_URI_ENCODED}&response_type=code\
             &scope=openid%20number_verified&state={state}&nonce={nonce}&code_challenge={}\
             &code_challenge_method=S256&login_hint=%2B{}",
            target.client_id,
            challenge.as_str(),
            &self.number[1..],
        );
        let mut page = self.timed(&mut steps[0], wires, target, &path, None)?;
        if page.status == 303 {
            return self.redeem(steps, target, wires, &page, (&state, &nonce, &verifier));
        }
        expect(&page, 200, "authorize")?;
        if let Some(form) = Form::to_continue(&page.body) {
            page = self.timed(&mut steps[1], wires, target, &form.action, Some(&form.csrf))?;
            expect(&page, 200, "confirm")?;
        }
        let url = refresh(&page.body).ok_or("confirm: no way on")?;
        let callback = self.at_operator(&mut steps[2], wires, target, &url)?;
        let back = self.timed(&mut steps[3], wires, target, &callback, None)?;
        expect(&back, 303, "callback")?;
        self.redeem(steps, target, wires, &back, (&state, &nonce, &verifier))
    }

    /// The app's part: exchanges the code in the answer for tokens, and checks them.
    fn redeem(
        &mut self,
        mut steps: [Duration; 6],
        target: &Target,
        wires: &mut Wires,
        back: &Answer,
        (state, nonce, verifier): (&str, &str, &str),
    ) -> Result<Login, String> {
        let code = code(back, state, target)?;
        let tokens = redeem(&mut steps[4], wires, target, &code, verifier)?;
        let claims = target.verifier.verify(&tokens.id_token, nonce)?;
        if claims.phone_number != self.number || !claims.phone_number_verified {
            return Err("id_token: another number".to_owned());
        }
        let told = userinfo(&mut steps[5], wires, target, &tokens.access_token)?;
        if told.sub != claims.sub || told.phone_number != self.number {
            return Err("userinfo: somebody else".to_owned());
        }
        // A person signs in now and then; here one does so all the time, and a jar full of the
        // cookies of finished logins would be measured instead.
        self.cookies
            .retain(|name, _| !name.starts_with("nc_login_"));
        Ok(Login {
            steps,
            txn: claims.txn,
        })
    }

    /// One exchange of the browser with our server, a post if there is a form's token.
    fn timed(
        &mut self,
        took: &mut Duration,
        wires: &mut Wires,
        target: &Target,
        path: &str,
        csrf: Option<&str>,
    ) -> Result<Answer, String> {
        let mut request = String::with_capacity(1024);
        let method = if csrf.is_some() { "POST" } else { "GET" };
        request.push_str(&format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost:{}\r\n\
             user-agent: Mozilla/5.0 (Android 16; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0\r\n\
             accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
             accept-language: es-ES,es;q=0.8,en;q=0.5\r\n",
            target.server.port()
        ));
        if !self.cookies.is_empty() {
            let jar: Vec<String> = self
                .cookies
                .iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect();
            request.push_str(&format!("cookie: {}\r\n", jar.join("; ")));
        }
        match csrf {
            None => request.push_str("sec-fetch-site: cross-site\r\n\r\n"),
            Some(csrf) => request.push_str(&format!(
                "origin: null\r\nsec-fetch-site: same-origin\r\n\
                 content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n\
                 csrf={csrf}",
                csrf.len() + 5
            )),
        }
        let started = Instant::now();
        let answer = wires.browser.exchange(request.as_bytes());
        *took = started.elapsed();
        let answer = answer.map_err(|error| format!("browser: {}", error.kind()))?;
        for set in answer.headers("set-cookie") {
            let pair = set.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }

    /// Follows the operator's redirects to our callback; returns its path and query.
    fn at_operator(
        &self,
        took: &mut Duration,
        wires: &mut Wires,
        target: &Target,
        url: &str,
    ) -> Result<String, String> {
        let origin = format!("http://{}", target.simulator);
        let path = url.strip_prefix(&origin).ok_or("operator hop: elsewhere")?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", target.simulator);
        let started = Instant::now();
        let answer = wires.operator.exchange(request.as_bytes());
        *took = started.elapsed();
        let answer = answer.map_err(|error| format!("operator hop: {}", error.kind()))?;
        answer
            .header("location")
            .filter(|_| (300..400).contains(&answer.status))
            .and_then(|location| location.strip_prefix(&target.issuer))
            .map(str::to_owned)
            .ok_or_else(|| format!("operator hop: {}", answer.status))
    }
}

/// The button that goes on, on whichever page there is one.
struct Form {
    action: String,
    csrf: String,
}

impl Form {
    fn to_continue(page: &str) -> Option<Self> {
        page.split("<form ").skip(1).find_map(|form| {
            let action = between(form, "action=\"", "\"")?;
            let csrf = between(form, "name=\"csrf\" value=\"", "\"")?;
            action.ends_with("/continue").then(|| Self {
                action: action.to_owned(),
                csrf: csrf.to_owned(),
            })
        })
    }
}

/// Where a page's meta refresh leads.
fn refresh(page: &str) -> Option<String> {
    let url = between(page, "http-equiv=\"refresh\" content=\"0;url=", "\"")?;
    Some(url.replace("&#38;", "&").replace("&amp;", "&"))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let rest = text.split_once(start)?.1;
    Some(rest.split_once(end)?.0)
}

/// The code in the answer to the app, whose `state` and `iss` are the right ones.
fn code(back: &Answer, state: &str, target: &Target) -> Result<String, String> {
    let location = back.header("location").unwrap_or_default();
    let query = location
        .strip_prefix(REDIRECT_URI)
        .and_then(|rest| rest.strip_prefix('?'))
        .ok_or("callback: a page instead of the code")?;
    let pairs: HashMap<String, String> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    if pairs.get("state").map(String::as_str) != Some(state)
        || pairs.get("iss") != Some(&target.issuer)
    {
        return Err("callback: wrong state or iss".to_owned());
    }
    let code = pairs.get("code").cloned();
    code.ok_or_else(|| "callback: an error instead of the code".to_owned())
}

fn redeem(
    took: &mut Duration,
    wires: &mut Wires,
    target: &Target,
    code: &str,
    verifier: &str,
) -> Result<Tokens, String> {
    let body = format!(
        "grant_type=authorization_code&code={code}&redirect_uri={REDIRECT_URI_ENCODED}\
         &code_verifier={verifier}"
    );
    let request = format!(
        "POST /token HTTP/1.1\r\nhost: localhost:{}\r\nauthorization: Basic {}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        target.server.port(),
        target.basic,
        body.len()
    );
    at_app(took, wires, &request, "token")
}

/// What userinfo must repeat.
#[derive(Deserialize)]
struct Told {
    sub: String,
    phone_number: String,
}

fn userinfo(
    took: &mut Duration,
    wires: &mut Wires,
    target: &Target,
    access_token: &str,
) -> Result<Told, String> {
    let request = format!(
        "GET /userinfo HTTP/1.1\r\nhost: localhost:{}\r\nauthorization: Bearer {access_token}\r\n\r\n",
        target.server.port()
    );
    at_app(took, wires, &request, "userinfo")
}

/// One call of the app's server.
fn at_app<T: serde::de::DeserializeOwned>(
    took: &mut Duration,
    wires: &mut Wires,
    request: &str,
    step: &str,
) -> Result<T, String> {
    let started = Instant::now();
    let answer = wires.app.exchange(request.as_bytes());
    *took = started.elapsed();
    let answer = answer.map_err(|error| format!("{step}: {}", error.kind()))?;
    expect(&answer, 200, step)?;
    serde_json::from_str(&answer.body).map_err(|_| format!("{step}: not the JSON expected"))
}

fn expect(answer: &Answer, status: u16, step: &str) -> Result<(), String> {
    if answer.status == status {
        Ok(())
    } else {
        Err(format!("{step}: {}", answer.status))
    }
}
