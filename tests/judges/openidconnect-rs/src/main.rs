//! openidconnect-rs signs somebody in with the code that the console shows for an app. `run` writes it into
//! `sign_in.rs`, to the letter; here is what an app's own server brings around it.

mod sign_in;

use std::env;
use std::error::Error;
use std::process::Command;

use openidconnect::{CsrfToken, reqwest};

/// Goes where the app sends the browser, as a person, and comes back with the code.
fn come_back(start: &reqwest::Url, state: &CsrfToken) -> Result<String, Box<dyn Error>> {
    let mut start = start.clone();
    start.query_pairs_mut().append_pair("login_hint", &env::var("NUMBER")?);
    let out = Command::new(env::var("BROWSER")?).arg(start.as_str()).arg(env::var("BACK")?).output()?;
    let found: serde_json::Value = serde_json::from_slice(&out.stdout)?;
    let back = reqwest::Url::parse(found["url"].as_str().ok_or("the browser did not come back")?)?;
    let of = |wanted: &str| back.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
    if of("state").as_ref() != Some(state.secret()) {
        return Err("the state is another".into());
    }
    of("code").ok_or_else(|| format!("no code: {back}").into())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let http = reqwest::ClientBuilder::new().redirect(reqwest::redirect::Policy::none()).build()?;
    let sub = sign_in::sign_in(http).await?;
    if sub.is_empty() { Err("an empty sub".into()) } else { Ok(()) }
}

fn main() {
    let method = env::var("METHOD").unwrap_or_default();
    let says = format!("the code that the console shows for an app with {method} signs somebody in");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match runtime.block_on(run()) {
        Ok(()) => println!("ok - {says}"),
        Err(error) => {
            println!("not ok - {says}\n{error}");
            std::process::exit(1);
        }
    }
}
