//! Ports for the daemons: checks that the configured ones are free, and finds free ones.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::bail;
use cybexp_service::Config;
use serde_json::{Map, Value};

use crate::daemon::Daemon;

/// The port of the first daemon in [`METRICS`]; the others follow in that order.
const FIRST: u16 = 9101;
const METRICS: [Daemon; 6] = [
    Daemon::Api,
    Daemon::Archive,
    Daemon::Analytics,
    Daemon::Report,
    Daemon::Input,
    Daemon::Web,
];

/// Fails if a daemon could not listen on its address. The error names each such address, its setting, and the cause.
pub(super) fn check(config: &Config, daemons: &[Daemon]) -> anyhow::Result<()> {
    let mut held = Vec::new();
    let mut wrong = Vec::new();
    for (setting, address) in settings(config, daemons) {
        match TcpListener::bind(address) {
            // held until all are tried, for two settings may name the same address
            Ok(listener) => held.push(listener),
            Err(error) => wrong.push(told(&setting, address, &error)),
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    bail!(
        "{}\nfree it (`ss -ltnp` shows who has it), or give another one in {}",
        wrong.join("\n"),
        config.origin()
    )
}

fn told(setting: &str, address: SocketAddr, error: &std::io::Error) -> String {
    let port = address.port();
    match error.kind() {
        ErrorKind::AddrInUse => {
            format!("port {port} is taken: {setting} is {address}, where something listens already")
        }
        _ => format!("port {port} cannot be had: {setting} is {address}: {error}"),
    }
}

/// Returns the settings of these daemons that name an address, with the address.
fn settings(config: &Config, daemons: &[Daemon]) -> Vec<(String, SocketAddr)> {
    let mut settings = Vec::new();
    if daemons.contains(&Daemon::Api) {
        settings.push(("api.listen".to_owned(), config.api.listen));
        let callback = config.api.callback_listen;
        settings.extend(callback.map(|address| ("api.callback_listen".to_owned(), address)));
    }
    if daemons.contains(&Daemon::Web) {
        settings.push(("web.listen".to_owned(), config.web.listen));
    }
    for daemon in daemons {
        if let Some(address) = config.metrics.of(daemon.name()) {
            settings.push((format!("metrics.{}", daemon.name()), address));
        }
    }
    settings
}

/// Makes the section `metrics` of a new configuration, with the usual ports, or free ones in place of those in use.
pub(super) fn usual_metrics() -> std::io::Result<Value> {
    metrics((FIRST..).map(Some))
}

/// Makes the section `metrics` with free ports.
pub(crate) fn free_metrics() -> std::io::Result<Value> {
    metrics(std::iter::repeat(None))
}

fn metrics(usual: impl Iterator<Item = Option<u16>>) -> std::io::Result<Value> {
    let mut section = Map::new();
    let mut held = Vec::new();
    for (daemon, usual) in METRICS.into_iter().zip(usual) {
        let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let listener = match usual.map(bind) {
            Some(Ok(listener)) => listener,
            _ => bind(0)?,
        };
        let address = listener.local_addr()?.to_string();
        section.insert(daemon.name().to_owned(), address.into());
        held.push(listener);
    }
    Ok(section.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_taken_is_told_with_its_setting() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        let free = free_metrics().unwrap();
        let mut config = json!({
            "api": {"listen": address.to_string()}, "web": {"listen": "127.0.0.1:0"}, "metrics": free,
        });
        config["metrics"]["report"] = config["metrics"]["archive"].clone();
        std::fs::write(&file, config.to_string()).unwrap();
        let config = Config::from_file(&file).unwrap();
        let told = check(&config, &Daemon::ALL).unwrap_err().to_string();
        let port = address.port();
        assert!(told.contains(&format!("port {port} is taken: api.listen is {address}")));
        assert!(told.contains("metrics.report is "), "{told}");
        assert!(!told.contains("metrics.archive"), "{told}");
        assert!(told.contains(&file.display().to_string()), "{told}");
        check(&config, &[Daemon::Archive, Daemon::Analytics]).unwrap();
    }

    #[test]
    fn metrics_have_ports_of_their_own() {
        let taken = usual_metrics().unwrap();
        let ports: std::collections::BTreeSet<String> = taken
            .as_object()
            .unwrap()
            .values()
            .map(Value::to_string)
            .collect();
        assert_eq!(ports.len(), METRICS.len());
    }
}
