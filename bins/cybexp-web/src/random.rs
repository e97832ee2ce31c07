//! Random texts.

/// Returns a random text of 32 hexadecimal digits, which nobody can guess.
pub(crate) fn random_id() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}
