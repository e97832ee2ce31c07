//! Replaces what changes between sessions of one bot by its kind: `<address>`, `<name>`, `<n>` and so on.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::escapes::{self, Decoded};
use super::hosts::{self, ENDINGS};
use super::names::Names;
use super::random;
use crate::indicators;

/// The names that builds for a processor have.
const ARCHITECTURES: &[&str] = &[
    "x86", "x64", "x32", "i386", "i486", "i586", "i686", "amd64", "x86_64", "arm", "armv4l",
    "armv5l", "armv6l", "armv7l", "arm4", "arm4l", "arm5", "arm5n", "arm6", "arm7", "arm64",
    "aarch64", "mips", "mips64", "mipsel", "mpsl", "ppc", "ppc440", "powerpc", "sh4", "spc",
    "sparc", "m68k", "arc", "csky", "riscv64",
];

/// The folders that a path may begin with. Text in base64 may begin with a slash, too.
const FOLDERS: &[&str] = &[
    "bin", "boot", "data", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "proc",
    "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var",
];

/// The shortest digits in hexadecimal, and the shortest text in base64, that are replaced.
const HEX: usize = 16;
const BASE64: usize = 24;

/// Facts about the texts of a session.
pub(super) struct Known<'a> {
    /// The names of files that it fetches.
    pub(super) names: &'a Names,
    /// The passwords that it logged in with.
    pub(super) passwords: &'a HashSet<&'a str>,
    /// The folders that one line goes through, as it does for each mounted file system.
    pub(super) folders: &'a [String],
}

/// The place in which a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// An argument, or other text.
    Text,
    /// The mode of `chmod`, or the name of a file behind it: four digits are no number.
    Mode,
    /// The name of a file that is written or run.
    File,
    /// An argument of a file that the bot brought.
    Payload,
}

impl Known<'_> {
    /// Replaces the parts of a word. The texts of scripts in base64 are appended to `scripts`.
    pub(super) fn replace(&self, word: &str, place: Place, scripts: &mut Vec<String>) -> String {
        if word.contains('\\')
            && let Some(decoded) = escapes::decode(word)
        {
            return match decoded {
                Decoded::Bytes => "<bytes>".to_owned(),
                Decoded::Text(text) => format!("x\"{}\"", self.without_folder(&text)),
            };
        }
        let is_secret = match place {
            Place::Payload => true,
            _ => word.len() >= 6 && word.bytes().any(|b| !b.is_ascii_lowercase()),
        };
        if is_secret && self.passwords.contains(word) {
            return "<password>".to_owned();
        }
        let word = &self.in_folder(word);
        let mut out = String::with_capacity(word.len());
        let mut last = "";
        let mut rest = word.as_str();
        while let Some(c) = rest.chars().next() {
            let length = run(rest);
            if length == 0 {
                out.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            }
            let run = &rest[..length];
            self.run(run, last, place, &mut out, scripts);
            last = run;
            rest = &rest[length..];
        }
        out
    }

    fn run(
        &self,
        run: &str,
        last: &str,
        place: Place,
        out: &mut String,
        scripts: &mut Vec<String>,
    ) {
        if let Some(at) = run.find("://") {
            let scheme = run[..at]
                .bytes()
                .rev()
                .take_while(u8::is_ascii_alphanumeric)
                .count();
            self.pieces(&run[..at - scheme], place, out);
            out.push_str("<url>");
            return;
        }
        if run.starts_with("$1$")
            || run.starts_with("$5$")
            || run.starts_with("$6$")
            || run.starts_with("$y$")
        {
            out.push_str("<password>");
            return;
        }
        let body = run.trim_end_matches('=');
        if is_base64(body) {
            let is_key = last.starts_with("ssh-") || last.starts_with("ecdsa-");
            if is_key || is_wallet(body) {
                out.push_str(run);
                return;
            }
            scripts.extend(indicators::base64_text(run));
            out.push_str("<base64>");
            return;
        }
        if run.matches(':').take(3).count() >= 2 && run.parse::<Ipv6Addr>().is_ok() {
            out.push_str("<address>");
            return;
        }
        self.pieces(run, place, out);
    }

    /// Replaces the parts of text between signs.
    fn pieces(&self, text: &str, place: Place, out: &mut String) {
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest
                .find(|c: char| "=:@!%+?*#$\\~^&".contains(c))
                .unwrap_or(rest.len());
            let (piece, after) = rest.split_at(end);
            let is_number = !piece.is_empty() && piece.bytes().all(|b| b.is_ascii_digit());
            let is_port = |text: &str| {
                text.strip_prefix(':')
                    .is_some_and(|text| text.starts_with(|c: char| c.is_ascii_digit()))
            };
            if is_number && out.ends_with("<address>:") {
                out.truncate(out.len() - 1);
            } else if is_port(after) && hosts::is_host(piece) {
                out.push_str("<address>");
            } else {
                self.path(piece, after.starts_with('*'), place, out);
            }
            let sign = after.chars().next().map_or(0, char::len_utf8);
            out.push_str(&after[..sign]);
            rest = &after[sign..];
        }
    }

    fn path(&self, path: &str, is_stem: bool, place: Place, out: &mut String) {
        let mut is_first = true;
        let mut is_process = false;
        for part in path.split('/') {
            if !std::mem::take(&mut is_first) && !out.ends_with('/') {
                out.push('/');
            }
            let is_number = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            if is_number && is_process {
                out.push_str("<n>");
            } else if out.ends_with("/dev/tcp/") || out.ends_with("/dev/udp/") {
                out.push_str("<address>");
            } else if is_number && out.ends_with("<address>/") {
                out.push_str("<port>");
            } else {
                self.part(part, is_stem, place, out);
            }
            is_process = part == "proc";
        }
    }

    fn part(&self, part: &str, is_stem: bool, place: Place, out: &mut String) {
        if part.is_empty() {
            return;
        }
        let digits = part.bytes().all(|b| b.is_ascii_digit());
        if let Ok(ip) = part.parse::<Ipv4Addr>() {
            match ip.is_loopback() || ip.is_unspecified() {
                true => out.push_str(part),
                false => out.push_str("<address>"),
            }
        } else if digits {
            let is_number = place != Place::Mode
                && (part.len() > 4 || (part.len() == 4 && !part.starts_with('0')));
            out.push_str(if is_number { "<n>" } else { part });
        } else if is_uuid(part) {
            out.push_str("<uuid>");
        } else if part.len() >= HEX && part.bytes().all(|b| b.is_ascii_hexdigit()) {
            out.push_str("<hex>");
        } else if self.names.has(part) {
            name(part, out);
        } else if is_stem && self.names.begins(part.trim_end_matches('.')) {
            out.push_str("<name>");
        } else {
            self.other(part, place, out);
        }
    }

    /// Writes a name that the session did not fetch, or another word.
    fn other(&self, part: &str, place: Place, out: &mut String) {
        if place == Place::Payload {
            let mut is_first = true;
            for piece in part.split('.') {
                if !std::mem::take(&mut is_first) {
                    out.push('.');
                }
                out.push_str(if ARCHITECTURES.contains(&piece) {
                    "<arch>"
                } else {
                    piece
                });
            }
            return;
        }
        if ARCHITECTURES.contains(&part) {
            out.push_str(if place == Place::Text { part } else { "<arch>" });
            return;
        }
        let stem = stem(part);
        let is_random = match place {
            Place::File | Place::Mode => random::is_random_name(stem),
            _ => {
                (stem.len() >= 8 && random::is_mixed(stem))
                    || (stem.len() >= 10 && random::is_random_name(stem))
            }
        };
        if is_random {
            return name(part, out);
        }
        // `sess_1652341.log`, `.2739177057536283371`
        let mut digits = 0;
        for c in part.chars() {
            if c.is_ascii_digit() {
                digits += 1;
            } else {
                digits = 0;
            }
            match digits {
                0..5 => out.push(c),
                5 => {
                    out.truncate(out.len() - 4);
                    out.push_str("<n>");
                }
                _ => {}
            }
        }
    }

    /// Replaces a folder that the line goes through, at the beginning of a path.
    fn in_folder(&self, word: &str) -> String {
        for folder in self.folders {
            let Some(rest) = word.trim_start_matches('/').strip_prefix(folder.as_str()) else {
                continue;
            };
            let is_root = folder.is_empty();
            if !word.starts_with('/')
                || (is_root && !rest.is_empty() && (!rest.starts_with('.') || rest.contains('/')))
            {
                continue;
            }
            let rest = rest.trim_end_matches('/');
            if rest.is_empty() || is_root || rest.starts_with('/') {
                return format!("<folder>/{}", rest.trim_start_matches('/'));
            }
        }
        word.to_owned()
    }

    /// Removes a folder that the line goes through from the end of a text: `kami/dev`.
    fn without_folder<'t>(&self, text: &'t str) -> &'t str {
        if self.folders.is_empty() {
            return text;
        }
        let text = text.trim_end_matches('/');
        for folder in self.folders {
            if let Some(before) = text.strip_suffix(folder.as_str())
                && let Some(before) = before.strip_suffix('/')
            {
                return before;
            }
        }
        text
    }
}

/// Returns the length of a run: text up to white space, a quote or an operator. A URL goes on through `&`.
fn run(text: &str) -> usize {
    let end = |c: char| c.is_whitespace() || "\"'`();|<>,{}[]".contains(c);
    let whole = text.find(end).unwrap_or(text.len());
    let first = text[..whole].find('&').unwrap_or(whole);
    match text[..first].contains("://") {
        true => whole,
        false if first == 0 => 0,
        false => first,
    }
}

/// Writes the kind of a name, with its ending if that says what it is.
fn name(name: &str, out: &mut String) {
    out.push_str("<name>");
    if let Some((_, ending)) = name.rsplit_once('.')
        && ENDINGS.contains(&ending)
    {
        out.push('.');
        out.push_str(ending);
    }
}

fn stem(name: &str) -> &str {
    let name = name.trim_start_matches('.');
    name.split_once('.').map_or(name, |(stem, _)| stem)
}

fn is_base64(text: &str) -> bool {
    let digits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let (folder, _) = text
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or_default();
    text.len() >= BASE64
        && !(text.starts_with('/') && FOLDERS.contains(&folder))
        && text.bytes().all(digits)
        && text.bytes().any(|b| b.is_ascii_uppercase())
        && text.bytes().any(|b| b.is_ascii_lowercase())
        && text.bytes().any(|b| b.is_ascii_digit() || b == b'+')
        && !text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether a text is an account of Monero, which names the operator of a miner.
fn is_wallet(text: &str) -> bool {
    matches!(text.len(), 95 | 106)
        && text.starts_with(['4', '8'])
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn is_uuid(text: &str) -> bool {
    let mut parts = text.split('-').map(str::len);
    let lengths = [8, 4, 4, 4, 12];
    text.len() == 36
        && lengths.iter().all(|length| parts.next() == Some(*length))
        && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}
