#![allow(clippy::unwrap_used, missing_docs)]
//! Tokens of ours, and those that PyJWT made (tests/fixtures/token).

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cybexp_seal::{Claims, Holder, TokenError, Tokens};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Vectors {
    secret: String,
    now: u64,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    token: String,
    expect: Value,
}

const HASH: &str = "d18c3afd2123c42397a09e02bddfe54c1326ecd038a119812de1433948ec1848";

fn user(generation: u64) -> Holder<'static> {
    Holder {
        sub_type: "cybexp_user",
        hash: HASH,
        generation,
    }
}

fn superuser() -> Holder<'static> {
    Holder {
        sub_type: "cybexp_superuser",
        ..user(0)
    }
}

fn told(checked: Result<Claims, TokenError>) -> Value {
    match checked {
        Ok(claims) => json!({
            "sub_type": claims.sub_type, "hash": claims.hash, "jti": claims.jti, "expires": claims.expires,
        }),
        Err(error) => json!(format!("{error:?}")),
    }
}

#[test]
fn tokens_of_pyjwt_are_what_they_claim() {
    let text = include_str!("../../../tests/fixtures/token/vectors.json");
    let Vectors {
        secret,
        now,
        vectors,
    } = serde_json::from_str(text).unwrap();
    assert!(vectors.len() > 20);
    for accept_unexpiring in [true, false] {
        let tokens = Tokens::new(&secret.clone().into(), accept_unexpiring);
        for Vector {
            name,
            token,
            expect,
        } in &vectors
        {
            let unexpiring = expect.is_object() && expect["expires"].is_null();
            let expect = match unexpiring && !accept_unexpiring {
                true => &json!("Unexpiring"),
                false => expect,
            };
            assert_eq!(&told(tokens.check(token, now)), expect, "{name}");
        }
    }
}

#[test]
fn a_token_is_good_until_it_expires() {
    let tokens = Tokens::new(&"secret".into(), false);
    let issued = tokens.issue(user(0), Duration::from_secs(60), 1000);
    assert_eq!((issued.jti.len(), issued.expires), (32, 1060));
    let claims = Claims {
        sub_type: "cybexp_user".into(),
        hash: HASH.into(),
        jti: Some(issued.jti.clone()),
        expires: Some(1060),
        generation: 0,
    };
    assert_eq!(tokens.check(&issued.token, 1059), Ok(claims));
    assert_eq!(tokens.check(&issued.token, 1060), Err(TokenError::Expired));
    let other = Tokens::new(&"other".into(), false);
    assert_eq!(other.check(&issued.token, 1000), Err(TokenError::Forged));

    let again = tokens.issue(user(0), Duration::from_secs(60), 1000);
    assert_ne!(issued.jti, again.jti);
    let endless = tokens.issue(user(0), Duration::MAX, 1000);
    assert!(tokens.check(&endless.token, u64::MAX - 1).is_ok());
}

#[test]
fn a_token_has_the_claims_that_the_python_api_reads() {
    let tokens = Tokens::new(&"secret".into(), false);
    let issued = tokens.issue(superuser(), Duration::from_secs(60), 1000);
    let parts: Vec<&str> = issued.token.split('.').collect();
    let part = |i: usize| -> Value {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(parts[i]).unwrap()).unwrap()
    };
    assert_eq!(part(0), json!({"typ": "JWT", "alg": "HS256"}));
    assert_eq!(
        part(1),
        json!({"sub_type": "cybexp_superuser", "_hash": HASH, "jti": issued.jti, "iat": 1000, "exp": 1060})
    );
}

#[test]
fn every_changed_character_is_noticed() {
    let tokens = Tokens::new(&"secret".into(), true);
    let issued = tokens.issue(user(0), Duration::from_secs(60), 1000);
    for at in 0..issued.token.len() {
        let mut bytes = issued.token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(tokens.check(&changed, 1000).is_err(), "{changed}");
    }
}

#[test]
fn no_output_shows_the_secret() {
    let tokens = Tokens::new(&"correct horse".into(), true);
    let issued = tokens.issue(user(0), Duration::from_secs(60), 1000);
    let shown = format!("{tokens:?} {issued:?}");
    assert!(
        !shown.contains("correct horse") && !shown.contains(&issued.token),
        "{shown}"
    );
}

#[test]
fn a_token_tells_its_generation() {
    let tokens = Tokens::new(&"secret".into(), false);
    for generation in [0, 1, u64::MAX] {
        let issued = tokens.issue(user(generation), Duration::from_secs(60), 1000);
        let claims = tokens.check(&issued.token, 1000).unwrap();
        assert_eq!(claims.generation, generation);
    }
}
