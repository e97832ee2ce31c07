//! Bearer tokens: JWT (RFC 7519), signed with HS256 and nothing else.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::rand;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// Makes and checks tokens with one secret.
///
/// ```
/// use std::time::Duration;
///
/// use cybexp_seal::{Holder, TokenError, Tokens};
///
/// let tokens = Tokens::new(&"a secret of at least 32 bytes, kept".into(), false);
/// let holder = Holder { sub_type: "cybexp_user", hash: "b1b5587b", generation: 0 };
/// let issued = tokens.issue(holder, Duration::from_secs(60), 1_600_000_000);
/// assert_eq!(tokens.check(&issued.token, 1_600_000_001)?.hash, "b1b5587b");
/// assert!(tokens.check(&issued.token, 1_600_001_000).is_err());
/// # Ok::<(), TokenError>(())
/// ```
pub struct Tokens {
    signing: EncodingKey,
    checking: DecodingKey,
    accept_unexpiring: bool,
}

/// A new token.
#[derive(Clone)]
pub struct Issued {
    /// The token, which is a secret.
    pub token: String,
    /// Its id, by which it can be revoked.
    pub jti: String,
    /// When it ends, in Unix seconds.
    pub expires: u64,
}

/// The claims of a token: whose it is, and until when it is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// `cybexp_user` or `cybexp_superuser`.
    pub sub_type: String,
    /// The user's `_hash`.
    pub hash: String,
    /// The token's id.
    pub jti: Option<String>,
    /// When it ends, in Unix seconds; the Python API's never do.
    pub expires: Option<u64>,
    /// The generation of the user's tokens to which it belongs. Those of the Python API belong to generation 0.
    pub generation: u64,
}

/// The user for whom a token is made.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    /// `cybexp_user` or `cybexp_superuser`.
    pub sub_type: &'a str,
    /// The user's `_hash`.
    pub hash: &'a str,
    /// The current generation of the user's tokens: a new one ends all tokens of those before.
    pub generation: u64,
}

/// Why a token is worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No JWT, or not with the claims of ours.
    #[error("it is malformed")]
    Malformed,
    /// Signed with another secret, or in another way than HS256.
    #[error("its signature is wrong")]
    Forged,
    /// It was good once.
    #[error("it has expired")]
    Expired,
    /// One of the Python API's, which are not accepted here.
    #[error("it has no expiry, and such tokens are not accepted any more")]
    Unexpiring,
}

/// The claims as they stand in a token; the first three are those of the Python API.
#[derive(Serialize, Deserialize)]
struct Payload {
    sub_type: String,
    _hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<u64>,
    #[serde(rename = "gen", default, skip_serializing_if = "is_first")]
    generation: u64,
}

fn is_first(generation: &u64) -> bool {
    *generation == 0
}

impl Tokens {
    /// Tokens of this secret; `accept_unexpiring` takes those of the Python API, which never end.
    pub fn new(secret: &SecretString, accept_unexpiring: bool) -> Self {
        let secret = secret.expose_secret().as_bytes();
        Self {
            signing: EncodingKey::from_secret(secret),
            checking: DecodingKey::from_secret(secret),
            accept_unexpiring,
        }
    }

    /// A token for this user, from `now` on, in Unix seconds.
    pub fn issue(&self, holder: Holder<'_>, ttl: Duration, now: u64) -> Issued {
        let mut id = [0; 16];
        rand::fill(&mut id).expect("the system has random bytes");
        let jti = hex::encode(id);
        let expires = now.saturating_add(ttl.as_secs());
        let payload = Payload {
            sub_type: holder.sub_type.to_owned(),
            _hash: holder.hash.to_owned(),
            jti: Some(jti.clone()),
            iat: Some(now),
            exp: Some(expires),
            generation: holder.generation,
        };
        let token = encode(&Header::new(Algorithm::HS256), &payload, &self.signing)
            .expect("texts and integers can be written, and any secret signs with HS256");
        Issued {
            token,
            jti,
            expires,
        }
    }

    /// Returns the claims of a token that is ours and good at `now`, in Unix seconds. A revoked token passes, and one of
    /// an old generation, for neither can be seen from the token itself.
    pub fn check(&self, token: &str, now: u64) -> Result<Claims, TokenError> {
        let mut validation = Validation::new(Algorithm::HS256);
        // the library knows no other clock than the system's, and no token that may lack its expiry
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let payload = decode::<Payload>(token, &self.checking, &validation)
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => TokenError::Forged,
                _ => TokenError::Malformed,
            })?
            .claims;
        match payload.exp {
            Some(expires) if expires <= now => return Err(TokenError::Expired),
            None if !self.accept_unexpiring => return Err(TokenError::Unexpiring),
            _ => {}
        }
        Ok(Claims {
            sub_type: payload.sub_type,
            hash: payload._hash,
            jti: payload.jti,
            expires: payload.exp,
            generation: payload.generation,
        })
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("accept_unexpiring", &self.accept_unexpiring)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("jti", &self.jti)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
