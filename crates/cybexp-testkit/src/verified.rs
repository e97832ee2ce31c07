//! `cybexp verify`, with which tests of faults end.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Site;

/// Verifies all databases of a site with `cybexp`, and returns the result.
///
/// # Panics
/// If something is wrong.
pub async fn verified(cybexp: &'static str, site: &Site) -> Value {
    let report = verified_json(cybexp, site).await;
    assert!(report["right"] == true, "{report:#}");
    report
}

/// Verifies all databases of a site with `cybexp`, and returns the result whatever it is.
///
/// # Panics
/// If `cybexp` fails.
pub async fn verified_json(cybexp: &'static str, site: &Site) -> Value {
    let mut command = Command::new(cybexp);
    command.args(["verify", "--json", "--settle", "1", "--config"]);
    command.arg(&site.config).stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("a thread");
    let output = output.unwrap_or_else(|e| panic!("{cybexp}: {e}"));
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{}: no report: {e}", output.status))
}
