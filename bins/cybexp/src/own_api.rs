//! Makes sure that what answers on this machine is the API of the configuration, before a token is sent to it: any user's
//! process may take a free port.

use anyhow::ensure;
use cybexp_client::Client;
use cybexp_seal::Prover;
use cybexp_service::Config;
use rand::Rng;

/// Has the API prove that it knows the secret of the configuration, if the client's URL is where that API listens.
///
/// Nothing is checked where it could not be: if the API is on another machine, where TLS is for that, if a proxy stands in
/// front of it on another port, or if this user may not read the secret.
pub(crate) async fn prove(client: &Client, config: &Config) -> anyhow::Result<()> {
    let port = config.api.listen.port();
    let direct = client.base().scheme() == "http";
    let here = client.is_local() && client.base().port_or_known_default() == Some(port);
    let (true, Ok(secret)) = (direct && here, config.identity_secret()) else {
        return Ok(());
    };
    let challenge: [u8; 32] = rand::rng().random();
    let proof = client.proof(&challenge).await?;
    ensure!(
        Prover::new(&secret).holds(&challenge, port, &proof),
        "what answers at {} is not the API of {}: another process has the port (`ss -ltnp` shows which), or the API has \
         another identity.secret; no token was sent",
        client.base(),
        config.origin()
    );
    Ok(())
}
