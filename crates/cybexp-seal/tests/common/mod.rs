//! The fixtures in `tests/fixtures/seal`.
#![allow(dead_code, reason = "each test file uses a part of this")]

use std::path::PathBuf;

use cybexp_seal::{Format, PrivateKey};

pub(crate) const PASSPHRASE: &str = "correct horse";
pub(crate) const FORMATS: [Format; 2] = [Format::Jwe, Format::Legacy];

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/seal")
        .join(name)
}

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap_or_else(|err| panic!("{name}: {err}"))
}

pub(crate) fn text(name: &str) -> String {
    String::from_utf8(bytes(name)).expect("a text file")
}

pub(crate) fn key(bits: u32) -> PrivateKey {
    PrivateKey::from_pem(&text(&format!("{bits}_pkcs8.pem")), None).expect("a test key")
}
