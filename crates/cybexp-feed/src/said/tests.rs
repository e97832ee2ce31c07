//! The reasons that servers give.

use super::*;
use crate::markup::html;

#[track_caller]
fn says(body: &str, expected: &str) {
    let reason = reason(body.as_bytes(), &Secrets::default());
    assert_eq!(reason.as_deref().unwrap_or_default(), expected, "{body}");
}

#[test]
fn the_reasons_of_many_apis() {
    for (body, expected) in [
        (
            r#"{"error":"parameter since is missing"}"#,
            "parameter since is missing",
        ),
        (
            r#"{"message":"API key expired on 2026-01-01"}"#,
            "API key expired on 2026-01-01",
        ),
        (
            "Access denied: bad user agent\nmore",
            "Access denied: bad user agent",
        ),
        (r#"{"query_status":"unknown_auth_key"}"#, "unknown_auth_key"),
        (r#"{"detail": "Invalid token."}"#, "Invalid token."),
        (
            r#"{"error": "invalid_token", "error_description": "it is over"}"#,
            "invalid_token: it is over",
        ),
        (
            r#"{"timestamp": 1, "status": 401, "error": "Unauthorized", "message": "wrong key", "path": "/x"}"#,
            "Unauthorized: wrong key",
        ),
        (
            r#"{"error": {"code": 403, "message": "quota", "errors": [{"reason": "limit"}]}}"#,
            "limit: quota",
        ),
        (r#"{"errors": [{"title": "a"}, {"detail": "b"}]}"#, "a, b"),
        (
            r#"{"errors": {"page": ["is wrong"]}}"#,
            r#"{"page":["is wrong"]}"#,
        ),
        (
            r#"{"name": "Invalid", "message": "Invalid org filter", "errors": "Invalid org filter"}"#,
            "Invalid org filter",
        ),
        (
            r#"{"name": "An Internal Error Has Occurred.", "url": "/"}"#,
            "An Internal Error Has Occurred.",
        ),
        (r#""just text""#, "just text"),
        (
            "<html><head><title>403 Forbidden</title></head><body>x",
            "403 Forbidden",
        ),
        (
            "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>",
            "AccessDenied Request has expired",
        ),
        (
            "<html><script>var a = '<b>';</script><!-- x --><p>Log&nbsp;in &amp; go</p>",
            "Log in & go",
        ),
        ("a\u{1b}[31mb\r\nc", "a [31mb"),
        ("", ""),
        ("{}", ""),
        ("[]", ""),
        (r#"{"data": 1}"#, ""),
    ] {
        says(body, expected);
    }
    says(&"x".repeat(5000), &"x".repeat(200));
    says(
        &format!("{{\"error\": \"{}\"}}", "ä".repeat(5000)),
        &"ä".repeat(200),
    );
    says(&"<".repeat(5000), "");
}

#[test]
fn pages_for_people() {
    let page = |body: &str, kind| html(body.as_bytes(), kind);
    for (body, kind) in [
        ("<html><body>Login</body></html>", "text/html"),
        ("<html><body>Login</body></html>", "text/plain"),
        (" <!-- x --> <!DOCTYPE HTML><title>Login</title>", ""),
        (
            "<?xml version='1.0'?><html xmlns='x'><title>Login</title>",
            "application/xml",
        ),
        ("<br />Login", "text/html; charset=utf-8"),
    ] {
        assert_eq!(page(body, kind).as_deref(), Some("Login"), "{body}");
    }
    for (body, kind) in [
        ("http://a/", "text/html"),
        ("{}", "text/html"),
        ("<rss><title>x</title></rss>", "application/xml"),
        ("<?xml version='1.0'?><feed/>", "text/xml"),
        ("<!-- never ends", "text/plain"),
        ("<-- ", "text/plain"),
        ("", "text/html"),
    ] {
        assert_eq!(page(body, kind), None, "{body}");
    }
}

#[test]
fn an_answer_that_is_an_error_and_one_that_has_nothing() {
    let is = |text: &str, strictly| is_error(&serde_json::from_str(text).unwrap(), strictly);
    for error in [
        r#"{"query_status": "unknown_auth_key"}"#,
        r#"{"error": "x"}"#,
        r#"{"errors": [1]}"#,
        r#"{"success": false}"#,
        r#"{"status": "error", "message": "x"}"#,
        r#"{"status": 403}"#,
    ] {
        assert!(is(error, true) && is(error, false), "{error}");
    }
    assert!(is(r#"{"message": "Limit exceeded"}"#, false));
    assert!(!is(r#"{"message": "Limit exceeded"}"#, true));
    for well in [
        "{}",
        r#"{"query_status": "no_results"}"#,
        r#"{"query_status": "ok", "error": "x"}"#,
        r#"{"error": null, "errors": [], "fault": ""}"#,
        r#"{"message": "No results found."}"#,
        r#"{"success": true, "status": 200}"#,
        r#"{"count": 0}"#,
        r#"{"title": "A feed", "description": "of things"}"#,
    ] {
        assert!(!is(well, false), "{well}");
    }
}
