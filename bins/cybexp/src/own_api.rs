//! Clients of the API of a configuration.

use cybexp_client::Client;
use cybexp_service::{Config, api_prover};
use reqwest::Url;
use secrecy::SecretString;

/// Makes a client of the API at this URL. If that is the API of the configuration, on this machine, it has to prove it before
/// the token is sent; unless this user may not read the secret.
pub(crate) fn client(
    config: &Config,
    url: Url,
    token: Option<SecretString>,
) -> anyhow::Result<Client> {
    let client = Client::new(url, token)?;
    Ok(match api_prover(config) {
        Some((port, prover)) => client.wants_proof(port, prover),
        None => client,
    })
}
