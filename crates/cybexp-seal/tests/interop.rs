//! pycryptodome and jwcrypto open what we seal.

mod common;

use std::process::Command;

use common::{key, path};
use cybexp_seal::Format;
use test_needs::Need;

#[test]
fn other_software_opens_what_we_seal() {
    let imports = Command::new("python3")
        .args(["-c", "import Crypto.Cipher.AES, jwcrypto.jwe"])
        .output();
    if !imports.is_ok_and(|out| out.status.success()) {
        Need::Python.is_lacking("python3 cannot import pycryptodome and jwcrypto");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let large: Vec<u8> = (0..100_000u64).map(|i| (i * i % 251) as u8).collect();
    for bits in [2048, 3072, 4096] {
        for (name, format) in [("jwe", Format::Jwe), ("legacy", Format::Legacy)] {
            for plain in [b"".as_slice(), "Grüße".as_bytes(), &large] {
                let file = dir.path().join("sealed");
                let sealed = key(bits).public_key().seal(format, plain).unwrap();
                std::fs::write(&file, sealed).unwrap();
                let out = Command::new("python3")
                    .arg(path("open_ours.py"))
                    .arg(name)
                    .arg(path(&format!("{bits}_pkcs8.pem")))
                    .arg(&file)
                    .output()
                    .unwrap();
                let stderr = String::from_utf8_lossy(&out.stderr);
                assert!(out.status.success(), "{name} {bits}: {stderr}");
                assert_eq!(out.stdout, plain, "{name} {bits}");
            }
        }
    }
}
