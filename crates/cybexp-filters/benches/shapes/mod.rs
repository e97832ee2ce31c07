//! Hostile inputs of any size, a few lines for each shape of each filter.

use serde_json::{Value, json};

/// A shape of hostile input.
pub(crate) struct Shape {
    pub(crate) filter: &'static str,
    pub(crate) name: &'static str,
    /// Makes data of about this many bytes.
    pub(crate) make: fn(usize) -> Value,
}

const fn email(name: &'static str, make: fn(usize) -> Value) -> Shape {
    Shape {
        filter: "email",
        name,
        make,
    }
}

const fn cowrie(name: &'static str, make: fn(usize) -> Value) -> Shape {
    Shape {
        filter: "cowrie",
        name,
        make,
    }
}

pub(crate) const SHAPES: &[Shape] = &[
    email("text", |n| body("", "lorem ipsum dolor ", n)),
    email("non-ASCII text", |n| body("", "ハロ", n)),
    email("quotes", |n| body("", "\"", n)),
    email("URLs", |n| body("", "http://a.example/x ", n)),
    email("one long URL", |n| body("", "http://a.example/", n)),
    email("distinct URLs", |n| {
        numbered(n, |i| format!("http://a{i}.example/ "))
    }),
    email("colons", |n| body("", "http:", n)),
    email("slashes", |n| body("", "://", n)),
    email("defanged dots", |n| body("", "[.]", n)),
    email("closing brackets", |n| body("http://a.example/", ")", n)),
    email("bracket pairs", |n| body("http://a.example/", "([{}])", n)),
    email("HTML tags", |n| html("<b>", n)),
    email("HTML < only", |n| html("<", n)),
    email("HTML unclosed tags", |n| html("<a ", n)),
    email("HTML attributes", |n| html("<a href=http://a.example/>", n)),
    email("HTML unclosed quotes", |n| html("<a href=\"x' ", n)),
    email("HTML comments", |n| html("<!--", n)),
    email("HTML entities", |n| html("&amp;", n)),
    email("HTML ampersands", |n| html("&", n)),
    email("parts", |n| parts("\n\nx\n", n)),
    email("parts of base64", |n| {
        parts(
            "Content-Type: a/b; name=x\nContent-Transfer-Encoding: base64\n\nAAAA\n",
            n,
        )
    }),
    email("boundaries never met", |n| {
        parts("Content-Type: multipart/mixed; boundary=c\n\n", n)
    }),
    email("almost boundaries", |n| body("", "--b-\n", n)),
    email("boundary of dashes", |n| {
        let dashes = "-".repeat(1000);
        mail(
            &format!("Content-Type: multipart/mixed; boundary={dashes}x\n"),
            "-",
            n,
        )
    }),
    email("nested multiparts", |n| {
        let part = |i| format!("Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n");
        of(HEADER.to_owned() + &(0..n / 56).map(part).collect::<String>())
    }),
    email("nested messages", |n| {
        mail(
            "Content-Type: message/rfc822\n",
            "Content-Type: message/rfc822\n\n",
            n,
        )
    }),
    email("nested base64 messages", |n| {
        mail(
            "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n",
            "QUFB",
            n,
        )
    }),
    email("header fields", |n| fields("X: y\n", n)),
    email("header without end", |n| fields("x", n)),
    email("Received fields", |n| {
        fields("Received: from [10.0.0.1] by x\n", n)
    }),
    email("To fields", |n| fields("To: a@a.example\n", n)),
    email("one long To", |n| long_field("To: ", "a@a.example,", n)),
    email("To of comments", |n| long_field("To: ", "(", n)),
    email("To of groups", |n| long_field("To: ", "a:;", n)),
    email("encoded words", |n| {
        long_field("Subject: ", "=?utf-8?q?a?= ", n)
    }),
    email("encoded words unclosed", |n| {
        long_field("Subject: ", "=?utf-8?q?a ", n)
    }),
    email("encoded words without set", |n| {
        long_field("Subject: ", "=?", n)
    }),
    email("parameters", |n| {
        parts(
            &format!("Content-Type: a/b; {}\n\n", "x=1;".repeat(1000)),
            n,
        )
    }),
    email("continued parameters", |n| {
        let continued: String = (0..600).map(|i| format!("x{i}*0=1;")).collect();
        parts(&format!("Content-Type: a/b; {continued}\n\n"), n)
    }),
    email("dates", |n| long_field("Date: ", "1 ", n)),
    email("broken base64", |n| {
        mail("Content-Transfer-Encoding: base64\n", "!A", n)
    }),
    email("broken quoted-printable", |n| {
        mail("Content-Transfer-Encoding: quoted-printable\n", "=", n)
    }),
    email("quoted-printable spaces", |n| {
        mail("Content-Transfer-Encoding: quoted-printable\n", "=  ", n)
    }),
    email("UTF-7", |n| {
        mail("Content-Type: text/plain; charset=utf-7\n", "+AGE-", n)
    }),
    email("line ends", |n| body("", "\r", n)),
    email("From of names", |n| long_field("From: ", "a,", n)),
    email("From of quotes", |n| long_field("From: ", "\\\"", n)),
    email("From of brackets", |n| long_field("From: ", "<a@", n)),
    email("From of encoded words", |n| {
        long_field("From: ", "=?utf-8?q?a=40b?=,", n)
    }),
    email("header of odd lines", |n| {
        fields(&format!("{}X-A: b\n", "odd\n".repeat(18)), n)
    }),
    email("HTML scripts", |n| html("<script></scrip", n)),
    email("HTML styles", |n| html("<p style='url(x'>", n)),
    email("HTML pages in URLs", |n| {
        html("<a href='data:text/html,<a href=", n)
    }),
    email("HTML comments with tags", |n| html("<!--<a href=x>", n)),
    email("files in uuencode", |n| {
        body("", "begin 644 x\n#0V%T\n`\nend\n", n)
    }),
    email("attached mails", |n| {
        parts(
            "Content-Type: message/rfc822\n\nFrom: a@a.example\n\nx\n",
            n,
        )
    }),
    email("calendar", |n| {
        mail(
            "Content-Type: text/calendar\n",
            "\\n http://a.example/\n",
            n,
        )
    }),
    Shape {
        filter: "cowrie",
        name: "command",
        make: |n| json!({"eventid": "cowrie.command.input", "session": "s", "timestamp": 1, "input": "a;".repeat(n / 2)}),
    },
    cowrie("command of URLs", |n| typed("wget http://a.example/x;", n)),
    cowrie("command of colons", |n| typed("http:", n)),
    cowrie("command of schemes", |n| typed("http://", n)),
    cowrie("command of schemes and quotes", |n| {
        typed("http://a.b'),/", n)
    }),
    cowrie("command of hosts", |n| typed("www.a.b/)", n)),
    cowrie("command of quotes", |n| typed("'\"", n)),
    cowrie("command of nested quotes", |n| typed("\" '", n)),
    cowrie("command of backslashes", |n| typed("\\", n)),
    cowrie("command of defanged dots", |n| typed("a[.]", n)),
    cowrie("command of spaced dots", |n| typed("a [.] ", n)),
    cowrie("command of addresses", |n| typed("203.0.113.9-", n)),
    cowrie("command of slashes", |n| typed("a/", n)),
    cowrie("command of words", |n| typed("wget ", n)),
    cowrie("command of redirections", |n| typed(">", n)),
    cowrie("command of brackets", |n| typed("([{", n)),
    cowrie("command of non-ASCII", |n| typed("é", n)),
    cowrie(
        "tunnelled data",
        |n| json!({"eventid": "cowrie.direct-tcpip.data", "session": "s", "timestamp": 1, "data": format!("b'{}'", "\\x41".repeat(n / 128))}),
    ),
    cowrie("lines", |n| json!({"data": "{\"a\": 1}\n{".repeat(n / 12)})),
    cowrie(
        "envelopes",
        |n| json!({"message": "{\"message\":".repeat(n / 11)}),
    ),
    Shape {
        filter: "cowrie",
        name: "download",
        make: |n| {
            let url = "http://a.example/".repeat(n / 17);
            json!({"eventid": "cowrie.session.file_download", "session": "s", "timestamp": 1, "url": url})
        },
    },
    Shape {
        filter: "cowrie",
        name: "JSON in message",
        make: |n| json!({"message": "[".repeat(n)}),
    },
    Shape {
        filter: "sighting",
        name: "attributes",
        make: |n| {
            (0..n / 16)
                .map(|i| (format!("a{i}"), json!("x")))
                .collect::<serde_json::Map<_, _>>()
                .into()
        },
    },
];

const HEADER: &str =
    "From: a@a.example\nTo: b@b.example\nSubject: s\nDate: 1 Jan 2020 00:00:00 +0000\n";

/// A record of a shell command that repeats a text. It takes a 32nd of the bytes, because commands longer than 512 KiB
/// are left out.
fn typed(text: &str, bytes: usize) -> Value {
    let input = text.repeat(bytes / 32 / text.len());
    json!({"eventid": "cowrie.command.input", "session": "s", "timestamp": 1, "input": input})
}

fn of(text: String) -> Value {
    json!({"data": text})
}

/// A mail with this field in its header and a body that repeats a text.
fn mail(header: &str, text: &str, bytes: usize) -> Value {
    of(format!(
        "{HEADER}{header}\n{}",
        text.repeat(bytes / text.len())
    ))
}

fn body(start: &str, text: &str, bytes: usize) -> Value {
    of(format!(
        "{HEADER}\n{start}{}",
        text.repeat(bytes / text.len())
    ))
}

fn numbered(bytes: usize, text: fn(usize) -> String) -> Value {
    let length = text(100_000).len();
    of(format!(
        "{HEADER}\n{}",
        (0..bytes / length).map(text).collect::<String>()
    ))
}

fn html(text: &str, bytes: usize) -> Value {
    mail("Content-Type: text/html\n", text, bytes)
}

/// The parts of a multipart body, each beginning with this text.
fn parts(text: &str, bytes: usize) -> Value {
    mail(
        "Content-Type: multipart/mixed; boundary=b\n",
        &format!("--b\n{text}"),
        bytes,
    )
}

/// A mail whose header begins with a repeated text.
fn fields(text: &str, bytes: usize) -> Value {
    of(format!("{HEADER}{}\n", text.repeat(bytes / text.len())))
}

/// A mail whose header has one long field.
fn long_field(name: &str, text: &str, bytes: usize) -> Value {
    of(format!(
        "{name}{}\n{HEADER}\n",
        text.repeat(bytes / text.len())
    ))
}
