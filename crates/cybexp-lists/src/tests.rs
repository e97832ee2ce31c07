use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tahoe_core::SubType;

use super::*;

fn lists(texts: &[&str]) -> KnownGood {
    let file = |(at, text): (usize, &&str)| {
        (
            PathBuf::from(format!("{at}.json")),
            text.as_bytes().to_vec(),
        )
    };
    KnownGood::of(texts.iter().enumerate().map(file).collect()).expect("lists")
}

fn found(good: &KnownGood, sub_type: &str, value: &str) -> String {
    let attribute = Attribute::new(SubType::new(sub_type).expect("a sub_type"), value);
    good.find(&attribute).join(", ")
}

#[test]
fn values_are_found_in_their_lists() {
    let good = lists(&[
        r#"{"name": "resolvers", "type": "cidr", "list": ["192.0.2.53", "2001:db8::53/128"], "matching_attributes": ["ip-src", "ip-dst"]}"#,
        r#"{"name": "cloud", "type": "cidr", "list": ["192.0.2.0/24", "192.0.0.0/16", "198.51.100.128/25", "2001:db8::/32"]}"#,
        r#"{"name": "popular", "type": "hostname", "list": [".Good.example", "portal.example"], "matching_attributes": ["hostname", "domain", "url"]}"#,
        r#"{"name": "empty files", "type": "string", "list": ["D41D8CD98F00B204E9800998ECF8427E"], "matching_attributes": ["md5", "filename|md5"]}"#,
        r#"{"name": "patterns", "type": "regex", "list": ["/a+/"]}"#,
        r#"{"name": "mailers", "type": "hostname", "list": ["mail.example"], "matching_attributes": ["email-src"]}"#,
        r#"{"name": "texts", "list": ["Tor Browser", "good.example"]}"#,
    ]);
    for (sub_type, value, expected) in [
        ("ipv4", "192.0.2.53", "cloud, resolvers"),
        ("ipv4", "192.0.2.54", "cloud"),
        ("ipv4", "192.0.3.1", "cloud"),
        ("ipv4", "192.1.0.0", ""),
        ("ipv4", "198.51.100.127", ""),
        ("ipv4", "198.51.100.255", "cloud"),
        ("ipv4", "198.51.101.0", ""),
        ("ipv6", "2001:db8::53", "cloud, resolvers"),
        ("ipv6", "2001:db9::", ""),
        ("hostname", "www.good.example", "popular"),
        ("hostname", "good.example", "popular, texts"),
        ("hostname", "notgood.example", ""),
        ("hostname", "mail.example", ""),
        ("domain", "portal.example.", "popular"),
        ("url", "hxxp://a.portal[.]example/x", "popular"),
        ("url", "http://192.0.2.9/x", "cloud"),
        ("email_addr", "jdoe@mail.example", "mailers"),
        ("email_addr", "jdoe@good.example", ""),
        ("md5", "d41d8cd98f00b204e9800998ecf8427e", "empty files"),
        ("name", "tor browser", "texts"),
        ("shell_command", "192.0.2.53", ""),
    ] {
        assert_eq!(
            found(&good, sub_type, value),
            expected,
            "{sub_type} {value}"
        );
    }
    assert_eq!(
        good.left_out(),
        [("patterns".to_owned(), "regex".to_owned())]
    );
    assert_eq!(good.len(), 6);
}

#[test]
fn what_is_no_list_is_told() {
    for (text, reason) in [
        ("[]", "is no list in MISP's format"),
        (
            r#"{"name": "a", "type": "cidr", "list": ["192.0.2.0/33"]}"#,
            "192.0.2.0/33 is no network",
        ),
        (
            r#"{"name": "a", "type": "cidr", "list": [1]}"#,
            "is no list in MISP's format",
        ),
    ] {
        let told =
            KnownGood::of(vec![("x.json".into(), text.as_bytes().to_vec())]).expect_err(text);
        assert!(told.to_string().contains(reason), "{told}");
    }
}

#[test]
fn networks_are_found_as_by_trying_each() {
    let mut rng = StdRng::seed_from_u64(5);
    let networks: Vec<(u32, u8, u16)> = (0..300)
        .map(|list| {
            (
                rng.random::<u32>() & 0xc0ff_0fff,
                rng.random_range(0..=32),
                list,
            )
        })
        .collect();
    let tree = Prefixes::of(networks.clone());
    for at in 0..4000_usize {
        let (ip, ..) = networks[at % networks.len()];
        let ip = match at % 4 {
            0 => rng.random(),
            1 => ip,
            2 => ip.wrapping_add(1),
            _ => ip.wrapping_sub(1),
        };
        let mut found = Vec::new();
        tree.find(ip, &mut found);
        found.sort_unstable();
        let holds = |(net, bits, _): &&(u32, u8, u16)| {
            let (first, last) = prefixes::Number::bounds(*net, u32::from(*bits));
            (first..=last).contains(&ip)
        };
        let expected: Vec<u16> = networks
            .iter()
            .filter(holds)
            .map(|(.., list)| *list)
            .collect();
        assert_eq!(found, expected, "{ip}");
    }
}

/// Measures half a million networks and two and a half million texts:
/// `cargo test -p cybexp-lists -- --ignored --nocapture`.
#[test]
#[ignore = "takes some seconds; it shows figures"]
fn large_lists_take_bounded_memory_and_about_a_microsecond() {
    let mut rng = StdRng::seed_from_u64(9);
    let networks: Vec<String> = (0..500_000)
        .map(|_| {
            let ip = std::net::Ipv4Addr::from_bits(rng.random());
            format!("\"{ip}/{}\"", rng.random_range(12..=28))
        })
        .collect();
    let hosts: Vec<String> = (0..2_500_000_u32)
        .map(|at| format!("\"host{at}.example\""))
        .collect();
    let list = |kind: &str, entries: &[String]| {
        format!(
            r#"{{"name": "{kind}", "type": "{kind}", "list": [{}]}}"#,
            entries.join(",")
        )
    };
    let texts = [list("cidr", &networks), list("hostname", &hosts)];
    let since = Instant::now();
    let good = lists(&[&texts[0], &texts[1]]);
    println!(
        "read in {:?}; {} MB",
        since.elapsed(),
        good.bytes() / 1_000_000
    );
    assert!(good.bytes() < 64_000_000, "{} bytes", good.bytes());
    for sub_type in ["ipv4", "hostname"] {
        let values: Vec<Attribute> = (0..200_000)
            .map(|_| {
                let value = match sub_type {
                    "ipv4" => std::net::Ipv4Addr::from_bits(rng.random()).to_string(),
                    _ => format!("www.host{}.example", rng.random_range(0..5_000_000_u32)),
                };
                Attribute::new(SubType::new(sub_type).expect("a sub_type"), value)
            })
            .collect();
        let since = Instant::now();
        let hits = values
            .iter()
            .filter(|value| !good.find(value).is_empty())
            .count();
        let each = since.elapsed() / 200_000;
        println!("{sub_type}: {each:?} a value, {hits} of 200000 found");
        assert!(each.as_micros() < 20, "{each:?} a value");
    }
}
