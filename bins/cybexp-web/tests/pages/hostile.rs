//! Values that attackers chose: they are text on every page, and no page grows with them.

use serde_json::json;

use crate::suite::{ADMIN, Answer, Suite, Visitor, path, session};

/// The most bytes of a page with its style sheet, script and icon.
const PAGE_BYTES: usize = 100_000;

const MARKUP: &str = "</bdi><img src=x onerror=alert(1)><script>alert(2)</script>";
const QUOTES: &str = "\"'><svg onload=alert(3)>";
const TURNED: &str = "evil\u{202e}gnp.exe\u{2066}\u{0}\u{1b}[31m";

/// Returns the size of the style sheet, script and icon of a page, in bytes.
async fn assets(person: &mut Visitor, page: &Answer) -> usize {
    let mut size = 0;
    let paths = page.paths().into_iter();
    for path in paths.filter(|path| path.starts_with("/assets/")) {
        size += person.get(&path).await.body.len();
    }
    size
}

#[tokio::test(flavor = "multi_thread")]
async fn what_attackers_wrote_is_text() {
    let suite = Suite::start("hostile").await;
    // the filter takes texts of up to half a MiB
    let long = "A".repeat(500_000);
    let commands = [MARKUP, QUOTES, TURNED, "rm -rf /", &long];
    let records = session(
        "<b>session</b>",
        "203.0.113.9",
        &[MARKUP, TURNED],
        &commands,
    );
    suite
        .have("cowrie", &records, ("ipv4", "203.0.113.9", 10))
        .await;
    let mut person = suite.person(ADMIN).await;

    let mut pages = vec![
        path("/value", &[("type", "ipv4"), ("data", "203.0.113.9")]),
        path(
            "/value",
            &[("type", "ipv4"), ("data", "203.0.113.9"), ("level", "2")],
        ),
        path("/value", &[("type", "shell_command"), ("data", MARKUP)]),
        path(
            "/value",
            &[
                ("type", "shell_command"),
                ("data", QUOTES),
                ("searched", "text"),
            ],
        ),
        path("/value", &[("type", MARKUP), ("data", QUOTES)]),
        path(
            "/session",
            &[("type", "sessionid"), ("data", "<b>session</b>")],
        ),
        path("/account", &[("done", MARKUP)]),
        path("/sign-in", &[("next", QUOTES)]),
    ];
    // and those that these lead to
    let first = person.get(&pages[0]).await;
    let links = first
        .paths()
        .into_iter()
        .filter(|path| path.starts_with("/event?") || path.starts_with("/value?hash="));
    pages.extend(links);
    assert!(pages.len() > 14, "{pages:?} {}", first.text());

    let assets = assets(&mut person, &first).await;
    assert!(assets > 1000);
    for page in pages {
        let answer = person.get(&page).await;
        let body = &answer.body;
        for markup in ["<img", "<script>", "<svg onload", "<b>session"] {
            assert!(!body.contains(markup), "{page}: {markup} in {body}");
        }
        // one isolate for each value, and no character that acts outside of the fields of forms
        let shown = answer.text();
        assert!(
            !shown.contains(['\u{202e}', '\u{2066}', '\u{0}', '\u{1b}']),
            "{page}"
        );
        assert!(
            body.len() + assets < PAGE_BYTES,
            "{page}: {} and {assets} bytes",
            body.len()
        );
    }
    assert!(first.text().contains("U+202E"), "{}", first.text());
    assert!(
        first.body.contains("more characters"),
        "the long command is cut"
    );

    let export = path(
        "/value/export",
        &[("type", "ipv4"), ("data", "203.0.113.9"), ("form", "svg")],
    );
    let svg = person.get(&export).await;
    assert!(!svg.body.contains("<script>") && !svg.body.contains("<img"));

    let long = "A".repeat(900_000);
    let typed = format!("{MARKUP}\n{QUOTES}\n{TURNED}\n{long}");
    let csrf = person.get("/").await.csrf();
    let answer = person
        .post("/search", &[("csrf", csrf), ("q", typed)])
        .await;
    assert!(!answer.body.contains("<img") && !answer.body.contains("<script>"));
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_has_a_page_of_bounded_size() {
    let suite = Suite::start("hub").await;
    // ten events with a hundred values each, none of which are alike
    let mut records = Vec::new();
    for event in 0..10 {
        let attributes: Vec<serde_json::Value> = (0..120)
            .map(|n| json!({"type": "filename", "to_ids": true, "value": format!("file-{event}-{n}-{}.exe", "x".repeat(80))}))
            .collect();
        let mut attributes = attributes;
        attributes.push(json!({"type": "ip-dst", "to_ids": true, "value": "203.0.113.50"}));
        for kind in 0..40 {
            attributes.push(json!({"type": "text", "object_relation": "x", "to_ids": true, "value": format!("t{event}-{kind}")}));
        }
        let event = json!({"Event": {"uuid": format!("u{event}"), "info": format!("event {event}"), "timestamp": format!("{}", 1_700_000_000 + event), "Attribute": attributes}});
        records.push(event.to_string());
    }
    suite
        .have("misp_event", &records, ("ipv4", "203.0.113.50", 10))
        .await;
    let mut person = suite.person(ADMIN).await;
    let page = person
        .get(&path(
            "/value",
            &[("type", "ipv4"), ("data", "203.0.113.50"), ("level", "3")],
        ))
        .await;
    assert!(
        page.text().contains("Seen together with it"),
        "{}",
        page.text()
    );
    let bytes = page.body.len() + assets(&mut person, &page).await;
    println!("{bytes} bytes with everything");
    assert!(bytes < PAGE_BYTES, "{bytes}");
    suite.stop().await;
}
