//! `/admin/reference`: the admin API to read, route by route. It is made of the API's own document, which is
//! made of the table of routes, so nothing here can say something else than the server does.

mod schema;

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

use crate::admin::Refused;
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::render;
use schema::{Described, Field, Kind, example, plain, reached};

/// One route in the list.
struct Route {
    id: String,
    method: String,
    path: String,
    says: String,
    scope: String,
}

/// Routes below one part of the path.
struct Group {
    tag: String,
    routes: Vec<Route>,
}

#[derive(Template)]
#[template(path = "console/reference.html")]
struct List {
    frame: Frame,
    says: String,
    base: String,
    document: String,
    groups: Vec<Group>,
}

/// An answer of a route.
struct Answer {
    status: String,
    says: String,
    body: Option<Kind>,
}

#[derive(Template)]
#[template(path = "console/reference_one.html")]
struct One {
    frame: Frame,
    route: Route,
    more: String,
    parameters: Vec<Field>,
    body: Option<Kind>,
    answers: Vec<Answer>,
    refusals: Vec<Answer>,
    schemas: Vec<Described>,
    curl: String,
}

/// All routes.
pub async fn list(visit: Visit) -> Result<Response, Trouble> {
    let document = document(&visit)?;
    let mut groups: Vec<Group> = Vec::new();
    for (method, path, operation) in operations(document) {
        let tag = path.split('/').nth(1).unwrap_or_default().to_owned();
        let route = route(&method, path, operation);
        match groups.iter_mut().find(|group| group.tag == tag) {
            Some(group) => group.routes.push(route),
            None => groups.push(Group {
                tag,
                routes: vec![route],
            }),
        }
    }
    let base = base(&visit, document);
    let page = List {
        frame: visit.frame("API"),
        says: plain(&document["info"]["description"]),
        document: format!("{base}/openapi.json"),
        base,
        groups,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// One route: what it takes, what it answers, and a command to try it with.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let document = document(&visit)?;
    let wanted = visit.path("operation");
    let found = operations(document)
        .into_iter()
        .find(|(_, _, operation)| operation["operationId"] == wanted);
    let (method, path, operation) = found.ok_or_else(|| Refused::NotFound {
        what: "route",
        id: wanted.chars().take(60).collect(),
    })?;
    let schemas = &document["components"]["schemas"];
    let body = body_of(&operation["requestBody"]);
    let (mut answers, mut refusals) = (Vec::new(), Vec::new());
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        let is_refusal = status.starts_with(['4', '5']);
        let schema = body_of(answer).filter(|_| !is_refusal);
        let told = Answer {
            status: status.clone(),
            says: plain(&answer["description"]),
            body: schema.map(|schema| Kind::of(schema, schemas)),
        };
        if is_refusal {
            refusals.push(told);
        } else {
            answers.push(told);
        }
    }
    let shown = operation["responses"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(status, _)| status.starts_with('2'))
        .filter_map(|(_, answer)| body_of(answer));
    let roots: Vec<&Value> = body.into_iter().chain(shown).collect();
    let route = route(&method, path, operation);
    let parameters = operation["parameters"].as_array();
    let page = One {
        frame: visit.frame(&route.says),
        curl: curl(&base(&visit, document), &route, operation, schemas),
        more: plain(&operation["description"]),
        parameters: parameters
            .into_iter()
            .flatten()
            .map(|one| Field::of_parameter(one, schemas))
            .collect(),
        body: body.map(|body| Kind::of(body, schemas)),
        answers,
        refusals,
        schemas: reached(&roots, schemas),
        route,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

fn document(visit: &Visit) -> Result<&Value, Failure> {
    let document = visit.app.api_document.get();
    document.ok_or_else(|| Failure::internal("nobody handed the API's document in"))
}

fn base(visit: &Visit, document: &Value) -> String {
    let below = document["servers"][0]["url"].as_str().unwrap_or_default();
    visit.app.config.issuer.url(below)
}

/// Every operation with its method and path, in the document's order.
fn operations(document: &Value) -> Vec<(String, &str, &Value)> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            all.push((method.to_uppercase(), path.as_str(), operation));
        }
    }
    all
}

fn route(method: &str, path: &str, operation: &Value) -> Route {
    let scope = operation["security"][0]["token"][0].as_str();
    let says = match operation["summary"].as_str() {
        Some(_) => plain(&operation["summary"]),
        None => plain(&operation["description"]),
    };
    Route {
        id: plain(&operation["operationId"]),
        method: method.to_owned(),
        path: path.to_owned(),
        says: says.trim_end_matches('.').to_owned(),
        scope: scope.unwrap_or("any token").to_owned(),
    }
}

/// The schema of what a request or an answer carries.
fn body_of(part: &Value) -> Option<&Value> {
    let (_, content) = part["content"].as_object()?.iter().next()?;
    content.get("schema")
}

/// A command that can be tried, with places in capitals to fill in.
fn curl(base: &str, route: &Route, operation: &Value, schemas: &Value) -> String {
    let mut path = String::new();
    for part in route.path.split_inclusive(['{', '}']) {
        match part.strip_suffix('}') {
            Some(name) => path.push_str(&name.to_uppercase()),
            None => path.push_str(part.trim_end_matches('{')),
        }
    }
    let mut lines = vec![
        format!("curl -X {} '{base}{path}'", route.method),
        "-H \"Authorization: Bearer $NUMBERCLOAK_TOKEN\"".to_owned(),
    ];
    for one in operation["parameters"].as_array().into_iter().flatten() {
        let name = one["name"].as_str().unwrap_or_default();
        if name == "If-Match" {
            lines.push("-H 'If-Match: \"r1\"'".to_owned());
        } else if name == "Idempotency-Key" {
            lines.push("-H \"Idempotency-Key: $(uuidgen)\"".to_owned());
        } else if one["in"] == "query" && one["required"] == true {
            lines[0] = format!(
                "{}?{name}={}'",
                lines[0].trim_end_matches('\''),
                name.to_uppercase()
            );
        }
    }
    let content = operation["requestBody"]["content"].as_object();
    if let Some((kind, content)) = content.and_then(|content| content.iter().next()) {
        lines.push(format!("-H 'Content-Type: {kind}'"));
        let body = example("", &content["schema"], schemas, 0);
        lines.push(format!("-d '{}'", body.to_string().replace('\'', "'\\''")));
    }
    lines.join(" \\\n  ")
}
