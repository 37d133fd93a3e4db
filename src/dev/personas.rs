//! The simulator's personas as operators of ours: the preset that an admin would use for each, below
//! the persona's address, and our registration with it. Dev mode and the tests go the same way.

use std::sync::Arc;

use anyhow::Context as _;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::admin::operators::NewOperator;
use crate::admin::presets;
use crate::secret::{Redacted, Token, b64};
use crate::simulator::{Persona, SimulatedClient};
use crate::store::operators::{Credentials, HintForm, Mode, Release, Settings};

/// Who we are to all of them.
const CLIENT_ID: &str = "numbercloak";

/// Our keys for operators that want one; the same for all.
#[derive(Clone)]
pub struct OurKeys(Arc<Inside>);

struct Inside {
    ec: String,
    rsa: String,
    jwks: Value,
}

impl OurKeys {
    /// Makes new ones. Takes a moment of CPU: call it off the async threads.
    ///
    /// # Errors
    /// If no key can be made.
    pub fn generate() -> anyhow::Result<Self> {
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).context("no RSA key could be made")?;
        let rsa_der: Pkcs8V1Der<'_> = rsa.as_der().context("no RSA key could be written")?;
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .context("no P-256 key could be made")?;
        let ec_der = ec.to_pkcs8v1().context("no P-256 key could be written")?;
        let point = ec.public_key().as_ref();
        let public = rsa.public_key();
        let jwks = json!({ "keys": [
            {
                "kty": "RSA", "use": "sig", "alg": "RS256",
                "n": b64(public.modulus().big_endian_without_leading_zero()),
                "e": b64(public.exponent().big_endian_without_leading_zero()),
            },
            {
                "kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256",
                "x": b64(&point[1..33]), "y": b64(&point[33..]),
            },
        ] });
        Ok(Self(Arc::new(Inside {
            ec: pem(ec_der.as_ref()),
            rsa: pem(rsa_der.as_ref()),
            jwks,
        })))
    }
}

/// A persona as an operator of ours.
pub struct Registration {
    /// What we write down about it.
    pub operator: NewOperator,
    /// What it writes down about us.
    pub client: SimulatedClient,
}

/// The operator's alias.
#[must_use]
pub fn alias(persona: Persona) -> String {
    persona.name().replace('.', "-")
}

/// Registers a persona at `issuer` with us, and us with it. `callback` makes our redirect URI for an
/// alias.
///
/// # Errors
/// If a preset does not fit, which a test would have found.
pub fn register(
    persona: Persona,
    issuer: &str,
    callback: impl FnOnce(&str) -> String,
    keys: &OurKeys,
) -> anyhow::Result<Registration> {
    let (preset, base) = match persona {
        Persona::Camara21
        | Persona::Camara20
        | Persona::Camara10
        | Persona::Camara03
        | Persona::CamaraStrict => ("camara", ""),
        Persona::Vonage => ("vonage", ""),
        Persona::Telefonica => ("telefonica", "/apigateway"),
        Persona::VodafoneMc => ("vodafone", "/mobileconnect"),
        Persona::VodafoneCamara => ("vodafone-camara", ""),
        Persona::Orange => ("orange", ""),
        Persona::TimMc => ("tim", ""),
        Persona::Glide => ("glide", ""),
    };
    let preset = presets::find(preset)?;
    let given = preset.settings(Some(&format!("{issuer}{base}")), Mode::Test)?;
    let mut settings: Settings = serde_json::from_value(Value::Object(given))?;
    CLIENT_ID.clone_into(&mut settings.client_id);
    // The simulator lets the hint say which SIM it is, as these operators' playgrounds do; the others
    // take no hint, and the simulator asks.
    if matches!(
        preset.title.as_str(),
        "CAMARA operator" | "Orange" | "Glide"
    ) {
        settings.login_hint = HintForm::Tel;
    }
    match persona {
        Persona::Camara20 => settings.release = Release::V2_0,
        Persona::Camara10 => settings.release = Release::V1_0,
        Persona::Camara03 => {
            settings.release = Release::V0_3;
            "openid dpv:FraudPreventionAndDetection#number-verification-verify-read"
                .clone_into(&mut settings.scope_verify);
        }
        Persona::CamaraStrict => settings.signed_request = true,
        // Its authorization server has another host than its API.
        Persona::Vonage => {
            settings.authorization_endpoint = Some(format!("{issuer}/oauth2/auth"));
        }
        _ => {}
    }
    let (credentials, client_secret, jwks) = match preset.credential {
        presets::Credential::Secret => {
            let secret = Token::random().reveal();
            let credentials = Credentials {
                client_secret: Some(Redacted::new(secret.clone())),
                ..Credentials::default()
            };
            (credentials, Some(secret), None)
        }
        presets::Credential::Key => {
            let pem = match persona {
                Persona::Vonage => &keys.0.rsa,
                _ => &keys.0.ec,
            };
            let credentials = Credentials {
                private_key_pem: Some(Redacted::new(pem.clone())),
                ..Credentials::default()
            };
            (credentials, None, Some(keys.0.jwks.clone()))
        }
    };
    let alias = alias(persona);
    Ok(Registration {
        client: SimulatedClient {
            client_id: CLIENT_ID.to_owned(),
            client_secret,
            jwks,
            redirect_uris: vec![callback(&alias)],
        },
        operator: NewOperator {
            name: format!("Simulated {}", persona.name()),
            alias,
            mode: Mode::Test,
            settings,
            credentials,
        },
    })
}

fn pem(der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut text = String::from("-----BEGIN PRIVATE KEY-----\n");
    for line in encoded.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    text
}
