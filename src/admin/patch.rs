//! Settings as programs and files give them: only what differs (RFC 7396).

use serde_json::{Map, Value};

use crate::admin::Refused;
use crate::store::clients;
use crate::store::operators;

/// Lays a patch over a value: members replace, `null` takes away, objects are merged.
pub(super) fn merge(target: &mut Value, patch: Value) {
    let Value::Object(members) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(target) = target.as_object_mut() else {
        return;
    };
    for (name, value) in members {
        if value.is_null() {
            target.remove(&name);
        } else {
            merge(target.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// An app's settings with a patch over them. A profile that the patch names comes first and settles
/// what it leaves no choice about; what else the patch says stands.
///
/// # Errors
/// [`Refused::Invalid`] if that are no settings.
pub fn client_settings(
    before: &clients::Settings,
    patch: Value,
) -> Result<clients::Settings, Refused> {
    let refuse = |message: String| Refused::invalid("settings", message);
    let mut settings = before.clone();
    if let Some(profile) = patch.get("profile").filter(|profile| !profile.is_null()) {
        let profile = serde_json::from_value(profile.clone());
        let profile = profile.map_err(|error| refuse(format!("profile: {error}")))?;
        if let Some(bound) = patch.get("certificate_bound_access_tokens") {
            settings.certificate_bound_access_tokens = bound.as_bool().unwrap_or_default();
        }
        settings.adopt(profile);
    }
    if !patch.is_object() {
        return Err(refuse("is an object".to_owned()));
    }
    let mut value = serde_json::to_value(&settings).expect("settings serialise");
    merge(&mut value, patch);
    clients::Settings::from_input(value).map_err(refuse)
}

/// An operator's settings with a patch over them.
///
/// # Errors
/// [`Refused::Invalid`] if that are no settings.
pub fn operator_settings(
    before: &operators::Settings,
    patch: Value,
) -> Result<operators::Settings, Refused> {
    if !patch.is_object() {
        return Err(Refused::invalid("settings", "is an object"));
    }
    let mut value = serde_json::to_value(before).expect("settings serialise");
    merge(&mut value, patch);
    serde_json::from_value(value).map_err(|error| {
        let message = format!("{error}; credentials are given apart");
        Refused::invalid("settings", message)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::clients::{Confirm, Profile, Settings};

    #[test]
    fn the_examples_of_the_rfc_come_out_as_it_says() {
        for (before, patch, after) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b"}),
                json!({"b": "c"}),
                json!({"a": "b", "b": "c"}),
            ),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({"a": [{"b": "c"}]}),
                json!({"a": [1]}),
                json!({"a": [1]}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
            (
                json!({"e": null}),
                json!({"a": 1}),
                json!({"e": null, "a": 1}),
            ),
        ] {
            let mut value = before;
            merge(&mut value, patch);
            assert_eq!(value, after);
        }
    }

    #[test]
    fn what_a_patch_does_not_name_stays_and_a_profile_settles_the_rest() {
        let before = Settings {
            tos_uri: Some("https://a.example/tos".to_owned()),
            ..Settings::default()
        };
        let patch = json!({"confirm": "always", "tos_uri": null, "checks": {"sim_swap": {"policy": "report"}}});
        let after = client_settings(&before, patch).unwrap();
        assert_eq!(after.confirm, Confirm::Always);
        assert_eq!(after.tos_uri, None);
        assert_eq!(after.checks.sim_swap.max_age_hours, 240);
        let fapi = client_settings(&before, json!({"profile": "fapi2"})).unwrap();
        assert_eq!(fapi.profile, Profile::Fapi2);
        assert!(fapi.require_pushed && fapi.dpop_bound_access_tokens);
        for bad in [
            json!([]),
            json!({"confrim": "always"}),
            json!({"confirm": "perhaps"}),
            json!({"profile": "fapi3"}),
        ] {
            assert!(client_settings(&before, bad).is_err());
        }
        let operator = operators::Settings::default();
        assert!(operator_settings(&operator, json!({"client_secret": "x"})).is_err());
        let patched = operator_settings(&operator, json!({"pkce": false})).unwrap();
        assert!(!patched.pkce);
    }
}
