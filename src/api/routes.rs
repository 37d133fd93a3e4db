//! The one table of routes.

use std::sync::OnceLock;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use http::{Method, StatusCode};
use utoipa::openapi::HttpMethod;
use utoipa::openapi::path::Operation;

use crate::admin::scopes::Scope;
use crate::api::problem::No;
use crate::api::{
    audit, audit_exports, audit_log, audit_record, audit_views, client_secrets, client_snippets,
    clients, document, export_manifest, finder, guard, health, keys, networks, numbers,
    operator_discovery, operators, overview, presets, privacy, ranges, registration_tokens,
    sessions, settings, staff, staff_access, tokens, usage,
};
use crate::web::app::App;

/// Where the API is.
pub const BASE: &str = "/admin/api/v1";

/// What a route asks of whoever calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// A token, whatever it may do.
    AnyToken,
    /// A token that may do this.
    Scope(Scope),
}

/// One route.
pub(super) struct Route {
    /// Its method.
    pub method: Method,
    /// Its path below [`BASE`].
    pub path: String,
    /// What it needs.
    pub needs: Needs,
    /// How it is documented.
    pub operation: Operation,
    handler: MethodRouter<App>,
}

impl Route {
    /// A handler under the method and path that stand beside it.
    fn of<Documented, H, T>(handler: H, needs: Needs) -> Self
    where
        Documented: utoipa::Path,
        H: Handler<T, App>,
        T: 'static,
    {
        let (method, filter) = match Documented::methods().first() {
            Some(HttpMethod::Post) => (Method::POST, MethodFilter::POST),
            Some(HttpMethod::Put) => (Method::PUT, MethodFilter::PUT),
            Some(HttpMethod::Patch) => (Method::PATCH, MethodFilter::PATCH),
            Some(HttpMethod::Delete) => (Method::DELETE, MethodFilter::DELETE),
            _ => (Method::GET, MethodFilter::GET),
        };
        Self {
            method,
            path: Documented::path(),
            needs,
            operation: Documented::operation(),
            handler: on(filter, handler),
        }
    }
}

/// Rows of `module, handler, its documentation: needs`.
macro_rules! table {
    ($($module:ident $handler:ident $documented:ident $needs:expr;)*) => {
        vec![$(Route::of::<$module::$documented, _, _>($module::$handler, $needs)),*]
    };
}

pub(super) fn table() -> Vec<Route> {
    use Needs::AnyToken;
    use Scope as S;
    let scope = Needs::Scope;
    table![
        clients list __path_list scope(S::ClientsRead);
        clients create __path_create scope(S::ClientsWrite);
        clients show __path_show scope(S::ClientsRead);
        clients change __path_change scope(S::ClientsWrite);
        clients remove __path_remove scope(S::ClientsWrite);
        clients disable __path_disable scope(S::ClientsWrite);
        clients enable __path_enable scope(S::ClientsWrite);
        clients change_sector __path_change_sector scope(S::ClientsWrite);
        clients set_logo __path_set_logo scope(S::ClientsWrite);
        clients remove_logo __path_remove_logo scope(S::ClientsWrite);
        client_secrets rotate __path_rotate scope(S::ClientsWrite);
        client_secrets revoke __path_revoke scope(S::ClientsWrite);
        client_snippets list __path_list scope(S::ClientsRead);
        operators list __path_list scope(S::OperatorsRead);
        operators add __path_add scope(S::OperatorsWrite);
        operators show __path_show scope(S::OperatorsRead);
        operators change __path_change scope(S::OperatorsWrite);
        operators pause __path_pause scope(S::OperatorsWrite);
        operators resume __path_resume scope(S::OperatorsWrite);
        operators test __path_test scope(S::OperatorsWrite);
        ranges show __path_show scope(S::OperatorsRead);
        ranges load __path_load scope(S::OperatorsWrite);
        ranges clear __path_clear scope(S::OperatorsWrite);
        presets list __path_list scope(S::OperatorsRead);
        operator_discovery discover __path_discover scope(S::OperatorsWrite);
        networks list __path_list scope(S::OperatorsRead);
        networks show __path_show scope(S::OperatorsRead);
        networks load __path_load scope(S::OperatorsWrite);
        networks clear __path_clear scope(S::OperatorsWrite);
        finder show __path_show scope(S::OperatorsRead);
        finder set __path_set scope(S::OperatorsWrite);
        finder remove __path_remove scope(S::OperatorsWrite);
        keys list __path_list scope(S::KeysRead);
        keys stage __path_stage scope(S::KeysWrite);
        keys rotate __path_rotate scope(S::KeysWrite);
        keys revoke __path_revoke scope(S::KeysWrite);
        staff list __path_list scope(S::StaffRead);
        staff create __path_create scope(S::StaffWrite);
        staff show __path_show scope(S::StaffRead);
        staff set_role __path_set_role scope(S::StaffWrite);
        staff set_unmask __path_set_unmask scope(S::StaffWrite);
        staff disable __path_disable scope(S::StaffWrite);
        staff enable __path_enable scope(S::StaffWrite);
        staff setup_link __path_setup_link scope(S::StaffWrite);
        staff_access sessions __path_sessions scope(S::StaffRead);
        staff_access end_sessions __path_end_sessions scope(S::StaffWrite);
        staff_access passkeys __path_passkeys scope(S::StaffRead);
        staff_access rename_passkey __path_rename_passkey scope(S::StaffWrite);
        staff_access remove_passkey __path_remove_passkey scope(S::StaffWrite);
        audit_views list __path_list scope(S::StaffRead);
        audit_views save __path_save scope(S::StaffWrite);
        audit_views remove __path_remove scope(S::StaffWrite);
        sessions list __path_list scope(S::SessionsRead);
        sessions find __path_find scope(S::SessionsRead);
        sessions end __path_end scope(S::SessionsWrite);
        numbers new_owner __path_new_owner scope(S::NumbersWrite);
        privacy export __path_export scope(S::NumbersExport);
        privacy erase __path_erase scope(S::NumbersErase);
        registration_tokens list __path_list scope(S::RegistrationRead);
        registration_tokens create __path_create scope(S::RegistrationWrite);
        registration_tokens revoke __path_revoke scope(S::RegistrationWrite);
        tokens list __path_list scope(S::TokensRead);
        tokens create __path_create scope(S::TokensWrite);
        tokens revoke __path_revoke scope(S::TokensWrite);
        tokens myself __path_myself AnyToken;
        usage list __path_list scope(S::UsageRead);
        usage quotas __path_quotas scope(S::UsageRead);
        audit list __path_list scope(S::AuditRead);
        audit find __path_find scope(S::AuditRead);
        audit of_login __path_of_login scope(S::AuditFind);
        export_manifest show __path_show scope(S::AuditRead);
        audit_record show __path_show scope(S::AuditRead);
        audit_record proof __path_proof scope(S::AuditRead);
        audit_record unmask __path_unmask scope(S::AuditUnmask);
        audit_exports list __path_list scope(S::AuditRead);
        audit_exports begin __path_begin scope(S::AuditExport);
        audit_exports show __path_show scope(S::AuditRead);
        audit_exports cancel __path_cancel scope(S::AuditExport);
        audit_exports file __path_file scope(S::AuditExport);
        audit_log show __path_show scope(S::AuditRead);
        audit_log chart __path_chart scope(S::AuditRead);
        audit_log holds __path_holds scope(S::AuditRead);
        audit_log hold __path_hold scope(S::AuditHold);
        audit_log release __path_release scope(S::AuditHold);
        settings show __path_show scope(S::SettingsRead);
        overview show __path_show scope(S::HealthRead);
        health show __path_show scope(S::HealthRead);
    ]
}

/// What a method of a path pattern (with [`BASE`]) needs; absent if there is no such route.
#[must_use]
pub fn needs_of(method: &Method, pattern: &str) -> Option<Needs> {
    static KNOWN: OnceLock<Vec<(Method, String, Needs)>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        let routes = table().into_iter();
        routes
            .map(|route| (route.method, route.path, route.needs))
            .collect()
    });
    let path = pattern.strip_prefix(BASE)?;
    let method = if *method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    known
        .iter()
        .find(|(known, pattern, _)| known == method && pattern == path)
        .map(|(_, _, needs)| *needs)
}

/// The router: every route behind the guard, and nothing else but the document.
pub fn router(app: &App) -> Router<App> {
    let mut guarded = Router::new();
    for route in table() {
        guarded = guarded.route(&format!("{BASE}{}", route.path), route.handler);
    }
    guarded
        .method_not_allowed_fallback(not_allowed)
        .route_layer(from_fn_with_state(app.clone(), guard::guard))
        // The same for everybody everywhere: it tells nothing about this server.
        .route(&format!("{BASE}/openapi.json"), get(document::serve))
        .route(BASE, get(not_found).fallback(not_found))
        .route(
            &format!("{BASE}/{{*rest}}"),
            get(not_found).fallback(not_found),
        )
}

async fn not_found() -> No {
    let fix = format!("{BASE}/openapi.json lists what there is.");
    No::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is nothing at this address",
    )
    .fix(fix)
}

async fn not_allowed() -> No {
    let fix = "The Allow header lists the methods it has.";
    No::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this address does not have that method",
    )
    .fix(fix)
}
