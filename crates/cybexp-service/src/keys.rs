//! Key files, and what is made of the secret.

use std::path::Path;

use anyhow::Context as _;
use cybexp_seal::{PrivateKey, Prover, PublicKey};

use crate::config::Config;
use crate::retry::Fatal;

/// Reads the PEM file of a private key; without it a daemon cannot work, so no retry follows.
pub fn read_private_key(path: &Path) -> anyhow::Result<PrivateKey> {
    let pem = read(path)?;
    PrivateKey::from_pem(&pem, None)
        .with_context(|| format!("private key {}", path.display()))
        .context(Fatal)
}

/// Reads the PEM file of a public key.
pub fn read_public_key(path: &Path) -> anyhow::Result<PublicKey> {
    let pem = read(path)?;
    PublicKey::from_pem(&pem)
        .with_context(|| format!("public key {}", path.display()))
        .context(Fatal)
}

/// Returns the port of the API of this configuration, and the prover by which a client knows it; none if this user may not read
/// the secret.
pub fn api_prover(config: &Config) -> Option<(u16, Prover)> {
    let secret = config.identity_secret().ok()?;
    Some((config.api.listen.port(), Prover::new(&secret)))
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the key {}", path.display()))
        .context(Fatal)
}
