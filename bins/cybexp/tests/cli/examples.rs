//! The example client of the API, on a whole suite.

use std::process::Command;

use crate::SiteWithApi;

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_posts_and_asks() {
    let up = SiteWithApi::new(&["archive", "analytics", "report"]).await;
    let config = std::fs::read_to_string(&up.site.config).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/client.py");
    let out = Command::new("python3")
        .args([program, "203.0.113.9"])
        .env("CYBEXP_URL", config["api"]["url"].as_str().unwrap())
        .env(
            "CYBEXP_TOKEN",
            std::fs::read_to_string(&up.token).unwrap().trim(),
        )
        .env("CYBEXP_ORG", "unr")
        .output()
        .unwrap();
    let (told, error) = (
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr),
    );
    assert!(out.status.success(), "{told}{error}");
    assert!(
        told.contains("posted: ") && told.contains("seen: 1\n"),
        "{told}"
    );
    assert!(told.contains("\"username\": [\"root\"]"), "{told}");
}
