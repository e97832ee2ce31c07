//! Blobs that pycryptodome and jwcrypto sealed (tests/fixtures/seal) are opened, and malformed ones are refused.

mod common;

use common::{bytes, key, text};
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Vectors {
    opened: Vec<Opened>,
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
struct Opened {
    file: String,
    bits: u32,
    length: usize,
    sha256: String,
}

#[derive(Deserialize)]
struct Refused {
    file: String,
    bits: u32,
    says: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(&text("vectors.json")).expect("vectors.json fits")
}

#[test]
fn vectors_of_other_software_are_opened() {
    let opened = vectors().opened;
    assert_eq!(opened.len(), 20);
    for vector in opened {
        let plain = key(vector.bits)
            .open(&bytes(&vector.file))
            .unwrap_or_else(|err| panic!("{}: {err}", vector.file));
        assert_eq!(plain.len(), vector.length, "{}", vector.file);
        assert_eq!(
            hex::encode(Sha256::digest(&plain)),
            vector.sha256,
            "{}",
            vector.file
        );
    }
}

#[test]
fn other_algorithms_are_refused() {
    let refused = vectors().refused;
    assert_eq!(refused.len(), 5);
    for vector in refused {
        let err = key(vector.bits).open(&bytes(&vector.file)).unwrap_err();
        assert!(
            err.to_string().contains(&vector.says),
            "{}: {err}",
            vector.file
        );
    }
}
