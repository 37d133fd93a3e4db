//! A record's exact bytes, its MAC, and the personal part that stands apart from it.

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::audit::event::{Event, Subject};
use crate::clock::Time;
use crate::phone::PhoneNumber;
use crate::secret::{Place, Vault, b64, new_id, random};

/// The version of the body's shape.
pub const VERSION: u32 = 1;

/// Who the system is in records of what it does by itself.
pub const SYSTEM: &str = "system";

/// What is personal in an event. Stored sealed beside the record, never in it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Personal {
    /// The number, E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The browser's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The browser's own name for itself, cut to 256 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

impl Personal {
    /// The same with a number.
    #[must_use]
    pub fn with_number(&self, number: &PhoneNumber) -> Self {
        Self {
            number: Some(number.e164().to_owned()),
            ..self.clone()
        }
    }

    fn is_empty(&self) -> bool {
        self.number.is_none() && self.address.is_none() && self.user_agent.is_none()
    }
}

/// The body: what is serialised once, hashed, and stored as those bytes.
#[derive(Serialize)]
struct Body<'a> {
    v: u32,
    id: Uuid,
    at: Time,
    /// The program's version.
    software: &'static str,
    #[serde(flatten)]
    subject: &'a Subject,
    #[serde(flatten)]
    event: &'a Event,
    /// HMAC-SHA-256 under a random salt over the personal part; erasing part and salt leaves a
    /// commitment that tells nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    personal: Option<String>,
}

/// A record ready to be appended.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id, a UUIDv7.
    pub id: Uuid,
    /// When it happened.
    pub at: Time,
    /// The event's word.
    pub kind: &'static str,
    /// What it belongs to.
    pub subject: Subject,
    /// The exact bytes.
    pub body: Vec<u8>,
    /// Their MAC.
    pub mac: Vec<u8>,
    /// The root key the MAC is made under.
    pub mac_key_id: String,
    /// The personal part, if there is one.
    pub personal: Option<SealedPersonal>,
}

/// The personal part as it is stored.
#[derive(Clone, Debug)]
pub struct SealedPersonal {
    /// The salt of the commitment.
    pub salt: Vec<u8>,
    /// The keyed hash of the number, for search.
    pub number_hash: Option<Vec<u8>>,
    /// The sealed bytes that the commitment is over.
    pub sealed: Vec<u8>,
}

/// Makes records for one request: they share its time and its browser.
#[derive(Clone, Debug)]
pub struct Recorder<'a> {
    /// Makes the MACs and seals.
    pub vault: &'a Vault,
    /// The request's time.
    pub now: Time,
    /// What is known of the browser.
    pub browser: Personal,
}

impl<'a> Recorder<'a> {
    /// For what the system does by itself.
    #[must_use]
    pub fn system(vault: &'a Vault, now: Time) -> Self {
        Self {
            vault,
            now,
            browser: Personal::default(),
        }
    }

    /// A record of what the system changed by itself.
    #[must_use]
    pub fn system_record(&self, event: &Event) -> Record {
        let subject = Subject {
            actor: Some(SYSTEM.to_owned()),
            ..Subject::default()
        };
        self.record(subject, event)
    }

    /// A record of `event`.
    #[must_use]
    pub fn record(&self, subject: Subject, event: &Event) -> Record {
        self.build(new_id(self.now), subject, event, &self.browser)
    }

    /// A record of `event` that concerns a number.
    #[must_use]
    pub fn record_of(&self, number: &PhoneNumber, subject: Subject, event: &Event) -> Record {
        let id = new_id(self.now);
        self.build(id, subject, event, &self.browser.with_number(number))
    }

    /// The same with an id chosen before, because other rows name it.
    #[must_use]
    pub fn record_with_id(
        &self,
        id: Uuid,
        number: &PhoneNumber,
        subject: Subject,
        event: &Event,
    ) -> Record {
        self.build(id, subject, event, &self.browser.with_number(number))
    }

    fn build(&self, id: Uuid, subject: Subject, event: &Event, personal: &Personal) -> Record {
        let plain = (!personal.is_empty())
            .then(|| serde_json::to_vec(personal).expect("strings serialise"));
        let salt: [u8; 32] = random();
        let body = Body {
            v: VERSION,
            id,
            at: self.now,
            software: env!("CARGO_PKG_VERSION"),
            subject: &subject,
            event,
            personal: plain.as_ref().map(|plain| b64(&commitment(&salt, plain))),
        };
        let body = serde_json::to_vec(&body).expect("an event serialises");
        Record {
            id,
            at: self.now,
            kind: event.kind(),
            mac: self.vault.audit_mac(&body),
            mac_key_id: self.vault.key_id().to_owned(),
            personal: plain.map(|plain| SealedPersonal {
                salt: salt.to_vec(),
                number_hash: personal
                    .number
                    .as_deref()
                    .map(|n| self.vault.search_hash(n)),
                sealed: self.vault.seal(personal_place(&id), &plain),
            }),
            subject,
            body,
        }
    }
}

/// Where a record's personal part is sealed for.
#[must_use]
pub fn personal_place(id: &Uuid) -> Place<'_> {
    Place::new("audit_personal", "sealed", id)
}

/// The commitment a record holds to its personal part.
#[must_use]
pub fn commitment(salt: &[u8], plain: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), plain)
        .as_ref()
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::secret::{RootKey, from_b64};
    use crate::verdict::Outcome;

    #[test]
    fn a_record_holds_nothing_personal_and_commits_to_it() {
        let now = Clock::system().now();
        let vault = Vault::new(&[RootKey::generate(now)]);
        let recorder = Recorder {
            vault: &vault,
            now,
            browser: Personal {
                address: Some("192.0.2.1".to_owned()),
                user_agent: Some("Firefox".to_owned()),
                number: None,
            },
        };
        let number = PhoneNumber::from_e164("+990700000").unwrap();
        let subject = Subject {
            outcome: Some(Outcome::UserCancelled),
            ..Subject::default()
        };
        let event = Event::LoginError {
            error: None,
            reason: None,
        };
        let record = recorder.record_of(&number, subject, &event);
        let text = String::from_utf8(record.body.clone()).unwrap();
        for secret in ["990700000", "192.0.2.1", "Firefox"] {
            assert!(!text.contains(secret), "{text}");
        }
        let body: serde_json::Value = serde_json::from_slice(&record.body).unwrap();
        assert_eq!(body["type"], "LOGIN_ERROR");
        assert_eq!(body["outcome"], "user_cancelled");
        assert_eq!(body["id"], record.id.to_string());
        let personal = record.personal.unwrap();
        let plain = vault
            .open(personal_place(&record.id), &personal.sealed)
            .unwrap();
        assert!(String::from_utf8_lossy(&plain).contains("+990700000"));
        let committed = from_b64(body["personal"].as_str().unwrap()).unwrap();
        assert_eq!(committed, commitment(&personal.salt, &plain));
        assert!(vault.audit_mac_is_valid(&record.mac_key_id, &record.body, &record.mac));
        assert!(!vault.audit_mac_is_valid(&record.mac_key_id, b"other", &record.mac));
    }

    #[test]
    fn what_staff_did_names_the_record_and_the_thing_apart() {
        let now = Clock::system().now();
        let vault = Vault::new(&[RootKey::generate(now)]);
        let recorder = Recorder {
            vault: &vault,
            now,
            browser: Personal::default(),
        };
        let event = Event::AdminEvent {
            operation: "CREATE".to_owned(),
            resource: "client".to_owned(),
            id: "shop".to_owned(),
            details: serde_json::Value::Null,
        };
        let record = recorder.record(Subject::default(), &event);
        let body: serde_json::Value = serde_json::from_slice(&record.body).unwrap();
        assert_eq!(body["id"], record.id.to_string());
        assert_eq!(body["resource_id"], "shop");
    }

    #[test]
    fn the_kind_is_the_type_in_the_body() {
        let event = Event::ClientLoginError {
            reason: String::new(),
        };
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["type"], event.kind());
    }
}
