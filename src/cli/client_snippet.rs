//! `client snippet`: code that signs people in with an app.

use clap::Args;

use crate::admin::client_snippets::{environment, snippets};
use crate::admin::clients;
use crate::cli::failure::{CONFIG, FINDING, Failure, OK};
use crate::cli::office::Globals;
use crate::cli::output::{print, print_json, table};

/// `client snippet`.
#[derive(Args, Debug)]
pub struct Snippet {
    /// Its client_id.
    client_id: String,
    /// The library, such as openid-client or authlib; `env` for the variables that the code reads. Without
    /// it, the libraries are listed.
    library: Option<String>,
}

/// Runs it.
pub async fn run(globals: &Globals, wanted: Snippet) -> Result<u8, Failure> {
    let office = globals.office_with_issuer().await?;
    let client = clients::show(&office.desk, &wanted.client_id).await?;
    let Some(issuer) = &office.tools.issuer else {
        let fix = "Set issuer in the configuration.";
        return Err(Failure::new(CONFIG, "issuer is not set", fix));
    };
    let issuer = issuer.as_str();
    let mut all = snippets(issuer, &client);
    let Some(library) = wanted.library else {
        if globals.json {
            print_json(&all);
            return Ok(OK);
        }
        let rows: Vec<_> = all
            .iter()
            .map(|one| [one.name, one.library, one.language].map(str::to_owned))
            .collect();
        print(&table(["name", "library", "for"], &rows));
        return Ok(OK);
    };
    if library == "env" && !globals.json {
        print(environment(issuer, &client, None).trim_end());
        return Ok(OK);
    }
    all.retain(|one| one.name == library);
    let Some(one) = all.first() else {
        return Err(Failure::new(
            FINDING,
            format!("there is no code for {library} and this app"),
            format!(
                "`numbercloak client snippet {}` lists what there is.",
                client.client_id
            ),
        ));
    };
    if globals.json {
        print_json(&all);
    } else {
        print(one.code.trim_end());
    }
    Ok(OK)
}
