//! The probes over real sockets.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cybexp_service::{Health, serve};
use metrics_exporter_prometheus::PrometheusBuilder;

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let response = reqwest::get(format!("http://{address}{path}"))
        .await
        .unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn probes_say_what_is_wrong_and_that_all_is_well() {
    let health = Health::with_limit(Duration::from_millis(300));
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    let (address, server) = serve(([127, 0, 0, 1], 0).into(), health.clone(), metrics)
        .await
        .unwrap();
    assert_ne!(address.port(), 0);
    tokio::spawn(server);

    let (status, body) = get(address, "/readyz").await;
    assert_eq!((status, body.contains("starting")), (503, true), "{body}");

    health.beat("work");
    assert_eq!(get(address, "/healthz").await, (200, "ok\n".to_owned()));
    let since = Instant::now();
    let (status, body) = loop {
        match get(address, "/healthz").await {
            (200, _) => assert!(since.elapsed() < Duration::from_secs(60)),
            (status, body) => break (status, body),
        }
    };
    assert_eq!(
        (status, body.starts_with("work has not moved")),
        (503, true),
        "{body}"
    );
    health.beat("work");
    assert_eq!(get(address, "/healthz").await.0, 200);

    health.ready("database", Err("connection refused".to_owned()));
    health.ready("work", Ok(()));
    let (status, body) = get(address, "/readyz").await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let expected = serde_json::json!({"ready": false, "away": {"database": "connection refused"}});
    assert_eq!((status, body), (503, expected));
    health.ready("database", Ok(()));
    assert_eq!(
        get(address, "/readyz").await,
        (200, r#"{"ready":true}"#.to_owned())
    );

    assert_eq!(get(address, "/metrics").await.0, 200);
    assert_eq!(get(address, "/elsewhere").await.0, 404);
}
