//! The statement budget of DESIGN.md section 3: `BEGIN` and `COMMIT` counted, each one round trip.

use crate::support::app::{App, NUMBER, new_client};
use crate::support::browser::Browser;
use crate::support::dpop::ProofKey;
use crate::support::rp::{Departure, Rp, Wish};
use crate::support::statements::{Statement, Statements};
use crate::support::wire::{Raw, http};

/// How many statements, and their beginnings.
fn told(sent: &[Statement]) -> (usize, String) {
    let heads: Vec<String> = sent
        .iter()
        .map(|one| {
            let text: Vec<&str> = one.sql.split_whitespace().collect();
            text.join(" ").chars().take(90).collect()
        })
        .collect();
    (sent.len(), heads.join("\n"))
}

/// A client is read anew every few seconds, by a clock that nobody here moves. After this the next login reads
/// it, and those that follow do not.
async fn clients_are_known_for_a_while(app: &App) {
    assert!(app.state().forget("clients").await);
}

/// Token and userinfo, each once.
async fn finish(app: &App, browser: &Browser, departure: &Departure) {
    let answer = app.answer(browser, departure);
    let (status, tokens) = app.shop.redeem_raw(departure, answer.code()).await;
    assert_eq!(status, 200, "{tokens}");
    let access_token = tokens["access_token"].as_str().unwrap();
    let (status, claims) = app.shop.userinfo(access_token).await;
    assert_eq!(status, 200, "{claims}");
    assert_eq!(claims["phone_number"], NUMBER);
}

#[tokio::test]
async fn a_silent_login_through_token_and_userinfo_takes_at_most_six_statements() {
    let mut app = App::builder().counting().start().await;
    let mut statements = app.statements.take().unwrap();
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    clients_are_known_for_a_while(&app).await;
    for _ in 0..3 {
        let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
        app.redeem(&browser, &departure).await;
    }
    statements.restart();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    finish(&app, &browser, &departure).await;
    let (count, heads) = told(&statements.sent());
    assert!(count <= 6, "{count} statements:\n{heads}");
}

#[tokio::test]
async fn a_sign_in_out_of_a_session_takes_four_statements() {
    let mut app = App::builder()
        .client(|client| client.settings.fresh_for_s = 900)
        .counting()
        .start()
        .await;
    let mut statements = app.statements.take().unwrap();
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    clients_are_known_for_a_while(&app).await;
    for _ in 0..3 {
        let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
        app.redeem(&browser, &departure).await;
    }
    for wish in [Wish::of(NUMBER), Wish::of(NUMBER).prompt("none")] {
        statements.restart();
        let departure = app.open(&mut browser, &wish).await;
        finish(&app, &browser, &departure).await;
        let (count, heads) = told(&statements.sent());
        assert_eq!(count, 4, "{count} statements:\n{heads}");
    }
}

#[tokio::test]
async fn a_login_with_the_confirm_page_takes_at_most_eight_statements() {
    let mut app = App::builder()
        .client(|client| client.settings.confirm = numbercloak::store::clients::Confirm::Always)
        // Counted in the same statement as the departure.
        .config("limits.numbers_per_browser_per_hour", "5")
        .counting()
        .start()
        .await;
    let mut statements = app.statements.take().unwrap();
    let mut browser = app.browser();
    clients_are_known_for_a_while(&app).await;
    for _ in 0..3 {
        app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    }
    statements.restart();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    finish(&app, &browser, &departure).await;
    let (count, heads) = told(&statements.sent());
    assert!(count <= 8, "{count} statements:\n{heads}");
}

#[tokio::test]
async fn a_pushed_request_takes_one_statement_more() {
    let mut app = App::builder().counting().start().await;
    let mut statements = app.statements.take().unwrap();
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let pushed = async || {
        let departure = app.shop.depart(&Wish::of(NUMBER)).await;
        app.shop.push_departure(&departure).await
    };
    clients_are_known_for_a_while(&app).await;
    for _ in 0..3 {
        let departure = pushed().await;
        browser.open(&departure.url).await;
        app.redeem(&browser, &departure).await;
    }
    statements.restart();
    let departure = pushed().await;
    browser.open(&departure.url).await;
    finish(&app, &browser, &departure).await;
    let (count, heads) = told(&statements.sent());
    assert!(count <= 7, "{count} statements:\n{heads}");
}

/// A client that may stay signed in, and what its requests are made of.
struct Staying {
    app: App,
    rp: Rp,
    key: ProofKey,
    statements: Statements,
}

impl Staying {
    async fn start() -> Self {
        let mut app = App::builder().counting().start().await;
        let mut new = new_client("stays");
        new.settings.scopes.push("offline_access".to_owned());
        let rp = app.register(new).await;
        Self {
            key: ProofKey::new(&app.clock),
            statements: app.statements.take().unwrap(),
            rp,
            app,
        }
    }

    async fn token(&self, fields: &[(&str, &str)], proof: bool) -> serde_json::Value {
        let url = format!("{}/token", self.app.issuer);
        let mut request = http()
            .post(&url)
            .basic_auth(&self.rp.client_id, self.rp.secret.as_deref())
            .form(fields);
        if proof {
            request = request.header("dpop", self.key.proof("POST", &url, None));
        }
        let answer = Raw::of(request).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    async fn userinfo(&self, token: &str, proof: bool) {
        let url = format!("{}/userinfo", self.app.issuer);
        let request = if proof {
            http()
                .get(&url)
                .header("authorization", format!("DPoP {token}"))
                .header("dpop", self.key.proof("GET", &url, Some(token)))
        } else {
            http().get(&url).bearer_auth(token)
        };
        assert_eq!(Raw::of(request).await.status, 200);
    }

    /// A refresh and userinfo, and how many statements each took.
    async fn count(&mut self, refresh_token: &str, proof: bool) -> [usize; 2] {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ];
        let mut counts = [0; 2];
        // The first round prepares the statements and reads the client.
        clients_are_known_for_a_while(&self.app).await;
        for _ in 0..3 {
            self.statements.restart();
            let given = self.token(&fields, proof).await;
            counts[0] = told(&self.statements.sent()).0;
            self.statements.restart();
            self.userinfo(given["access_token"].as_str().unwrap(), proof)
                .await;
            counts[1] = told(&self.statements.sent()).0;
        }
        counts
    }
}

/// A refresh is one statement, and userinfo is; a DPoP proof's `jti` adds exactly one to each.
#[tokio::test]
async fn a_refresh_takes_one_statement_and_a_dpop_proof_one_more() {
    let mut staying = Staying::start().await;
    let mut browser = staying.app.browser();
    let wish = Wish::of(NUMBER)
        .scopes(&["phone", "offline_access"])
        .prompt("consent");
    let departure = staying.rp.depart(&wish).await;
    browser.open(&departure.url).await;
    browser.press("Continue").await;
    let answer = staying.rp.answer(&departure, browser.left());
    let (_, given) = staying.rp.redeem_raw(&departure, answer.code()).await;
    let token = given["refresh_token"].as_str().unwrap();
    assert_eq!(staying.count(token, false).await, [1, 1]);
    assert_eq!(staying.count(token, true).await, [2, 2]);
}
