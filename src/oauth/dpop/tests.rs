use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PSS_SHA256,
    RsaKeyPair,
};
use serde_json::json;

use super::*;

/// RFC 9449 section 4.1, figure 2.
const TOKEN_REQUEST: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
/// RFC 9449 section 7.1, figure 12.
const RESOURCE_REQUEST: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
/// RFC 9449 section 6.1, figure 9.
const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
/// RFC 9449 section 7.1, figure 12.
const ACCESS_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

const NOW: i64 = 1_795_301_557;
const URL: &str = "https://id.example/token";

fn at(seconds: i64) -> Time {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

#[test]
fn the_examples_of_rfc_9449_hold() {
    let urls = ["https://server.example.com/token".to_owned()];
    let expected = Expected {
        method: "POST",
        urls: &urls,
        access_token: None,
        nonces: &[],
        now: at(1_562_262_616),
    };
    let proof = check(TOKEN_REQUEST, &expected).unwrap();
    assert_eq!(proof.jkt, JKT);
    assert_eq!(proof.expires_at, at(1_562_262_916));
    let urls = ["https://resource.example.org/protectedresource".to_owned()];
    let expected = Expected {
        method: "GET",
        urls: &urls,
        access_token: Some(ACCESS_TOKEN),
        nonces: &[],
        now: at(1_562_262_618),
    };
    let at_resource = check(RESOURCE_REQUEST, &expected).unwrap();
    assert_eq!(at_resource.jkt, JKT);
    assert_ne!(at_resource.hash, proof.hash);
    let other = Expected {
        access_token: Some("another"),
        ..expected
    };
    assert!(check(RESOURCE_REQUEST, &other).is_err());
    assert!(check(TOKEN_REQUEST, &expected).is_err());
}

/// A key of somebody's, and a proof by it of whatever header and claims.
enum Key {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl Key {
    fn ec() -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn jwk(&self) -> Value {
        match self {
            Self::Ec(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..]) })
            }
            Self::Ed(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key().as_ref()) })
            }
            Self::Rsa(pair) => {
                let public = pair.public_key();
                let n = public.modulus().big_endian_without_leading_zero();
                let e = public.exponent().big_endian_without_leading_zero();
                json!({ "kty": "RSA", "n": b64(n), "e": b64(e) })
            }
        }
    }

    fn alg(&self) -> &'static str {
        match self {
            Self::Ec(_) => "ES256",
            Self::Ed(_) => "EdDSA",
            Self::Rsa(_) => "PS256",
        }
    }

    fn header(&self) -> Value {
        json!({ "typ": "dpop+jwt", "alg": self.alg(), "jwk": self.jwk() })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = format!(
            "{}.{}",
            b64(header.to_string().as_bytes()),
            b64(claims.to_string().as_bytes())
        );
        let rng = SystemRandom::new();
        let signature = match self {
            Self::Ec(pair) => pair.sign(&rng, text.as_bytes()).unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(text.as_bytes()).as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PSS_SHA256, &rng, text.as_bytes(), &mut signature)
                    .unwrap();
                signature
            }
        };
        format!("{text}.{}", b64(&signature))
    }
}

fn claims() -> Value {
    json!({ "jti": "one", "htm": "POST", "htu": URL, "iat": NOW })
}

fn judge(proof: &str) -> Result<Proof, BadProof> {
    judge_with(proof, None, &[])
}

fn judge_with(proof: &str, token: Option<&str>, nonces: &[String]) -> Result<Proof, BadProof> {
    let urls = [URL.to_owned()];
    check(
        proof,
        &Expected {
            method: "POST",
            urls: &urls,
            access_token: token,
            nonces,
            now: at(NOW),
        },
    )
}

/// Section 4.3, and the list of the conformance suite's `dpop-negative-tests`.
#[test]
fn every_listed_algorithm_proves_and_nothing_else_does() {
    let ed = Key::Ed(Ed25519KeyPair::generate().unwrap());
    let rsa = Key::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
    for key in [Key::ec(), ed, rsa] {
        let good = key.sign(&key.header(), &claims());
        assert_eq!(judge(&good).unwrap().jkt.len(), 43, "{}", key.alg());
        for alg in ["none", "RS256", "HS256", "ES384", "es256", ""] {
            let mut header = key.header();
            header["alg"] = json!(alg);
            assert!(judge(&key.sign(&header, &claims())).is_err(), "{alg}");
        }
    }
    // An algorithm of the list with a key of another kind.
    let ec = Key::ec();
    for alg in ["EdDSA", "PS256"] {
        let mut header = ec.header();
        header["alg"] = json!(alg);
        assert!(judge(&ec.sign(&header, &claims())).is_err(), "{alg}");
    }
}

#[test]
fn a_header_that_is_not_exactly_a_proof_s_is_refused() {
    let key = Key::ec();
    let refused = |name: &str, value: Option<Value>| {
        let mut header = key.header();
        match value {
            Some(value) => header[name] = value,
            None => {
                header.as_object_mut().unwrap().remove(name);
            }
        }
        let refused = judge(&key.sign(&header, &claims()));
        assert!(matches!(refused, Err(BadProof::Wrong(_))), "{header}");
    };
    for name in ["typ", "alg", "jwk"] {
        refused(name, None);
        refused(name, Some(json!(7)));
    }
    for typ in ["JWT", "dpop", "DPOP+JWT", "application/dpop+jwt"] {
        refused("typ", Some(json!(typ)));
    }
    refused("crit", Some(json!(["b64"])));
    for private in PRIVATE {
        let mut jwk = key.jwk();
        jwk[private] = json!("AAAA");
        refused("jwk", Some(jwk));
    }
    refused("jwk", Some(Key::ec().jwk()));
    refused("jwk", Some(json!({ "kty": "oct", "k": "AAAA" })));
    refused("jwk", Some(json!({ "kty": "EC", "crv": "P-256" })));
    let mut other_curve = key.jwk();
    other_curve["crv"] = json!("P-384");
    refused("jwk", Some(other_curve));
}

#[test]
fn a_short_rsa_key_is_refused() {
    let jwk = json!({ "kty": "RSA", "n": b64(&[0xff; 128]), "e": "AQAB" });
    let header = json!({ "typ": "dpop+jwt", "alg": "PS256", "jwk": jwk });
    let refused = judge(&Key::ec().sign(&header, &claims())).unwrap_err();
    assert!(refused.to_string().contains("not a key for its alg"));
}

#[test]
fn claims_that_are_missing_of_another_type_or_for_another_request_are_refused() {
    let key = Key::ec();
    let judged = |name: &str, value: Option<Value>| {
        let mut claims = claims();
        match value {
            Some(value) => claims[name] = value,
            None => {
                claims.as_object_mut().unwrap().remove(name);
            }
        }
        judge(&key.sign(&key.header(), &claims))
    };
    for name in ["jti", "htm", "htu", "iat"] {
        assert!(judged(name, None).is_err(), "{name}");
        assert!(judged(name, Some(json!(["x"]))).is_err(), "{name}");
        assert!(judged(name, Some(json!(""))).is_err(), "{name}");
        assert!(judged(name, Some(Value::Null)).is_err(), "{name}");
    }
    for (name, value, right) in [
        ("jti", json!("x".repeat(512)), true),
        ("jti", json!("x".repeat(513)), false),
        ("htm", json!("GET"), false),
        ("htm", json!("post"), false),
        ("htu", json!("https://id.example/token?a=b#c"), true),
        ("htu", json!("HTTPS://ID.Example:443/token"), true),
        ("htu", json!("https://id.example/x/../token"), true),
        ("htu", json!("https://id.example/token/"), false),
        ("htu", json!("https://id.example/userinfo"), false),
        ("htu", json!("http://id.example/token"), false),
        ("htu", json!("https://id.example:8443/token"), false),
        ("htu", json!("https://evil.example/token"), false),
        ("htu", json!("https://evil@id.example/token"), false),
        ("htu", json!("/token"), false),
        ("iat", json!(NOW - 10), true),
        ("iat", json!(NOW + 10), true),
        ("iat", json!(NOW - 300), true),
        ("iat", json!(NOW - 301), false),
        ("iat", json!(NOW + 60), true),
        ("iat", json!(NOW + 61), false),
        ("iat", json!(NOW - 3600), false),
        ("iat", json!(NOW + 3600), false),
        ("iat", json!(8_210_266_876_799_i64), false),
        ("iat", json!(i64::MAX), false),
        ("iat", json!(-8_334_601_228_800_i64), false),
        ("iat", json!(1e300), false),
        ("exp", json!(NOW + 300), true),
        ("exp", json!(NOW), false),
        ("nbf", json!(NOW), true),
        ("nbf", json!(NOW + 61), false),
        ("nbf", json!("soon"), false),
        ("ath", json!("of no token"), true),
        ("extra", json!({ "a": 1 }), true),
    ] {
        let judged = judged(name, Some(value.clone()));
        assert_eq!(judged.is_ok(), right, "{name} {value} {judged:?}");
    }
}

#[test]
fn a_proof_that_was_touched_is_refused() {
    let key = Key::ec();
    let good = key.sign(&key.header(), &claims());
    let parts: Vec<&str> = good.split('.').collect();
    let mut other = claims();
    other["jti"] = json!("two");
    let altered = b64(other.to_string().as_bytes());
    for bad in [
        String::new(),
        "x".to_owned(),
        "..".to_owned(),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{altered}.{}", parts[0], parts[2]),
        format!("{good}."),
        format!("{good}, {good}"),
        format!("{}.{}.{}", parts[0], parts[1], &b64(&[0; 64])),
        "x".repeat(LONGEST + 1),
    ] {
        assert!(judge(&bad).is_err(), "{bad}");
    }
    assert!(judge(&good).is_ok());
}

/// Section 8: a nonce of ours, if one is asked for.
#[test]
fn a_nonce_counts_only_if_it_is_ours() {
    let key = Key::ec();
    let nonces = ["now".to_owned(), "before".to_owned()];
    let with = |nonce: Value| {
        let mut claims = claims();
        claims["nonce"] = nonce;
        judge_with(&key.sign(&key.header(), &claims), None, &nonces)
    };
    assert!(with(json!("now")).is_ok());
    assert!(with(json!("before")).is_ok());
    for nonce in [json!("long ago"), json!(""), json!(7)] {
        assert_eq!(with(nonce), Err(BadProof::NoNonce));
    }
    let without = key.sign(&key.header(), &claims());
    assert_eq!(judge_with(&without, None, &nonces), Err(BadProof::NoNonce));
}

/// Section 11.1: what a proof is remembered by.
#[test]
fn one_jti_of_two_keys_is_two_proofs() {
    let (one, two) = (Key::ec(), Key::ec());
    let proof = |key: &Key| judge(&key.sign(&key.header(), &claims())).unwrap();
    assert_eq!(proof(&one).hash, proof(&one).hash);
    assert_ne!(proof(&one).hash, proof(&two).hash);
}
