//! `cybexp ready`, the health check for containers, which have no curl.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{StatusCode, Url};

use cybexp_term as term;

const PATIENCE: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(crate) struct ReadyArgs {
    /// The URL to ask, such as http://127.0.0.1:9102/readyz
    url: Url,
}

pub(super) async fn run(args: &ReadyArgs) -> anyhow::Result<ExitCode> {
    get(&args.url).await?;
    Ok(ExitCode::SUCCESS)
}

/// Asks a daemon if it is ready. The error says what the daemon lacks.
pub(super) async fn get(url: &Url) -> anyhow::Result<()> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()?;
    let response = http.get(url.clone()).send().await;
    let response = response.with_context(|| format!("{url} does not answer"))?;
    let status = response.status();
    if status == StatusCode::OK {
        return Ok(());
    }
    let text = response.text().await.unwrap_or_default();
    bail!(
        "{url} answers {}: {}",
        status.as_u16(),
        term::short(text.trim())
    )
}
