//! Schemathesis, an independent tool, makes requests of the description and checks the answers against it.
//! `source .ci/tools` installs it. `SCHEMATHESIS_ARGS` holds more arguments, such as `--max-examples=1000` for a long run.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use std::path::Path;
use std::process::Command;

use common::{python_claims, start, token};
use cybexp_testkit::Site;
use serde_json::json;
use tahoe_core::Membership;
use test_needs::Need;

#[tokio::test]
async fn every_answer_is_as_described() {
    let program = std::env::var_os("SCHEMATHESIS").filter(|program| Path::new(program).exists());
    let Some(program) = program else {
        Need::Schemathesis.is_lacking("$SCHEMATHESIS names no program");
        return;
    };
    // without a report daemon: a good question is answered with 202 at once
    let (site, api) = start("schemathesis", json!({"api": {"wait_s": 0}})).await;
    let root = site
        .add_superuser("root@example.com", "correct horse")
        .await;
    let admin = |org: &tahoe_core::Org| org.add(Membership::Admin, std::slice::from_ref(&root));
    site.identity
        .change_org(site.orgid, admin)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis");
    let mut command = Command::new(program);
    command
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"));
    command.args(["run", &format!("http://{}/openapi.json", api.address)]);
    command.args(
        std::env::var("SCHEMATHESIS_ARGS")
            .unwrap_or_default()
            .split_whitespace(),
    );
    // one that /logout cannot revoke
    command.env("TOKEN", token(&python_claims(&root), Site::SECRET));
    command.current_dir(site.folder.path());
    let status = tokio::task::spawn_blocking(move || command.status())
        .await
        .unwrap();
    assert!(status.unwrap().success());
    let log = std::fs::read_to_string(&api.log).unwrap();
    assert!(!log.contains("ERROR") && !log.contains("panic"), "{log}");
    assert!(api.daemon.terminate().success());
}
