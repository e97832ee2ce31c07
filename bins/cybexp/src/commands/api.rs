//! The API as a command reaches it: its URL, and the token to speak to it with.

use std::path::PathBuf;

use anyhow::ensure;
use cybexp_client::Client;
use cybexp_service::{Config, api_prover};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::text::read_line;

/// The environment variable that may hold the token.
const TOKEN_VARIABLE: &str = "CYBEXP_TOKEN";

/// Options by which a command reaches the API.
#[derive(clap::Args)]
pub(crate) struct ApiArgs {
    /// The URL of the API [default: api.url of the configuration]
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// The file that holds the token [default: $CYBEXP_TOKEN, else api.token of the configuration]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl ApiArgs {
    /// Makes a client. If the API is that of the configuration, on this machine, it has to prove it.
    pub(super) async fn client(&self, config: &Config) -> anyhow::Result<Client> {
        let token = self.token(config)?;
        ensure!(
            !token.expose_secret().is_empty(),
            "there is no token: make one with `cybexp token EMAIL`, and give it with --token-file, in ${TOKEN_VARIABLE} \
             or as api.token of the configuration ({})",
            config.origin()
        );
        let url = self.url.clone().unwrap_or_else(|| config.api.url.clone());
        let client = Client::new(url, Some(token))?.wants_proof(api_prover(config));
        client.prove().await?;
        Ok(client)
    }

    fn token(&self, config: &Config) -> anyhow::Result<SecretString> {
        if let Some(file) = &self.token_file {
            return read_line(file).map(SecretString::from);
        }
        match std::env::var(TOKEN_VARIABLE) {
            Ok(token) if !token.is_empty() => Ok(token.into()),
            _ => Ok(config.api_token()?),
        }
    }
}
