//! Signing in with the server's key, as another member of its replica set would (SCRAM-SHA-256, RFC 5802 and RFC 7677).
//!
//! The exchange also proves that the server knows the key: another process may have taken the port.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};
use rand::Rng;
use sha2::{Digest, Sha256};

use crate::wire::{Connection, WireError};

/// The user that a server has by its key alone.
const USER: &str = "__system";
/// The database of that user.
const DATABASE: &str = "local";
const BLOCK_BYTES: usize = 64;
/// The most rounds that a server may ask for, so that what answers cannot keep the client busy.
const MOST_ROUNDS: u32 = 1 << 20;

type Hash = [u8; 32];

/// Signs in with the key.
pub(crate) fn authenticate(server: &mut Connection, key: &str) -> Result<(), WireError> {
    let nonce: [u8; 24] = rand::rng().random();
    let first = format!("n={USER},r={}", BASE64_STANDARD.encode(nonce));
    let start = doc! {
        "saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": binary(&format!("n,,{first}")),
        "options": {"skipEmptyExchange": true},
    };
    let reply = server.run_on(DATABASE, start)?;
    let challenge = text(&reply)?;
    let exchange = Exchange::new(key, &first, &challenge)
        .ok_or_else(|| WireError::Reply("not a challenge of SCRAM-SHA-256".to_owned()))?;
    let id = reply.get("conversationId").cloned().unwrap_or(Bson::Null);
    let go_on = doc! {
        "saslContinue": 1, "conversationId": id, "payload": binary(&exchange.answer),
    };
    let reply = server.run_on(DATABASE, go_on)?;
    if text(&reply)? == exchange.expected && reply.get_bool("done").unwrap_or_default() {
        return Ok(());
    }
    Err(WireError::Reply(
        "the server does not know its key".to_owned(),
    ))
}

/// The client's last message, and the server's that must follow.
struct Exchange {
    answer: String,
    expected: String,
}

impl Exchange {
    fn new(key: &str, first: &str, challenge: &str) -> Option<Self> {
        let field = |name| {
            challenge
                .split(',')
                .find_map(|field| field.strip_prefix(name))
        };
        let (nonce, salt, rounds) = (field("r=")?, field("s=")?, field("i=")?);
        let ours = first.rsplit_once("r=")?.1;
        let rounds: u32 = rounds
            .parse()
            .ok()
            .filter(|rounds| *rounds <= MOST_ROUNDS)?;
        if !nonce.starts_with(ours) || rounds == 0 {
            return None;
        }
        let salted = salted(key.as_bytes(), &BASE64_STANDARD.decode(salt).ok()?, rounds);
        let last = format!("c=biws,r={nonce}");
        let message = format!("{first},{challenge},{last}");
        let client = hmac(&salted, b"Client Key");
        let signature = hmac(&Sha256::digest(client).into(), message.as_bytes());
        let proof: Vec<u8> = client.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        let server = hmac(&hmac(&salted, b"Server Key"), message.as_bytes());
        Some(Self {
            answer: format!("{last},p={}", BASE64_STANDARD.encode(proof)),
            expected: format!("v={}", BASE64_STANDARD.encode(server)),
        })
    }
}

fn binary(text: &str) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: text.as_bytes().to_vec(),
    }
}

fn text(reply: &Document) -> Result<String, WireError> {
    let payload = reply.get_binary_generic("payload").cloned();
    let text = payload.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| WireError::Reply("a reply without a payload".to_owned()))
}

/// PBKDF2-HMAC-SHA256 (RFC 8018) with one block.
fn salted(key: &[u8], salt: &[u8], rounds: u32) -> Hash {
    let mac = Hmac::new(key);
    let mut last = mac.of(&[salt, &1_u32.to_be_bytes()].concat());
    let mut all = last;
    for _ in 1..rounds {
        last = mac.of(&last);
        all.iter_mut()
            .zip(last)
            .for_each(|(all, last)| *all ^= last);
    }
    all
}

fn hmac(key: &Hash, message: &[u8]) -> Hash {
    Hmac::new(key).of(message)
}

/// HMAC-SHA256 (RFC 2104) with a key.
struct Hmac {
    inner: Sha256,
    outer: Sha256,
}

impl Hmac {
    fn new(key: &[u8]) -> Self {
        let mut block = [0; BLOCK_BYTES];
        if key.len() > BLOCK_BYTES {
            block[..32].copy_from_slice(&Sha256::digest(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        Self {
            inner: Sha256::new_with_prefix(block.map(|byte| byte ^ 0x36)),
            outer: Sha256::new_with_prefix(block.map(|byte| byte ^ 0x5c)),
        }
    }

    fn of(&self, message: &[u8]) -> Hash {
        let inner = self.inner.clone().chain_update(message).finalize();
        self.outer.clone().chain_update(inner).finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7677() {
        let first = "n=user,r=rOprNGfwEbeRWgbNEkqO";
        let challenge = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let exchange = Exchange::new("pencil", first, challenge).unwrap();
        assert_eq!(
            exchange.answer,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(
            exchange.expected,
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
        );
        for wrong in [
            "",
            "r=another,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=rOprNGfwEbeRWgbNEkqO%,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999",
            "r=rOprNGfwEbeRWgbNEkqO%,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
            "r=rOprNGfwEbeRWgbNEkqO%,s=?,i=4096",
        ] {
            assert!(Exchange::new("pencil", first, wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_long_key_is_hashed_first() {
        // RFC 4231, test case 6
        let mac =
            Hmac::new(&[0xaa; 131]).of(b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(
            hex::encode(mac),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }
}
