//! Programs that connect to a host given in their arguments.

use std::net::IpAddr;

use super::indicator::{Indicator, Kind};
use crate::{url, vocab};

/// The form in which a program's arguments name its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arguments {
    /// Each argument is a URL, with or without scheme.
    Urls,
    /// The first argument that can be a host, perhaps as `user@host`.
    FirstHost,
    /// Names and the server that is asked for them.
    Hosts,
    /// Files, some of them as `host:path`.
    Remote,
    /// `//host/share`, or `host:path`.
    Shares,
}

struct Program {
    names: &'static [&'static str],
    arguments: Arguments,
    /// The last letters of those options that take the next word as their value.
    valued: &'static str,
    long_valued: &'static [&'static str],
}

const TOOLS: [Program; 11] = [
    Program {
        names: &[
            "wget",
            "wget2",
            "fetch",
            "axel",
            "aria2c",
            "lwp-download",
            "lynx",
            "links",
            "w3m",
        ],
        arguments: Arguments::Urls,
        valued: "OPoatTwUQeiBlARDXI",
        long_valued: &[
            "output-document",
            "directory-prefix",
            "output-file",
            "tries",
            "timeout",
            "user-agent",
            "header",
            "post-data",
            "post-file",
            "referer",
            "user",
            "password",
            "dir",
            "out",
        ],
    },
    Program {
        names: &["curl", "http", "https", "get"],
        arguments: Arguments::Urls,
        valued: "oAHdXueTbcDEFKmQrtUwyYzC",
        long_valued: &[
            "output",
            "user-agent",
            "header",
            "data",
            "data-binary",
            "data-raw",
            "request",
            "user",
            "max-time",
            "connect-timeout",
            "retry",
            "cookie",
            "cookie-jar",
            "referer",
            "form",
            "upload-file",
            "interface",
            "output-dir",
            "write-out",
        ],
    },
    Program {
        names: &["tftp"],
        arguments: Arguments::FirstHost,
        valued: "rlbm",
        long_valued: &[],
    },
    Program {
        names: &["ftpget", "ftpput"],
        arguments: Arguments::FirstHost,
        valued: "upP",
        long_valued: &["username", "password", "port"],
    },
    Program {
        names: &["ftp", "lftp", "ncftp", "ncftpget", "telnet"],
        arguments: Arguments::FirstHost,
        valued: "uplePn",
        long_valued: &[],
    },
    Program {
        names: &["nc", "ncat", "netcat", "nc.traditional", "nc.openbsd"],
        arguments: Arguments::FirstHost,
        valued: "ewpscxiqgGXIOT",
        long_valued: &["exec", "sh-exec", "wait", "source-port"],
    },
    Program {
        names: &["ping", "ping6", "traceroute", "whois", "hping3"],
        arguments: Arguments::FirstHost,
        valued: "ciIsWwtpmQ",
        long_valued: &[],
    },
    Program {
        names: &["nslookup", "dig", "host", "nmap"],
        arguments: Arguments::Hosts,
        valued: "ciIsWwtpmQ",
        long_valued: &[],
    },
    Program {
        names: &["mount", "mount.cifs", "mount.nfs", "smbclient", "showmount"],
        arguments: Arguments::Shares,
        valued: "toUILpm",
        long_valued: &["types", "options", "user", "port"],
    },
    Program {
        names: &["ssh", "sftp", "mosh", "ssh-copy-id", "ssh-keyscan"],
        arguments: Arguments::FirstHost,
        valued: "pPiolbcDLRFEmSWJT",
        long_valued: &["ssh", "port"],
    },
    Program {
        names: &["scp", "rsync", "git"],
        arguments: Arguments::Remote,
        valued: "pPiocFSe",
        long_valued: &["rsh", "password-file", "port"],
    },
];

/// Programs and shell words that run the command behind them.
const WRAPPERS: [&str; 24] = [
    "!",
    "{",
    "busybox",
    "command",
    "do",
    "doas",
    "elif",
    "else",
    "env",
    "eval",
    "exec",
    "if",
    "nice",
    "nohup",
    "proxychains",
    "setsid",
    "sudo",
    "sshpass",
    "then",
    "time",
    "timeout",
    "until",
    "while",
    "xargs",
];

/// Endings of scripts that are top-level domains, too: in `setup.sh:3`, 3 is a line.
const SCRIPTS: [&str; 5] = ["sh", "py", "pl", "rs", "so"];

/// Returns the hosts that a command connects to: those its program names, those written as `host:port`, and those in
/// `/dev/tcp/…` words and files.
pub(super) fn targets(words: &[String], files: &[String]) -> Vec<Indicator> {
    let mut found = Vec::new();
    if let Some((tool, arguments)) = tool(words) {
        let positional = positional(tool, arguments);
        match tool.arguments {
            Arguments::Urls => found.extend(positional.filter_map(schemeless_url)),
            Arguments::FirstHost => found.extend(positional.filter_map(account).take(1)),
            Arguments::Hosts => found.extend(positional.filter_map(account).take(4)),
            Arguments::Remote => found.extend(positional.filter_map(remote).take(2)),
            Arguments::Shares => found.extend(positional.filter_map(share).take(2)),
        }
    }
    for word in words {
        found.extend(host_with_port(word));
    }
    found.extend(words.iter().chain(files).filter_map(|word| device(word)));
    found
}

/// Returns the tool that a command runs, and its arguments.
fn tool(words: &[String]) -> Option<(&'static Program, &[String])> {
    for (index, word) in words.iter().enumerate() {
        let name = word.rsplit(['/', '\\']).next().unwrap_or_default();
        let name = name.to_ascii_lowercase();
        let name = name.strip_suffix(".exe").unwrap_or(&name);
        let tool = TOOLS.iter().find(|tool| tool.names.contains(&name));
        if let Some(tool) = tool {
            return Some((tool, &words[index + 1..]));
        }
        // a wrapper's option, a time limit, or a variable
        let is_passed_over = WRAPPERS.contains(&name)
            || (index > 0 && (word.starts_with('-') || word.parse::<f64>().is_ok()))
            || (index > 0 && words[index - 1].starts_with('-'))
            || word.contains('=');
        if !is_passed_over {
            return None;
        }
    }
    None
}

/// Returns the arguments that are neither options nor their values.
fn positional<'a>(tool: &'static Program, words: &'a [String]) -> impl Iterator<Item = &'a str> {
    let mut is_value = false;
    words.iter().filter_map(move |word| {
        if std::mem::take(&mut is_value) {
            return None;
        }
        let Some(option) = word.strip_prefix('-') else {
            return Some(word.as_str());
        };
        is_value = match option.strip_prefix('-') {
            Some(long) => tool.long_valued.contains(&long),
            // `-O` and `-qO`, but not `-O-` and `-Ofile`.
            None => option.ends_with(|letter| tool.valued.contains(letter)),
        };
        None
    })
}

/// Reads a URL without a scheme: `evil.example/x`, `192.0.2.1:8080/x`, `0xc0000201`.
fn schemeless_url(word: &str) -> Option<Indicator> {
    if word.contains("://") {
        return None;
    }
    let authority = word.split(['/', '?']).next()?;
    let host_and_port = authority.rsplit('@').next()?;
    let host = host(
        host_and_port
            .split_once(':')
            .map_or(host_and_port, |(host, port)| {
                let is_port = port.parse::<u16>().is_ok();
                if is_port { host } else { host_and_port }
            }),
    )?;
    if authority.len() == word.len() {
        return Some(host);
    }
    Some(Indicator {
        kind: Kind::Url,
        about: std::iter::once(host.attribute).chain(host.about).collect(),
        attribute: tahoe_core::Attribute::new(vocab::URL, word),
    })
}

/// Reads the host of `host`, `user@host`, and the `@server` of dig.
fn account(word: &str) -> Option<Indicator> {
    host(word.rsplit('@').next()?)
}

/// Reads the host of `host:path`, `user@host:path`.
fn remote(word: &str) -> Option<Indicator> {
    let (account, _) = word
        .split_once(':')
        .filter(|(_, path)| !path.starts_with("//"))?;
    self::account(account)
}

/// Reads the host of a share: `//host/share`, `\\\\host\\share`, `host:path`.
fn share(word: &str) -> Option<Indicator> {
    let rest = word
        .strip_prefix("//")
        .or_else(|| word.strip_prefix("\\\\"));
    match rest {
        Some(rest) => host(rest.split(['/', '\\']).next()?),
        None => remote(word),
    }
}

/// Reads the host in an argument: an address in any notation, or a name with a dot in it.
fn host(word: &str) -> Option<Indicator> {
    let is_number = word.bytes().all(|b| b.is_ascii_digit());
    if word.is_empty() || word.contains(['/', '$', '*']) || (is_number && word.len() < 8) {
        return None;
    }
    let (attribute, domain) = url::bare_host_attributes(word)?;
    let text = attribute.data().as_str()?;
    let kind = match text.parse::<IpAddr>() {
        Ok(ip) if ip.is_loopback() || ip.is_unspecified() => return None,
        Ok(_) => Kind::Address,
        Err(_) => {
            let (_, last) = text.rsplit_once('.')?;
            let is_suffix = last.len() >= 2
                && !last
                    .bytes()
                    .any(|b| b.is_ascii_digit() && !last.starts_with("xn--"));
            if !is_suffix {
                return None;
            }
            Kind::Host
        }
    };
    Some(Indicator {
        kind,
        attribute,
        about: domain.into_iter().collect(),
    })
}

/// Reads the host of `pool.example:3333`, `--url=pool.example:3333`, `tcp:evil.example:4444`, for any program.
fn host_with_port(word: &str) -> Option<Indicator> {
    let (before, port) = word.rsplit_once(':')?;
    let digits = port.bytes().take_while(u8::is_ascii_digit).count();
    let number: u16 = port[..digits].parse().ok()?;
    let name = before
        .rsplit(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')))
        .next()?;
    let name = name.trim_start_matches(['-', '_', '.']);
    // In a URL, the host was found with it.
    (number > 0 && !word.contains("://"))
        .then(|| known_host(name))
        .flatten()
}

/// A name that nobody can take for that of a file.
pub(super) fn known_host(name: &str) -> Option<Indicator> {
    let (_, last) = name.rsplit_once('.')?;
    let is_script = SCRIPTS
        .iter()
        .any(|script| last.eq_ignore_ascii_case(script));
    let is_host =
        !is_script && last.bytes().any(|b| b.is_ascii_alphabetic()) && url::has_known_suffix(name);
    is_host.then(|| host(name)).flatten()
}

/// Reads the host of `/dev/tcp/HOST/PORT`, to which bash connects.
fn device(word: &str) -> Option<Indicator> {
    let (_, rest) = word
        .split_once("/dev/tcp/")
        .or_else(|| word.split_once("/dev/udp/"))?;
    host(rest.split('/').next()?)
}
