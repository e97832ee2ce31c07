//! Random texts for passwords and secrets.

use rand::Rng;
use rand::distr::Alphanumeric;

/// Makes a random text of letters and digits, with 6 bits to a character, almost.
pub(crate) fn random_text(length: usize) -> String {
    let letters = rand::rng().sample_iter(Alphanumeric).take(length);
    letters.map(char::from).collect()
}
