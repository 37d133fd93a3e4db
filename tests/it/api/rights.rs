//! Who may use which route: a walk over all of them.

use numbercloak::admin::scopes::Scope;
use numbercloak::api::{BASE, Needs, document, needs_of};
use numbercloak::store::staff::Role;
use reqwest::Method;

use super::{Program, problem};
use crate::support::app::App;
use crate::support::wire::{Raw, http};

/// Every operation of the document: method, path, and the scope it says it needs.
fn operations() -> Vec<(Method, String, Option<String>)> {
    let document = document();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            let scope = operation["security"][0]["token"][0].as_str();
            all.push((method, path.clone(), scope.map(str::to_owned)));
        }
    }
    all
}

/// An address of the route that names nothing that exists, so that nothing happens.
fn address(path: &str) -> String {
    let nothing = "00000000-0000-7000-8000-000000000000";
    let parts = path
        .split('/')
        .map(|part| if part.starts_with('{') { nothing } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_route_is_closed_to_whoever_has_no_token_and_documented_with_what_it_needs() {
    let app = App::builder()
        .config("limits.client_failures_per_minute", "1000")
        .start()
        .await;
    let operations = operations();
    assert!(operations.len() > 40, "{}", operations.len());
    for (method, path, scope) in operations {
        let uri = format!("{}{BASE}{}", app.issuer, address(&path));
        let answer = Raw::of(http().request(method.clone(), uri)).await;
        assert_eq!(problem(&answer).0, 401, "{method} {path}");
        let needs = needs_of(&method, &format!("{BASE}{path}")).unwrap();
        let word = match needs {
            Needs::AnyToken => None,
            Needs::Scope(scope) => Some(scope.as_str().to_owned()),
        };
        assert_eq!(word, scope, "{method} {path}");
    }
}

#[tokio::test]
async fn a_route_opens_to_its_own_scope_and_to_no_other() {
    let app = App::start().await;
    let mut programs = Vec::new();
    for scope in Scope::ALL {
        let name = scope.as_str().replace(':', "-");
        programs.push((
            scope,
            Program::with(&app, &name, Role::Owner, &[scope.as_str()]).await,
        ));
    }
    for (method, path, needed) in operations() {
        for (scope, program) in &programs {
            let request = program.request(method.clone(), &address(&path));
            // Without a body nothing is done, whoever is let in.
            let answer = Raw::of(request).await;
            let may = needed
                .as_deref()
                .is_none_or(|needed| needed == scope.as_str());
            assert_eq!(
                answer.status != 403,
                may,
                "{method} {path} {}: {}",
                scope.as_str(),
                answer.body
            );
        }
    }
}

#[tokio::test]
async fn a_role_bounds_what_a_token_may_whatever_its_scopes_say() {
    let app = App::start().await;
    for role in [Role::Owner, Role::Admin, Role::Auditor, Role::Support] {
        let name = format!("{role:?}").to_lowercase();
        let program = Program::with(&app, &name, role, &["*"]).await;
        for (method, path, needed) in operations() {
            let scope = Scope::ALL
                .into_iter()
                .find(|scope| Some(scope.as_str()) == needed.as_deref());
            let may = scope.is_none_or(|scope| role.may(scope));
            let answer = Raw::of(program.request(method.clone(), &address(&path))).await;
            assert_eq!(answer.status != 403, may, "{role:?} {method} {path}");
            if !may {
                assert_eq!(problem(&answer).1, "forbidden");
                let challenge = answer.headers["www-authenticate"].to_str().unwrap();
                assert!(
                    challenge.contains(needed.as_deref().unwrap()),
                    "{challenge}"
                );
            }
        }
    }
}
