//! A software authenticator (WebAuthn Level 3): one ES256 key, what it signs, and every lie it may tell.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use numbercloak::secret::{b64, from_b64, random, sha256};
use serde_json::{Value, json};

/// User present, user verified, attested credential data.
const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;

/// An authenticator with one passkey.
pub struct Authenticator {
    key: EcdsaKeyPair,
    /// The passkey's id.
    pub credential_id: Vec<u8>,
    /// Whose passkey it says it is.
    pub user: Vec<u8>,
    /// The origin the browser says it is at.
    pub origin: String,
    /// The name it believes to be asked for.
    pub rp_id: String,
    /// How often it signed.
    pub counter: u32,
    /// Whether it looked who its user is.
    pub verifies: bool,
}

impl Authenticator {
    /// A new one, in a browser at this origin.
    pub fn at(origin: &str) -> Self {
        let pkcs8 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        Self {
            key: pkcs8,
            credential_id: random::<32>().to_vec(),
            user: Vec::new(),
            origin: origin.to_owned(),
            rp_id: "localhost".to_owned(),
            counter: 0,
            verifies: true,
        }
    }

    /// The answer to `navigator.credentials.create`, as our script sends it.
    pub fn create(&mut self, options: &Value) -> String {
        assert_eq!(
            options["authenticatorSelection"]["userVerification"],
            "required"
        );
        assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
        self.user = from_b64(options["user"]["id"].as_str().unwrap()).unwrap();
        let client_data = self.client_data("webauthn.create", options);
        let mut data = self.data(ATTESTED);
        data.extend([0; 16]);
        data.extend(
            u16::try_from(self.credential_id.len())
                .unwrap()
                .to_be_bytes(),
        );
        data.extend(&self.credential_id);
        data.extend(self.cose_key());
        // {"fmt": "none", "attStmt": {}, "authData": …} in CBOR.
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
        object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        object.extend(data);
        self.answer(json!({
            "clientDataJSON": b64(client_data.as_bytes()),
            "attestationObject": b64(&object),
        }))
    }

    /// The answer to `navigator.credentials.get`.
    pub fn get(&mut self, options: &Value) -> String {
        assert_eq!(options["userVerification"], "required");
        assert_eq!(options["rpId"], "localhost");
        self.counter += 1;
        let client_data = self.client_data("webauthn.get", options);
        let data = self.data(0);
        let mut signed = data.clone();
        signed.extend(sha256(client_data.as_bytes()));
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        self.answer(json!({
            "clientDataJSON": b64(client_data.as_bytes()),
            "authenticatorData": b64(&data),
            "signature": b64(signature.as_ref()),
            "userHandle": b64(&self.user),
        }))
    }

    fn client_data(&self, kind: &str, options: &Value) -> String {
        let challenge = &options["challenge"];
        json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false })
            .to_string()
    }

    fn data(&self, more: u8) -> Vec<u8> {
        let verified = if self.verifies { VERIFIED } else { 0 };
        let mut data = sha256(self.rp_id.as_bytes()).to_vec();
        data.push(PRESENT | verified | more);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// An EC2 key on P-256 for ES256 (RFC 9053 section 7.1.1).
    fn cose_key(&self) -> Vec<u8> {
        // Uncompressed: 4, x, y.
        let point = self.key.public_key().as_ref();
        let mut key = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".to_vec();
        key.extend(&point[1..33]);
        key.extend(b"\x22\x58\x20");
        key.extend(&point[33..65]);
        key
    }

    fn answer(&self, response: Value) -> String {
        let id = b64(&self.credential_id);
        json!({ "id": id, "rawId": id, "type": "public-key", "response": response }).to_string()
    }
}
