//! Every PEM that common software writes is read, and what is unsafe is refused with a reason.

mod common;

use common::{PASSPHRASE, key, text};
use cybexp_seal::{KeyError, PrivateKey, PublicKey};

#[test]
fn all_pems_of_a_key_are_the_same_key() {
    for bits in [2048, 3072, 4096] {
        let expected = text(&format!("{bits}_public.pem"));
        for (kind, passphrase) in [
            ("pkcs1", None),
            ("pkcs8", None),
            ("encrypted", Some(PASSPHRASE)),
        ] {
            let private = PrivateKey::from_pem(&text(&format!("{bits}_{kind}.pem")), passphrase)
                .unwrap_or_else(|err| panic!("{bits} {kind}: {err}"));
            assert_eq!(private.bits(), bits);
            assert_eq!(private.public_key().to_pem().trim(), expected.trim());
        }
        for kind in ["public", "public_pkcs1"] {
            let public = PublicKey::from_pem(&text(&format!("{bits}_{kind}.pem"))).unwrap();
            assert_eq!(public.to_pem().trim(), expected.trim());
        }
    }
}

#[test]
fn a_generated_key_is_read_back() {
    let made = PrivateKey::generate(2048).unwrap();
    let read = PrivateKey::from_pem(&made.to_pkcs8_pem(), None).unwrap();
    assert_eq!(read.public_key().to_pem(), made.public_key().to_pem());
    assert_eq!(
        PrivateKey::generate(1024).unwrap_err(),
        KeyError::Bits(1024)
    );
}

#[test]
fn line_ends_and_white_space_do_not_matter() {
    let pem = text("2048_pkcs8.pem");
    for variant in [
        pem.replace('\n', "\r\n"),
        format!("\n{}\n\n", pem.trim()),
        pem.trim().into(),
    ] {
        PrivateKey::from_pem(&variant, None).unwrap();
    }
}

#[test]
fn short_keys_are_refused() {
    let err = PrivateKey::from_pem(&text("refused_1024.pem"), None).unwrap_err();
    assert_eq!(err, KeyError::TooShort);
    let err = PublicKey::from_pem(&text("refused_1024_public.pem")).unwrap_err();
    assert_eq!(err, KeyError::TooShort);
}

#[test]
fn passphrases_are_asked_for_and_checked() {
    for bits in [2048, 3072, 4096] {
        let pem = text(&format!("{bits}_encrypted.pem"));
        let err = PrivateKey::from_pem(&pem, None).unwrap_err();
        assert_eq!(err, KeyError::NoPassphrase);
        PrivateKey::from_pem(&pem, Some("wrong")).unwrap_err();
    }
    let err = PrivateKey::from_pem(&text("refused_dek_info.pem"), Some("old")).unwrap_err();
    assert_eq!(err, KeyError::OldEncryption);
}

#[test]
fn the_wrong_half_and_damaged_files_are_told() {
    let err = PrivateKey::from_pem(&text("2048_public.pem"), None).unwrap_err();
    assert_eq!(
        err.to_string(),
        "the PEM holds \"PUBLIC KEY\", but an RSA private key is needed"
    );
    let err = PublicKey::from_pem(&text("2048_pkcs8.pem")).unwrap_err();
    assert_eq!(
        err.to_string(),
        "the PEM holds \"PRIVATE KEY\", but an RSA public key is needed"
    );
    let pem = text("2048_pkcs1.pem");
    for cut in (0..pem.len() - 2).step_by(61) {
        PrivateKey::from_pem(&pem[..cut], None).unwrap_err();
    }
}

#[test]
fn debug_shows_no_key() {
    assert_eq!(format!("{:?}", key(2048)), "PrivateKey(2048 bits)");
    assert_eq!(
        format!("{:?}", key(2048).public_key()),
        "PublicKey(2048 bits)"
    );
}
