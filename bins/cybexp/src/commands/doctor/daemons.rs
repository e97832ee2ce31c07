//! Checks that the API answers and the daemons are ready.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use cybexp_service::{Config, api_prover};
use reqwest::Url;
use secrecy::ExposeSecret;

use super::sheet::Checklist;
use crate::commands::ready;
use crate::daemon::Daemon;
use cybexp_client::{Client, ClientError};

pub(super) async fn check(sheet: &mut Checklist, config: &Config) {
    api(sheet, config).await;
    let mut silent = Vec::new();
    for daemon in Daemon::wanted(config).into_iter().map(Daemon::name) {
        match config.metrics.of(daemon) {
            Some(address) => is_ready(sheet, daemon, address).await,
            None => silent.push(daemon),
        }
    }
    if !silent.is_empty() {
        sheet.note(
            format!("not asked whether they are ready: {}", silent.join(", ")),
            "the section metrics of the configuration gives them addresses to be asked at",
        );
    }
}

async fn api(sheet: &mut Checklist, config: &Config) {
    let url = config.api.url.clone();
    let token = match config.api_token() {
        Ok(token) => Some(token).filter(|token| !token.expose_secret().is_empty()),
        Err(error) => {
            sheet.wrong(
                error.to_string(),
                "`cybexp token EMAIL` prints one to put there",
            );
            None
        }
    };
    let has_token = token.is_some();
    let client = match Client::new(url.clone(), token) {
        Ok(client) => client.wants_proof(api_prover(config)),
        Err(error) => return sheet.wrong(format!("{error:#}"), "is TLS set up on this machine?"),
    };
    match client.ping().await {
        Ok(()) => sheet.good(format!("the API answers at {url}")),
        Err(error) => {
            let what = match error {
                ClientError::Unreachable { reason, .. } => format!("no API at {url}: {reason}"),
                error => format!("the API at {url}: {error}"),
            };
            let to_do = "start it (`systemctl start cybexp-api`, or `cybexp up` for all), or correct api.url";
            return sheet.wrong(what, to_do);
        }
    }
    if !has_token {
        return sheet.note(
            "api.token is empty",
            "inputs post with it: `cybexp token EMAIL` makes one; people may have theirs in $CYBEXP_TOKEN",
        );
    }
    match client.whoami().await {
        Ok(user) => {
            let email = user["data"]["email_addr"][0].as_str().unwrap_or_default();
            sheet.good(format!("the API takes api.token, which is one of {email}"));
        }
        Err(error) => sheet.wrong(
            format!("api.token: {error}"),
            "`cybexp token EMAIL` makes a new one",
        ),
    }
}

async fn is_ready(sheet: &mut Checklist, daemon: &str, address: SocketAddr) {
    let at = SocketAddr::new(reachable(address.ip()), address.port());
    let Ok(url) = Url::parse(&format!("http://{at}/readyz")) else {
        return;
    };
    match ready::get(&url).await {
        Ok(()) => sheet.good(format!("cybexp-{daemon} is ready")),
        Err(error) => sheet.wrong(
            format!("cybexp-{daemon} is not ready: {error}"),
            format!("start it (`systemctl start cybexp-{daemon}`, or `cybexp up` for all); its log tells more"),
        ),
    }
}

/// Returns the loopback address in place of the one that stands for all addresses.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}
