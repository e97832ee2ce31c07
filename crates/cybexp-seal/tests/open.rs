//! Our own seal opens again; nothing else does, and nothing panics.

mod common;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use common::{FORMATS, key};
use cybexp_seal::{Format, OpenError, PrivateKey};
use proptest::prelude::*;

const PLAIN: &[u8] = "{\"eventid\": \"cowrie.session.connect\", \"input\": \"ls ü\"}".as_bytes();

fn sealed(key: &PrivateKey, format: Format) -> Vec<u8> {
    key.public_key().seal(format, PLAIN).expect("it seals")
}

#[test]
fn what_is_sealed_opens() {
    let key = key(2048);
    for format in FORMATS {
        for len in [0, 1, 15, 16, 17, 1000, 100_000] {
            let plain: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let sealed = key.public_key().seal(format, &plain).unwrap();
            assert_eq!(key.open(&sealed).unwrap(), plain, "{format:?}, {len}");
        }
        // fresh session key and nonce each time
        assert_ne!(sealed(&key, format), sealed(&key, format));
    }
}

#[test]
fn formats_have_the_names_of_the_configuration() {
    assert_eq!(
        serde_json::from_str::<Format>("\"jwe\"").unwrap(),
        Format::Jwe
    );
    assert_eq!(
        serde_json::from_str::<Format>("\"legacy\"").unwrap(),
        Format::Legacy
    );
    assert!(serde_json::from_str::<Format>("\"none\"").is_err());
}

#[test]
fn any_changed_byte_is_an_error() {
    let key = key(2048);
    for format in FORMATS {
        let sealed = sealed(&key, format);
        // every third position meets all regions: header, wrapped key, nonce, tag, ciphertext
        for at in (0..sealed.len()).step_by(3).chain([sealed.len() - 1]) {
            for bit in [0x01, 0x80] {
                let mut changed = sealed.clone();
                changed[at] ^= bit;
                assert!(key.open(&changed).is_err(), "{format:?}, byte {at}");
            }
        }
    }
}

#[test]
fn legacy_damage_has_one_error_wherever_it_is() {
    let key = key(2048);
    let sealed = sealed(&key, Format::Legacy);
    for at in [0, 100, 255, 256, 271, 272, 287, 288, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[at] ^= 4;
        assert_eq!(
            key.open(&changed).unwrap_err(),
            OpenError::Broken,
            "byte {at}"
        );
    }
}

#[test]
fn jwe_damage_has_one_error_wherever_it_is() {
    let key = key(2048);
    let sealed = String::from_utf8(sealed(&key, Format::Jwe)).unwrap();
    for index in 1..5 {
        let mut parts: Vec<String> = sealed.split('.').map(str::to_owned).collect();
        let mut bytes = BASE64URL.decode(&parts[index]).unwrap();
        bytes[3] ^= 4;
        parts[index] = BASE64URL.encode(bytes);
        let err = key.open(parts.join(".").as_bytes()).unwrap_err();
        assert_eq!(err, OpenError::Broken, "part {index}");
    }
}

#[test]
fn a_cut_off_blob_is_an_error() {
    let key = key(2048);
    assert_eq!(key.open(b"").unwrap_err(), OpenError::Empty);
    let legacy = sealed(&key, Format::Legacy);
    for len in 1..256 + 40 {
        let err = key.open(&legacy[..len]).unwrap_err();
        let cut_off = matches!(err, OpenError::CutOff { len: l, least: 288 } if l == len);
        assert_eq!(cut_off, len < 288, "{len}: {err}");
    }
    let jwe = sealed(&key, Format::Jwe);
    let header = jwe.iter().position(|&b| b == b'.').unwrap();
    for len in 1..jwe.len() {
        let expected = match key.open(&jwe[..len]).unwrap_err() {
            OpenError::CutOff { .. } => len <= header,
            OpenError::Malformed(_) => len > header,
            _ => false,
        };
        assert!(expected, "{len}");
    }
}

#[test]
fn another_key_opens_nothing() {
    let (ours, other, larger) = (key(2048), PrivateKey::generate(2048).unwrap(), key(3072));
    for format in FORMATS {
        let sealed = sealed(&ours, format);
        assert_eq!(other.open(&sealed).unwrap_err(), OpenError::Broken);
        larger.open(&sealed).unwrap_err();
    }
    let err = larger.open(&sealed(&ours, Format::Jwe)).unwrap_err();
    assert_eq!(
        err.to_string(),
        "the JWE is malformed or cut off: it was sealed for a key of 2048 bits, this one has 3072"
    );
}

#[test]
fn headers_are_checked_before_anything_is_opened() {
    let key = key(2048);
    let sealed = String::from_utf8(sealed(&key, Format::Jwe)).unwrap();
    let (_, rest) = sealed.split_once('.').unwrap();
    let open = |header: &str| key.open(format!("{}.{rest}", BASE64URL.encode(header)).as_bytes());

    for (header, says) in [
        ("{}", "missing field `alg`"),
        (r#"{"alg":"RSA-OAEP-256"}"#, "missing field `enc`"),
        (r#"{"alg":"RSA1_5","enc":"A256GCM"}"#, "is \"RSA1_5\", only"),
        (
            r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#,
            "is \"RSA-OAEP\", only",
        ),
        (r#"{"alg":"dir","enc":"A256GCM"}"#, "is \"dir\", only"),
        (r#"{"alg":"none","enc":"A256GCM"}"#, "is \"none\", only"),
        (
            r#"{"alg":"RSA-OAEP-256","enc":"A128GCM"}"#,
            "is \"A128GCM\", only",
        ),
        (
            r#"{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512"}"#,
            "is \"A256CBC-HS512\", only",
        ),
        (
            r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","zip":"DEF"}"#,
            "`zip`",
        ),
        (
            r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","crit":["exp"]}"#,
            "`crit`",
        ),
        (
            r#"{"alg":"RSA-OAEP-256","alg":"dir","enc":"A256GCM"}"#,
            "duplicate field `alg`",
        ),
        (
            r#"{"alg":["RSA-OAEP-256"],"enc":"A256GCM"}"#,
            "invalid type",
        ),
        (
            r#"{"alg":{"RSA-OAEP-256":null},"enc":"A256GCM"}"#,
            "invalid type",
        ),
        ("{\"x\\u001b\":1}", r"unknown field `x\u{1b}`"),
        (
            "{\"alg\":\"a\\n\\u001b[31m\",\"enc\":\"A256GCM\"}",
            r"a\n\u{1b}",
        ),
    ] {
        match open(header) {
            Err(OpenError::Header(why)) => assert!(why.contains(says), "{header}: {why}"),
            other => panic!("{header}: {other:?}"),
        }
    }
    // allowed, but the header is authenticated, and this is not the one it was sealed with
    let err = open(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"1","typ":"JWE"}"#).unwrap_err();
    assert_eq!(err, OpenError::Broken);
}

#[test]
fn jwe_parts_are_checked() {
    let key = key(2048);
    let sealed = String::from_utf8(sealed(&key, Format::Jwe)).unwrap();
    let parts: Vec<&str> = sealed.split('.').collect();
    for (index, part, says) in [
        (1, "", "sealed for a key of 0 bits"),
        (1, "!!", "the encrypted key is not base64url"),
        (2, "AAAA", "the initialization vector is not 12 bytes long"),
        (3, "AA=", "the ciphertext is not base64url"),
        (4, "AAAA", "the tag is not 16 bytes long"),
        (4, "AAAA.AAAA", "it does not have five parts"),
    ] {
        let mut changed = parts.clone();
        changed[index] = part;
        let err = key.open(changed.join(".").as_bytes()).unwrap_err();
        assert!(err.to_string().contains(says), "{part}: {err}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..700),
        start in proptest::sample::select(vec!["", "e30.", "eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2R0NNIn0."]),
    ) {
        let blob = [start.as_bytes(), &bytes].concat();
        prop_assert!(key(2048).open(&blob).is_err());
    }

    #[test]
    fn arbitrary_jwe_text_never_panics(text in "(e30|eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2R0NNIn0)?[A-Za-z0-9_.-]{0,400}") {
        prop_assert!(key(2048).open(text.as_bytes()).is_err());
    }
}
