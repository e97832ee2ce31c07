//! Files of feeds with values as attackers write them.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use common::{head, item, items};
use cybexp_share::{FORMATS, FeedWriter, Item, Tlp, format};

fn file(extension: &str, items: &[Item]) -> (String, u64) {
    let (file, written) = FeedWriter::whole(format(extension).unwrap(), &head(), items);
    assert_eq!(written.values + written.left_out, items.len() as u64);
    (String::from_utf8(file).unwrap(), written.values)
}

/// Lines that are no comments.
fn lines<'a>(file: &'a str, mark: &str) -> Vec<&'a str> {
    file.lines()
        .filter(|line| !line.starts_with(mark))
        .collect()
}

#[test]
fn names_of_formats_are_apart_and_each_says_what_it_is() {
    for (n, one) in FORMATS.iter().enumerate() {
        assert!(!one.about.is_empty() && one.media_type.contains('/'));
        let first = FORMATS
            .iter()
            .position(|other| other.extension == one.extension);
        assert_eq!(first, Some(n), "{}", one.extension);
    }
}

#[test]
fn a_value_is_on_one_line_or_left_out() {
    let (file, values) = file("txt", &items());
    let lines = lines(&file, "#");
    assert_eq!(lines.len() as u64, values);
    assert!(
        lines.contains(
            &"203.0.113.9 # 2025-11-25 ssh, \"malicious\"; it's  not )a (rule:| $HOME `id`"
        )
    );
    let value = |line: &str| line.split(" # ").next().unwrap().to_owned();
    let values: Vec<String> = lines.into_iter().map(value).collect();
    for there in [
        "evil.example",
        "xn--bcher-kva.example",
        "198.51.100.0/24",
        "2001:db8::9",
        "-1+1",
    ] {
        assert!(
            values.iter().any(|value| value == there),
            "{there}: {values:?}"
        );
    }
    assert!(
        !file.contains("bank.example") && !file.contains("0.0.0.0"),
        "{file}"
    );
    assert!(
        !values
            .iter()
            .any(|value| value.starts_with('#') || value.is_empty())
    );
}

#[test]
fn without_comments_there_are_values_alone() {
    let head = cybexp_share::FeedHead {
        comments: false,
        ..head()
    };
    let items = [item("ipv4", "203.0.113.9"), item("ipv6", "2001:db8::9")];
    let (file, _) = FeedWriter::whole(format("txt").unwrap(), &head, &items);
    assert_eq!(file, b"203.0.113.9\n2001:db8::9\n");
}

#[test]
fn no_cell_is_a_formula_and_all_values_come_back() {
    let (file, _) = file("csv", &items());
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), items().len());
    for (record, item) in records.iter().zip(items()) {
        for cell in record {
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                "{cell:?}"
            );
        }
        let value = record[0].strip_prefix('\'').unwrap_or(&record[0]);
        assert_eq!(value, item.text());
        assert_eq!((&record[1], &record[7]), (item.sub_type.as_str(), "green"));
    }
    assert!(file.starts_with("value,type,added,") && file.contains("\r\n"));
}

#[test]
fn json_lines_have_the_exact_values() {
    let (file, values) = file("json", &items());
    assert_eq!(values as usize, items().len());
    for (line, item) in file.lines().zip(items()) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["value"], serde_json::to_value(&item.data).unwrap());
        assert_eq!(line["first_seen"], "2025-11-24T16:00:00.000Z");
    }
    assert!(file.contains("\"value\":64501,") && file.contains("\"value\":true,"));
}

#[test]
fn hosts_lead_nowhere() {
    let (file, values) = file("hosts", &items());
    let expected = [
        "0.0.0.0 evil.example",
        "0.0.0.0 xn--bcher-kva.example",
        "0.0.0.0 _dmarc.evil.example",
        "0.0.0.0 evil.example",
    ];
    assert_eq!(lines(&file, "#"), expected);
    assert_eq!(values, 4);
    assert!(file.ends_with("# 4 values, 35 left out\n"), "{file}");
}

#[test]
fn a_name_that_leaves_no_room_for_the_zones_own_is_left_out() {
    let long = format!("{}evil.example", "a.".repeat(110));
    let (file, values) = file(
        "rpz",
        &[item("hostname", long.as_str()), item("ipv4", "203.0.113.9")],
    );
    assert_eq!(values, 1);
    assert!(
        file.contains("@ SOA localhost. root.localhost. 3 300 60"),
        "{file}"
    );
    assert!(file.contains("\n32.9.113.0.203.rpz-ip CNAME . ; 2025-11-25 "));
}

#[test]
fn a_rule_is_one_line_with_a_number_of_its_own() {
    let (file, values) = file("rules", &items());
    let rules = lines(&file, "#");
    // an address or network has one rule, a host three, a URL one
    assert_eq!((values, rules.len()), (13, 6 + 4 * 3 + 3));
    let number = |rule: &&str| {
        rule.split("sid:")
            .nth(1)
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned()
    };
    let numbers: std::collections::BTreeSet<String> = rules.iter().map(number).collect();
    assert_eq!(numbers.len(), rules.len());
    for rule in rules {
        assert!(
            rule.starts_with("alert ") && rule.ends_with("rev:1;)"),
            "{rule}"
        );
        assert_eq!(rule.matches("sid:").count(), 1, "{rule}");
    }
}

#[test]
fn datasets_hold_one_kind_of_values() {
    let (hosts, _) = file("host.lst", &items());
    assert_eq!(hosts.lines().next(), Some("ZXZpbC5leGFtcGxl"));
    let (addresses, _) = file("ip.lst", &items());
    assert_eq!(addresses.lines().count(), 4);
    let (digests, _) = file("sha256.lst", &items());
    assert_eq!(digests.lines().count(), 1);
    let (rules, _) = file("datasets.rules", &[]);
    assert!(
        rules.contains("dataset:isset,attackers-ip,type ip,load attackers.ip.lst;"),
        "{rules}"
    );
}

#[test]
fn a_million_values_are_written_in_pieces() {
    let head = cybexp_share::FeedHead {
        comments: false,
        ..head()
    };
    let mut writer = FeedWriter::new(format("txt").unwrap(), &head);
    let mut one = item("ipv4", "");
    let (mut bytes, mut longest) = (0, 0);
    for n in 0..1_000_000_u32 {
        one.data = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n)
            .to_string()
            .into();
        if let Some(piece) = writer.push(&one) {
            longest = longest.max(piece.len());
            bytes += piece.len();
        }
    }
    let (last, written) = writer.end();
    assert_eq!(written.values, 1_000_000);
    assert!(longest < 70 << 10 && bytes + last.len() > 10 << 20);
}

#[test]
fn labels_are_in_order() {
    assert!(Tlp::Clear < Tlp::Green && Tlp::Amber < Tlp::AmberStrict);
}
