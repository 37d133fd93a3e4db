//! How operators are printed.

use serde_json::json;

use crate::admin::apply_file;
use crate::admin::breakers::OpenBreaker;
use crate::admin::operator_view::OperatorView;
use crate::admin::presets;
use crate::cli::office::{Globals, Office};
use crate::cli::output::{fields, note, print, print_json, shown, spelt, table};
use crate::store::operators::{Operator, Settings};

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

/// As `operator add --settings` reads it.
pub(super) fn discovered(globals: &Globals, found: &Settings) {
    if globals.json {
        return print_json(&json!({ "settings": found }));
    }
    let own = apply_file::own(found, &Settings::default());
    print(&toml::to_string_pretty(&own).expect("settings without nulls are a table"));
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
    let view = OperatorView::of(operator, office.tools.issuer.as_ref(), breakers);
    if globals.json {
        return print_json(&view);
    }
    let settings = &view.settings;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    print(&fields(&[
        ("alias", view.alias.clone()),
        ("name", shown(&view.name)),
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
    let views: Vec<_> = operators
        .iter()
        .map(|operator| OperatorView::of(operator, issuer, breakers))
        .collect();
    if globals.json {
        return print_json(&views);
    }
    let row = |view: &OperatorView| {
        [
            view.alias.clone(),
            shown(&view.name),
            spelt(&view.mode),
            view.settings.prefixes.join(" "),
            view.state().to_owned(),
        ]
    };
    let rows: Vec<_> = views.iter().map(row).collect();
    print(&table(
        ["alias", "name", "mode", "prefixes", "state"],
        &rows,
    ));
}
