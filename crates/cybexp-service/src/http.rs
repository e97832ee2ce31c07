//! `/healthz`, `/readyz` and `/metrics` for probes and Prometheus.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use axum::Json;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio::net::TcpListener;

use crate::health::Health;

/// Binds `address` (port 0: any free one) and returns the bound address and the server to run.
pub async fn serve(
    address: SocketAddr,
    health: Health,
    metrics: PrometheusHandle,
) -> io::Result<(
    SocketAddr,
    impl Future<Output = io::Result<()>> + Send + 'static,
)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((address, async move {
        axum::serve(listener, router(health, metrics)).await
    }))
}

/// The three routes. 200 is well, 503 is not, with the reason.
pub fn router(health: Health, metrics: PrometheusHandle) -> Router {
    let live = health.clone();
    Router::new()
        .route("/healthz", get(async move || healthz(&live)))
        .route("/readyz", get(async move || readyz(&health)))
        .route("/metrics", get(async move || render(&metrics)))
}

fn healthz(health: &Health) -> Response {
    match health.alive() {
        Ok(()) => "ok\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason + "\n").into_response(),
    }
}

fn readyz(health: &Health) -> Response {
    match health.readiness() {
        Ok(()) => Json(json!({"ready": true})).into_response(),
        Err(away) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({"ready": false, "away": away})),
        )
            .into_response(),
    }
}

fn render(metrics: &PrometheusHandle) -> Response {
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        metrics.render(),
    )
        .into_response()
}
