use super::*;
use proptest::prelude::*;

fn shown(attributes: &[Attribute]) -> Vec<String> {
    let show = |a: &Attribute| format!("{} {}", a.sub_type(), a.data());
    attributes.iter().map(show).collect()
}

#[test]
fn reads_hosts_off_urls() {
    for (url, expected) in [
        (
            "http://www.Example.COM/a?b#c",
            &["hostname www.example.com", "domain example.com"][..],
        ),
        (
            "https://user:pw@a.b.co.uk:8443/x",
            &["hostname a.b.co.uk", "domain b.co.uk"],
        ),
        (
            "hxxps://evil[.]example/kit",
            &["hostname evil.example", "domain evil.example"],
        ),
        (
            "hXXp[:]//www(.)evil[dot]example",
            &["hostname www.evil.example", "domain evil.example"],
        ),
        (
            "hxxp[://]evil{.}example",
            &["hostname evil.example", "domain evil.example"],
        ),
        (
            "http://bücher.example/",
            &[
                "hostname xn--bcher-kva.example",
                "domain xn--bcher-kva.example",
            ],
        ),
        (
            "http://www.食狮.公司.cn/",
            &[
                "hostname www.xn--85x722f.xn--55qx5d.cn",
                "domain xn--85x722f.xn--55qx5d.cn",
            ],
        ),
        ("http://192.0.2.7:8080/8UsA.sh", &["ipv4 192.0.2.7"]),
        ("http://192[.]0[.]2[.]7/x", &["ipv4 192.0.2.7"]),
        ("http://0x7f.1/", &["ipv4 127.0.0.1"]),
        ("http://[2001:DB8::1]:80/arm7", &["ipv6 2001:db8::1"]),
        ("http://[::ffff:192.0.2.1]/", &["ipv4 192.0.2.1"]),
        ("tftp://192.0.2.7/tftp1.sh", &["ipv4 192.0.2.7"]),
        (
            "tftp://HOST.example/f",
            &["hostname host.example", "domain host.example"],
        ),
        (
            "evil[.]example/path",
            &["hostname evil.example", "domain evil.example"],
        ),
        (
            "evil.example:8080/path",
            &["hostname evil.example", "domain evil.example"],
        ),
        (
            "//cdn.example.net/x",
            &["hostname cdn.example.net", "domain example.net"],
        ),
        (
            "http:\\\\evil.example\\x",
            &["hostname evil.example", "domain evil.example"],
        ),
        (
            "http:///evil.example/x",
            &["hostname evil.example", "domain evil.example"],
        ),
        (
            "http://evil.example./",
            &["hostname evil.example", "domain evil.example"],
        ),
        (
            "http://someone.github.io/",
            &["hostname someone.github.io", "domain someone.github.io"],
        ),
        ("http://github.io/", &["hostname github.io"]),
        ("http://localhost/", &["hostname localhost"]),
        (
            "http://[evil.example/",
            &["hostname evil.example", "domain evil.example"],
        ),
        (
            "http://http://evil.example/",
            &["hostname evil.example", "domain evil.example"],
        ),
        (
            "http:/\\/evil.example/",
            &["hostname evil.example", "domain evil.example"],
        ),
        ("http://www.ev=il.example/x", &[]),
        ("http:/evil", &[]),
        (
            "ldap://evil.example:1389/a",
            &["hostname evil.example", "domain evil.example"],
        ),
        ("2001:db8::5", &["ipv6 2001:db8::5"]),
        ("http://www..example.com/", &[]),
        ("http://evil.example:99999/", &[]),
        ("file:///etc/passwd", &[]),
        ("javascript:alert(1)", &[]),
        ("data:text/html,hi", &[]),
        ("word", &[]),
        ("", &[]),
    ] {
        assert_eq!(shown(&host_attributes(url)), expected, "{url}");
    }
}

#[test]
fn knows_urls_from_other_lines() {
    for url in [
        "http://evil.example/",
        "hxxps[://]evil[.]example",
        "http://www..example.com/",
        "evil.example/login",
        "https://evil.example/a b",
    ] {
        assert!(is_url(url), "{url}");
    }
    for other in [
        "12",
        "",
        "# phishing",
        "url",
        "http://",
        "<url><![CDATA[http://evil.example/]]></url>",
        "Rate limit exceeded.",
        "http://evil.example/\u{1b}[31m",
    ] {
        assert!(!is_url(other), "{other:?}");
    }
}

#[test]
fn reads_hosts_that_stand_alone() {
    for (text, host, domain) in [
        (
            "WWW.Example.org",
            "hostname www.example.org",
            Some("domain example.org"),
        ),
        ("203.0.113.80", "ipv4 203.0.113.80", None),
        ("2001:DB8::1", "ipv6 2001:db8::1", None),
        ("::ffff:203.0.113.80", "ipv4 203.0.113.80", None),
        ("localhost", "hostname localhost", None),
    ] {
        let (found, found_domain) = bare_host_attributes(text).expect(text);
        assert_eq!(shown(&[found]), [host]);
        assert_eq!(
            shown(found_domain.as_slice()),
            Vec::from_iter(domain),
            "{text}"
        );
    }
    for text in ["", "two words", "a/b", "host:80", "[", "\0"] {
        assert!(bare_host_attributes(text).is_none(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn never_panics(text in ".*", url in "(hxxp|http|tftp)?(:|\\[:\\])?/{0,3}[\\[\\]@:.a0é]*/?.{0,9}") {
        for text in [text, url] {
            host_attributes(&text);
            bare_host_attributes(&text);
            is_url(&text);
            ip_attribute(&text);
        }
    }
}
