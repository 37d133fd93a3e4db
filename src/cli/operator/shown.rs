//! How operators are printed.

use serde::Serialize;
use serde_json::json;

use super::redirect_uri;
use crate::admin::breakers::OpenBreaker;
use crate::admin::presets;
use crate::cli::office::{Globals, Office};
use crate::cli::output::{fields, note, print, print_json, shown, spelt, table};
use crate::clock::Time;
use crate::config::Issuer;
use crate::store::operators::{Mode, Operator, Settings};

#[derive(Serialize)]
struct View<'a> {
    alias: &'a str,
    name: &'a str,
    mode: Mode,
    redirect_uri: Option<String>,
    settings: &'a Settings,
    has_credentials: bool,
    breakers: Vec<&'a OpenBreaker>,
    revision: i32,
    disabled_at: Option<Time>,
    created_at: Time,
    updated_at: Time,
}

fn view<'a>(
    operator: &'a Operator,
    issuer: Option<&Issuer>,
    breakers: &'a [OpenBreaker],
) -> View<'a> {
    View {
        breakers: breakers
            .iter()
            .filter(|open| open.operator == operator.alias)
            .collect(),
        alias: &operator.alias,
        name: &operator.name,
        mode: operator.mode,
        redirect_uri: issuer.map(|issuer| redirect_uri(issuer, &operator.alias)),
        settings: &operator.settings,
        has_credentials: operator.sealed_credentials.is_some(),
        revision: operator.revision,
        disabled_at: operator.disabled_at,
        created_at: operator.created_at,
        updated_at: operator.updated_at,
    }
}

pub(super) fn show_presets(globals: &Globals) {
    if globals.json {
        return print_json(presets::all());
    }
    let row = |(name, preset): (&String, &presets::Preset)| {
        [
            name.clone(),
            spelt(&preset.credential),
            preset.base.clone().unwrap_or_default(),
            preset.says.clone(),
        ]
    };
    let rows: Vec<_> = presets::all().iter().map(row).collect();
    print(&table(["preset", "credential", "base", "for"], &rows));
}

pub(super) fn switched(globals: &Globals, alias: &str, disabled: bool) {
    if globals.json {
        print_json(&json!({ "alias": alias, "disabled": disabled }));
    } else {
        let how = if disabled { "disabled" } else { "enabled" };
        print(&format!("{alias} is {how}."));
    }
}

pub(super) fn show(
    globals: &Globals,
    office: &Office,
    operator: &Operator,
    breakers: &[OpenBreaker],
) {
    let view = view(operator, office.tools.issuer.as_ref(), breakers);
    if globals.json {
        return print_json(&view);
    }
    let settings = view.settings;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    print(&fields(&[
        ("alias", view.alias.to_owned()),
        ("name", shown(view.name)),
        ("mode", spelt(&view.mode)),
        (
            "redirect URI",
            view.redirect_uri.clone().unwrap_or_default(),
        ),
        ("dialect", spelt(&settings.dialect)),
        ("issuer", text(&settings.issuer)),
        ("discovery", settings.discovery.to_string()),
        (
            "authorization endpoint",
            text(&settings.authorization_endpoint),
        ),
        ("token endpoint", text(&settings.token_endpoint)),
        ("JWKS", text(&settings.jwks_uri)),
        ("API root", settings.api_root.clone()),
        ("release", spelt(&settings.release)),
        ("client_id there", settings.client_id.clone()),
        ("authentication", spelt(&settings.token_auth)),
        (
            "credentials",
            if view.has_credentials { "sealed" } else { "" }.to_owned(),
        ),
        ("scope", settings.scope_verify.clone()),
        ("prefixes", settings.prefixes.join(" ")),
        ("extra checks", {
            let offered = settings.checks.contracts();
            let names: Vec<_> = offered.map(|(extra, _)| extra.as_str()).collect();
            names.join(" ")
        }),
        ("left alone", {
            let servers = view.breakers.iter();
            let told: Vec<_> = servers
                .map(|open| format!("{} by {}", open.state, open.replica))
                .collect();
            told.join(", ")
        }),
        (
            "disabled",
            view.disabled_at
                .map(|at| at.to_rfc3339())
                .unwrap_or_default(),
        ),
    ]));
    if view.redirect_uri.is_some() {
        note("Register the redirect URI with the operator, to the letter.");
    }
}

pub(super) fn list(
    globals: &Globals,
    office: &Office,
    operators: &[Operator],
    breakers: &[OpenBreaker],
) {
    let issuer = office.tools.issuer.as_ref();
    if globals.json {
        let views: Vec<_> = operators
            .iter()
            .map(|o| view(o, issuer, breakers))
            .collect();
        return print_json(&views);
    }
    let row = |operator: &Operator| {
        [
            operator.alias.clone(),
            shown(&operator.name),
            spelt(&operator.mode),
            operator.settings.prefixes.join(" "),
            if operator.disabled_at.is_some() {
                "disabled"
            } else if breakers.iter().any(|open| open.operator == operator.alias) {
                "does not answer"
            } else {
                ""
            }
            .to_owned(),
        ]
    };
    let rows: Vec<_> = operators.iter().map(row).collect();
    print(&table(
        ["alias", "name", "mode", "prefixes", "state"],
        &rows,
    ));
}
