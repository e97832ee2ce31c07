//! The daemon as a process: probes, metrics, the end, and wrong configurations.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::path::Path;

use cybexp_testkit::{Daemon, eventually, free_ports};
use serde_json::{Value, json};
use tempfile::TempDir;

fn start(folder: &TempDir, config: &Value) -> Daemon {
    let file = folder.path().join("config.json");
    std::fs::write(&file, config.to_string()).unwrap();
    let args: &[&str] = &[];
    let program = env!("CARGO_BIN_EXE_cybexp-web");
    Daemon::start_logged(program, args, &file, &log(folder.path()))
}

fn log(folder: &Path) -> std::path::PathBuf {
    folder.join("web.log")
}

async fn get(port: u16, path: &str) -> (u16, String) {
    match reqwest::get(format!("http://127.0.0.1:{port}{path}")).await {
        Ok(response) => (response.status().as_u16(), response.text().await.unwrap()),
        Err(error) => (0, error.to_string()),
    }
}

#[tokio::test]
async fn the_daemon_tells_its_state_and_stops_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let [pages, metrics, api] = free_ports();
    let address = |port: u16| format!("127.0.0.1:{port}");
    let config = json!({
        "api": {"url": format!("http://{}/", address(api))},
        "web": {"listen": address(pages)},
        "metrics": {"web": address(metrics)},
    });
    let daemon = start(&folder, &config);
    eventually("the daemon tells that the API is away", async || {
        let (status, body) = get(metrics, "/readyz").await;
        status == 503 && body.contains("\"api\"")
    })
    .await;
    assert_eq!(get(metrics, "/healthz").await, (200, "ok\n".to_owned()));
    let (status, page) = get(pages, "/sign-in").await;
    assert!(status == 200 && page.contains("Sign in"), "{page}");
    let (_, numbers) = get(metrics, "/metrics").await;
    for line in [
        "cybexp_build_info{daemon=\"web\"",
        "cybexp_web_responses_total{status=\"2xx\"} 1",
    ] {
        assert!(numbers.contains(line), "{line}: {numbers}");
    }
    assert_eq!(daemon.terminate().code(), Some(0));
}

#[tokio::test]
async fn a_wrong_configuration_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for (key, value) in [
        ("api_url", json!("ftp://a.example/")),
        ("session_s", json!(0)),
        ("listen", json!("nowhere")),
        ("lisden", json!("127.0.0.1:0")),
    ] {
        let daemon = start(&folder, &json!({"web": {key: value}}));
        assert_eq!(daemon.wait().code(), Some(2), "{key}");
    }
    let missing = json!({"web": {"listen": "127.0.0.1:0", "secret": {"file": "no-such-file"}}});
    assert_eq!(start(&folder, &missing).wait().code(), Some(2));
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = json!({"web": {"listen": held.local_addr().unwrap().to_string()}});
    assert_eq!(start(&folder, &taken).wait().code(), Some(1));
    let log = std::fs::read_to_string(log(folder.path())).unwrap();
    assert!(log.contains("web.listen: cannot listen on"), "{log}");
}
