//! Pages for staff, rendered here and usable without scripts. Every route stands in [`made`] with
//! who may use it; what they do is [`crate::admin`]'s, the same as for the API and the command line.

mod account;
mod api_tokens;
mod audit;
mod clients;
mod company;
mod fields;
mod frame;
mod keys;
mod new_owner;
mod operators;
mod overview;
mod passkeys;
mod privacy;
mod qr;
mod reference;
mod registration;
pub mod rule;
mod sessions;
mod settings;
mod setup;
mod sign_in;
mod staff;
mod staff_member;
mod trouble;
mod upload;
mod usage;
mod visit;

use std::sync::LazyLock;

use axum::Router;

use crate::console::rule::{ADMINS, AUDITORS, OWNERS, READERS, Routes, Rule, STAFF, Who};
use crate::web::app::App;

/// The routes.
pub fn routes() -> Router<App> {
    made().finish().0
}

/// Every route's rule.
pub fn rules() -> &'static [Rule] {
    static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| made().finish().1);
    &RULES
}

fn made() -> Routes {
    audit::routes(Routes::default())
        .page("/setup/{token}", Who::Anybody, setup::show)
        .act("/setup/{token}", Who::Anybody, setup::set_up)
        .page("/admin/login", Who::Anybody, sign_in::show)
        .act("/admin/login", Who::Anybody, sign_in::sign_in)
        .act(
            "/admin/login/passkey",
            Who::Anybody,
            passkeys::ask_to_sign_in,
        )
        .act(
            "/admin/login/passkey/finish",
            Who::Anybody,
            passkeys::sign_in,
        )
        .act("/admin/login/company", Who::Anybody, company::depart)
        .page(
            "/admin/login/company/callback",
            Who::Anybody,
            company::callback,
        )
        .page("/admin/login/company/finish", Who::Anybody, company::finish)
        .act("/admin/logout", STAFF, sign_in::sign_out)
        .page("/admin/confirm", STAFF, sign_in::ask_again)
        .act("/admin/confirm", STAFF, sign_in::prove_again)
        .act("/admin/confirm/passkey", STAFF, passkeys::ask_again)
        .act(
            "/admin/confirm/passkey/finish",
            STAFF,
            passkeys::prove_again,
        )
        .act("/admin/confirm/company", STAFF, company::depart_again)
        .page("/admin", STAFF, overview::show)
        .page("/admin/account", STAFF, account::show)
        .act("/admin/account/end", STAFF, account::end)
        .act("/admin/account/end-others", STAFF, account::end_others)
        .page("/admin/account/passkeys", STAFF, passkeys::list)
        .act_proven("/admin/account/passkeys/add", STAFF, passkeys::begin)
        .act("/admin/account/passkeys/finish", STAFF, passkeys::finish)
        .act("/admin/account/passkeys/rename", STAFF, passkeys::rename)
        .act_proven("/admin/account/passkeys/remove", STAFF, passkeys::remove)
        .page("/admin/clients", READERS, clients::list::show)
        .page("/admin/clients/new", ADMINS, clients::new::show)
        .act("/admin/clients/new", ADMINS, clients::new::create)
        .page("/admin/clients/{client_id}", READERS, clients::one::show)
        .act(
            "/admin/clients/{client_id}/enabled",
            ADMINS,
            clients::one::set_enabled,
        )
        .page(
            "/admin/clients/{client_id}/code",
            READERS,
            clients::one::code,
        )
        .page(
            "/admin/clients/{client_id}/settings",
            ADMINS,
            clients::edit::show,
        )
        .act(
            "/admin/clients/{client_id}/settings",
            ADMINS,
            clients::edit::save,
        )
        .page(
            "/admin/clients/{client_id}/protocol",
            ADMINS,
            clients::protocol::show,
        )
        .act_proven(
            "/admin/clients/{client_id}/protocol",
            ADMINS,
            clients::protocol::save,
        )
        .act_proven(
            "/admin/clients/{client_id}/rotate",
            ADMINS,
            clients::secrets::rotate,
        )
        .act_proven(
            "/admin/clients/{client_id}/revoke",
            ADMINS,
            clients::secrets::revoke,
        )
        .page(
            "/admin/clients/{client_id}/branding",
            ADMINS,
            clients::branding::show,
        )
        .act(
            "/admin/clients/{client_id}/branding",
            ADMINS,
            clients::branding::save,
        )
        .upload(
            "/admin/clients/{client_id}/logo",
            ADMINS,
            clients::branding::upload,
        )
        .act(
            "/admin/clients/{client_id}/logo/remove",
            ADMINS,
            clients::branding::remove,
        )
        .page(
            "/admin/clients/{client_id}/sector",
            ADMINS,
            clients::sector::ask,
        )
        .act_proven(
            "/admin/clients/{client_id}/sector",
            ADMINS,
            clients::sector::change,
        )
        .page(
            "/admin/clients/{client_id}/remove",
            ADMINS,
            clients::remove::ask,
        )
        .act_proven(
            "/admin/clients/{client_id}/remove",
            ADMINS,
            clients::remove::remove,
        )
        .page(
            "/admin/clients/{client_id}/try",
            ADMINS,
            clients::trial::ask,
        )
        .act(
            "/admin/clients/{client_id}/try",
            ADMINS,
            clients::trial::begin,
        )
        .page(
            "/admin/try/callback",
            Who::Anybody,
            clients::trial::callback,
        )
        .page("/admin/try/{id}", ADMINS, clients::trial::show)
        .page("/admin/registration", ADMINS, registration::list)
        .act_proven("/admin/registration/new", ADMINS, registration::create)
        .act_proven("/admin/registration/revoke", ADMINS, registration::revoke)
        .page("/admin/operators", READERS, operators::list)
        .page("/admin/operators/new", ADMINS, operators::new::choose)
        .page(
            "/admin/operators/new/discovery",
            ADMINS,
            operators::import::ask,
        )
        .act(
            "/admin/operators/new/discovery",
            ADMINS,
            operators::import::look,
        )
        .act_proven(
            "/admin/operators/new/discovery/add",
            ADMINS,
            operators::import::add,
        )
        .page(
            "/admin/operators/new/{preset}",
            ADMINS,
            operators::new::show,
        )
        .act_proven("/admin/operators/new/{preset}", ADMINS, operators::new::add)
        .page("/admin/operators/{alias}", READERS, operators::show)
        .act("/admin/operators/{alias}/test", ADMINS, operators::test)
        .act(
            "/admin/operators/{alias}/enabled",
            ADMINS,
            operators::set_enabled,
        )
        .page(
            "/admin/operators/{alias}/settings",
            ADMINS,
            operators::edit::show,
        )
        .act_proven(
            "/admin/operators/{alias}/settings",
            ADMINS,
            operators::edit::save,
        )
        .page(
            "/admin/operators/{alias}/phone",
            ADMINS,
            operators::phone::show,
        )
        .act(
            "/admin/operators/{alias}/phone",
            ADMINS,
            operators::phone::begin,
        )
        .page(
            "/admin/operators/{alias}/phone/{id}",
            ADMINS,
            operators::phone::watch,
        )
        .page(
            "/phone-test/{ticket}",
            Who::Anybody,
            operators::phone::on_phone,
        )
        .act(
            "/phone-test/{ticket}",
            Who::Anybody,
            operators::phone::depart,
        )
        .page(
            "/admin/operators/{alias}/ranges",
            READERS,
            operators::ranges::show,
        )
        .upload(
            "/admin/operators/{alias}/ranges",
            ADMINS,
            operators::ranges::load,
        )
        .act(
            "/admin/operators/{alias}/ranges/clear",
            ADMINS,
            operators::ranges::clear,
        )
        .page("/admin/networks", READERS, operators::networks::list)
        .page("/admin/networks/{kind}", READERS, operators::networks::show)
        .upload("/admin/networks/{kind}", ADMINS, operators::networks::load)
        .act(
            "/admin/networks/{kind}/clear",
            ADMINS,
            operators::networks::clear,
        )
        .page("/admin/telco-finder", READERS, operators::finder::show)
        .act_proven("/admin/telco-finder", ADMINS, operators::finder::save)
        .act_proven(
            "/admin/telco-finder/remove",
            ADMINS,
            operators::finder::remove,
        )
        .page("/admin/sessions", ADMINS, sessions::show)
        .act("/admin/sessions", ADMINS, sessions::find)
        .act("/admin/sessions/end", ADMINS, sessions::end)
        .page("/admin/sessions/new-owner", ADMINS, new_owner::show)
        .act_proven("/admin/sessions/new-owner", ADMINS, new_owner::set)
        .page("/admin/privacy", OWNERS, privacy::show)
        .act_proven("/admin/privacy/export", OWNERS, privacy::export)
        .act_proven("/admin/privacy/erase", OWNERS, privacy::erase)
        .page("/admin/keys", READERS, keys::show)
        .act_proven("/admin/keys/rotate", OWNERS, keys::rotate)
        .act_proven("/admin/keys/stage", OWNERS, keys::stage)
        .page("/admin/keys/{kid}/revoke", OWNERS, keys::ask)
        .act_proven("/admin/keys/{kid}/revoke", OWNERS, keys::revoke)
        .page("/admin/staff", OWNERS, staff::list)
        .act_proven("/admin/staff/invite", OWNERS, staff::invite)
        .act_proven("/admin/staff/link", OWNERS, staff::link)
        .act_proven("/admin/staff/disable", OWNERS, staff::disable)
        .act_proven("/admin/staff/enable", OWNERS, staff::enable)
        .page("/admin/staff/{id}", OWNERS, staff_member::show)
        .act_proven("/admin/staff/{id}/role", OWNERS, staff_member::set_role)
        .act_proven(
            "/admin/staff/{id}/sessions",
            OWNERS,
            staff_member::end_sessions,
        )
        .act_proven(
            "/admin/staff/{id}/passkeys",
            OWNERS,
            staff_member::remove_passkey,
        )
        .act_proven(
            "/admin/staff/{id}/rename",
            OWNERS,
            staff_member::rename_passkey,
        )
        .page("/admin/usage", READERS, usage::show)
        .page("/admin/usage/table", READERS, usage::table)
        .page("/admin/api-tokens", AUDITORS, api_tokens::list)
        .act_proven("/admin/api-tokens/new", OWNERS, api_tokens::create)
        .act_proven("/admin/api-tokens/revoke", OWNERS, api_tokens::revoke)
        .page("/admin/settings", READERS, settings::show)
        .page("/admin/reference", READERS, reference::list)
        .page("/admin/reference/{operation}", READERS, reference::show)
}
