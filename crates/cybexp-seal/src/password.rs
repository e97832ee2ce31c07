//! Stored forms of passwords: Argon2id, and the SHA-256 of the Python system, which is to be replaced.

use std::cell::RefCell;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
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
/// Takes 19 MiB and some 25 ms of a core: not for a thread that others wait for. The thread keeps the memory for its next
/// password, until it ends: few threads should do this.
///
/// ```
/// use cybexp_seal::password::{Verdict, hash, verify};
///
/// let stored = hash("correct horse")?;
/// assert!(matches!(verify("correct horse", &stored), Verdict::Right));
/// assert!(matches!(verify("battery staple", &stored), Verdict::Wrong));
/// # Ok::<(), cybexp_seal::password::PasswordError>(())
/// ```
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if !LENGTH.contains(&password.len()) {
        return Err(PasswordError::Length(password.len()));
    }
    let failed = |error: &dyn std::fmt::Display| PasswordError::Hash(error.to_string());
    let (argon2, params, salt) = (Argon2::default(), Params::default(), Salt::generate());
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    compute(&argon2, password, &salt, &mut out).map_err(|error| failed(&error))?;
    let hash = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::default().into()),
        params: ParamsString::try_from(&params).map_err(|error| failed(&error))?,
        salt: Some(salt),
        hash: Some(Output::new(&out).map_err(|error| failed(&error))?),
    };
    Ok(hash.to_string())
}

thread_local! {
    /// Memory of Argon2. An allocator keeps what was freed, and does not use it again for blocks with an alignment: sixty
    /// passwords on two threads took 350 MB.
    static BLOCKS: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// Computes an Argon2 in the memory of this thread.
fn compute(
    argon2: &Argon2,
    password: &str,
    salt: &[u8],
    out: &mut [u8],
) -> Result<(), argon2::Error> {
    let count = argon2.params().block_count();
    BLOCKS.with_borrow_mut(|blocks| {
        if blocks.len() < count {
            // freed first, so that both are not there at once
            *blocks = Vec::new();
            *blocks = vec![Block::new(); count];
        }
        let blocks = &mut blocks[..count];
        let done =
            argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, &mut *blocks);
        // nothing of the password is left
        blocks.fill(Block::new());
        done
    })
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
        match is_right(password, &stored) {
            Some(true) => return Verdict::Right,
            Some(false) => return Verdict::Wrong,
            // found wrong before the work was done
            None => {}
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

/// Whether the password has this hash. Returns `None` if that cannot be computed.
fn is_right(password: &str, stored: &PasswordHash) -> Option<bool> {
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).ok()?;
    let version = match stored.version {
        Some(version) => Version::try_from(version).ok()?,
        None => Version::default(),
    };
    let argon2 = Argon2::new(algorithm, version, Params::try_from(stored).ok()?);
    let (salt, expected) = (stored.salt.as_ref()?, stored.hash.as_ref()?);
    let mut out = vec![0; expected.len()];
    compute(&argon2, password, salt, &mut out).ok()?;
    Some(verify_slices_are_equal(&out, expected.as_ref()).is_ok())
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
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    let done = compute(
        &Argon2::default(),
        "nobody's password",
        b"nobody's salt",
        &mut out,
    );
    std::hint::black_box((done.is_ok(), out));
}
