//! A client of the API of the configuration, with its token.

use anyhow::Context as _;
use cybexp_client::Client;
use cybexp_service::{Config, api_prover};
use secrecy::ExposeSecret as _;

/// Makes the client that the configuration describes. An API on this machine has to prove that it is the configuration's before
/// the token is sent, if this user may read the secret: `cybexp up` runs the daemon so.
pub(crate) fn client(config: &Config) -> anyhow::Result<Client> {
    let token = config.api_token()?;
    let given = !token.expose_secret().is_empty();
    let client = Client::new(config.api.url.clone(), given.then_some(token)).context("api.url")?;
    Ok(client.wants_proof(api_prover(config)))
}
