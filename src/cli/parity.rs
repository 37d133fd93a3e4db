//! Console, API and command line can do the same: every operation of the API with the command that does it.

use std::collections::BTreeSet;

use clap::CommandFactory as _;

use super::Line;

/// Operation and command. A new operation needs its row here, and the row a command that there is.
const SAME: &[(&str, &str)] = &[
    ("list_clients", "client list"),
    ("create_client", "client create"),
    ("show_client", "client show"),
    ("change_client", "client update"),
    ("remove_client", "client remove"),
    ("disable_client", "client disable"),
    ("enable_client", "client enable"),
    ("change_client_sector", "client change-sector"),
    ("set_client_logo", "client update --logo-file"),
    ("remove_client_logo", "client update --logo-file"),
    ("rotate_client_secret", "client rotate-secret"),
    ("revoke_client_secret", "client revoke-secret"),
    ("list_client_snippets", "client snippet"),
    (
        "list_initial_access_tokens",
        "client initial-access-token list",
    ),
    (
        "create_initial_access_token",
        "client initial-access-token create",
    ),
    (
        "revoke_initial_access_token",
        "client initial-access-token revoke",
    ),
    ("list_operators", "operator list"),
    ("add_operator", "operator add"),
    ("show_operator", "operator show"),
    ("change_operator", "operator update"),
    ("pause_operator", "operator disable"),
    ("resume_operator", "operator enable"),
    ("test_operator", "operator test"),
    ("list_operator_presets", "operator presets"),
    ("show_ranges", "operator ranges show"),
    ("load_ranges", "operator ranges load"),
    ("clear_ranges", "operator ranges clear"),
    ("show_telco_finder", "operator finder show"),
    ("set_telco_finder", "operator finder set"),
    ("remove_telco_finder", "operator finder remove"),
    ("discover_operator", "operator discover"),
    ("list_networks", "network list"),
    ("show_networks", "network show"),
    ("load_networks", "network load"),
    ("clear_networks", "network clear"),
    ("list_keys", "key list"),
    ("stage_key", "key stage"),
    ("rotate_key", "key rotate"),
    ("revoke_key", "key revoke"),
    ("list_staff", "staff list"),
    ("show_staff", "staff list"),
    ("create_staff", "staff create"),
    ("set_staff_role", "staff set-role"),
    ("set_unmask_right", "staff unmask"),
    ("enable_staff", "staff enable"),
    ("disable_staff", "staff disable"),
    ("make_setup_link", "staff setup-link"),
    ("list_staff_sessions", "staff sessions"),
    ("end_staff_sessions", "staff end-sessions"),
    ("list_staff_passkeys", "staff passkeys"),
    ("rename_staff_passkey", "staff rename-passkey"),
    ("remove_staff_passkey", "staff remove-passkey"),
    ("list_audit_views", "staff views"),
    ("save_audit_view", "staff save-view"),
    ("remove_audit_view", "staff remove-view"),
    ("list_sessions", "session list"),
    ("find_sessions", "session list --number-file"),
    ("end_sessions", "session end"),
    ("number_has_new_owner", "number new-owner"),
    ("export_number", "privacy export"),
    ("erase_number", "privacy erase"),
    ("list_api_tokens", "api-token list"),
    ("create_api_token", "api-token create"),
    ("revoke_api_token", "api-token revoke"),
    ("list_usage", "usage"),
    ("list_quotas", "usage --quotas"),
    ("show_settings", "config show"),
    ("show_overview", "overview"),
    ("show_health", "doctor"),
    ("list_records", "audit list"),
    ("find_records", "audit list"),
    ("show_login_records", "audit list"),
    ("show_record", "audit list"),
    ("prove_record", "audit prove"),
    ("unmask_record", "audit bundle --personal"),
    ("begin_export", "audit export"),
    ("fetch_export", "audit export"),
    ("list_exports", "audit exports"),
    ("show_export", "audit exports"),
    ("cancel_export", "audit exports --cancel"),
    ("show_export_manifest", "audit exports --manifest"),
    ("show_log", "audit checkpoint"),
    ("list_holds", "audit keep holds"),
    ("place_hold", "audit keep hold"),
    ("release_hold", "audit keep release"),
];

/// What the command line has no use for: who a token is, and what is drawn as a picture (`audit list` and
/// `usage` have its figures).
const API_ALONE: [&str; 2] = ["show_me", "show_charts"];

/// Whether there is a command of these words, with this flag if one is named.
fn is_there(words: &str) -> bool {
    let mut at = Line::command();
    for word in words.split(' ') {
        if let Some(flag) = word.strip_prefix("--") {
            return at.get_arguments().any(|arg| arg.get_long() == Some(flag));
        }
        match at.find_subcommand(word) {
            Some(inner) => at = inner.clone(),
            None => return false,
        }
    }
    // A noun alone does nothing.
    at.get_subcommands().next().is_none()
}

#[test]
fn every_operation_of_the_api_has_its_command() {
    let document = crate::api::document();
    let operations: BTreeSet<&str> = document["paths"]
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(_, methods)| methods.as_object().into_iter().flatten())
        .filter_map(|(_, operation)| operation["operationId"].as_str())
        .collect();
    let known: BTreeSet<&str> = SAME.iter().map(|(operation, _)| *operation).collect();
    assert_eq!(known.len(), SAME.len(), "an operation stands there twice");
    let known = known.into_iter().chain(API_ALONE).collect();
    assert_eq!(operations, known);
    for (operation, command) in SAME {
        assert!(is_there(command), "{operation}: there is no `{command}`");
    }
}

#[test]
fn a_command_that_is_not_there_is_not_found() {
    for nothing in ["client fly", "client", "client list --wings", "nothing"] {
        assert!(!is_there(nothing), "{nothing}");
    }
}

/// Commands that run on, or print what is no JSON or nothing else.
const SILENT: [&str; 6] = [
    "serve",
    "dev",
    "config schema",
    "completions",
    "simulator",
    "demo",
];

/// Every other command says what `--json` prints of it.
#[test]
fn every_command_tells_its_json() {
    fn walk(path: &str, command: &clap::Command, silent: &mut Vec<String>) {
        if command.get_subcommands().next().is_none() {
            let told = command.get_after_help().map(ToString::to_string);
            let told = told.or_else(|| command.get_after_long_help().map(ToString::to_string));
            if !told.unwrap_or_default().contains("JSON") {
                silent.push(path.trim().to_owned());
            }
        }
        for inner in command.get_subcommands() {
            walk(&format!("{path} {}", inner.get_name()), inner, silent);
        }
    }
    let mut silent = Vec::new();
    walk("", &Line::command(), &mut silent);
    assert_eq!(silent, SILENT);
}
