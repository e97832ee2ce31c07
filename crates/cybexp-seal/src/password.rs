//! Stored forms of passwords: Argon2id, and the SHA-256 of the Python system, which is to be replaced.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};
use argon2::{Argon2, Params};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

/// Bytes of a password. The upper end keeps a request from being a burden.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=1024;

/// Why a password is not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// Too short to be safe, or too long to be a password.
    #[error("the password has {0} bytes, and needs {min} to {max}", min = LENGTH.start(), max = LENGTH.end())]
    Length(usize),
    /// Only a broken random source can cause it.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

/// The outcome of comparing a password with its stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is the stored one.
    Right,
    /// The password is the stored one, and should be stored anew: its stored form is the Python system's SHA-256.
    RightButOld,
    /// The password is another one.
    Wrong,
}

/// Makes the form in which a new password is stored: Argon2id with a salt of its own, as a PHC string.
///
/// Takes 19 MiB and some 25 ms of a core: not for a thread that others wait for.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if !LENGTH.contains(&password.len()) {
        return Err(PasswordError::Length(password.len()));
    }
    let hash = Argon2::default().hash_password(password.as_bytes());
    let hash = hash.map_err(|error| PasswordError::Hash(error.to_string()))?;
    Ok(hash.to_string())
}

/// The most memory in KiB, and the most passes, that a stored form may ask for. Forms that ask for more are not ours.
const MOST_MEMORY_KIB: u32 = 64 << 10;
const MOST_PASSES: u32 = 16;

/// Compares a password with its stored form.
///
/// Every path takes one Argon2id, as [`hash`] does: whatever is stored, the Python system's form, no form at all or that of
/// nobody (an empty text), and however long the password is. So the time does not tell which users exist.
pub fn verify(password: &str, stored: &str) -> Verdict {
    let too_long = password.len() > *LENGTH.end();
    if let Ok(stored) = PasswordHash::new(stored)
        && is_affordable(&stored)
        && !too_long
    {
        match Argon2::default().verify_password(password.as_bytes(), &stored) {
            Ok(()) => return Verdict::Right,
            Err(Error::PasswordInvalid) => return Verdict::Wrong,
            // found wrong before the work was done
            Err(_) => {}
        }
    }
    spend();
    let mut old = [0; 32];
    if too_long || hex::decode_to_slice(stored, &mut old).is_err() {
        return Verdict::Wrong;
    }
    let given = digest(&SHA256, password.as_bytes());
    match verify_slices_are_equal(given.as_ref(), &old) {
        Ok(()) => Verdict::RightButOld,
        Err(_) => Verdict::Wrong,
    }
}

/// Whether there is a hash to compare with, at a price that may be paid.
fn is_affordable(stored: &PasswordHash) -> bool {
    if stored.hash.is_none() || stored.salt.is_none() {
        return false;
    }
    let params = Params::try_from(stored);
    params.is_ok_and(|it| it.m_cost() <= MOST_MEMORY_KIB && it.t_cost() <= MOST_PASSES)
}

/// Does the work of one comparison, for nothing.
fn spend() {
    let mut out = [0; 32];
    let done =
        Argon2::default().hash_password_into(b"nobody's password", b"nobody's salt", &mut out);
    std::hint::black_box((done.is_ok(), out));
}
