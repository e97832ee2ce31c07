//! A mail that reaches every limit: parts that were left out are counted, and the rest fits in documents.

use cybexp_filters::{FILTERS, RawInput, Yield};
use serde_json::json;
use tahoe_core::{Event, OrgId, Timestamp};

const REST: &str =
    "From: a@a.example\nTo: b@b.example\nSubject: s\nDate: 1 Jan 2020 00:00:00 +0000\n";

fn run(mail: &str) -> Yield {
    let mut filters = FILTERS.iter();
    let email = filters.find(|filter| filter.name() == "email");
    let raw = RawInput {
        data: &json!({"data": mail}),
        orgid: &OrgId::new("org").expect("orgid"),
        timezone: "UTC",
        timestamp: Timestamp::new(1.5).expect("finite"),
    };
    email.expect("email is a filter").run(&raw).expect("read")
}

fn count(event: &Event, sub_type: &str) -> usize {
    let children = event.children().iter();
    children
        .filter(|node| node.sub_type().as_str() == sub_type)
        .count()
}

#[test]
fn a_mail_at_all_limits_fits_in_a_document() {
    // a field of 64 KiB holds some 70 recipients of the greatest length
    let recipient = |n: usize| {
        format!(
            "\"{}\" <{n:05}{}@b.example>",
            "\"\"'".replace('"', "\\\"").repeat(170),
            "x".repeat(300)
        )
    };
    let to: String = (0..40)
        .map(|field| {
            let people: Vec<String> = (0..50).map(|n| recipient(field * 50 + n)).collect();
            format!("To: {}\n", people.join(", "))
        })
        .collect();
    let urls: String = (0..600)
        .map(|n| format!("http://{n}.a{n}.example/{}\n", "\u{1f980}".repeat(500)))
        .collect();
    let name = "\u{1f980}".repeat(100);
    let part = format!("--b\nContent-Type: a/{}; name=\"", "x".repeat(250));
    let parts: String = (0..6000)
        .map(|n| format!("{part}{n}{name}\"\n\n{n}\n"))
        .collect();
    let mail = format!(
        "{REST}{to}Reply-To: {}\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n{urls}{}\n{parts}--b--\n",
        vec!["r@r.example"; 2000].join(","),
        "\"".repeat(1 << 20),
    );
    let made = run(&mail);
    let event = &made.events[0];
    assert_eq!(
        left_out(&made),
        ["body_bytes", "parts", "recipients", "senders", "urls"]
    );
    assert_eq!(count(event, "dst"), 1000);
    assert_eq!(count(event, "url"), 500);
    assert_eq!(count(event, "hostname"), 500);
    // two parts are no attachments: the whole mail and the body
    assert_eq!(count(event, "attachment"), 4998);
    let bytes = serde_json::to_string(event).expect("JSON").len();
    assert!(bytes < 15 << 20, "{bytes}");
}

#[test]
fn limits_are_said() {
    let cut = |mail: &str| left_out(&run(mail));
    let long_field = cut(&format!("{REST}X: {}\n\nx", "x".repeat(70_000)));
    assert_eq!(long_field, ["header_field_bytes"]);
    let fields = run(&format!("{REST}{}\nbody", "X: y\n".repeat(2000)));
    assert_eq!(left_out(&fields), ["header_fields"]);
    assert_eq!(
        count(&fields.events[0], "body"),
        1,
        "the body is where it was"
    );
    let subject = cut(&REST.replace("Subject: s", &format!("Subject: {}", "é".repeat(3000))));
    assert_eq!(subject, ["subject_bytes"]);
    let url = run(&format!("{REST}\nhttp://a.example/{}", "x".repeat(2100)));
    assert_eq!(left_out(&url), ["url_bytes"]);
    assert_eq!(
        (
            count(&url.events[0], "url"),
            count(&url.events[0], "hostname")
        ),
        (0, 1)
    );
    let messages = "Content-Type: message/rfc822\n\n".repeat(100_000);
    let multipart = |n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n");
    let multiparts: String = (0..100_000).map(multipart).collect();
    for deep in [messages, multiparts] {
        let deep = cut(&format!("{REST}{deep}\nx"));
        assert_eq!(deep, ["nesting"]);
    }
}

fn left_out(made: &Yield) -> Vec<&'static str> {
    made.left_out.keys().copied().collect()
}
