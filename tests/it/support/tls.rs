//! TLS of the server under test: one certificate, which every browser and app here trusts.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use numbercloak::secret::Token;
use rcgen::{CertifiedKey, KeyPair};

fn held() -> &'static CertifiedKey<KeyPair> {
    static HELD: OnceLock<CertifiedKey<KeyPair>> = OnceLock::new();
    HELD.get_or_init(|| {
        let names = vec!["localhost".to_owned()];
        rcgen::generate_simple_self_signed(names).unwrap()
    })
}

/// What everybody here trusts.
pub fn trusted() -> reqwest::Certificate {
    reqwest::Certificate::from_der(held().cert.der()).unwrap()
}

/// The files that the server reads; gone with it.
pub struct Files(PathBuf);

impl Files {
    /// Writes them.
    pub fn write() -> Self {
        let folder =
            std::env::temp_dir().join(format!("numbercloak-tls-{}", Token::random().reveal()));
        std::fs::create_dir(&folder).unwrap();
        let files = Self(folder);
        std::fs::write(files.path("certificate.pem"), held().cert.pem()).unwrap();
        let key = files.path("key.pem");
        std::fs::write(&key, held().signing_key.serialize_pem()).unwrap();
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
        files
    }

    /// Where one of them is.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
