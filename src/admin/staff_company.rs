//! Staff who sign in at the company's own OpenID provider. The provider says who they are and which of its
//! roles they have; the configuration says what those are here. Nobody is raised by it: an account that is
//! here already keeps its role or loses part of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::admin::desk::{Act, commit};
use crate::admin::staff::check_email;
use crate::admin::staff_ceremony as ceremony;
use crate::admin::staff_sign_in::{Opened, SignInRefused, open, record};
use crate::admin::{Desk, Refused};
use crate::config::{CompanyProvider, Issuer};
use crate::operator::company::{Company, Trip};
use crate::operator::{Callback, Kept, Operators};
use crate::secret::{Token, b64, new_id, random, same};
use crate::store::staff::{self, Known, Role};
use crate::store::staff_ceremonies::Kind;
use crate::store::staff_sessions;

pub use crate::admin::staff_ceremony::LIFE;

/// How old a proof at the provider may be that was asked for anew, seconds: clocks differ.
const LEEWAY: i64 = 60;

/// The way to the provider.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    /// The configuration.
    pub provider: &'a CompanyProvider,
    /// What asks it.
    pub operators: &'a Operators,
    /// Us.
    pub issuer: &'a Issuer,
}

/// A trip that begins.
#[derive(Debug)]
pub struct Departure {
    /// Where the browser goes.
    pub url: String,
    /// The cookie of the trip.
    pub cookie: Token,
}

/// What is remembered of a trip.
#[derive(Serialize, Deserialize)]
struct Sent {
    state: String,
    nonce: String,
    verifier: Option<String>,
    next: String,
    /// Unix seconds of the departure.
    at: i64,
}

/// Our callback at the provider.
#[must_use]
pub fn redirect_uri(issuer: &Issuer) -> String {
    issuer.url("/admin/login/company/callback")
}

/// Begins a trip: to sign in, or once more for whoever is signed in.
///
/// # Errors
/// [`Refused::Invalid`] if the provider cannot be asked.
pub async fn begin(
    desk: &Desk,
    way: Way<'_>,
    staff: Option<Uuid>,
    next: &str,
) -> Result<Departure, Refused> {
    let company = Company::of(way.provider);
    let state = b64(&random::<32>());
    let trip = Trip {
        redirect_uri: &redirect_uri(way.issuer),
        state: &state,
        now: desk.now,
    };
    let departure = way
        .operators
        .depart_to_company(&company, &trip, staff.is_some())
        .await
        .map_err(|why| Refused::invalid("provider", why))?;
    let sent = Sent {
        state: state.clone(),
        nonce: departure.nonce,
        verifier: departure.verifier,
        next: next.to_owned(),
        at: desk.now.timestamp(),
    };
    Ok(Departure {
        url: departure.url.to_string(),
        cookie: ceremony::begin(desk, kind(staff), staff, &sent).await?,
    })
}

fn kind(staff: Option<Uuid>) -> Kind {
    match staff {
        None => Kind::CompanySignIn,
        Some(_) => Kind::CompanyConfirm,
    }
}

/// Somebody who is back from the provider.
#[derive(Debug)]
pub struct Back {
    claims: Map<String, Value>,
    /// Where they wanted to go.
    pub next: String,
    sent_at: i64,
}

/// What the provider says about whoever is back; the trip is over, whatever it is.
///
/// # Errors
/// [`SignInRefused::Wrong`] if it is no answer to a trip of this browser; that is on record.
pub async fn come_back(
    desk: &Desk,
    way: Way<'_>,
    staff: Option<Uuid>,
    cookie: Option<&Token>,
    query: &str,
) -> Result<Back, SignInRefused> {
    let callback = Callback::parse(query);
    let sent = match cookie {
        Some(cookie) => ceremony::take::<Sent>(desk, kind(staff), staff, &cookie.reveal()).await?,
        None => None,
    };
    let Some(sent) = sent else {
        return Err(SignInRefused::LinkIsOver);
    };
    let given = callback.state.as_deref().unwrap_or_default();
    let identified = if same(given.as_bytes(), sent.state.as_bytes()) {
        let trip = Trip {
            redirect_uri: &redirect_uri(way.issuer),
            state: &sent.state,
            now: desk.now,
        };
        let kept = Kept {
            nonce: sent.nonce,
            verifier: sent.verifier,
        };
        let company = Company::of(way.provider);
        way.operators
            .identify_at_company(&company, &trip, &kept, &callback)
            .await
    } else {
        Err("the callback is of another trip".to_owned())
    };
    match identified {
        Ok(claims) => Ok(Back {
            claims,
            next: sent.next,
            sent_at: sent.at,
        }),
        Err(why) => {
            refuse(desk, "unknown", &why).await?;
            Err(SignInRefused::Wrong)
        }
    }
}

/// Who somebody is, as far as the provider's word counts here.
struct Person {
    subject: String,
    /// Their address, if the provider vouches for it and it is of the company.
    email: Option<String>,
    role: Option<Role>,
}

fn person(provider: &CompanyProvider, claims: &Map<String, Value>) -> Option<Person> {
    let subject = claims.get("sub")?.as_str().filter(|sub| !sub.is_empty())?;
    let vouched = provider.trust_email || claims.get("email_verified") == Some(&Value::Bool(true));
    let email = claims.get("email").and_then(Value::as_str);
    let email = email.filter(|email| vouched && check_email(email).is_ok());
    let domains = &provider.allowed_domains;
    let email = email.filter(|email| {
        let domain = email.rsplit('@').next().unwrap_or_default().to_lowercase();
        domains.is_empty() || domains.contains(&domain)
    });
    Some(Person {
        subject: subject.to_owned(),
        email: email.map(str::to_owned),
        role: role(provider, claims),
    })
}

/// The role that the first line of the map gives whose value is there.
fn role(provider: &CompanyProvider, claims: &Map<String, Value>) -> Option<Role> {
    let named = claims.get(&provider.role_claim).or_else(|| {
        let mut parts = provider.role_claim.split('.');
        let first = claims.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    })?;
    let values: Vec<&str> = match named {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let fits = |(value, _): &&(String, String)| values.contains(&value.as_str());
    let (_, word) = provider.roles.iter().find(fits)?;
    serde_json::from_value(Value::from(word.as_str())).ok()
}

/// How much a role may do, to tell less from more.
fn rank(role: Role) -> u8 {
    match role {
        Role::Support => 0,
        Role::Auditor => 1,
        Role::Admin => 2,
        Role::Owner => 3,
    }
}

/// Signs in whoever is back. Somebody new gets an account if a role is theirs; an account whose role is gone
/// loses its sessions. The session that `earlier` is the cookie of ends.
///
/// # Errors
/// [`SignInRefused::Wrong`] whatever keeps them out; what, is on record.
pub async fn sign_in(
    desk: &Desk,
    way: Way<'_>,
    back: &Back,
    earlier: Option<&Token>,
    browser: &str,
) -> Result<Opened, SignInRefused> {
    let provider = way.provider;
    let Some(person) = person(provider, &back.claims) else {
        refuse(desk, "unknown", "the ID token has no sub").await?;
        return Err(SignInRefused::Wrong);
    };
    let mut tx = desk.begin().await?;
    let issuer = provider.issuer.as_str();
    let email = person.email.as_deref();
    // A role that is taken away meanwhile does not come back with this sign-in.
    staff::lock(&mut tx).await?;
    let known = staff::find_at_company(&mut tx, issuer, &person.subject, email).await?;
    let (id, email) = match admit(provider, &person, known.as_ref()) {
        Err(why) => {
            if let Some(known) = &known
                && known.linked
            {
                staff_sessions::end_all(&mut tx, known.id, None, desk.now).await?;
            }
            commit(tx).await?;
            let who = known.as_ref().map_or("unknown", |known| &known.email);
            refuse(desk, who, why).await?;
            return Err(SignInRefused::Wrong);
        }
        Ok(role) => match known {
            Some(known) => {
                let role = keep(desk, &mut tx, &known, role).await?;
                let (id, subject) = (known.id, &person.subject);
                staff::set_company(&mut tx, id, issuer, subject, role, desk.now).await?;
                (id, known.email)
            }
            None => match add(desk, &mut tx, provider, &person, role).await {
                Err(SignInRefused::Refused(Refused::Taken { value, .. })) => {
                    drop(tx);
                    refuse(desk, &value, "the address is another person's here").await?;
                    return Err(SignInRefused::Wrong);
                }
                added => added?,
            },
        },
    };
    if let Some(earlier) = earlier {
        staff_sessions::end_behind(&mut tx, &earlier.hash(), desk.now).await?;
    }
    let cookie = open(desk, &mut tx, id, browser).await?;
    let details = json!({ "action": "sign_in", "by": "company" });
    record(desk, &mut tx, &email, details).await?;
    commit(tx).await?;
    Ok(Opened { cookie, email })
}

/// The role somebody has here, or what keeps them out.
fn admit(
    provider: &CompanyProvider,
    person: &Person,
    known: Option<&Known>,
) -> Result<Role, &'static str> {
    if known.is_some_and(|known| known.disabled) {
        return Err("the account is locked out");
    }
    if person.email.is_none() && (known.is_none() || !provider.allowed_domains.is_empty()) {
        return Err("no address that the provider vouches for and that is of the company");
    }
    person.role.ok_or("the role claim names no role here")
}

/// The role an account keeps: never more than it has, and less if the provider says less. The last owner
/// stays owner: nobody could make another.
async fn keep(
    desk: &Desk,
    tx: &mut sqlx::PgConnection,
    known: &Known,
    claimed: Role,
) -> Result<Role, SignInRefused> {
    if rank(claimed) >= rank(known.role) {
        return Ok(known.role);
    }
    let all = staff::list(tx).await?;
    let is_last_owner =
        known.role == Role::Owner && all.iter().filter(|other| other.is_owner()).count() == 1;
    if is_last_owner {
        return Ok(known.role);
    }
    // What is open was opened with more rights.
    staff_sessions::end_all(tx, known.id, None, desk.now).await?;
    let details = json!({ "action": "role_lowered", "before": known.role, "after": claimed });
    record(desk, tx, &known.email, details).await?;
    Ok(claimed)
}

async fn add(
    desk: &Desk,
    tx: &mut sqlx::PgConnection,
    provider: &CompanyProvider,
    person: &Person,
    role: Role,
) -> Result<(Uuid, String), SignInRefused> {
    let Some(email) = &person.email else {
        return Err(SignInRefused::Wrong);
    };
    let id = new_id(desk.now);
    staff::insert(tx, id, email, role, desk.now)
        .await
        .map_err(|error| Refused::or_taken(error, "staff_email_key", "email", email))?;
    let subject = &person.subject;
    staff::set_company(tx, id, &provider.issuer, subject, role, desk.now).await?;
    let act = Act {
        operation: "CREATE",
        resource: "staff",
        id: email,
        details: json!({ "role": role, "by": "company" }),
    };
    desk.record(tx, act).await?;
    Ok((id, email.clone()))
}

/// Proves once more who is signed in: the same person at the provider, who proved themselves there since
/// they were sent. Returns the session's new cookie.
///
/// # Errors
/// [`SignInRefused::Wrong`] otherwise.
pub async fn prove_again(
    desk: &Desk,
    way: Way<'_>,
    back: &Back,
    (staff, session): (Uuid, Uuid),
) -> Result<Token, SignInRefused> {
    let provider = way.provider;
    let person = person(provider, &back.claims);
    let mut tx = desk.begin().await?;
    let known = match &person {
        Some(person) => {
            staff::find_at_company(&mut tx, &provider.issuer, &person.subject, None).await?
        }
        None => None,
    };
    let proved_at = back.claims.get("auth_time").and_then(Value::as_i64);
    let why = if known.is_none_or(|known| known.id != staff) {
        "another person than is signed in"
    } else if proved_at.is_none_or(|at| at < back.sent_at - LEEWAY) {
        "the provider does not say that they proved themselves anew"
    } else {
        let cookie = Token::random();
        staff_sessions::prove(&mut tx, session, &cookie.hash(), desk.now).await?;
        commit(tx).await?;
        return Ok(cookie);
    };
    drop(tx);
    refuse(desk, &desk.actor, why).await?;
    Err(SignInRefused::Wrong)
}

async fn refuse(desk: &Desk, who: &str, why: &str) -> Result<(), SignInRefused> {
    let mut tx = desk.begin().await.map_err(SignInRefused::from)?;
    let details = json!({ "action": "sign_in_refused", "by": "company", "why": why });
    record(desk, &mut tx, who, details).await?;
    Ok(commit(tx).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClientAuth;
    use crate::secret::Redacted;

    fn provider(claim: &str) -> CompanyProvider {
        let role = |value: &str, role: &str| (value.to_owned(), role.to_owned());
        CompanyProvider {
            issuer: "https://login.example".to_owned(),
            client_id: "us".to_owned(),
            client_secret: Redacted::new("secret"),
            client_auth: ClientAuth::ClientSecretBasic,
            scope: "openid email".to_owned(),
            role_claim: claim.to_owned(),
            roles: vec![role("sec", "auditor"), role("ops", "admin")],
            allowed_domains: vec!["example.com".to_owned()],
            trust_email: false,
            required: false,
        }
    }

    fn claims(claims: Value) -> Map<String, Value> {
        let Value::Object(claims) = claims else {
            panic!("claims are an object");
        };
        claims
    }

    #[test]
    fn the_first_line_that_fits_gives_the_role() {
        for (claim, given, expected) in [
            ("groups", json!({ "groups": ["ops"] }), Some(Role::Admin)),
            (
                "groups",
                json!({ "groups": ["ops", "sec"] }),
                Some(Role::Auditor),
            ),
            ("groups", json!({ "groups": "ops" }), Some(Role::Admin)),
            ("a.b", json!({ "a": { "b": ["ops"] } }), Some(Role::Admin)),
            ("a.b", json!({ "a.b": ["sec"] }), Some(Role::Auditor)),
            ("groups", json!({ "groups": ["OPS", "op", "owner"] }), None),
            ("groups", json!({ "groups": { "ops": true } }), None),
            ("groups", json!({ "groups": [["ops"]] }), None),
            ("groups", json!({}), None),
        ] {
            assert_eq!(
                role(&provider(claim), &claims(given.clone())),
                expected,
                "{given}"
            );
        }
    }

    #[test]
    fn an_address_counts_if_it_is_vouched_for_and_of_the_company() {
        for (given, expected) in [
            (
                json!({ "sub": "1", "email": "a@example.com", "email_verified": true }),
                true,
            ),
            (
                json!({ "sub": "1", "email": "a@EXAMPLE.com", "email_verified": true }),
                true,
            ),
            (
                json!({ "sub": "1", "email": "a@example.com", "email_verified": "true" }),
                false,
            ),
            (json!({ "sub": "1", "email": "a@example.com" }), false),
            (
                json!({ "sub": "1", "email": "a@example.com.evil", "email_verified": true }),
                false,
            ),
            (
                json!({ "sub": "1", "email": "a@b@example.com", "email_verified": true }),
                false,
            ),
            (
                json!({ "sub": "1", "email": 7, "email_verified": true }),
                false,
            ),
        ] {
            let person = person(&provider("groups"), &claims(given.clone())).unwrap();
            assert_eq!(person.email.is_some(), expected, "{given}");
        }
        assert!(person(&provider("groups"), &claims(json!({ "sub": "" }))).is_none());
    }
}
